// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/selection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/layer_list.h"
#include "backend/data/text_source.h"
#include "backend/formats/bounded_json.h"

namespace interleave {
namespace {

constexpr int kVersion = 1;

}  // namespace

Selection::Selection(const MethodInput& input, std::span<const SettingSpec> table)
    : input_(input), table_(table), settings_(table) {
  settings_.merge(input.spec.search_settings, "search settings");
  operators_ = kindsListed(settings_.text("operators"), "operators");
  for (MixerKind kind : operators_) input.bank->mixer(0, kind);  // names a kind that the bank lacks
  if (input.spec.resume_from) resume(*input.spec.resume_from);
  if (!input.spec.resume_from) now.pinned = pinsOfSettings();
  if (!input.spec.resume_from || input.spec.startsFork()) {
    now.budget = input.spec.budget;
    now.settings = settings_;
  }
  const std::string file = settings_.text("text_file");
  const std::string begun_with = std::exchange(now.text, textDigest(calibrationText(file)));
  if (!begun_with.empty() && begun_with != now.text) {
    throw badInput(file, {}, "the text is not the one that the run was begun with");
  }
}

Gates Selection::gates(const Budget& budget) const {
  std::vector<double> costs;
  for (int layer = 0; layer < layers(); ++layer) {
    for (MixerKind kind : operators_) {
      costs.push_back(
          budget.unit == Budget::Unit::FullLayers
              ? (kind == MixerKind::Full ? 1.0 : 0.0)
              : static_cast<double>(input_.bank->mixer(layer, kind).cost(budget.context_tokens).cache_bytes));
    }
  }
  return Gates({operators_, std::move(costs), static_cast<double>(budget.amount), now.pinned, budget.unit});
}

std::vector<int> Selection::freeLayers() const {
  std::vector<int> free;
  for (int layer = 0; layer < layers(); ++layer) {
    if (now.pinned[static_cast<std::size_t>(layer)] < 0) free.push_back(layer);
  }
  return free;
}

Placement Selection::pinnedIn(Placement placement) const {
  for (int layer = 0; layer < layers(); ++layer) {
    const int pin = now.pinned[static_cast<std::size_t>(layer)];
    if (pin >= 0) placement.set(layer, operators_[static_cast<std::size_t>(pin)]);
  }
  return placement;
}

std::vector<int> Selection::pinsOfSettings() const {
  std::vector<int> pins(static_cast<std::size_t>(layers()), -1);
  const auto full = static_cast<int>(std::ranges::find(operators_, MixerKind::Full) - operators_.begin());
  for (const auto& [key, operator_there] : {std::pair("keep", full), std::pair("leave", 1 - full)}) {
    for (const int layer : layersListed(settings_.text(key), key)) {
      if (layer >= layers()) {
        throw usageError(key, "there is no layer " + std::to_string(layer) + " among " + std::to_string(layers()));
      }
      pins[static_cast<std::size_t>(layer)] = operator_there;
    }
  }
  return pins;
}

void Selection::takeChanges(MethodContext& context, bool open) {
  for (const Intervention& change : context.beginStep(now.step + 1)) {
    try {
      if (!open) throw usageError("change", "this method takes none once it has begun");
      apply(change);
      context.emit(InterventionEvent{change});
    } catch (const Error& refused) {  // a slip of the hand must not end the run
      context.emit(LogEvent{LogEvent::Level::Warning, std::string("A change was refused: ") + refused.what()});
    }
  }
}

void Selection::apply(const Intervention& change) {
  Progressed next = now;
  if (change.kind == Intervention::Kind::Set) {
    if (change.key == "budget") {
      next.budget = change.budget();
    } else {
      const auto spec = std::ranges::find(table_, change.key, &SettingSpec::key);
      if (spec != table_.end() && !spec->live)
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
  std::swap(now, next);
  try {
    gates();  // refuses a budget that the pins do not allow
  } catch (const Error&) {
    std::swap(now, next);
    throw;
  }
}

std::vector<Budget> Selection::budgets(const std::string& setting) const {
  const auto reachable = [this](const Budget& budget) {
    try {
      gates(budget);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  std::vector<Budget> all{now.budget};
  for (const std::string& word : wordsOf(settings_.text(setting))) {
    const Budget budget = Budget::parse(word);
    if (std::ranges::find(all, budget) == all.end() && reachable(budget)) all.push_back(budget);
  }
  return all;
}

Checkpoint Selection::checkpoint(nlohmann::json found) const {
  found.update({{"version", kVersion},
                {"tokens", now.tokens},
                {"seconds", now.seconds},
                {"pinned", now.pinned},
                {"budget", now.budget.text()},
                {"settings", now.settings.json()},
                {"text", now.text}});
  return {.step = now.step, .state = found.dump()};
}

void Selection::resume(const Checkpoint& checkpoint) {
  try {
    found_ = parseJson(checkpoint.state, kCheckpointPlace);
    if (found_.at("version") != kVersion)
      throw badInput(kCheckpointPlace, "version", "it is from another version of this program");
    now.step = checkpoint.step;
    now.tokens = found_.at("tokens");
    now.seconds = found_.at("seconds");
    now.pinned = found_.at("pinned").get<std::vector<int>>();
    now.budget = Budget::parse(found_.at("budget"));
    now.text = found_.value("text", std::string());
    now.settings = settings_;
    now.settings.merge(found_.at("settings"), kCheckpointPlace);
  } catch (const nlohmann::json::exception& problem) {
    throw badInput(kCheckpointPlace, {}, problem.what());
  }
  if (now.settings.text("operators") != settings_.text("operators")) {
    throw badInput(
        kCheckpointPlace, "operators",
        "it is of a search over " + now.settings.text("operators") + ", not over " + settings_.text("operators"));
  }
  const auto columns = static_cast<int>(operators_.size());
  if (now.pinned.size() != static_cast<std::size_t>(layers()) ||
      std::ranges::any_of(now.pinned, [&](int pin) { return pin < -1 || pin >= columns; })) {
    throw badInput(kCheckpointPlace, {}, "it belongs to a search of another shape");
  }
}

std::vector<double> Selection::found(const char* key, std::size_t row) const {
  if (found_.is_null()) return {};
  std::vector<double> values;
  try {
    values = found_.at(key).get<std::vector<double>>();
  } catch (const nlohmann::json::exception& problem) {
    throw badInput(kCheckpointPlace, key, problem.what());
  }
  if (values.size() % row != 0) throw badInput(kCheckpointPlace, key, "it belongs to a search of another shape");
  return values;
}

std::vector<SettingSpec> selectionSettings(const std::string& operators) {
  using namespace setting;
  return {inferred(text("operators", operators,
                        "Operators to choose from in each layer, separated by commas; full is one of them.")),
          text("keep", "", "Layers that keep full attention whatever is found: 0,4 or 0-5."),
          text("leave", "", "Layers that never get it.")};
}

SettingSpec extractSetting() {
  return setting::text("extract", "", "Further budgets (layer counts) to extract at the end, separated by commas.");
}

void checkSelection(const Settings& settings, std::span<const std::string_view> budget_lists) {
  const std::vector<MixerKind> operators = kindsListed(settings.text("operators"), "operators");
  if (operators.size() < 2 || std::ranges::find(operators, MixerKind::Full) == operators.end()) {
    throw usageError("operators", "a search needs full attention and at least one other operator");
  }
  const std::vector<int> kept = layersListed(settings.text("keep"), "keep");
  for (const int layer : layersListed(settings.text("leave"), "leave")) {
    if (operators.size() != 2) throw usageError("leave", "it is for two operators");
    if (std::ranges::find(kept, layer) != kept.end()) {
      throw usageError("leave", "layer " + std::to_string(layer) + " is to be kept as well");
    }
  }
  for (const std::string_view key : budget_lists) {
    for (const std::string& word : wordsOf(settings.text(std::string(key)))) Budget::parse(word);
  }
}

void checkTwoOperators(const Settings& settings) {
  constexpr std::array<std::string_view, 1> kLists{"extract"};
  checkSelection(settings, kLists);
  if (kindsListed(settings.text("operators"), "operators").size() != 2) {
    throw usageError("operators", "this method holds full attention against one other operator");
  }
}

}  // namespace interleave
