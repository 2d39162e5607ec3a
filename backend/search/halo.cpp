// SPDX-License-Identifier: GPL-3.0-or-later
//
// HALO (arXiv 2601.22156): a layer is worth what recall loses for each point of common sense lost, when it alone is
// exchanged. Published with accuracies on question answering and on multiple choice; in their place stand here the
// answers of retrieval prompts, and the next tokens of text, which this program has for any model.
#include <ATen/ATen.h>

#include "backend/core/halo_score.h"
#include "backend/search/layer_scoring.h"
#include "backend/search/one_layer_scan.h"
#include "backend/search/scored_methods.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& haloTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs = scoringSettings(
      "full,gdn-window", 16, {.prompt_share = 0.5},
      {inferred(choice("measure", "probability", {"accuracy", "probability"},
                       "Of the right token: whether it is the likeliest, as published, or how likely it is.")),
       inferred(real("smoothing", kHaloSmoothing, 1e-300, 1,
                     "Added to the denominator; published: 1e-10, which sends one layer to the cap of 50."))});
  return specs;
}

/// An example is a prompt and a sequence of text. Measures: recall lost, and common sense kept.
class HaloScorer final : public LayerScorer {
 public:
  HaloScorer(const MethodInput& input, const Settings& settings, MixerKind other)
      : bank_(input.bank),
        prompts_(input, settings, SearchData::Part::Search, 1.0),
        text_(input, settings, SearchData::Part::Search, 0.0),
        other_(other),
        accuracy_(settings.text("measure") == "accuracy") {}

  std::size_t measures() const override { return 2; }
  Example example(std::int64_t index, Progress& progress) const override {
    Example example;
    for (const SearchData* data : {&prompts_, &text_}) {
      const SearchBatch batch = data->batch(index);
      const OneLayerScan scan = scanOneLayer(
          bank_->model(), batch.ids, with(MixerKind::Full), with(other_),
          [&](const at::Tensor& stream) { return right(batch, stream); }, progress);
      for (const double value : scan.changed) example.scores.push_back(data == &prompts_ ? 1 - value : value);
      example.tokens += static_cast<std::int64_t>(batch.ids.size() * (1 + scan.changed.size()));
    }
    return example;
  }

 private:
  LayerMix with(MixerKind kind) const {
    return [this, kind](int layer, LayerInput& input) { return bank_->mixer(layer, kind).forward(input); };
  }

  /// The share of positions whose next token is the likeliest, or its mean probability.
  double right(const SearchBatch& batch, const at::Tensor& stream) const {
    std::vector<std::int64_t> labels;
    for (const std::int64_t position : batch.positions) {
      labels.push_back(batch.ids[static_cast<std::size_t>(position) + 1]);
    }
    const Model& model = bank_->model();
    const at::Tensor label = at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong).to(stream.device());
    const at::Tensor at = at::tensor(at::ArrayRef<std::int64_t>(batch.positions), at::kLong).to(stream.device());
    const at::Tensor logits = model.head(model.finalNorm(stream[0].index_select(0, at)));
    if (accuracy_) return logits.argmax(-1).eq(label).to(at::kDouble).mean().item<double>();
    return at::softmax(logits, -1).gather(1, label.unsqueeze(1)).to(at::kDouble).mean().item<double>();
  }

  std::shared_ptr<const CandidateBank> bank_;
  SearchData prompts_, text_;
  MixerKind other_;
  bool accuracy_;
};

std::vector<double> joined(std::span<const double> means, const Settings& settings) {
  const std::size_t layers = means.size() / 2;
  std::vector<double> recall;
  for (const double lost : means.first(layers)) recall.push_back(1 - lost);
  return haloScores(recall, means.subspan(layers), settings.real("smoothing"));
}

}  // namespace

std::span<const SettingSpec> haloSettings() { return haloTable(); }

void runHalo(const MethodInput& input, MethodContext& context) {
  runScoring(
      input, context,
      {.measures = {{"recall lost without the layer's full attention", "share"},
                    {"common sense kept without it", "share"}},
       .table = haloTable(),
       .scorer = [](const MethodInput& in, const Settings& settings, MixerKind other) -> std::unique_ptr<LayerScorer> {
         return std::make_unique<HaloScorer>(in, settings, other);
       },
       .joined = joined});
}

}  // namespace interleave
