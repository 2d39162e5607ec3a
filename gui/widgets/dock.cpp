// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/dock.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QMenu>
#include <QMessageBox>
#include <QResizeEvent>
#include <QSaveFile>
#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>

#include "backend/core/error.h"
#include "gui/plots/export.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

constexpr int kLeastViewWidth = 220, kLeastViewHeight = 60;  // of a view, pixels

/// Gives a view the room there is, and asks for what it needs at least: for lines that are wrapped, as many as they
/// have at the width that there is. A layout would ask for what its texts would like to have, as soon as one of them is
/// wrapped.
class Room final : public QWidget {
 public:
  explicit Room(QWidget* view) : view_(view) { view->setParent(this); }
  QSize sizeHint() const override { return view_->sizeHint(); }
  QSize minimumSizeHint() const override {
    const QSize least = view_->minimumSizeHint();
    const QLayout* layout = view_->layout();
    if (layout == nullptr || !layout->hasHeightForWidth()) return least;
    return {least.width(), std::max(least.height(), layout->minimumHeightForWidth(std::max(width(), least.width())))};
  }

 protected:
  void resizeEvent(QResizeEvent* event) override {
    view_->setGeometry(rect());
    if (event->oldSize().width() != event->size().width()) updateGeometry();
  }
  bool event(QEvent* event) override {
    if (event->type() == QEvent::LayoutRequest) updateGeometry();
    return QWidget::event(event);
  }

 private:
  QWidget* view_;
};

}  // namespace

Dock::Dock(Pane* pane, const QString& object_name, QWidget* parent)
    : QDockWidget(pane->title(), parent), pane_(pane), title_(bodyLabel(pane->title(), true)) {
  setObjectName(object_name);
  auto* header = new QFrame;
  header->setObjectName(QStringLiteral("cardHeader"));
  auto* row = new QHBoxLayout(header);
  row->setContentsMargins(11, 5, 5, 5);
  row->setSpacing(4);
  row->addWidget(title_);
  auto* hint = new ElidedLabel(pane->hint());
  hint->setFont(textFont(TextSize::Small));
  hint->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  setTone(*hint, "muted");
  row->addWidget(hint, 1);
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
  // What a view says never sets how small its dock may be, and so moves no other: it scrolls where it has no room.
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* room = new Room(pane);
  scroll->setWidget(room);
  room->setAutoFillBackground(false);
  scroll->viewport()->setAutoFillBackground(false);
  scroll->setMinimumSize(kLeastViewWidth, kLeastViewHeight);
  layout->addWidget(scroll);
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
