// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/dock.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QMenu>
#include <QMessageBox>
#include <QSaveFile>
#include <QVBoxLayout>

#include "backend/core/error.h"
#include "gui/plots/export.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

Dock::Dock(Pane* pane, const QString& object_name, QWidget* parent)
    : QDockWidget(pane->title(), parent), pane_(pane), title_(bodyLabel(pane->title(), true)) {
  setObjectName(object_name);
  auto* header = new QFrame;
  header->setObjectName(QStringLiteral("cardHeader"));
  auto* row = new QHBoxLayout(header);
  row->setContentsMargins(11, 5, 5, 5);
  row->setSpacing(4);
  row->addWidget(title_);
  row->addStretch();
  auto* hint = mutedLabel(pane->hint());
  row->addWidget(hint);
  connect(pane, &Pane::hintChanged, hint, &QLabel::setText);

  QToolButton* more = headerButton(QStringLiteral("⋯"), tr("Copy and export %1").arg(pane->title()));
  more->setPopupMode(QToolButton::InstantPopup);
  more->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
  auto* menu = new QMenu(more);
  menu->addAction(tr("Copy &image"), this, &Dock::copyImage);
  menu->addAction(tr("Copy &data"), this, &Dock::copyData);
  menu->addAction(tr("&Export…"), this, &Dock::askExport);
  more->setMenu(menu);
  row->addWidget(more);
  QToolButton* afloat = headerButton(QStringLiteral("❐"), tr("Float or dock %1").arg(pane->title()));
  connect(afloat, &QToolButton::clicked, this, [this] { setFloating(!isFloating()); });
  row->addWidget(afloat);
  QToolButton* hide = headerButton(QStringLiteral("✕"), tr("Hide %1").arg(pane->title()));
  connect(hide, &QToolButton::clicked, this, &QDockWidget::close);
  row->addWidget(hide);
  setTitleBarWidget(header);

  auto* card = new QFrame;
  card->setObjectName(QStringLiteral("card"));
  auto* layout = new QVBoxLayout(card);
  layout->setContentsMargins(1, 0, 1, 1);
  layout->addWidget(pane);
  setWidget(card);
}

void Dock::setTabbed(bool tabbed) { title_->setVisible(!tabbed); }

void Dock::copyImage() { QApplication::clipboard()->setPixmap(pane_->grab()); }
void Dock::copyData() { QApplication::clipboard()->setText(pane_->csv()); }

void Dock::exportTo(const QString& file) {
  if (QFileInfo(file).suffix().toLower() != QStringLiteral("csv")) return exportView(*pane_, file);
  QSaveFile out(file);
  const QByteArray text = pane_->csv().toUtf8();
  if (!out.open(QIODevice::WriteOnly) || out.write(text) != text.size() || !out.commit()) {
    throw Error(ErrorKind::Failed, file.toStdString(), "", out.errorString().toStdString());
  }
}

void Dock::askExport() {
  const QString file =
      QFileDialog::getSaveFileName(this, tr("Export %1").arg(pane_->title()), objectName() + QStringLiteral(".png"),
                                   tr("Picture (*.png *.svg *.pdf);;Data (*.csv)"));
  if (file.isEmpty()) return;
  try {
    exportTo(file);
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Export"), QString::fromUtf8(error.what()));
  }
}

}  // namespace interleave::gui
