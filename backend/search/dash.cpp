// SPDX-License-Identifier: GPL-3.0-or-later
//
// DASH, differentiable layer search with frozen weights (arXiv 2605.20936). Re-implemented from the published outline:
// logits per layer and operator, aligned candidates, only the logits move, discretisation. What the outline leaves open
// is marked `inferred` in the table of settings.
#include "backend/search/dash.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"
#include "backend/search/gates.h"
#include "backend/search/objective.h"
#include "backend/search/search_state.h"

namespace interleave {
namespace {

constexpr std::uint64_t kTextPurpose = 11, kFillerPurpose = 12, kPromptPurpose = 13;
constexpr double kAdamEpsilon = 1e-8;

const std::vector<SettingSpec>& table() {
  using namespace setting;
  static const std::vector<SettingSpec> specs{
      inferred(text("operators", "full,gdn-window",
                    "Operators to choose from in each layer, separated by commas; full is one of them.")),
      inferred(integer("steps", 48, 1, 1e7, "Optimiser steps.")),
      inferred(integer("text_tokens", 256, 8, 1 << 20, "Tokens of a text sequence.")),
      inferred(integer("text_positions", 128, 1, 1 << 20,
                       "Positions of a text sequence at which the loss is taken, evenly spread over its later part.")),
      inferred(real("prompt_share", 0.5, 0, 1, "Share of steps that use a retrieval prompt instead of text.")),
      inferred(integer("prompt_tokens", 340, 32, 1 << 20, "Tokens of a retrieval prompt.")),
      inferred(choice("prompt_wording", "standard", PasskeyTask::mixtures(),
                      "Wording of the retrieval prompts; mixed: four, which leaves three to evaluation.")),
      inferred(choice("text_loss", "kl", {"kl", "ce", "hidden-mse"}, "Loss on text.")),
      inferred(choice("prompt_loss", "kl", {"kl", "ce", "hidden-mse"},
                      "Loss at the answer tokens of prompts (hidden-mse: FlashMorph's supervision).")),
      live(inferred(real("text_weight", 1.0, 0, 1e6, "Factor on the loss of text steps."))),
      live(inferred(real("prompt_weight", 1.0, 0, 1e6, "Factor on the loss of prompt steps."))),
      live(inferred(real("learning_rate", 0.1, 0, 10, "Adam's peak rate on the logits; cosine to zero."))),
      inferred(real("beta1", 0.9, 0, 0.9999, "Adam's decay of the first moment.")),
      inferred(real("beta2", 0.999, 0, 0.999999, "Adam's decay of the second moment.")),
      live(inferred(
          real("temperature_start", 1.0, 1e-3, 100, "Softmax temperature at the first step; geometric in between."))),
      live(inferred(real("temperature_end", 0.3, 1e-3, 100, "Softmax temperature at the last step."))),
      inferred(
          choice("budget_mode", "shift", {"shift", "penalty"},
                 "shift: the budget is met exactly at every step by a common shift; penalty: (expected − budget)².")),
      live(inferred(real("budget_weight", 1.0, 0, 1e6, "Factor on the budget penalty, of the relative excess."))),
      live(inferred(real("entropy_weight", 0.0, 0, 1e6,
                         "Factor on the mean entropy at the last step; ramps up linearly from 0."))),
      integer("hard_every", 12, 0, 1e7, "Measure the discrete placement's loss every so many steps; 0: never."),
      text("extract", "", "Further budgets (layer counts) to extract at the end, separated by commas."),
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
      path("text_file", "Search text; empty: the bundled one."),
  };
  return specs;
}

std::vector<std::int64_t> evenly(std::int64_t first, std::int64_t last, std::int64_t count) {
  std::vector<std::int64_t> positions;
  count = std::min(count, last - first);
  for (std::int64_t i = 0; i < count; ++i) positions.push_back(first + i * (last - first) / count);
  return positions;
}

/// One run of the search; holds what does not change while it goes on.
class Dash {
 public:
  Dash(const MethodInput& input, MethodContext& context)
      : input_(input),
        context_(context),
        settings_(table()),
        operators_(readOperators()),
        objective_(input.bank, operators_, settings_.flag("recompute")),
        state_(initialState()) {
    for (MixerKind kind : operators_) input.bank->mixer(0, kind);  // names a kind that the bank lacks
    const std::string text = calibrationText(settings_.text("text_file"));
    const std::string read = std::exchange(state_.text, textDigest(text));
    if (!read.empty() && read != state_.text) {
      throw badInput(settings_.text("text_file"), {}, "the text is not the one that the run was begun with");
    }
    text_ = std::make_unique<TextSource>(input.tokenizer, text, settings_.integer("text_tokens"),
                                         derivedSeed(input.spec.seed, kTextPurpose));
    if (settings_.real("prompt_share") <= 0) return;
    auto filler = std::make_shared<TextSource>(input.tokenizer, text, settings_.integer("prompt_tokens"),
                                               derivedSeed(input.spec.seed, kFillerPurpose));
    prompts_ =
        std::make_unique<PasskeyTask>(input.tokenizer, std::move(filler), settings_.integer("prompt_tokens"),
                                      settings_.text("prompt_wording"), derivedSeed(input.spec.seed, kPromptPurpose));
  }

