// SPDX-License-Identifier: GPL-3.0-or-later
//
// The one engine of gradient searches over mixtures of operators. Its two parametrisations and their presets:
// - DASH (arXiv 2605.20936): logits per layer and operator, a softmax over them; re-implemented from the published
//   outline, what that leaves open is marked `inferred` in the table of settings.
// - FlashMorph (arXiv 2606.30562): one gate in [0, 1] a layer, 1 at first, the outputs of layers compared with the
//   teacher's at the answers of retrieval prompts, and λ·Σα that closes gates.
#include "backend/search/gate_search.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include "backend/core/error.h"
#include "backend/search/objective.h"
#include "backend/search/search_data.h"
#include "backend/search/selection.h"

namespace interleave {
namespace {

constexpr double kAdamEpsilon = 1e-8;

/// Where the two presets of the engine differ before any preset file says anything.
struct Fallbacks {
  const char *parametrisation, *budget_mode;
  SearchData::Fallbacks data;
  double learning_rate, learning_rate_end, gate_weight;
};

std::vector<SettingSpec> tableOf(const Fallbacks& from) {
  using namespace setting;
  std::vector<SettingSpec> all = selectionSettings("full,gdn-window");
  all.push_back(inferred(integer("steps", 48, 1, 1e7, "Optimiser steps.")));
  all.push_back(
      inferred(choice("parametrisation", from.parametrisation, {"softmax", "gate"},
                      "softmax over a layer's logits, or one gate in [0, 1] a layer, clamped after every step.")));
  for (SettingSpec& spec : SearchData::settings(from.data)) all.push_back(std::move(spec));
  const std::vector<SettingSpec> rest{
      live(inferred(real("text_weight", 1.0, 0, 1e6, "Factor on the loss of text steps."))),
      live(inferred(real("prompt_weight", 1.0, 0, 1e6, "Factor on the loss of prompt steps."))),
      live(inferred(real("learning_rate", from.learning_rate, 0, 10, "Adam's peak rate; cosine to the last."))),
      inferred(real("learning_rate_end", from.learning_rate_end, 0, 1, "The last rate, as a share of the peak.")),
      inferred(real("beta1", 0.9, 0, 0.9999, "Adam's decay of the first moment.")),
      inferred(real("beta2", 0.999, 0, 0.999999, "Adam's decay of the second moment.")),
      live(inferred(
          real("temperature_start", 1.0, 1e-3, 100, "Softmax temperature at the first step; geometric in between."))),
      live(inferred(real("temperature_end", 0.3, 1e-3, 100, "Softmax temperature at the last step."))),
      inferred(choice("budget_mode", from.budget_mode, {"shift", "penalty", "none"},
                      "shift: the budget is met exactly at every step by a common shift (softmax only); penalty: "
                      "(expected − budget)²; none: only at the end.")),
      live(inferred(real("budget_weight", 1.0, 0, 1e6, "Factor on the budget penalty, of the relative excess."))),
      live(real("gate_weight", from.gate_weight, 0, 1e6, "λ: factor on Σ p(full); FlashMorph: 0.1.")),
      live(inferred(real("entropy_weight", 0.0, 0, 1e6,
                         "Factor on the mean entropy at the last step; ramps up linearly from 0."))),
      inferred(flag("teacher_forced", false,
                    "Layers see the teacher's stream and do not interact; for the losses of layers alone.")),
      integer("hard_every", 12, 0, 1e7, "Measure the discrete placement's loss every so many steps; 0: never."),
      extractSetting(),
      inferred(text("side_budgets", "",
                    "Budgets (layer counts) met in turn with the run's own, one a round, so that their placements are "
                    "searched for and not only read off; separated by commas.")),
      inferred(
          choice("repair", "off", {"off", "boundary", "full"},
                 "One round of 1-swap search on the discrete loss: over the layers nearest the cut, or over all.")),
      inferred(integer("repair_layers", 8, 2, 1000, "How many layers nearest the cut a boundary repair tries.")),
      inferred(integer("repair_batches", 4, 1, 1000, "Search batches on which a repair measures the discrete loss.")),
      flag("recompute", false, "Run each layer again for its gradient instead of keeping activations."),
      choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products."),
  };
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

/// One run of the search; holds what does not change while it goes on.
class GateSearch {
 public:
  GateSearch(const MethodInput& input, MethodContext& context, std::span<const SettingSpec> table)
      : context_(context),
        selection_(input, table),
        data_(input, selection_.settings()),
        gated_(selection_.settings().text("parametrisation") == "gate"),
        objective_(input.bank, selection_.operators(), selection_.settings().flag("recompute"),
                   selection_.settings().flag("teacher_forced")) {
    const std::size_t cells = static_cast<std::size_t>(selection_.layers()) * selection_.operators().size();
    for (auto [values, key] : {std::pair{&logits_, "logits"}, std::pair{&first_moment_, "first_moment"},
                               std::pair{&second_moment_, "second_moment"}}) {
      *values = selection_.found(key, cells);
      values->resize(cells);  // zeros at a start
    }
    full_ = static_cast<std::size_t>(std::ranges::find(selection_.operators(), MixerKind::Full) -
                                     selection_.operators().begin());
    if (!gated_ || input.spec.resume_from) return;
    for (std::size_t layer = 0; layer < cells / 2; ++layer) logits_[2 * layer + full_] = 1;  // all gates open
  }

  void run() {
    const std::int64_t steps = settings().integer("steps");
    while (now().step < steps) {
      selection_.takeChanges(context_);
      step(steps);
    }
    outcome();
  }

 private:
  const Settings& settings() const { return selection_.settings(); }
  const Progressed& now() const { return selection_.now; }

  void step(std::int64_t steps) {
    const auto began = std::chrono::steady_clock::now();
    const Settings& live = now().settings;
    const double progress = static_cast<double>(now().step) / static_cast<double>(steps);
    const double temperature =
        live.real("temperature_start") *
        std::pow(live.real("temperature_end") / live.real("temperature_start"),
                 steps > 1 ? static_cast<double>(now().step) / static_cast<double>(steps - 1) : 1);
    const double last = settings().real("learning_rate_end");
    const double rate =
        live.real("learning_rate") * (last + (1 - last) * 0.5 * (1 + std::cos(std::numbers::pi * progress)));
    const bool penalised = settings().text("budget_mode") == "penalty";
    const Gates gate = selection_.gates(budgetOf(now().step));
    const Gates::Relaxed relaxed = relax(gate, temperature, exact());
    const std::vector<double>& p = relaxed.probabilities;

    const bool prompt = data_.isPrompt(now().step);
    const SearchBatch batch = data_.batch(now().step);
    const TeacherTarget target = objective_.target(batch);
    const Objective::Soft soft = objective_.soft(batch, target, p);

    Metrics metrics = noMetrics();
    const auto metric = [&metrics](Metric which) -> double& { return metrics[static_cast<std::size_t>(which)]; };
    const double weight = live.real(prompt ? "prompt_weight" : "text_weight");
    const double entropy_weight = live.real("entropy_weight") * progress;
    const double entropy = gate.meanEntropy(p), expected = gate.expectedCost(p);
    const double budget = std::max(1.0, gate.problem().budget);
    const double excess = penalised ? (expected - gate.problem().budget) / budget : 0;
    const double budget_weight = penalised ? live.real("budget_weight") : 0, gate_weight = live.real("gate_weight");
    const std::vector<double> entropy_gradient = gate.meanEntropyGradient(p);
    std::vector<double> gradient = soft.gradient;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = weight * gradient[i] + entropy_weight * entropy_gradient[i] +
                    budget_weight * 2 * excess * gate.problem().costs[i] / budget;
    }
    double open = 0;  // Σ p(full)
    for (std::size_t i = full_; i < p.size(); i += selection_.operators().size()) {
      open += p[i];
      gradient[i] += gate_weight;
    }
    metric(Metric::Loss) =
        weight * soft.loss + entropy_weight * entropy + budget_weight * excess * excess + gate_weight * open;
    metric(prompt ? Metric::PromptLoss : Metric::TextLoss) = soft.loss;
    metric(Metric::ExpectedBudget) = expected;
    metric(Metric::Entropy) = entropy;
    metric(Metric::Temperature) = temperature;
    metric(Metric::LearningRate) = rate;
    metric(Metric::EntropyWeight) = entropy_weight;
    metric(Metric::GradientNorm) = descend(gate.pullback(relaxed, gradient), rate);

    ++selection_.now.step;
    const auto tokens = static_cast<std::int64_t>(batch.ids.size());
    selection_.now.tokens += tokens;
    const Gates own = selection_.gates();  // what is shown is always at the run's own budget
    const Gates::Discrete now_discrete = own.discretise(logits_, values());
    metric(Metric::Margin) = now_discrete.margin;
    if (measuresHardLoss(now().step - 1)) {
      metric(prompt ? Metric::HardPromptLoss : Metric::HardTextLoss) =
          objective_.hard(batch, target, now_discrete.placement);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    selection_.now.seconds += seconds;
    metric(Metric::TokensPerSecond) = static_cast<double>(tokens) / seconds;
    metric(Metric::MemoryBytes) = residentBytes();

    StepEvent event;
    event.step = now().step;
    event.steps = steps;
    event.tokens = now().tokens;
    event.seconds = now().seconds;
    event.operators = selection_.operators();
    event.logits.assign(logits_.begin(), logits_.end());
    const std::vector<double> shown = relax(own, temperature, exact()).probabilities;
    event.probabilities.assign(shown.begin(), shown.end());
    event.metrics = metrics;
    event.if_stopped_now = now_discrete.placement;
    event.checkpoint = selection_.checkpoint(
        {{"logits", logits_}, {"first_moment", first_moment_}, {"second_moment", second_moment_}});
    context_.emit(event);
  }

  bool exact() const { return settings().text("budget_mode") == "shift"; }
  /// A gate's zero is a layer that needs no full attention; that of logits has no meaning.
  Gates::Values values() const { return gated_ ? Gates::Values::Scores : Gates::Values::Logits; }

  Gates::Relaxed relax(const Gates& gates, double temperature, bool exactly) const {
    return gated_ ? gates.gated(logits_) : gates.relax(logits_, temperature, exactly);
  }

  /// Adam on the logits or gates; returns the gradient's norm.
  double descend(const std::vector<double>& gradient, double rate) {
    const double beta1 = settings().real("beta1"), beta2 = settings().real("beta2");
    const double time = static_cast<double>(now().step + 1);
    double square = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      square += gradient[i] * gradient[i];
      double& first = first_moment_[i];
      double& second = second_moment_[i];
      first = beta1 * first + (1 - beta1) * gradient[i];
      second = beta2 * second + (1 - beta2) * gradient[i] * gradient[i];
      logits_[i] -= rate * (first / (1 - std::pow(beta1, time))) /
                    (std::sqrt(second / (1 - std::pow(beta2, time))) + kAdamEpsilon);
      if (gated_) logits_[i] = std::clamp(logits_[i], 0.0, 1.0);
    }
    return std::sqrt(square);
  }

  /// Text and prompts each take the budgets in turn, so that whatever the mixture each budget sees both.
  Budget budgetOf(std::int64_t step) const {
    const std::vector<Budget> all = selection_.budgets("side_budgets");
    return all[static_cast<std::size_t>(data_.count(data_.isPrompt(step), step)) % all.size()];
  }

  /// Whether the discrete loss is measured as well: of text and of prompts separately, every so many steps of both.
  bool measuresHardLoss(std::int64_t step) const {
    const std::int64_t every = settings().integer("hard_every");
    if (every == 0) return false;
    const double share = settings().real("prompt_share");
    const std::int64_t round = share > 0 && share < 1 ? std::max<std::int64_t>(1, every / 2) : every;
    return (data_.count(data_.isPrompt(step), step) + 1) % round == 0 || step + 1 == settings().integer("steps");
  }

  struct Measured {
    SearchBatch batch;
    TeacherTarget target;
  };

  void outcome() {
    const std::int64_t steps = settings().integer("steps");
    // The last batches of the search serve once more: soft and hard loss must be of the same data to be compared.
    std::vector<Measured> batches;
    const std::int64_t count =
        std::max<std::int64_t>(2, settings().text("repair") == "off" ? 2 : settings().integer("repair_batches"));
    for (const std::int64_t step : data_.lastSteps(steps, count)) {
      Measured& measured = batches.emplace_back();
      measured.batch = data_.batch(step);
      measured.target = objective_.target(measured.batch);
    }
    std::size_t found = 0;
    const std::vector<Budget> wanted = selection_.budgets("extract");
    for (const Budget& budget : wanted) {
      tellExtraction(static_cast<double>(found) / static_cast<double>(wanted.size()));
      PlacementEvent event;
      event.step = steps;
      event.budget = budget;
      const Gates gate = selection_.gates(budget);
      const Gates::Discrete discrete = gate.discretise(logits_, values());
      event.placement = discrete.placement;
      event.margin = discrete.margin;
      const double temperature = now().settings.real("temperature_end");
      const Gates::Relaxed relaxed = relax(gate, temperature, true);
      event.soft_loss = mean(
          batches, [&](const Measured& m) { return objective_.soft(m.batch, m.target, relaxed.probabilities).loss; });
      event.hard_loss = hardLoss(batches, event.placement);
      if (settings().text("repair") != "off") {
        const auto done = static_cast<double>(found), all = static_cast<double>(wanted.size());
        repair(gate, discrete, batches, event, [&](double share) { tellExtraction((done + share) / all); });
      }
      context_.emit(event);
      ++found;
    }
  }

  /// Holds while the run is paused; throws Stopped.
  void tellExtraction(double fraction) {
    context_.progress().report("Measuring what was found", fraction);
    context_.progress().throwIfStopped();
  }

  template <class Loss>
  double mean(const std::vector<Measured>& batches, Loss loss) const {
    double sum = 0;
    for (const Measured& measured : batches) sum += loss(measured);
    return sum / static_cast<double>(batches.size());
  }

  double hardLoss(const std::vector<Measured>& batches, const Placement& placement) {
    return mean(batches, [&](const Measured& m) { return objective_.hard(m.batch, m.target, placement); });
  }

  /// One round of 1-swap local search on the true discrete loss: the best exchange of a kept layer for one not kept.
  void repair(const Gates& gate, const Gates::Discrete& discrete, const std::vector<Measured>& batches,
              PlacementEvent& event, const std::function<void(double)>& tell) {
    std::vector<int> tried = discrete.by_distance;
    const auto nearest = static_cast<std::size_t>(settings().integer("repair_layers"));
    if (settings().text("repair") == "boundary" && tried.size() > nearest) tried.resize(nearest);
    const Placement start = event.placement;
    const double limit = std::max(gate.problem().budget, gate.cost(start)) + 1e-9;
    for (std::size_t i = 0; i < tried.size(); ++i) {
      const int out = tried[i];
      if (start[out] != MixerKind::Full) continue;
      for (int in : tried) {
        if (start[in] == MixerKind::Full) continue;
        tell(static_cast<double>(i) / static_cast<double>(tried.size()));
        Placement swapped = start;
        swapped.set(out, start[in]);
        swapped.set(in, MixerKind::Full);
        if (gate.cost(swapped) > limit) continue;
        const double loss = hardLoss(batches, swapped);
        if (loss >= event.hard_loss) continue;
        event.hard_loss = loss;
        event.placement = std::move(swapped);
        event.repaired = true;
      }
    }
  }

  MethodContext& context_;
  Selection selection_;
  SearchData data_;
  bool gated_;
  Objective objective_;
  std::size_t full_ = 0;                                       ///< Full attention's column.
  std::vector<double> logits_, first_moment_, second_moment_;  ///< [L × O]: logits, or gates; the moments are Adam's.
};

}  // namespace

std::span<const SettingSpec> dashSettings() {
  static const std::vector<SettingSpec> table = tableOf({.parametrisation = "softmax",
                                                         .budget_mode = "shift",
                                                         .data = {},
                                                         .learning_rate = 0.1,
                                                         .learning_rate_end = 0,
                                                         .gate_weight = 0});
  return table;
}

std::span<const SettingSpec> flashMorphSettings() {
  static const std::vector<SettingSpec> table =
      tableOf({.parametrisation = "gate",
               .budget_mode = "none",
               .data = {.prompt_share = 1, .text_loss = "layer-relative", .prompt_loss = "layer-relative"},
               .learning_rate = 0.02,
               .learning_rate_end = 0.1,
               .gate_weight = 0.1});
  return table;
}

void checkGateSearch(const Settings& settings) {
  constexpr std::array<std::string_view, 2> kLists{"extract", "side_budgets"};
  checkSelection(settings, kLists);
  if (settings.text("parametrisation") == "gate") {
    if (kindsListed(settings.text("operators"), "operators").size() != 2) {
      throw usageError("operators", "one gate a layer chooses between two operators");
    }
    if (settings.text("budget_mode") == "shift") throw usageError("budget_mode", "shift is for the softmax");
  }
  for (const char* loss : {"text_loss", "prompt_loss"}) {
    if (settings.flag("teacher_forced") && !settings.text(loss).starts_with("layer-")) {
      throw usageError("teacher_forced", "it needs a loss of layers, not " + settings.text(loss));
    }
  }
}

void runDash(const MethodInput& input, MethodContext& context) { GateSearch(input, context, dashSettings()).run(); }
void runFlashMorph(const MethodInput& input, MethodContext& context) {
  GateSearch(input, context, flashMorphSettings()).run();
}

}  // namespace interleave
