// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "backend/core/progress.h"
#include "backend/model/model.h"

namespace interleave {

/// What stands in a layer: [B, T, D] of the normalised stream → what goes into the residual.
using LayerMix = std::function<at::Tensor(int layer, LayerInput& input)>;

/// A measure of a model, and of those that differ from it in one layer. Layers below the one that differs see what they
/// saw in the model itself, so each of those starts from its stream there: half the work, equal values but for
/// rounding, which the number of threads that a product runs on decides.
struct OneLayerScan {
  double base = 0;
  std::vector<double> changed;  ///< [L]: with `changed` in this layer, `base` in the others.
};
/// `measure` takes the stream [1, T, D] after the last layer. It and both mixes are called from several threads at
/// once (see eachSequence()). `progress` is asked between layers. Failed, naming the layer, where a value of the base
/// is not finite.
OneLayerScan scanOneLayer(const Model& model, const std::vector<std::int32_t>& ids, const LayerMix& base,
                          const LayerMix& changed, const std::function<double(const at::Tensor&)>& measure,
                          Progress& progress);

}  // namespace interleave
