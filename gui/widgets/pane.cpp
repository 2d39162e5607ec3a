// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/pane.h"

#include <QEvent>
#include <QVBoxLayout>

#include "gui/app/frame_clock.h"
#include "gui/plots/export.h"

namespace interleave::gui {

Pane::Pane(const QString& title, FrameClock& clock) : title_(title), clock_(clock) {
  setAccessibleName(title);
  clock_.addPane(*this);
}

Pane::~Pane() { clock_.removePane(*this); }

void Pane::touch() {
  outdated_ = true;
  if (isVisible()) clock_.wake();
}

void Pane::refreshNow() {
  outdated_ = false;
  refresh();
}

QString Pane::csv() const { return viewCsv(*this); }

void Pane::setContent(QWidget* content, QLayout* tools) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(6, 4, 8, 6);
  column->setSpacing(2);
  column->addWidget(content, 1);
  column->addLayout(tools);
}

void Pane::setHint(const QString& hint) {
  if (hint == hint_) return;
  hint_ = hint;
  Q_EMIT hintChanged(hint_);
}

void Pane::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (outdated_) refreshNow();
}

void Pane::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) touch();
}

}  // namespace interleave::gui
