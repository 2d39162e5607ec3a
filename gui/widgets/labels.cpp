// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/labels.h"

#include <QEvent>
#include <QHelpEvent>
#include <QPainter>
#include <QStyle>
#include <QToolTip>
#include <QVariant>

#include "gui/style/theme.h"

namespace interleave::gui {

ElidedLabel::ElidedLabel(const QString& text, int width) : QLabel(text), width_(width) {
  setTextFormat(Qt::PlainText);
  setSizePolicy(width > 0 ? QSizePolicy::Expanding : QSizePolicy::Preferred, QSizePolicy::Preferred);
}

QSize ElidedLabel::sizeHint() const {
  const QSize size = QLabel::sizeHint();
  return width_ > 0 ? QSize(width_, fontMetrics().height()) : size;
}

QSize ElidedLabel::minimumSizeHint() const { return {0, fontMetrics().height()}; }

void ElidedLabel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const QRect area = contentsRect();
  style()->drawItemText(&painter, area, static_cast<int>(alignment()) | Qt::TextSingleLine, palette(), isEnabled(),
                        fontMetrics().elidedText(text(), Qt::ElideRight, area.width()), foregroundRole());
}

bool ElidedLabel::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip || fontMetrics().horizontalAdvance(text()) <= contentsRect().width()) {
    return QLabel::event(event);
  }
  const QString tip = toolTip().isEmpty() ? text() : text() + QLatin1Char('\n') + toolTip();
  QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), tip, this);
  return true;
}

void setTone(QLabel& label, const char* tone) {
  label.setProperty("tone", QString::fromLatin1(tone));
  label.style()->unpolish(&label);
  label.style()->polish(&label);
}

QLabel* mutedLabel(const QString& text) {
  auto* label = new QLabel(text);
  label->setFont(textFont(TextSize::Small));
  setTone(*label, "muted");
  return label;
}

QLabel* bodyLabel(const QString& text, bool bold) {
  auto* label = new QLabel(text);
  label->setFont(textFont(TextSize::Body, bold));
  return label;
}

QToolButton* headerButton(const QString& text, const QString& accessible_name) {
  auto* button = new QToolButton;
  button->setText(text);
  button->setProperty("role", QStringLiteral("header"));
  button->setAccessibleName(accessible_name);
  button->setToolTip(accessible_name);
  button->setFocusPolicy(Qt::TabFocus);
  button->setFont(textFont(TextSize::Small));
  return button;
}

QPushButton* smallButton(const QString& text) {
  auto* button = new QPushButton(text);
  button->setProperty("role", QStringLiteral("small"));
  button->setFont(textFont(TextSize::Small));
  return button;
}

}  // namespace interleave::gui
