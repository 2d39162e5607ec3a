// SPDX-License-Identifier: GPL-3.0-or-later
//
// What is done by hand: evenly spaced layers from an offset, the first, the last, or layers at random. A search that is
// no better than these has found nothing.
#include "backend/core/random.h"
#include "backend/core/statistics.h"
#include "backend/search/objective.h"
#include "backend/search/placement_loss.h"
#include "backend/search/search_data.h"
#include "backend/search/selection.h"
#include "backend/search/trial_methods.h"

namespace interleave {
namespace {

constexpr std::uint64_t kRandomPurpose = 51;

const std::vector<SettingSpec>& handRuleTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs = [] {
    std::vector<SettingSpec> all = selectionSettings("full,gdn-window");
    all.push_back(choice("rule", "uniform", {"uniform", "first", "last", "random"}, "Which layers are kept."));
    all.push_back(integer("offset", 0, 0, 1 << 16, "Of uniform: where it begins, among the layers that are free."));
    all.push_back(integer("batches", 4, 1, 1e6, "Batches that the placement's loss is measured on."));
    for (SettingSpec& spec : SearchData::settings({})) all.push_back(std::move(spec));
    all.push_back(extractSetting());
    all.push_back(choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products."));
    return all;
  }();
  return specs;
}

/// As many of the free layers as the budget has room for, by the rule.
Placement placementOf(const MethodInput& input, const Selection& selection, const Budget& budget) {
  const Gates gates = selection.gates(budget);
  const MixerKind other = selection.other();
  const Placement fixed = selection.pinnedIn(Placement(selection.layers(), other));
  const std::vector<int> free = selection.freeLayers();
  const auto count = static_cast<int>(free.size());
  const std::string rule = selection.settings().text("rule");
  const auto offset = static_cast<int>(selection.settings().integer("offset"));
  for (int kept = count; kept > 0; --kept) {
    const Placement among = rule == "first"  ? Placement::first(count, kept, other)
                            : rule == "last" ? Placement::last(count, kept, other)
                            : rule == "random"
                                ? Placement::random(count, kept, derivedSeed(input.spec.seed, kRandomPurpose), other)
                                : Placement::uniform(count, kept, offset % count, other);
    Placement placement = fixed;
    for (const int i : among.kept()) placement.set(free[static_cast<std::size_t>(i)], MixerKind::Full);
    if (gates.allows(placement)) return placement;
  }
  return fixed;
}

StepEvent stepOf(const Selection& selection, const Placement& placement) {
  StepEvent event;
  event.step = event.steps = 1;
  event.operators = selection.operators();
  for (const MixerKind kind : placement.kinds()) {
    for (const MixerKind column : event.operators) event.probabilities.push_back(kind == column ? 1 : 0);
  }
  event.logits = event.probabilities;
  event.if_stopped_now = placement;
  return event;
}

}  // namespace

std::span<const SettingSpec> handRuleSettings() { return handRuleTable(); }

void runHandRule(const MethodInput& input, MethodContext& context) {
  Selection selection(input, handRuleTable());
  if (selection.now.step == 0) {
    selection.takeChanges(context);
    StepEvent event = stepOf(selection, placementOf(input, selection, selection.now.budget));
    selection.now.step = 1;
    event.checkpoint = selection.checkpoint(nlohmann::json::object());
    context.emit(event);
  }
  const Objective objective(input.bank, selection.operators(), false);
  const SearchData data(input, selection.settings());
  std::vector<SearchBatch> batches;
  for (std::int64_t i = 0; i < selection.settings().integer("batches"); ++i) batches.push_back(data.batch(i));
  PlacementLoss losses(objective, std::move(batches));
  for (const Budget& budget : selection.budgets("extract")) {
    PlacementEvent event;
    event.step = 1;
    event.budget = budget;
    event.placement = placementOf(input, selection, budget);
    event.hard_loss = meanOf(losses.losses(event.placement, context.progress()));
    context.emit(event);
  }
}

}  // namespace interleave
