// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/widgets/chip_grid.h"
#include "gui/widgets/pane.h"

class QGridLayout;
class QLabel;
class QPushButton;

namespace interleave::gui {

/// The placement as chips to edit, and what is known of it beside the baseline and the teacher.
class PlacementPane final : public Pane {
  Q_OBJECT
 public:
  explicit PlacementPane(Studio& studio);
  ChipGrid& chips() { return *chips_; }
  QString csv() const override;
  void askHeal();  ///< How the placement shown is to be healed, and begins it.

 protected:
  void refresh() override;

 private:
  static constexpr int kColumns = 3, kRows = 5;
  void buildTable(QGridLayout& grid);
  void fillColumn(int column, const KnownPlacement& shown);
  void tellDifferences(const Placement& baseline);

  Studio& studio_;
  ChipGrid* chips_;
  QLabel* note_;
  QPushButton *judge_, *heal_;
  QLabel* heads_[kColumns] = {};
  QLabel* names_[kRows] = {};
  QLabel* cells_[kRows][kColumns] = {};
};

}  // namespace interleave::gui
