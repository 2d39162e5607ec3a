// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/widgets/pane.h"

class QLabel;
class QPushButton;
class QTreeView;

namespace interleave::gui {

/// The queue of runs: where each stands, what is left of the time, and what may still be changed.
class QueuePane final : public Pane {
  Q_OBJECT
 public:
  explicit QueuePane(Studio& studio);
  QTreeView& list() { return *list_; }
  QString csv() const override;
  void askBatch();  ///< For a file of runs, which join the queue.

 protected:
  void refresh() override;

 private:
  void add();
  void change(const QString& what, const std::function<void(int row)>& change);

  Studio& studio_;
  QTreeView* list_;
  QLabel* left_;
  QPushButton *start_, *up_, *down_, *remove_, *retry_;
};

}  // namespace interleave::gui
