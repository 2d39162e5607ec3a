// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMainWindow>
#include <QUndoGroup>
#include <vector>

#include "gui/app/actions.h"
#include "gui/app/layouts.h"
#include "gui/app/run_bar.h"
#include "gui/app/studio.h"
#include "gui/docks/logits_pane.h"
#include "gui/docks/placement_pane.h"
#include "gui/docks/queue_pane.h"
#include "gui/docks/runs_pane.h"
#include "gui/docks/transfer_pane.h"
#include "gui/style/theme.h"
#include "gui/widgets/dock.h"

class QLabel;

namespace interleave::gui {

/// The window: docks, menus, the bar above and the line below. What it shows and does is the studio's.
class MainWindow final : public QMainWindow {
  Q_OBJECT
 public:
  /// With `remember`, layout and theme are kept between sessions in the user's settings.
  MainWindow(Studio& studio, bool remember);
  ~MainWindow() override;

  Studio& studio() { return studio_; }
  QUndoGroup& undoGroup() { return undo_; }
  const Actions& actions() const { return actions_; }
  RunBar& runBar() { return *bar_; }
  LogitsPane& logits() { return *logits_; }
  PlacementPane& placement() { return *placement_; }
  RunsPane& runs() { return *runs_; }
  QueuePane& queue() { return *queue_; }
  TransferPane& transfer() { return *transfer_; }
  const std::vector<Dock*>& docks() const { return docks_; }
  Dock& dock(const QString& object_name);

  void arrangeAs(Arrangement arrangement);
  void setThemeChoice(ThemeChoice choice);

  void openModel();
  void openStore();
  void startOrPause();
  void forkShown();
  void exportPlacement();
  void saveLayout();
  void about();

 protected:
  void showEvent(QShowEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  Dock& addPane(Pane* pane, const QString& object_name);
  void buildMenus();
  void buildLayoutMenu(QMenu& menu);
  void buildStatusBar();
  void refreshActions();
  void refreshBanner();
  void refreshStatus();
  void refreshTabs();
  void showProblem(const QString& text);

  Studio& studio_;
  bool remember_, shown_ = false;
  QUndoGroup undo_;
  Actions actions_;
  std::vector<Dock*> docks_;
  RunBar* bar_;
  LogitsPane* logits_;
  PlacementPane* placement_;
  RunsPane* runs_;
  QueuePane* queue_;
  TransferPane* transfer_;
  QLabel *banner_, *problem_, *device_, *store_, *document_, *method_;
  QTimer status_timer_;
};

}  // namespace interleave::gui