  std::vector<PlacementEvent> run() {
    const std::int64_t steps = settings_.integer("steps");
    while (state_.step < steps) {
      for (const Intervention& change : context_.beginStep(state_.step + 1)) {
        try {
          apply(change);
          context_.emit(InterventionEvent{change});
        } catch (const Error& refused) {  // a slip of the hand must not end the run
          context_.emit(LogEvent{LogEvent::Level::Warning, std::string("A change was refused: ") + refused.what()});
        }
      }
      step(steps);
    }
    return outcome();
  }

 private:
  std::vector<MixerKind> readOperators() {
    settings_.merge(input_.spec.search_settings, "search settings");
    return kindsListed(settings_.text("operators"), "operators");
  }

  int layers() const { return input_.model->config().layers; }

  /// What the budget counts, [L × O].
  std::vector<double> makeCosts(const Budget& budget) const {
    std::vector<double> costs;
    for (int layer = 0; layer < layers(); ++layer) {
      for (MixerKind kind : operators_) {
        costs.push_back(
            budget.unit == Budget::Unit::FullLayers
                ? (kind == MixerKind::Full ? 1.0 : 0.0)
                : static_cast<double>(input_.bank->mixer(layer, kind).cost(budget.context_tokens).cache_bytes));
      }
    }
    return costs;
  }

  SearchState initialState() const {
    if (input_.spec.resume_from) {
      SearchState state =
          fromCheckpoint(*input_.spec.resume_from, settings_, layers(), static_cast<int>(operators_.size()));
      if (input_.spec.startsFork()) {
        state.budget = input_.spec.budget;
        state.settings = settings_;
      }
      return state;
    }
    const std::size_t cells = static_cast<std::size_t>(layers()) * operators_.size();
    SearchState state;
    state.logits = state.first_moment = state.second_moment = std::vector<double>(cells, 0.0);
    state.pinned.assign(static_cast<std::size_t>(layers()), -1);
    state.budget = input_.spec.budget;
    state.settings = settings_;
    return state;
  }

  Gates gates(const Budget& budget) const {
    return Gates({operators_, makeCosts(budget), static_cast<double>(budget.amount), state_.pinned});
  }

