// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QComboBox;
class QPushButton;

namespace interleave::gui {

/// A matrix: what runs found (rows), judged under other conditions than it was found with (columns). Colours compare
/// the rows of a column.
class TransferPane final : public Pane {
  Q_OBJECT
 public:
  explicit TransferPane(Studio& studio);
  /// For a condition, under which what `runs` found is then judged; none: what the run shown found.
  void askCondition(std::vector<RunId> runs);
  static Panel matrix(const TransferTable& table, const std::string& task);

 Q_SIGNALS:
  void judgingWanted();  ///< Of the runs that the user has selected.

 protected:
  void refresh() override;

 private:
  void fillTasks(const std::vector<std::string>& tasks);

  Studio& studio_;
  QComboBox* task_;
  QPushButton* judge_;
  Figure* figure_;
};

}  // namespace interleave::gui
