// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/placement_editor.h"

#include <QUndoCommand>
#include <algorithm>
#include <memory>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {

class PlacementEditor::Edit final : public QUndoCommand {
 public:
  Edit(PlacementEditor& editor, Placement after, const QString& what)
      : QUndoCommand(what), editor_(editor), before_(editor.placement_), after_(std::move(after)) {}
  void undo() override { editor_.apply(before_); }
  void redo() override { editor_.apply(after_); }

 private:
  PlacementEditor& editor_;
  Placement before_, after_;
};

void PlacementEditor::load(const Placement& placement, std::vector<MixerKind> operators) {
  // The run may have come to what the user made of it: then it is no edit any more.
  if (placement == placement_ && placement == loaded_ && operators == operators_) return;
  undo_.clear();
  if (placement.layers() > 0) {
    if (pinned_layers_ != 0 && placement.layers() != pinned_layers_) pinned_.clear();
    pinned_layers_ = placement.layers();
  }
  operators_ = std::move(operators);
  loaded_ = placement;
  apply(placement);
}

void PlacementEditor::set(int layer, MixerKind kind) {
  if (layer < 0 || layer >= placement_.layers() || placement_[layer] == kind || pinned_.contains(layer)) return;
  if (std::ranges::find(operators_, kind) == operators_.end()) return;
  Placement after = placement_;
  after.set(layer, kind);
  replace(after, tr("layer %1 → %2").arg(layer).arg(qt(title(kind))));
}

void PlacementEditor::replace(const Placement& placement, const QString& what) {
  if (placement == placement_ || placement.layers() != placement_.layers()) return;
  undo_.push(std::make_unique<Edit>(*this, placement, what).release());  // the stack owns it
}

const Pins& PlacementEditor::pinned() const {
  static const Pins none;
  return placement_.layers() > 0 ? pinned_ : none;
}

void PlacementEditor::setPinned(int layer, bool pinned) {
  if (layer < 0 || layer >= placement_.layers()) return;
  if (pinned) {
    pinned_[layer] = placement_[layer];
  } else {
    pinned_.erase(layer);
  }
  pinned_layers_ = placement_.layers();
  Q_EMIT pinsChanged();
}

void PlacementEditor::setPins(Pins pins) {
  if (pins == pinned_) return;
  pinned_ = std::move(pins);
  pinned_layers_ = placement_.layers();
  Q_EMIT pinsChanged();
}

void PlacementEditor::apply(const Placement& placement) {
  placement_ = placement;
  edited_ = placement != loaded_;
  Q_EMIT changed();
}

}  // namespace interleave::gui
