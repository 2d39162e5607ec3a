// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/finite_watch.h"

#include <ATen/ATen.h>

#include <string>

#include "backend/core/error.h"

namespace interleave {

void FiniteWatch::add(const at::Tensor& stream) { sums_.push_back(stream.detach().sum()); }

void FiniteWatch::check() const {
  const at::Tensor finite = at::isfinite(at::stack(sums_)).cpu();
  for (std::int64_t i = 0; i < finite.numel(); ++i) {
    if (finite[i].item<bool>()) continue;
    const std::int64_t layer = first_ + i;
    throw failure(layer < 0 ? "embedding" : "layer " + std::to_string(layer), "the values computed are not finite");
  }
}

}  // namespace interleave
