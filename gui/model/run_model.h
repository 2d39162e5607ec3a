// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <memory>

#include "gui/model/readings.h"

namespace interleave::gui {

/// The run that the windows show, at the step that the time slider stands on. Lives in the window's thread.
class RunModel final : public QObject {
  Q_OBJECT
 public:
  explicit RunModel(QObject* parent = nullptr) : QObject(parent), record_(std::make_shared<RunRecord>()) {}

  const RunRecord& record() const { return *record_; }
  const std::shared_ptr<RunRecord>& shared() const { return record_; }
  void show(std::shared_ptr<RunRecord> record);  ///< Stands on the newest step, and follows it.
  void recordChanged();                          ///< New events came: once a frame at most.

  /// The position in record().steps; following the newest unless the user moved it.
  int position() const;
  bool following() const { return following_; }
  void setPosition(int position);  ///< Clamped; the last position follows again.
  const StepEvent* step() const;   ///< Null before the first.
  const StepEvent* previousStep() const;

  /// Layers kept in what is shown: the budget slider. -1: as the run itself decides.
  int kept() const;
  void setKept(int kept);
  Placement placement() const;  ///< At position() and kept(); empty before the first step.
  bool placementIsRuns() const { return kept_ < 0; }

 Q_SIGNALS:
  void shownChanged();  ///< Another run.
  void changed();       ///< Anything, the above included.

 private:
  std::shared_ptr<RunRecord> record_;
  bool following_ = true;
  int position_ = 0;
  int kept_ = -1;
};

}  // namespace interleave::gui