  void apply(const Intervention& change) {
    SearchState next = state_;
    if (change.kind == Intervention::Kind::Set) {
      if (change.key == "budget") {
        next.budget = change.budget();
      } else {
        const auto spec = std::ranges::find(table(), change.key, &SettingSpec::key);
        if (spec != table().end() && !spec->live)
          throw usageError(change.key, "this setting cannot be changed while a run goes on");
        next.settings.merge({{change.key, change.value}}, {});
      }
    } else {
      if (change.layer < 0 || change.layer >= layers())
        throw usageError("layer", "there is no layer " + std::to_string(change.layer));
      const auto column = std::ranges::find(operators_, change.mixer) - operators_.begin();
      const bool pin = change.kind == Intervention::Kind::Pin;
      if (pin && column == static_cast<std::ptrdiff_t>(operators_.size())) {
        throw usageError("pin", "\"" + std::string(name(change.mixer)) + "\" is not among this search's operators");
      }
      next.pinned[static_cast<std::size_t>(change.layer)] = pin ? static_cast<int>(column) : -1;
    }
    std::swap(state_, next);
    try {
      gates(state_.budget);  // refuses a budget that the pins do not allow
    } catch (const Error&) {
      std::swap(state_, next);
      throw;
    }
  }

  bool isPrompt(std::int64_t step) const { return isPromptStep(step, settings_.real("prompt_share")); }

  SearchBatch batchFor(std::int64_t step) const {
    SearchBatch batch;
    if (isPrompt(step)) {
      AnsweredPrompt prompt = prompts_->prompt(step);
      batch.loss = lossKindNamed(settings_.text("prompt_loss"));
      const auto end = static_cast<std::int64_t>(prompt.ids.size()) - 1;
      batch.positions = evenly(prompt.answer_begin - 1, end, end);
      batch.ids = std::move(prompt.ids);
    } else {
      batch.loss = lossKindNamed(settings_.text("text_loss"));
      batch.ids = text_->sequence(step);
      const auto last = static_cast<std::int64_t>(batch.ids.size()) - 1;
      const std::int64_t wanted = std::min(settings_.integer("text_positions"), last);
      batch.positions = evenly(std::min(last / 8, last - wanted), last, wanted);
    }
    return batch;
  }

  void step(std::int64_t steps) {
    const auto began = std::chrono::steady_clock::now();
    const Settings& now = state_.settings;
    const double progress = static_cast<double>(state_.step) / static_cast<double>(steps);
    const double temperature =
        now.real("temperature_start") *
        std::pow(now.real("temperature_end") / now.real("temperature_start"),
                 steps > 1 ? static_cast<double>(state_.step) / static_cast<double>(steps - 1) : 1);
    const double rate = now.real("learning_rate") * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    const bool exact = settings_.text("budget_mode") == "shift";
    const Gates gate = gates(budgetOf(state_.step));
    const Gates::Relaxed relaxed = gate.relax(state_.logits, temperature, exact);
    const std::vector<double>& p = relaxed.probabilities;

    const bool prompt = isPrompt(state_.step);
    const SearchBatch batch = batchFor(state_.step);
    const TeacherTarget target = objective_.target(batch);
    const Objective::Soft soft = objective_.soft(batch, target, p);

    Metrics metrics = noMetrics();
    const auto metric = [&metrics](Metric which) -> double& { return metrics[static_cast<std::size_t>(which)]; };
    const double weight = now.real(prompt ? "prompt_weight" : "text_weight");
    const double entropy_weight = now.real("entropy_weight") * progress;
    const double entropy = gate.meanEntropy(p), expected = gate.expectedCost(p);
    const double excess = exact ? 0 : (expected - gate.problem().budget) / std::max(1.0, gate.problem().budget);
    const std::vector<double> entropy_gradient = gate.meanEntropyGradient(p);
    std::vector<double> gradient = soft.gradient;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = weight * gradient[i] + entropy_weight * entropy_gradient[i] +
                    (exact ? 0
                           : now.real("budget_weight") * 2 * excess * gate.problem().costs[i] /
                                 std::max(1.0, gate.problem().budget));
    }
    metric(Metric::Loss) =
        weight * soft.loss + entropy_weight * entropy + (exact ? 0 : now.real("budget_weight") * excess * excess);
    metric(prompt ? Metric::PromptLoss : Metric::TextLoss) = soft.loss;
    metric(Metric::ExpectedBudget) = expected;
    metric(Metric::Entropy) = entropy;
    metric(Metric::Temperature) = temperature;
    metric(Metric::LearningRate) = rate;
    metric(Metric::EntropyWeight) = entropy_weight;
    metric(Metric::GradientNorm) = descend(gate.pullback(relaxed, gradient), rate);

