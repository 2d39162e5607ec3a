// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/run_spec.h"

#include <array>
#include <string_view>

#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

constexpr std::array<std::string_view, 3> kKindNames{"set", "pin", "release"};

const nlohmann::json& member(const nlohmann::json& json, const char* key, const std::string& place) {
  if (!json.is_object() || !json.contains(key)) throw badInput({}, place, std::string("\"") + key + "\" is missing");
  return json.at(key);
}

template <class T>
T read(const nlohmann::json& json, const char* key, const std::string& place) {
  try {
    return member(json, key, place).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw badInput({}, place, std::string("\"") + key + "\" has the wrong type");
  }
}

}  // namespace

nlohmann::json toJson(const Intervention& change) {
  nlohmann::json json{{"kind", kKindNames.at(static_cast<std::size_t>(change.kind))}, {"step", change.step}};
  if (change.kind == Intervention::Kind::Set) {
    json["key"] = change.key;
    json["value"] = change.value;
  } else {
    json["layer"] = change.layer;
    if (change.kind == Intervention::Kind::Pin) json["mixer"] = name(change.mixer);
  }
  return json;
}

Intervention interventionFromJson(const nlohmann::json& json, const std::string& place) {
  Intervention change;
  const auto kind = read<std::string>(json, "kind", place);
  change.step = read<std::int64_t>(json, "step", place);
  if (kind == "set") {
    change.key = read<std::string>(json, "key", place);
    change.value = member(json, "value", place);
    return change;
  }
  if (kind != "pin" && kind != "release") throw badInput({}, place, "unknown kind \"" + kind + "\"");
  change.kind = kind == "pin" ? Intervention::Kind::Pin : Intervention::Kind::Release;
  change.layer = read<int>(json, "layer", place);
  if (kind == "pin") {
    const auto mixer = mixerKindNamed(read<std::string>(json, "mixer", place));
    if (!mixer) throw badInput({}, place, "unknown operator");
    change.mixer = *mixer;
  }
  return change;
}

Budget Intervention::budget() const {
  return Budget::parse(value.is_string() ? value.get<std::string>() : value.dump());
}

bool RunSpec::tellsChat() const { return search_settings.is_object() && search_settings.contains(kChatSetting); }

std::string RunSpec::chat() const {
  const nlohmann::json value = tellsChat() ? search_settings.at(kChatSetting) : nlohmann::json();
  return value.is_string() ? value.get<std::string>() : "auto";
}

bool RunSpec::startsFork() const {
  return resume_from && forked_from.ends_with(std::string("@").append(std::to_string(resume_from->step)));
}

std::string standardTitle(const RunSpec& spec) {
  const bool layers = spec.budget.unit == Budget::Unit::FullLayers;
  std::string title = spec.method;
  return title.append(layers ? "-k" : "-").append(spec.budget.text()).append("-s").append(std::to_string(spec.seed));
}

Pins pinsAt(const std::vector<Intervention>& changes, std::int64_t step) {
  Pins pins;
  for (const Intervention& change : changes) {
    if (change.step > step) continue;
    if (change.kind == Intervention::Kind::Pin) pins[change.layer] = change.mixer;
    if (change.kind == Intervention::Kind::Release) pins.erase(change.layer);
  }
  return pins;
}

RunSpec forkOf(RunSpec origin, std::int64_t run, Checkpoint at) {
  if (origin.isHeal()) throw usageError("fork", "a heal has no forks: its state is one run's");
  for (const Intervention& change : origin.interventions) {
    if (change.step > at.step || change.kind != Intervention::Kind::Set) continue;
    if (change.key == "budget") {
      origin.budget = change.budget();
    } else {
      origin.search_settings[change.key] = change.value;
    }
  }
  const Pins pins = pinsAt(origin.interventions, at.step);
  origin.interventions.clear();
  for (const auto& [layer, mixer] : pins) {
    Intervention pin;
    pin.kind = Intervention::Kind::Pin;
    pin.step = at.step + 1;
    pin.layer = layer;
    pin.mixer = mixer;
    origin.interventions.push_back(pin);
  }
  origin.title.clear();
  origin.forked_from = std::to_string(run) + "@" + std::to_string(at.step);
  origin.resume_from = std::move(at);
  return origin;
}

void changeFork(RunSpec& fork, const nlohmann::json& search_settings) {
  const auto value = [](const nlohmann::json& settings, const char* key) {
    return settings.contains(key) ? settings.at(key) : nlohmann::json();
  };
  const nlohmann::json own = value(fork.search_settings, "operators");
  if (!own.is_null() && value(search_settings, "operators") != own) {
    throw usageError("operators", "a fork keeps those of its origin, " + own.dump());
  }
  const nlohmann::json steps = value(search_settings, "steps");
  if (steps.is_number_integer() && steps.get<std::int64_t>() < fork.resume_from->step) {
    throw usageError("steps", "the checkpoint is of step " + std::to_string(fork.resume_from->step) + " already");
  }
  fork.search_settings = search_settings;
}

nlohmann::json toJson(const RunSpec& spec) {
  return {{"title", spec.title},
          {"model_path", spec.model_path},
          {"bank_dir", spec.bank_dir},
          {"method", spec.method},
          {"preset", spec.preset},
          {"budget", spec.budget.text()},
          {"seed", spec.seed},
          {"bank_settings", spec.bank_settings},
          {"search_settings", spec.search_settings},
          {"device", spec.device},
          {"forked_from", spec.forked_from}};
}

RunSpec runSpecFromJson(const nlohmann::json& json, const std::string& place) {
  RunSpec spec;
  spec.title = read<std::string>(json, "title", place);
  spec.model_path = read<std::string>(json, "model_path", place);
  spec.bank_dir = read<std::string>(json, "bank_dir", place);
  spec.method = read<std::string>(json, "method", place);
  spec.preset = read<std::string>(json, "preset", place);
  const auto budget = read<std::string>(json, "budget", place);
  try {
    spec.budget = Budget::parse(budget);
  } catch (const Error& problem) {  // Whoever reads it did not write it: no Usage error.
    throw badInput({}, place, "\"budget\": " + problem.reason());
  }
  spec.seed = read<std::uint64_t>(json, "seed", place);
  spec.bank_settings = member(json, "bank_settings", place);
  spec.search_settings = member(json, "search_settings", place);
  spec.device = read<std::string>(json, "device", place);
  spec.forked_from = read<std::string>(json, "forked_from", place);
  return spec;
}

}  // namespace interleave
