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
      : objective_(input.bank, {MixerKind::Full, other}, false), other_(other), exchange_(exchange) {
    data_.emplace_back(input, settings);
    if (exchange.control_tokens == 0) return;
    Settings shorter = settings;
    shorter.merge({{"prompt_tokens", exchange.control_tokens}}, "control_tokens");
    data_.emplace_back(input, shorter, SearchData::Part::Search, 1.0);
  }

  std::size_t measures() const override { return data_.size(); }

  Example example(std::int64_t index, Progress& progress) const override {
    Example example;
    for (const SearchData& data : data_) {
      const SearchBatch batch = data.batch(index);
      for (const double score : scores(batch, progress)) example.scores.push_back(score);
      example.tokens += static_cast<std::int64_t>(batch.ids.size()) * (1 + objective_.model().config().layers);
    }
    return example;
  }

 private:
  /// [L], of one sequence.
  std::vector<double> scores(const SearchBatch& batch, Progress& progress) const {
    const LayerMix full = [this](int layer, LayerInput& input) {
      return objective_.bank().mixer(layer, MixerKind::Full).forward(input);
    };
    const std::int64_t answer = exchange_.prompt_only ? batch.answer : -1;
    const LayerMix other = [this, answer](int layer, LayerInput& input) {
      if (exchange_.bypass) return at::zeros_like(input.x());
      return forwardOnPrompt(objective_.bank(), layer, other_, input, answer);
    };
    const bool one_in = exchange_.base == Exchange::Base::Other;
    const TeacherTarget target = objective_.target(batch);
    const auto loss = [&](const at::Tensor& stream) { return objective_.loss(batch, target, stream); };
    const OneLayerScan losses =
        scanOneLayer(objective_.model(), batch.ids, one_in ? other : full, one_in ? full : other, loss, progress);
    std::vector<double> scores;
    for (const double changed : losses.changed)
      scores.push_back(one_in ? losses.base - changed : changed - losses.base);
    return scores;
  }

  std::vector<SearchData> data_;  // and the control
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
