// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/wheel_guard.h"

#include <QAbstractSpinBox>
#include <QComboBox>
#include <QEvent>
#include <QScrollBar>
#include <QSlider>

namespace interleave::gui {

bool WheelGuard::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::Wheel) return false;
  const bool changes = qobject_cast<QComboBox*>(watched) != nullptr ||
                       qobject_cast<QAbstractSpinBox*>(watched) != nullptr ||
                       qobject_cast<QSlider*>(watched) != nullptr;
  if (changes) event->ignore();  // so that it goes on to the parent
  return changes;
}

}  // namespace interleave::gui
