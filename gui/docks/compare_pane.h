// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QTreeWidget;
class QTreeWidgetItem;

namespace interleave::gui {

/// How the compared placements are called beside each other: A, B, … Z, A1, ….
QString shortLabel(int index);

/// Placements side by side: their layers with the differences from the first, how much they overlap and their runs rank
/// the layers alike, and quality against bytes.
class ComparePane final : public Pane {
  Q_OBJECT
 public:
  explicit ComparePane(Studio& studio);
  QString csv() const override;

 protected:
  void refresh() override;

 private:
  void fillList();
  Panel agreementPanel() const;
  Panel bytesPanel() const;

  Studio& studio_;
  QTreeWidget* list_;
  Figure* figure_;
};

}  // namespace interleave::gui
