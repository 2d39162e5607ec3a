// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/layer_walk.h"

#include "backend/model/model.h"

namespace interleave {

LayerWalk::LayerWalk(const Model& model, int first) : LayerWalk(model, first, model.config().layers, 1) {}

LayerWalk LayerWalk::down(const Model& model) { return {model, model.config().layers - 1, -1, -1}; }

LayerLease LayerWalk::Iterator::operator*() const { return walk_->model_->lease(layer_); }

LayerWalk::Iterator& LayerWalk::Iterator::operator++() {
  layer_ += walk_->step_;
  return *this;
}

}  // namespace interleave
