// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/mixers/mixer.h"

#include "backend/model/model.h"

namespace interleave {

at::Tensor Mixer::project(const LayerInput& input, const at::Tensor& context) const {
  return input.model().linear(context.flatten(2), input.weights().o, input.weights().o_bias);
}

}  // namespace interleave