    ++state_.step;
    const auto tokens = static_cast<std::int64_t>(batch.ids.size());
    state_.tokens += tokens;
    const Gates own = gates(state_.budget);  // what is shown is always at the run's own budget
    const Gates::Discrete now_discrete = own.discretise(state_.logits);
    metric(Metric::Margin) = now_discrete.margin;
    if (measuresHardLoss(state_.step - 1)) {
      metric(prompt ? Metric::HardPromptLoss : Metric::HardTextLoss) =
          objective_.hard(batch, target, now_discrete.placement);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    state_.seconds += seconds;
    metric(Metric::TokensPerSecond) = static_cast<double>(tokens) / seconds;
    metric(Metric::MemoryBytes) = residentBytes();

    StepEvent event;
    event.step = state_.step;
    event.steps = steps;
    event.tokens = state_.tokens;
    event.seconds = state_.seconds;
    event.operators = operators_;
    event.logits.assign(state_.logits.begin(), state_.logits.end());
    const std::vector<double> shown = own.relax(state_.logits, temperature, exact).probabilities;
    event.probabilities.assign(shown.begin(), shown.end());
    event.metrics = metrics;
    event.if_stopped_now = now_discrete.placement;
    event.checkpoint = toCheckpoint(state_);
    context_.emit(event);
  }

  /// Adam on the logits; returns the gradient's norm.
  double descend(const std::vector<double>& gradient, double rate) {
    const double beta1 = settings_.real("beta1"), beta2 = settings_.real("beta2");
    const double time = static_cast<double>(state_.step + 1);
    double square = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      square += gradient[i] * gradient[i];
      double& first = state_.first_moment[i];
      double& second = state_.second_moment[i];
      first = beta1 * first + (1 - beta1) * gradient[i];
      second = beta2 * second + (1 - beta2) * gradient[i] * gradient[i];
      state_.logits[i] -= rate * (first / (1 - std::pow(beta1, time))) /
                          (std::sqrt(second / (1 - std::pow(beta2, time))) + kAdamEpsilon);
    }
    return std::sqrt(square);
  }

