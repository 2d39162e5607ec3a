// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <optional>
#include <string>

#include "backend/core/run_spec.h"
#include "backend/core/settings.h"
#include "gui/app/workshop.h"

namespace interleave::gui {

/// The run that Setup is preparing: method, preset and every setting. Lives in the window's thread.
class SetupModel final : public QObject {
  Q_OBJECT
 public:
  explicit SetupModel(Workshop& workshop, QObject* parent = nullptr) : QObject(parent), workshop_(workshop) {}

  /// Takes a preset; on an error everything stays as it was and the error passes through.
  void load(const std::string& preset, const std::string& method);
  /// Takes the settings that a run was begun with: all but its model, bank folder and title. On an error everything
  /// stays as it was and the error passes through.
  void take(const RunSpec& run);

  const std::string& method() const { return spec_.method; }
  const std::string& preset() const { return spec_.preset; }
  const Budget& budget() const { return spec_.budget; }
  std::uint64_t seed() const { return spec_.seed; }
  const std::string& device() const { return spec_.device; }
  const std::string& modelPath() const { return spec_.model_path; }
  /// The folder that the user chose, else the default.
  const std::string& bankDir() const { return spec_.bank_dir.empty() ? default_bank_dir_ : spec_.bank_dir; }
  const Settings& bank() const { return bank_; }
  const Settings& search() const { return search_; }

  void setBudget(const Budget& budget);
  void setSeed(std::uint64_t seed);
  void setDevice(const std::string& device);
  void setModelPath(const std::string& path);
  void setBankDir(const std::string& folder);  ///< The user's choice; empty: the default again.
  void setDefaultBankDir(const std::string& folder);
  /// What the preset says, as far as it can be read: a run may name one that is gone.
  const std::optional<Preset>& base() const { return base_; }
  bool budgetDiffers() const { return base_ && spec_.budget != base_->budget; }
  bool bankDiffers(const std::string& key) const;
  bool searchDiffers(const std::string& key) const;
  int changes() const;  ///< How much differs from the preset: settings, and the budget.
  void resetBudget();   ///< To the preset's.

  /// Values are checked by the settings' table: BadInput or Usage error, and nothing changed.
  void setBank(const std::string& key, const nlohmann::json& value);
  void setSearch(const std::string& key, const nlohmann::json& value);

  RunSpec spec() const;  ///< Complete, with a title.

 Q_SIGNALS:
  void changed();

 private:
  Workshop& workshop_;
  RunSpec spec_;
  std::string default_bank_dir_;
  Settings bank_, search_;
  std::optional<Preset> base_;
};

}  // namespace interleave::gui
