// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/layer_scoring.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/core/statistics.h"
#include "backend/search/objective.h"
#include "backend/search/placement_loss.h"
#include "backend/search/selection.h"

namespace interleave {
namespace {

constexpr std::uint64_t kResamplePurpose = 31;
constexpr int kResamples = 200;
constexpr Gates::Values kScores = Gates::Values::Scores;
constexpr std::int64_t kJudgedExamples = 4;  // at the end, for the loss of what was found

class ScoringRun {
 public:
  ScoringRun(const MethodInput& input, MethodContext& context, const LayerScoring& scoring)
      : input_(input),
        context_(context),
        scoring_(scoring),
        selection_(input, scoring.table),
        full_(column(MixerKind::Full)),
        scorer_(scoring.scorer(input, selection_.settings(), selection_.operators()[1 - full_])),
        width_(static_cast<std::size_t>(selection_.layers() * scoring.measures)),
        rows_(selection_.found("scores", width_)) {
    if (rows_.size() != static_cast<std::size_t>(now().step) * width_) {
      throw badInput("checkpoint", "scores", "it belongs to a run of another shape");
    }
  }

  void run() {
    const std::int64_t examples = settings().integer("examples");
    while (now().step < examples) {
      selection_.takeChanges(context_);
      step(examples);
    }
    outcome();
  }

 private:
  const Settings& settings() const { return selection_.settings(); }
  const Progressed& now() const { return selection_.now; }
  std::size_t layers() const { return static_cast<std::size_t>(selection_.layers()); }
  std::size_t column(MixerKind kind) const {
    return static_cast<std::size_t>(std::ranges::find(selection_.operators(), kind) - selection_.operators().begin());
  }

  /// The scores from the rows that `pick(i)` names for i = 0 … n−1, in the column of full attention: [L × 2].
  template <class Pick>
  std::vector<double> scoresOf(Pick pick) const {
    const std::size_t examples = rows_.size() / width_;
    std::vector<double> mean(width_, 0.0);
    for (std::size_t i = 0; i < examples; ++i) {
      const std::size_t row = pick(i) * width_;
      for (std::size_t at = 0; at < width_; ++at) mean[at] += rows_[row + at] / static_cast<double>(examples);
    }
    if (scoring_.joined != nullptr) mean = scoring_.joined(mean, settings());
    std::vector<double> scores(2 * layers(), 0.0);
    for (std::size_t layer = 0; layer < layers(); ++layer) scores[2 * layer + full_] = mean[layer];
    return scores;
  }
  std::vector<double> scores() const {
    return scoresOf([](std::size_t i) { return i; });
  }

  /// [L × 2]: the share of resamples in which each operator stands in the layer.
  std::vector<float> inclusion(const Gates& gates) const {
    std::vector<float> share(2 * layers(), 0.0F);
    Random random(derivedSeed(input_.spec.seed, kResamplePurpose));
    const std::uint64_t examples = rows_.size() / width_;
    for (int i = 0; i < kResamples; ++i) {
      const Placement drawn =
          gates.place(scoresOf([&](std::size_t) { return static_cast<std::size_t>(random.below(examples)); }), kScores);
      for (std::size_t layer = 0; layer < layers(); ++layer) {
        const bool kept = drawn[static_cast<int>(layer)] == MixerKind::Full;
        share[2 * layer + (kept ? full_ : 1 - full_)] += 1.0F / kResamples;
      }
    }
    return share;
  }

  void step(std::int64_t examples) {
    const auto began = std::chrono::steady_clock::now();
    const LayerScorer::Example example = scorer_->example(now().step, context_.progress());
    for (std::size_t at = 0; at < width_; ++at) {
      if (!std::isfinite(example.scores[at])) {
        throw failure("search, layer " + std::to_string(at % layers()), "its score is not finite");
      }
    }
    rows_.insert(rows_.end(), example.scores.begin(), example.scores.end());
    ++selection_.now.step;
    selection_.now.tokens += example.tokens;
    const Gates gates = selection_.gates();
    const std::vector<double> mean = scores();
    const Gates::Discrete discrete = gates.discretise(mean, kScores);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    selection_.now.seconds += seconds;
    const auto first = example.scores.begin();
    context_.emit(LayerScoreEvent{
        now().step, scoring_.score, scoring_.unit, {first, first + static_cast<std::ptrdiff_t>(layers())}});

    StepEvent event;
    event.step = now().step;
    event.steps = examples;
    event.tokens = now().tokens;
    event.seconds = now().seconds;
    event.operators = selection_.operators();
    event.logits.assign(mean.begin(), mean.end());
    event.probabilities = inclusion(gates);
    const auto metric = [&event](Metric which) -> double& { return event.metrics[static_cast<std::size_t>(which)]; };
    metric(Metric::Margin) = discrete.margin;
    const std::vector<double> share(event.probabilities.begin(), event.probabilities.end());
    metric(Metric::ExpectedBudget) = gates.expectedCost(share);
    metric(Metric::Entropy) = gates.meanEntropy(share);
    metric(Metric::TokensPerSecond) = static_cast<double>(example.tokens) / seconds;
    metric(Metric::MemoryBytes) = residentBytes();
    event.if_stopped_now = discrete.placement;
    event.checkpoint = selection_.checkpoint({{"scores", rows_}});
    context_.emit(event);
  }

  /// A placement for each budget, with its loss on the last examples.
  void outcome() {
    const Objective objective(input_.bank, selection_.operators(), false);
    const SearchData data(input_, settings());
    std::vector<SearchBatch> batches;
    for (const std::int64_t index : data.lastSteps(settings().integer("examples"), kJudgedExamples)) {
      batches.push_back(data.batch(index));
    }
    PlacementLoss losses(objective, std::move(batches));
    std::size_t found = 0;
    const std::vector<Budget> wanted = selection_.budgets("extract");
    for (const Budget& budget : wanted) {
      context_.progress().report("Measuring what was found",
                                 static_cast<double>(found) / static_cast<double>(wanted.size()));
      context_.progress().throwIfStopped();
      const Gates::Discrete discrete = selection_.gates(budget).discretise(scores(), kScores);
      PlacementEvent event;
      event.step = now().step;
      event.budget = budget;
      event.placement = discrete.placement;
      event.margin = discrete.margin;
      event.hard_loss = meanOf(losses.losses(event.placement, context_.progress()));
      context_.emit(event);
      ++found;
    }
  }

  const MethodInput& input_;
  MethodContext& context_;
  const LayerScoring& scoring_;
  Selection selection_;
  std::size_t full_;  ///< Column of full attention; the other operator's is 1 − full_.
  std::unique_ptr<LayerScorer> scorer_;
  std::size_t width_;         ///< C·L.
  std::vector<double> rows_;  ///< [examples so far × C·L].
};

}  // namespace

std::vector<SettingSpec> scoringSettings(const std::string& operators, std::int64_t examples,
                                         const SearchData::Fallbacks& data, std::vector<SettingSpec> own) {
  using namespace setting;
  std::vector<SettingSpec> all = selectionSettings(operators);
  all.push_back(integer("examples", examples, 1, 1e6, "Examples that layers are scored on."));
  for (std::vector<SettingSpec> more : {std::move(own), SearchData::settings(data)}) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  all.push_back(extractSetting());
  all.push_back(choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products."));
  return all;
}

void runScoring(const MethodInput& input, MethodContext& context, const LayerScoring& scoring) {
  ScoringRun(input, context, scoring).run();
}

}  // namespace interleave
