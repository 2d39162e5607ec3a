// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QUndoStack>
#include <vector>

#include "backend/core/placement.h"
#include "gui/model/readings.h"

namespace interleave::gui {

/// The placement that the user edits. Every edit is a step on the undo stack. Lives in the window's thread.
class PlacementEditor final : public QObject {
  Q_OBJECT
 public:
  explicit PlacementEditor(QObject* parent = nullptr) : QObject(parent) {}

  QUndoStack& undoStack() { return undo_; }
  const Placement& placement() const { return placement_; }
  const std::vector<MixerKind>& operators() const { return operators_; }
  bool edited() const { return edited_; }  ///< The user has changed what load() gave.

  /// Takes a placement as it comes from a run: not an edit, and what was undone before no longer applies.
  void load(const Placement& placement, std::vector<MixerKind> operators);
  /// Edits. Pinned layers and operators that the model does not offer are left alone.
  void set(int layer, MixerKind kind);
  void replace(const Placement& placement, const QString& what);

  /// Layers of placement() that edits leave alone, with the operator that they were pinned to. They outlive the wait
  /// for a run's first step, while there is no placement and this is empty.
  const Pins& pinned() const;
  void setPinned(int layer, bool pinned);  ///< To the operator that it has.
  void setPins(Pins pins);                 ///< Those of another run.

 Q_SIGNALS:
  void changed();      ///< The placement.
  void pinsChanged();  ///< Them alone.

 private:
  class Edit;
  void apply(const Placement& placement);

  QUndoStack undo_;
  Placement placement_, loaded_;
  std::vector<MixerKind> operators_;
  Pins pinned_;
  int pinned_layers_ = 0;  // of the placement that was pinned
  bool edited_ = false;
};

}  // namespace interleave::gui
