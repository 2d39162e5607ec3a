// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/widgets/pane.h"

class QListView;
class QTreeView;

namespace interleave::gui {

/// Lines of the log, by level and text, and the jobs with their progress; Delete or the button cancels the one
/// chosen. New lines scroll into sight unless the user has scrolled up to read.
class LogPane final : public Pane {
  Q_OBJECT
 public:
  explicit LogPane(Studio& studio);
  QString csv() const override;

 protected:
  void refresh() override {}  // its views follow their models by themselves

 private:
  Studio& studio_;
  LogFilter filter_;
  QListView* lines_;
  bool at_end_ = true;  // of the lines, unless the user scrolled away
  QTreeView* jobs_;
};

}  // namespace interleave::gui
