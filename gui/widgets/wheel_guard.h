// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

namespace interleave::gui {

/// The wheel scrolls and does nothing else: lists to choose from, numbers and sliders that come under it keep what they
/// say, and whatever they stand in scrolls. One, installed on the application, is enough.
class WheelGuard final : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;
  bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace interleave::gui
