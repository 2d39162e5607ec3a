// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/labels.h"

#include <QStyle>
#include <QVariant>

#include "gui/style/theme.h"

namespace interleave::gui {

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
