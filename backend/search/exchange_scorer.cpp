// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/exchange_scorer.h"

#include <ATen/ATen.h>

#include "backend/search/objective.h"
#include "backend/search/one_layer_scan.h"

namespace interleave {
namespace {

class ExchangeScorer final : public LayerScorer {
 public:
  ExchangeScorer(const MethodInput& input, const Settings& settings, MixerKind other, const Exchange& exchange)
      : data_(input, settings),
        objective_(input.bank, {MixerKind::Full, other}, false),
        other_(other),
        exchange_(exchange) {}

  Example example(std::int64_t index, Progress& progress) const override {
    const SearchBatch batch = data_.batch(index);
    // Losses are taken from the last token of the prompt on, which predicts the first of the answer.
    const std::int64_t answer =
        data_.isPrompt(index) ? batch.positions.front() + 1 : static_cast<std::int64_t>(batch.ids.size());
    const LayerMix full = [this](int layer, LayerInput& input) { return forward(layer, MixerKind::Full, input); };
    const LayerMix other = [this, answer](int layer, LayerInput& input) {
      if (exchange_.bypass) return at::zeros_like(input.x());
      const at::Tensor mixed = forward(layer, other_, input);
      if (!exchange_.prompt_only || answer >= mixed.size(1)) return mixed;
      return at::cat({mixed.slice(1, 0, answer), forward(layer, MixerKind::Full, input).slice(1, answer)}, 1);
    };
    const bool one_in = exchange_.base == Exchange::Base::Other;
    const TeacherTarget target = objective_.target(batch);
    const auto loss = [&](const at::Tensor& stream) { return objective_.loss(batch, target, stream); };
    const OneLayerScan losses =
        scanOneLayer(objective_.model(), batch.ids, one_in ? other : full, one_in ? full : other, loss, progress);
    Example example;
    for (const double changed : losses.changed) {
      example.scores.push_back(one_in ? losses.base - changed : changed - losses.base);
    }
    example.tokens =
        static_cast<std::int64_t>(batch.ids.size()) * (1 + static_cast<std::int64_t>(example.scores.size()));
    return example;
  }

 private:
  at::Tensor forward(int layer, MixerKind kind, LayerInput& input) const {
    return objective_.bank().mixer(layer, kind).forward(input);
  }

  SearchData data_;
  Objective objective_;
  MixerKind other_;
  Exchange exchange_;
};

}  // namespace

std::unique_ptr<LayerScorer> exchangeScorer(const MethodInput& input, const Settings& settings, MixerKind other,
                                            const Exchange& exchange) {
  return std::make_unique<ExchangeScorer>(input, settings, other, exchange);
}

}  // namespace interleave