  bool reachable(const Budget& budget) const {
    try {
      gates(budget);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  /// The run's own budget, then those that a setting lists and that the model and the pins allow: a preset is made for
  /// models of many depths.
  std::vector<Budget> budgets(const std::string& setting) const {
    std::vector<Budget> all{state_.budget};
    for (const std::string& word : wordsOf(settings_.text(setting))) {
      const Budget budget = Budget::parse(word);
      if (std::ranges::find(all, budget) == all.end() && reachable(budget)) all.push_back(budget);
    }
    return all;
  }

  /// How many of the first `steps` steps use a prompt (`prompt`), or text.
  std::int64_t countOf(bool prompt, std::int64_t steps) const {
    const auto prompts =
        static_cast<std::int64_t>(std::floor(static_cast<double>(steps) * settings_.real("prompt_share")));
    return prompt ? prompts : steps - prompts;
  }

  /// Text and prompts each take the budgets in turn, so that whatever the mixture each budget sees both.
  Budget budgetOf(std::int64_t step) const {
    const std::vector<Budget> all = budgets("side_budgets");
    return all[static_cast<std::size_t>(countOf(isPrompt(step), step)) % all.size()];
  }

  /// Whether the discrete loss is measured as well: of text and of prompts separately, every so many steps of both.
  bool measuresHardLoss(std::int64_t step) const {
    const std::int64_t every = settings_.integer("hard_every");
    if (every == 0) return false;
    const double share = settings_.real("prompt_share");
    const std::int64_t round = share > 0 && share < 1 ? std::max<std::int64_t>(1, every / 2) : every;
    return (countOf(isPrompt(step), step) + 1) % round == 0 || step + 1 == settings_.integer("steps");
  }

  /// The last `count` steps, half of them text and half prompts where the search has both.
  std::vector<std::int64_t> lastSteps(std::int64_t count) const {
    const std::int64_t steps = settings_.integer("steps"), texts = countOf(false, steps),
                       prompts = countOf(true, steps);
    std::int64_t prompts_wanted = std::min(prompts, std::max(count / 2, count - texts));
    std::int64_t texts_wanted = std::min(texts, count - prompts_wanted);
    std::vector<std::int64_t> last;
    for (std::int64_t step = steps; step-- > 0;) {
      if ((isPrompt(step) ? prompts_wanted : texts_wanted)-- > 0) last.push_back(step);
    }
    std::ranges::reverse(last);
    return last;
  }

  struct Measured {
    SearchBatch batch;
    TeacherTarget target;
  };

  std::vector<PlacementEvent> outcome() {
    const std::int64_t steps = settings_.integer("steps");
    // The last batches of the search serve once more: soft and hard loss must be of the same data to be compared.
    std::vector<Measured> batches;
    const std::int64_t count =
        std::max<std::int64_t>(2, settings_.text("repair") == "off" ? 2 : settings_.integer("repair_batches"));
    for (const std::int64_t step : lastSteps(count)) {
      Measured& measured = batches.emplace_back();
      measured.batch = batchFor(step);
      measured.target = objective_.target(measured.batch);
    }
    std::vector<PlacementEvent> found;
    const std::vector<Budget> wanted = budgets("extract");
    for (const Budget& budget : wanted) {
      tellExtraction(static_cast<double>(found.size()) / static_cast<double>(wanted.size()));
      PlacementEvent event;
      event.step = steps;
      event.budget = budget;
      const Gates gate = gates(budget);
      const Gates::Discrete discrete = gate.discretise(state_.logits);
      event.placement = discrete.placement;
      event.margin = discrete.margin;
      const double temperature = state_.settings.real("temperature_end");
      const Gates::Relaxed relaxed = gate.relax(state_.logits, temperature, true);
      event.soft_loss = mean(
          batches, [&](const Measured& m) { return objective_.soft(m.batch, m.target, relaxed.probabilities).loss; });
      event.hard_loss = hardLoss(batches, event.placement);
      if (settings_.text("repair") != "off") {
        const auto done = static_cast<double>(found.size()), all = static_cast<double>(wanted.size());
        repair(gate, discrete, batches, event, [&](double share) { tellExtraction((done + share) / all); });
      }
      context_.emit(event);
      found.push_back(std::move(event));
    }
    return found;
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
    const auto nearest = static_cast<std::size_t>(settings_.integer("repair_layers"));
    if (settings_.text("repair") == "boundary" && tried.size() > nearest) tried.resize(nearest);
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

  const MethodInput& input_;
  MethodContext& context_;
  Settings settings_;  ///< As the run began; state_.settings follows interventions.
  std::vector<MixerKind> operators_;
  Objective objective_;
  SearchState state_;
  std::unique_ptr<TextSource> text_;
  std::unique_ptr<PasskeyTask> prompts_;
};

}  // namespace

std::span<const SettingSpec> dashSettings() { return table(); }

void checkDash(const Settings& settings) {
  const std::vector<MixerKind> operators = kindsListed(settings.text("operators"), "operators");
  if (operators.size() < 2 || std::ranges::find(operators, MixerKind::Full) == operators.end()) {
    throw usageError("operators", "a search needs full attention and at least one other operator");
  }
  for (const char* key : {"extract", "side_budgets"}) {
    for (const std::string& word : wordsOf(settings.text(key))) Budget::parse(word);
  }
}

std::vector<PlacementEvent> runDash(const MethodInput& input, MethodContext& context) {
  return Dash(input, context).run();
}

}  // namespace interleave
