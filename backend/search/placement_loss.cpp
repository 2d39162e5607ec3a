// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/placement_loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/finite_watch.h"
#include "backend/model/layer_walk.h"
#include "backend/model/parallel.h"

namespace interleave {

PlacementLoss::PlacementLoss(const Objective& objective, std::vector<SearchBatch> batches, bool prompt_only,
                             std::int64_t most_bytes)
    : objective_(objective), batches_(std::move(batches)), prompt_only_(prompt_only), kept_(batches_.size()) {
  for (const SearchBatch& batch : batches_) {
    if (prompt_only_ && isOfLayers(batch.loss)) throw usageError("prompt_only", "not with a loss of layers");
    targets_.push_back(objective.target(batch));
    tokens_ += std::ssize(batch.ids);
    longest_ = std::max(longest_, std::ssize(batch.ids));
  }
  const ModelConfig& config = objective.model().config();
  const std::int64_t all = tokens_ * config.hidden * config.layers * static_cast<std::int64_t>(sizeof(double));
  stride_ = static_cast<int>(std::max<std::int64_t>(1, (all + most_bytes - 1) / most_bytes));
}

std::vector<double> PlacementLoss::losses(const Placement& placement, Progress& progress) {
  std::vector<double> losses(batches_.size());
  eachSequence(objective_.model(), std::ssize(batches_), longest_, progress, [&](std::int64_t index) {
    const auto batch = static_cast<std::size_t>(index);
    losses[batch] = loss(batch, placement, progress);
  });
  return losses;
}

double PlacementLoss::loss(std::size_t batch, const Placement& placement, const Progress& progress) {
  const SearchBatch& data = batches_[batch];
  if (isOfLayers(data.loss)) return objective_.hard(data, targets_[batch], placement);  // needs every layer's output
  const at::NoGradGuard no_grad;
  const Model& model = objective_.model();
  Kept& kept = kept_[batch];
  int first = 0;
  if (kept.placement.layers() > 0) {
    const std::vector<int> differing = differingLayers(kept.placement, placement);
    first = differing.empty() ? placement.layers() - 1 : differing.front();
  } else {
    kept.streams = {model.embed(tokenBatch(data.ids, model.device()))};
  }
  kept.streams.resize(static_cast<std::size_t>(first / stride_) + 1);
  kept.placement = {};  // not while its streams are another's
  at::Tensor stream = kept.streams.back();
  first -= first % stride_;
  FiniteWatch watch(first - 1);
  watch.add(stream);
  for (const LayerLease& layer : LayerWalk(model, first)) {
    progress.throwIfStopped();
    const int index = layer.index();
    if (index % stride_ == 0 && index > first) kept.streams.push_back(stream);
    LayerInput input = layer.input(stream);
    const at::Tensor mixed =
        forwardOnPrompt(objective_.bank(), index, placement[index], input, prompt_only_ ? data.answer : -1);
    stream = layer.finish(stream, mixed);
    watch.add(stream);
  }
  watch.check();
  kept.placement = placement;
  return objective_.loss(data, targets_[batch], stream);
}

}  // namespace interleave
