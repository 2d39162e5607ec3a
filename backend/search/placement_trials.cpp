// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/placement_trials.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/statistics.h"
#include "backend/search/objective.h"
#include "backend/search/placement_loss.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::size_t kBest = 16;  // of which p(full) is the share

struct Trial {
  double loss = 0;
  std::vector<int> kept;
  auto operator<=>(const Trial&) const = default;
};

void to_json(json& value, const Trial& trial) { value = {trial.loss, trial.kept}; }
void from_json(const json& value, Trial& trial) {
  value.at(0).get_to(trial.loss);
  value.at(1).get_to(trial.kept);
}

/// The batches of a run.
struct Batches {
  Batches(const MethodInput& input, const Settings& settings, SearchData::Part part) {
    const SearchData data(input, settings, part);
    for (std::int64_t i = 0; i < settings.integer("batches"); ++i) {
      all.push_back(data.batch(i));
      prompts.push_back(data.isPrompt(i));
    }
  }
  /// A placement's losses on them.
  TrialEvent trial(std::int64_t step, const Placement& placement, std::span<const double> losses, bool asked) const {
    TrialEvent told{.step = step, .placement = placement, .text = {}, .prompts = {}, .asked = asked};
    for (std::size_t i = 0; i < losses.size(); ++i) (prompts[i] ? told.prompts : told.text).push_back(losses[i]);
    if (!std::isfinite(meanOf(losses))) throw failure("search", "the loss of " + placement.line() + " is not finite");
    return told;
  }

  std::vector<SearchBatch> all;  ///< Moved from where they are judged.
  std::vector<bool> prompts;
};

class TrialRun {
 public:
  TrialRun(const MethodInput& input, MethodContext& context, const TrialMethod& method)
      : input_(input),
        context_(context),
        method_(method),
        selection_(input, method.table),
        objective_(input.bank, selection_.operators(), false) {
    const auto layers = static_cast<std::size_t>(selection_.layers());
    without_.assign(layers, 0);
    with_.assign(layers, 0);
    count_with_.assign(layers, 0);
    const json found = selection_.found();
    if (found.is_null()) return;
    try {
      found.at("with").get_to(with_);
      found.at("without").get_to(without_);
      found.at("count_with").get_to(count_with_);
      found.at("best").get_to(best_);
      found.at("within").get_to(within_);
      state_ = found.at("plan");
    } catch (const json::exception& problem) {
      throw badInput(kCheckpointPlace, {}, problem.what());
    }
    if (with_.size() != layers || without_.size() != layers || count_with_.size() != layers) {
      throw badInput(kCheckpointPlace, {}, "it belongs to a run of another shape");
    }
    for (const Trial& trial : best_) placementOf(trial);
    for (const auto& [budget, trial] : within_) placementOf(trial);
  }

  void run() {
    if (now().step == 0) selection_.takeChanges(context_);
    const std::unique_ptr<TrialPlan> plan = method_.plan(input_, selection_, state_);
    Batches batches(input_, settings(), method_.data);
    PlacementLoss losses(objective_, std::move(batches.all), settings().flag("prompt_only"));
    for (bool first = now().step == 0; const std::optional<Placement> next = plan->next(); first = false) {
      if (!first) selection_.takeChanges(context_, false);
      step(*next, *plan, losses, batches);
    }
    outcome();
  }

 private:
  const Settings& settings() const { return selection_.settings(); }
  const Progressed& now() const { return selection_.now; }
  Placement placementOf(const Trial& trial) const {
    return Placement::keeping(selection_.layers(), trial.kept, selection_.other());
  }

  void step(const Placement& placement, TrialPlan& plan, PlacementLoss& losses, const Batches& batches) {
    const auto began = std::chrono::steady_clock::now();
    const std::vector<double> each = losses.losses(placement, context_.progress());
    TrialEvent told = batches.trial(now().step + 1, placement, each, plan.asked());
    const Trial trial{.loss = meanOf(each), .kept = placement.kept()};
    plan.tell(trial.loss);
    count(trial);
    ++selection_.now.step;
    selection_.now.tokens += losses.tokens();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    selection_.now.seconds += seconds;
    const double text = meanOf(told.text), prompts = meanOf(told.prompts);
    context_.emit(std::move(told));

    StepEvent event;
    event.step = now().step;
    event.steps = now().step + plan.left();
    event.tokens = now().tokens;
    event.seconds = now().seconds;
    event.operators = selection_.operators();
    show(event);
    const auto metric = [&event](Metric which) -> double& { return event.metrics[static_cast<std::size_t>(which)]; };
    metric(Metric::Loss) = trial.loss;
    metric(Metric::HardTextLoss) = text;
    metric(Metric::HardPromptLoss) = prompts;
    metric(Metric::Margin) = best_.size() > 1 ? best_[1].loss - best_[0].loss : 0;
    metric(Metric::TokensPerSecond) = static_cast<double>(losses.tokens()) / seconds;
    metric(Metric::MemoryBytes) = residentBytes();
    event.checkpoint = selection_.checkpoint({{"with", with_},
                                              {"without", without_},
                                              {"count_with", count_with_},
                                              {"best", best_},
                                              {"within", within_},
                                              {"plan", plan.state()}});
    context_.emit(event);
  }

