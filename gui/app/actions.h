// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAction>

namespace interleave::gui {

class MainWindow;

/// What the menus, the bar and the keyboard share. The window owns them.
struct Actions {
  QAction *open_model, *open_store, *open_batch, *export_placement, *report, *quit;
  QAction *undo, *redo, *clear_budget, *add_to_compare, *open_published, *open_hybrid;
  QAction *prepare, *start_pause, *stop, *fork, *resume_run, *replay, *heal;
  QAction *evaluate, *transfer, *reset_layout, *save_layout;
};

/// Makes the actions with their texts and shortcuts; undo and redo come from the window's undo group.
Actions makeActions(MainWindow& window);

}  // namespace interleave::gui
