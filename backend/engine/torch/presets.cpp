// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/engine/workbench.h"
#include "backend/formats/bounded_json.h"
#include "backend/heal/heal.h"
#include "backend/search/method.h"
#include "resources/resources.h"

namespace interleave {
namespace {

constexpr std::array<std::string_view, 7> kPresetKeys{"format", "version", "description", "method",
                                                      "budget", "bank",    "search"};
constexpr std::string_view kFolder = "presets/", kEnding = ".json", kDefault = "laptop";

std::optional<std::string_view> bundled(const std::string& name) {
  return findResource(std::string(kFolder) + name + std::string(kEnding));
}

/// The bank's settings: its own, or those of the bundled preset that it names.
nlohmann::json bankOf(const nlohmann::json& preset, const std::string& file) {
  const nlohmann::json& bank = preset.at("bank");
  if (!bank.is_string()) return bank;
  const auto other = bundled(bank.get<std::string>());
  const nlohmann::json found = other ? parseJson(*other, file).at("bank") : nlohmann::json();
  if (!found.is_object()) throw badInput(file, "bank", bank.dump() + " is no bundled preset with a bank of its own");
  return found;
}

}  // namespace

std::span<const SettingSpec> bankSettingSpecs() { return bankSettings(); }

std::span<const SettingSpec> searchSettingSpecs(const std::string& method) { return runMethodNamed(method).settings; }

void checkSearchSettings(const std::string& method, const Settings& settings) {
  runMethodNamed(method).check(settings);
}

void checkKinds(const Settings& search, const Settings& bank) {
  const std::vector<MixerKind> made = kindsListed(bank.text("kinds"), "kinds");
  for (const MixerKind kind : operatorsOf(search)) {
    if (!isTrained(kind) || std::ranges::find(made, kind) != made.end()) continue;
    throw usageError("operators", "\"" + std::string(name(kind)) + "\" needs candidates, and the bank's kinds are " +
                                      bank.text("kinds") + "; set bank.kinds, or name another bank");
  }
}

std::string methodEvidence(const std::string& method) {
  const Method& found = runMethodNamed(method);
  return found.title + ": " + found.evidence;
}

std::vector<std::string> methodNames() {
  std::vector<std::string> names;
  for (const Method& method : methods()) names.push_back(method.name);
  return names;
}

std::vector<std::string> presetNames(const std::string& method) {
  std::vector<std::string> names;
  for (std::string_view file : resourceNames(kFolder)) {
    file.remove_prefix(kFolder.size());
    if (!file.ends_with(kEnding)) continue;
    const std::string name(file.substr(0, file.size() - kEnding.size()));
    if (parseJson(bundled(name).value(), name).at("method") == method) names.push_back(name);
  }
  std::ranges::stable_partition(names, [&](const std::string& name) { return name == kDefault || name == method; });
  return names;
}

Preset loadPreset(const std::string& name_or_path, const std::string& method) {
  const auto own = bundled(name_or_path);
  if (!own && !std::filesystem::exists(name_or_path)) {
    throw usageError("preset", "\"" + name_or_path + "\" is neither a bundled preset nor a file" +
                                   didYouMean(name_or_path, presetNames(method)));
  }
  const std::string file = own ? "preset " + name_or_path : name_or_path;
  const nlohmann::json json = own ? parseJson(*own, file) : readJson(name_or_path);
  requireKeys(json, kPresetKeys, file);
  if (json.at("format") != "interleave-preset") throw badInput(file, "format", "this is not a preset");
  if (json.at("version") != 1)
    throw badInput(file, "version", json.at("version").dump() + " is not supported; this program reads 1");
  if (json.at("method") != method) {
    throw badInput(file, "method", "the preset is for " + json.at("method").dump() + ", not for \"" + method + "\"");
  }
  for (const char* key : {"description", "budget"}) {
    if (!json.at(key).is_string()) throw badInput(file, key, "expected text");
  }
  Preset preset{.name = name_or_path,
                .description = json.at("description"),
                .bank = Settings(bankSettings()),
                .search = Settings(searchSettingSpecs(method)),
                .budget = {}};
  preset.bank.merge(bankOf(json, file), file);
  preset.search.merge(json.at("search"), file);
  try {
    preset.budget = Budget::parse(json.at("budget"));
  } catch (const Error& problem) {
    throw badInput(file, "budget", problem.reason());
  }
  return preset;
}

}  // namespace interleave
