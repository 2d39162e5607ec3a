// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/decoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <ranges>
#include <string>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/finite_watch.h"
#include "backend/model/layer_walk.h"

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
at::Tensor throughLayers(const Model& model, const at::Tensor& ids, const Packing& packing,
                         std::span<const std::int64_t> wanted, const Mix& mix) {
  FiniteWatch watch;
  at::Tensor stream = model.embed(ids);
  watch.add(stream);
  for (const LayerLease& layer : LayerWalk(model)) {
    LayerInput input = layer.input(stream, packing);
    at::Tensor mixed = mix(layer.index(), input);
    if (!wanted.empty() && layer.index() + 1 == model.config().layers) {
      const at::Tensor columns =
          at::tensor(at::IntArrayRef(wanted.data(), wanted.size()), at::kLong).to(stream.device());
      stream = stream.index_select(1, columns);
      mixed = mixed.index_select(1, columns);
    }
    stream = layer.finish(stream, mixed);
    watch.add(stream);
  }
  watch.check();
  return stream;
}

}  // namespace

at::Tensor runLayers(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing,
                     std::span<const std::int64_t> wanted) {
  checkRow(model, mixers);
  return throughLayers(model, ids, packing, wanted, [&](int layer, LayerInput& input) {
    return mixers[static_cast<std::size_t>(layer)]->forward(input);
  });
}

at::Tensor logits(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing) {
  return model.head(model.finalNorm(runLayers(model, mixers, ids, packing)));
}

Decoder::Decoder(std::shared_ptr<const Model> model, MixerRow mixers, std::int64_t rows)
    : model_(std::move(model)), mixers_(std::move(mixers)), positions_(static_cast<std::size_t>(rows), 0) {
  checkRow(*model_, mixers_);
  for (const Mixer* mixer : mixers_) states_.push_back(mixer->start(rows));
}

Decoder::Decoder(const Decoder& other, std::int64_t rows)
    : model_(other.model_), mixers_(other.mixers_), positions_(static_cast<std::size_t>(rows), other.position()) {
  const std::vector<std::int64_t> first(static_cast<std::size_t>(rows), 0);
  for (const auto& state : other.states_) states_.push_back(state->select(first));
}

at::Tensor Decoder::advance(const at::Tensor& ids, std::span<const std::int64_t> lengths, std::int64_t first_row,
                            std::span<const std::int64_t> wanted) {
  const at::NoGradGuard no_grad;
  const auto position = positions_.begin() + first_row;
  Packing packing{{0}, {position, position + std::ssize(lengths)}, first_row};
  for (const std::int64_t length : lengths) packing.offsets.push_back(packing.offsets.back() + length);
  at::Tensor stream = throughLayers(*model_, ids, packing, wanted, [&](int layer, LayerInput& input) {
    const auto index = static_cast<std::size_t>(layer);
    return mixers_[index]->forward(input, *states_[index]);
  });
  std::ranges::transform(lengths, std::ranges::subrange(position, positions_.end()), position, std::plus<>());
  return stream;
}

at::Tensor Decoder::feed(const at::Tensor& ids, bool all) {
  const std::int64_t tokens = ids.size(1);
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(ids.size(0)), tokens);
  std::vector<std::int64_t> wanted;
  for (std::int64_t row = 1; row <= ids.size(0) && !all; ++row) wanted.push_back(row * tokens - 1);
  const at::Tensor stream = advance(ids.reshape({1, -1}), lengths, 0, wanted);
  const at::Tensor logits = model_->head(model_->finalNorm(stream[0]));
  return all ? logits.unflatten(0, {ids.size(0), tokens}) : logits;
}

at::Tensor Decoder::feed(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths,
                         std::int64_t first_row) {
  std::vector<std::int64_t> last{-1};
  for (const std::int64_t length : lengths) last.push_back(last.back() + length);
  last.erase(last.begin());
  const at::Tensor stream = advance(tokenBatch(ids, model_->device()), lengths, first_row, last);
  return model_->head(model_->finalNorm(stream[0]));
}

at::Tensor Decoder::streamOf(std::span<const std::int32_t> ids, std::span<const std::int64_t> wanted,
                             std::int64_t row) {
  return advance(tokenBatch(ids, model_->device()), std::vector{std::ssize(ids)}, row, wanted)[0];
}

void Decoder::keep(std::span<const std::int64_t> rows) {
  for (auto& state : states_) state = state->select(rows);
  std::vector<std::int64_t> kept;
  for (const std::int64_t row : rows) kept.push_back(position(row));
  positions_ = std::move(kept);
}

Decoder Decoder::fork(std::int64_t rows) const { return {*this, rows}; }

std::int64_t Decoder::cacheBytes() const {
  std::int64_t total = 0;
  for (const auto& state : states_) total += state->bytes();
  return total;
}

}  // namespace interleave
