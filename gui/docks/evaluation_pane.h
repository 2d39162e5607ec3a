// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend/core/score.h"
#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QComboBox;
class QLabel;
class QPushButton;

namespace interleave::gui {

/// Tasks × placements: each score with its standard error, or each difference from one of the placements, pair by pair,
/// with its bootstrap interval. Scores on other samples than the reference's have no difference, and it says so.
class EvaluationPane final : public Pane {
  Q_OBJECT
 public:
  explicit EvaluationPane(Studio& studio);

  void showDifferences(bool on);
  void askManner();              ///< How placements are judged from now on.
  QString csv() const override;  ///< Differences with their counts where those are shown.

 protected:
  void refresh() override;

 private:
  using Compared = std::vector<const KnownPlacement*>;
  void fillReferences(const Compared& compared);
  bool differences() const;
  /// What the others are compared with: the one chosen, else the baseline, else the first hybrid; the last two where
  /// they were judged with all samples. Null: there is none.
  const KnownPlacement* reference(const Compared& compared) const;
  Panel taskPanel(const std::string& task, const Compared& compared, bool names) const;
  void addScores(Panel& panel, const std::string& task, const Compared& compared) const;
  void addDifferences(Panel& panel, const std::string& task, const Compared& compared) const;

  QString titleOf(const std::string& task) const;

  Studio& studio_;
  std::vector<TaskInfo::ScoreInfo> scores_;  ///< All that there can be.
  Figure* figure_;
  QPushButton* mode_;
  QComboBox* references_;
  QLabel* samples_;
  QPushButton* judge_;
  std::optional<Placement> chosen_;  ///< As reference, by the user.
};

}  // namespace interleave::gui
