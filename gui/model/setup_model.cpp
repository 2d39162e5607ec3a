// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/setup_model.h"

#include <utility>

#include "backend/core/error.h"

namespace interleave::gui {
namespace {

bool differ(const Settings& settings, const Settings& base, const std::string& key) {
  return settings.json().value(key, nlohmann::json()) != base.json().value(key, nlohmann::json());
}

}  // namespace

void SetupModel::load(const std::string& preset, const std::string& method) {
  Preset loaded = workshop_.preset(preset, method);
  spec_.preset = preset;
  spec_.method = method;
  spec_.budget = loaded.budget;
  bank_ = loaded.bank;
  search_ = loaded.search;
  base_ = std::move(loaded);
  Q_EMIT changed();
}

void SetupModel::take(const RunSpec& run) {
  Settings bank(workshop_.bankSettings()), search(workshop_.searchSettings(run.method));
  bank.merge(run.bank_settings, "the run's bank settings");
  search.merge(run.search_settings, "the run's search settings");
  spec_.preset = run.preset;
  spec_.method = run.method;
  spec_.budget = run.budget;
  spec_.seed = run.seed;
  spec_.device = run.device;
  bank_ = std::move(bank);
  search_ = std::move(search);
  base_.reset();
  try {
    base_ = workshop_.preset(run.preset, run.method);
  } catch (const Error&) {  // then nothing is told to differ
  }
  Q_EMIT changed();
}

bool SetupModel::bankDiffers(const std::string& key) const { return base_ && differ(bank_, base_->bank, key); }
bool SetupModel::searchDiffers(const std::string& key) const { return base_ && differ(search_, base_->search, key); }

int SetupModel::changes() const {
  int count = budgetDiffers() ? 1 : 0;
  for (const SettingSpec& spec : bank_.specs()) count += bankDiffers(spec.key) ? 1 : 0;
  for (const SettingSpec& spec : search_.specs()) count += searchDiffers(spec.key) ? 1 : 0;
  return count;
}

void SetupModel::resetBudget() {
  if (base_) setBudget(base_->budget);
}

void SetupModel::setBudget(const Budget& budget) {
  if (budget == spec_.budget) return;
  spec_.budget = budget;
  Q_EMIT changed();
}

void SetupModel::setSeed(std::uint64_t seed) {
  if (seed == spec_.seed) return;
  spec_.seed = seed;
  Q_EMIT changed();
}

void SetupModel::setDevice(const std::string& device) {
  if (device == spec_.device) return;
  spec_.device = device;
  Q_EMIT changed();
}

void SetupModel::setModelPath(const std::string& path) {
  if (path == spec_.model_path) return;
  spec_.model_path = path;
  Q_EMIT changed();
}

void SetupModel::setBankDir(const std::string& folder) {
  const std::string whole = folder.empty() ? folder : std::filesystem::absolute(folder).lexically_normal().string();
  if (whole == spec_.bank_dir) return;
  spec_.bank_dir = whole;
  Q_EMIT changed();
}

void SetupModel::setDefaultBankDir(const std::string& folder) {
  if (folder == default_bank_dir_) return;
  default_bank_dir_ = folder;
  Q_EMIT changed();
}

void SetupModel::setBank(const std::string& key, const nlohmann::json& value) {
  bank_.merge({{key, value}}, "");
  Q_EMIT changed();
}

void SetupModel::setSearch(const std::string& key, const nlohmann::json& value) {
  search_.merge({{key, value}}, "");
  Q_EMIT changed();
}

RunSpec SetupModel::spec() const {
  RunSpec spec = spec_;
  spec.bank_dir = bankDir();
  spec.bank_settings = bank_.json();
  spec.search_settings = search_.json();
  spec.title = standardTitle(spec);
  return spec;
}

}  // namespace interleave::gui
