// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/search_state.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"

namespace interleave {
namespace {

constexpr int kVersion = 1;
const char* const kPlace = "checkpoint";

}  // namespace

Checkpoint toCheckpoint(const SearchState& state) {
  const nlohmann::json json{{"version", kVersion},
                            {"tokens", state.tokens},
                            {"seconds", state.seconds},
                            {"logits", state.logits},
                            {"first_moment", state.first_moment},
                            {"second_moment", state.second_moment},
                            {"pinned", state.pinned},
                            {"budget", state.budget.text()},
                            {"settings", state.settings.json()},
                            {"text", state.text}};
  return {.step = state.step, .state = json.dump()};
}

SearchState fromCheckpoint(const Checkpoint& checkpoint, const Settings& settings, int layers, int operators) {
  SearchState state;
  try {
    const nlohmann::json json = parseJson(checkpoint.state, kPlace);
    if (json.at("version") != kVersion) throw badInput(kPlace, "version", "it is from another version of this program");
    state.step = checkpoint.step;
    state.tokens = json.at("tokens");
    state.seconds = json.at("seconds");
    state.logits = json.at("logits").get<std::vector<double>>();
    state.first_moment = json.at("first_moment").get<std::vector<double>>();
    state.second_moment = json.at("second_moment").get<std::vector<double>>();
    state.pinned = json.at("pinned").get<std::vector<int>>();
    state.budget = Budget::parse(json.at("budget"));
    state.text = json.value("text", std::string());
    state.settings = settings;
    state.settings.merge(json.at("settings"), kPlace);
  } catch (const nlohmann::json::exception& problem) {
    throw badInput(kPlace, {}, problem.what());
  }
  if (state.settings.text("operators") != settings.text("operators")) {
    throw badInput(
        kPlace, "operators",
        "it is of a search over " + state.settings.text("operators") + ", not over " + settings.text("operators"));
  }
  const bool pins_fit = std::ranges::all_of(state.pinned, [&](int pin) { return pin >= -1 && pin < operators; });
  const auto cells = static_cast<std::size_t>(layers) * static_cast<std::size_t>(operators);
  if (state.logits.size() != cells || state.first_moment.size() != cells || state.second_moment.size() != cells ||
      state.pinned.size() != static_cast<std::size_t>(layers) || !pins_fit) {
    throw badInput(kPlace, {}, "it belongs to a search of another shape");
  }
  return state;
}

}  // namespace interleave
