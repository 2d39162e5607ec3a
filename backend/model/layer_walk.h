// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/model/layer_input.h"

namespace interleave {

class Model;

/// The layers of a model, one after the other: `for (const LayerLease& layer : LayerWalk(model))`. So one place knows
/// what comes next. (Healing puts other weights into each layer, and takes the layers one by one.)
class LayerWalk {
 public:
  explicit LayerWalk(const Model& model, int first = 0);  ///< From `first` to the last one.
  static LayerWalk down(const Model& model);              ///< From the last one to the first.

  class Iterator {
   public:
    LayerLease operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return layer_ == other.layer_; }

   private:
    friend class LayerWalk;
    Iterator(const LayerWalk& walk, int layer) : walk_(&walk), layer_(layer) {}
    const LayerWalk* walk_;
    int layer_;
  };
  Iterator begin() const { return {*this, first_}; }
  Iterator end() const { return {*this, end_}; }

 private:
  LayerWalk(const Model& model, int first, int end, int step) : model_(&model), first_(first), end_(end), step_(step) {}
  const Model* model_;
  int first_, end_, step_;
};

}  // namespace interleave
