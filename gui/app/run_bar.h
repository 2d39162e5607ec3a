// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>
#include <QWidget>

#include "gui/app/actions.h"
#include "gui/app/studio.h"
#include "gui/widgets/pane.h"

class QLabel;
class QProgressBar;
class QPushButton;
class QSlider;

namespace interleave::gui {

/// The bar above the docks: what can be done with the run, its budget, and how far it is.
class RunBar final : public Pane {
  Q_OBJECT
 public:
  RunBar(Studio& studio, const Actions& actions);
  QSlider& budgetSlider() { return *budget_; }

 protected:
  void refresh() override;

 private:
  QPushButton* button(QAction* action);
  void refreshBudget();
  void refreshProgress();
  QString readyText() const;

  Studio& studio_;
  QPushButton* start_;
  QSlider* budget_;
  QLabel *kept_, *bytes_, *doing_, *times_, *rates_;
  QProgressBar* progress_;
  QTimer tick_;  ///< While the engine works: a step may take longer than a second.
};

}  // namespace interleave::gui
