// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QComboBox;

namespace interleave::gui {

/// Quality as a front, never as one number: two measures of every judged placement, and which of them no other beats
/// on both.
class FrontPane final : public Pane {
  Q_OBJECT
 public:
  explicit FrontPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  Studio& studio_;
  QComboBox *across_, *up_;
  Figure* figure_;
};

}  // namespace interleave::gui
