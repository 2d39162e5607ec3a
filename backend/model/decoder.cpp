// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/decoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <string>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/finite_watch.h"

namespace interleave {
namespace {

void checkRow(const Model& model, const MixerRow& mixers) {
  if (mixers.size() != static_cast<std::size_t>(model.config().layers)) {
    throw usageError("placement", "it is for " + std::to_string(mixers.size()) + " layers, the model has " +
                                      std::to_string(model.config().layers));
  }
}

/// The stream through all layers; `mix` applies the layer's operator.
template <class Mix>
at::Tensor throughLayers(const Model& model, const at::Tensor& ids, const Packing& packing, std::int64_t first,
                         const Mix& mix) {
  FiniteWatch watch;
  at::Tensor stream = model.embed(ids);
  watch.add(stream);
  for (int layer = 0; layer < model.config().layers; ++layer) {
    LayerInput input(model, layer, model.attentionInput(layer, stream), packing, first);
    stream = model.finishLayer(layer, stream, mix(layer, input));
    watch.add(stream);
  }
  watch.check();
  return stream;
}

}  // namespace

at::Tensor runLayers(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing) {
  checkRow(model, mixers);
  return throughLayers(model, ids, packing, 0, [&](int layer, LayerInput& input) {
    return mixers[static_cast<std::size_t>(layer)]->forward(input);
  });
}

at::Tensor logits(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing) {
  return model.head(model.finalNorm(runLayers(model, mixers, ids, packing)));
}

Decoder::Decoder(std::shared_ptr<const Model> model, MixerRow mixers, std::int64_t batch)
    : model_(std::move(model)), mixers_(std::move(mixers)) {
  checkRow(*model_, mixers_);
  for (const Mixer* mixer : mixers_) states_.push_back(mixer->start(batch));
}

at::Tensor Decoder::feed(const at::Tensor& ids, bool all) {
  const at::NoGradGuard no_grad;
  const at::Tensor stream = throughLayers(*model_, ids, {}, position_, [&](int layer, LayerInput& input) {
    const auto index = static_cast<std::size_t>(layer);
    return mixers_[index]->forward(input, *states_[index]);
  });
  position_ += ids.size(1);
  return model_->head(model_->finalNorm(all ? stream : stream.select(1, -1)));
}

std::int64_t Decoder::cacheBytes() const {
  std::int64_t total = 0;
  for (const auto& state : states_) total += state->bytes();
  return total;
}

std::vector<std::int32_t> generateGreedy(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                                         std::span<const std::int32_t> prompt, std::int64_t most,
                                         std::span<const std::int32_t> end_ids) {
  Decoder decoder(model, mixers, 1);
  std::vector<std::int64_t> next(prompt.begin(), prompt.end());
  std::vector<std::int32_t> answer;
  while (static_cast<std::int64_t>(answer.size()) < most) {
    const at::Tensor ids = at::tensor(next, at::kLong).unsqueeze(0);
    const auto token = decoder.feed(ids).argmax(-1).item<std::int64_t>();
    if (std::ranges::find(end_ids, static_cast<std::int32_t>(token)) != end_ids.end()) break;
    answer.push_back(static_cast<std::int32_t>(token));
    next = {token};
  }
  return answer;
}

}  // namespace interleave