  void count(const Trial& trial) {
    for (std::size_t layer = 0, next = 0; layer < with_.size(); ++layer) {
      const bool kept = next < trial.kept.size() && trial.kept[next] == static_cast<int>(layer);
      (kept ? with_ : without_)[layer] += trial.loss;
      if (kept) ++count_with_[layer], ++next;
    }
    best_.insert(std::ranges::upper_bound(best_, trial), trial);
    if (best_.size() > kBest) best_.pop_back();
    const Placement placement = placementOf(trial);
    for (const Budget& budget : selection_.budgets("extract")) {
      if (!selection_.gates(budget).allows(placement)) continue;
      const auto [known, is_new] = within_.try_emplace(budget.text(), trial);
      if (!is_new && trial < known->second) known->second = trial;
    }
  }

  /// Logits, p(full) and the best so far.
  void show(StepEvent& event) const {
    const std::size_t full = selection_.operators()[0] == MixerKind::Full ? 0 : 1;
    event.logits.assign(2 * with_.size(), 0);
    event.probabilities.assign(2 * with_.size(), 0);
    for (std::size_t layer = 0; layer < with_.size(); ++layer) {
      const auto kept = static_cast<double>(count_with_[layer]);
      const auto left = static_cast<double>(now().step - count_with_[layer]);
      const double effect = kept > 0 && left > 0 ? without_[layer] / left - with_[layer] / kept : 0;
      const auto among = std::ranges::count_if(
          best_, [&](const Trial& trial) { return std::ranges::binary_search(trial.kept, static_cast<int>(layer)); });
      const float share = static_cast<float>(among) / static_cast<float>(best_.size());
      event.logits[2 * layer + full] = static_cast<float>(effect);
      event.probabilities[2 * layer + full] = share;
      event.probabilities[2 * layer + 1 - full] = 1 - share;
    }
    const auto within = within_.find(now().budget.text());
    event.if_stopped_now = placementOf(within != within_.end() ? within->second : best_.front());
    const std::vector<double> shares(event.probabilities.begin(), event.probabilities.end());
    const Gates gates = selection_.gates();
    event.metrics[static_cast<std::size_t>(Metric::ExpectedBudget)] = gates.expectedCost(shares);
    event.metrics[static_cast<std::size_t>(Metric::Entropy)] = gates.meanEntropy(shares);
  }

  void outcome() {
    for (const Budget& budget : selection_.budgets("extract")) {
      const auto within = within_.find(budget.text());
      if (within == within_.end()) continue;  // no trial was that small
      PlacementEvent event;
      event.step = now().step;
      event.budget = budget;
      event.placement = placementOf(within->second);
      event.hard_loss = within->second.loss;
      context_.emit(event);
    }
  }

  const MethodInput& input_;
  MethodContext& context_;
  const TrialMethod& method_;
  Selection selection_;
  Objective objective_;
  std::vector<double> with_, without_;  ///< [L]: sums of losses of the trials that keep the layer, or do not.
  std::vector<std::int64_t> count_with_;
  std::vector<Trial> best_;              ///< Ascending.
  std::map<std::string, Trial> within_;  ///< The best within each budget.
  json state_;                           ///< Of the plan, where the run goes on.
};

}  // namespace

std::vector<SettingSpec> trialSettings(std::int64_t batches, std::vector<SettingSpec> own) {
  using namespace setting;
  std::vector<SettingSpec> all = selectionSettings("full,gdn-window");
  all.push_back(integer("batches", batches, 1, 1e6, "Batches that each placement is judged on."));
  for (std::vector<SettingSpec> more : {std::move(own), SearchData::settings({})}) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  all.push_back(flag("prompt_only", false,
                     "Of prompts: at the answer's tokens every layer has full attention, as in NLL-guided selection "
                     "(prefill only)."));
  all.push_back(extractSetting());
  all.push_back(choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products."));
  return all;
}

std::vector<TrialEvent> tryPlacements(const MethodInput& input, const TrialMethod& method,
                                      std::span<const Placement> placements, std::int64_t first_step,
                                      Progress& progress) {
  const Selection selection(input, method.table);
  const Objective objective(input.bank, selection.operators(), false);
  Batches batches(input, selection.settings(), method.data);
  PlacementLoss losses(objective, std::move(batches.all), selection.settings().flag("prompt_only"));
  std::vector<TrialEvent> trials;
  for (const Placement& placement : placements) {
    progress.throwIfStopped();
    progress.report("Trying placements", static_cast<double>(trials.size()) / static_cast<double>(placements.size()));
    const std::int64_t step = first_step + std::ssize(trials);
    trials.push_back(batches.trial(step, placement, losses.losses(placement, progress), true));
  }
  return trials;
}

void runTrials(const MethodInput& input, MethodContext& context, const TrialMethod& method) {
  TrialRun(input, context, method).run();
}

}  // namespace interleave
