// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "backend/search/objective.h"

namespace interleave {

/// What stands in a layer: [B, T, D] of the normalised stream → what goes into the residual.
using LayerMix = std::function<at::Tensor(int layer, LayerInput& input)>;

/// The loss of a model, and of those that differ from it in one layer. Layers below the one that differs see what they
/// saw in the model itself, so each of those starts from its stream there: half the work, equal values.
struct OneLayerLosses {
  double base = 0;
  std::vector<double> changed;  ///< [L]: with `changed` in this layer, `base` in the others.
};
/// `progress` is asked between layers. Failed, naming the layer, where a value is not finite.
OneLayerLosses scanOneLayer(const Objective& objective, const SearchBatch& batch, const TeacherTarget& target,
                            const LayerMix& base, const LayerMix& changed, Progress& progress);

}  // namespace interleave
