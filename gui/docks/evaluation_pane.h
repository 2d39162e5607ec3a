// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QLabel;
class QPushButton;

namespace interleave::gui {

/// Tasks × placements: each score with its standard error and sample count.
class EvaluationPane final : public Pane {
  Q_OBJECT
 public:
  explicit EvaluationPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  Panel scorePanel(const TaskInfo::ScoreInfo& info, bool names) const;

  Studio& studio_;
  std::vector<TaskInfo::ScoreInfo> scores_;  ///< All that there can be, in the order in which they are shown.
  Figure* figure_;
  QLabel* samples_;
  QPushButton* judge_;
};

}  // namespace interleave::gui
