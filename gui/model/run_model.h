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

  /// The position in record().steps; following the newest unless the user moved it. The model holds on to the step,
  /// so that the position follows it when the record is thinned.
  int position() const;
  bool following() const { return following_; }
  void setPosition(int position);  ///< Clamped; the last position follows again.
  const StepEvent* step() const;   ///< Null before the first.
  const StepEvent* previousStep() const;

  /// Layers kept in what is shown: the budget slider. -1: as the run itself decides.
  int kept() const;
  void setKept(int kept);
  Placement placement() const;  ///< At position() and kept(); empty while there is neither step nor result.
  bool placementIsRuns() const { return kept_ < 0; }
  /// placement() is what the run itself proposed at its end.
  bool placementIsFound() const { return kept_ < 0 && following_ && !record_->placements.empty(); }
  /// What placement() was one step before, by the same rule; empty where there is nothing like it.
  Placement placementBefore() const;

 Q_SIGNALS:
  void shownChanged();  ///< Another run.
  void changed();       ///< Anything, the above included.

 private:
  Placement placementAt(const StepEvent& step) const;

  std::shared_ptr<RunRecord> record_;
  bool following_ = true;
  std::int64_t held_ = 0;  // the step's number, unless following
  int kept_ = -1;
};

}  // namespace interleave::gui
