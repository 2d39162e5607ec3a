// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "backend/core/run_spec.h"
#include "backend/core/settings.h"
#include "backend/search/gates.h"
#include "backend/search/method.h"

namespace interleave {

/// What errors in a checkpoint's contents name.
inline constexpr const char* kCheckpointPlace = "checkpoint";

/// What every method carries from step to step, beside its own findings: how far it is, and what the user may change
/// while it goes on.
struct Progressed {
  std::int64_t step = 0;    ///< Steps done.
  std::int64_t tokens = 0;  ///< Run through the model.
  double seconds = 0;
  std::vector<int> pinned;  ///< [L]: operator column, or −1.
  Budget budget;
  Settings settings;  ///< As interventions have left them.
  std::string text;   ///< Digest of the text that it looks at.
};

/// The part of a run that methods have in common: operators, budgets, pins and the changes a user makes to them.
class Selection {
 public:
  /// BadInput where the bank lacks an operator, the run's checkpoint does not fit, or its text has changed since.
  Selection(const MethodInput& input, std::span<const SettingSpec> table);

  int layers() const { return input_.model->config().layers; }
  const std::vector<MixerKind>& operators() const { return operators_; }
  /// Beside full attention, where there are two.
  MixerKind other() const { return operators_[operators_[0] == MixerKind::Full ? 1 : 0]; }
  std::vector<int> freeLayers() const;                    ///< Those not pinned, ascending.
  Placement pinnedIn(Placement placement) const;          ///< With the pins as they are now.
  const Settings& settings() const { return settings_; }  ///< As the run began.
  /// The method's own findings in the checkpoint that the run goes on from; null at a start.
  const nlohmann::json& found() const { return found_; }
  /// Numbers of the method's own in the checkpoint that the run goes on from; empty at a start. BadInput where they are
  /// none, or no whole rows of `row` numbers.
  std::vector<double> found(const char* key, std::size_t row) const;

  Progressed now;

  /// Usage error: a budget that operators and pins do not allow.
  Gates gates(const Budget& budget) const;
  Gates gates() const { return gates(now.budget); }

  /// Takes the changes due before the next step; one that is refused is told and changes nothing. `open`: false where
  /// the method can take none any more.
  void takeChanges(MethodContext& context, bool open = true);

  /// The run's own budget, then those that a setting lists and that the model and the pins allow: a preset is made for
  /// models of many depths.
  std::vector<Budget> budgets(const std::string& setting) const;

  /// After the step counted last; `found` is an object with the method's own findings. Numbers round-trip exactly.
  Checkpoint checkpoint(nlohmann::json found) const;

 private:
  std::vector<int> pinsOfSettings() const;
  void apply(const Intervention& change);
  void resume(const Checkpoint& checkpoint);

  const MethodInput& input_;
  std::span<const SettingSpec> table_;
  Settings settings_;
  std::vector<MixerKind> operators_;
  nlohmann::json found_;
};

/// Settings that every method has: operators, and the layers that are not searched; further budgets.
std::vector<SettingSpec> selectionSettings(const std::string& operators);
SettingSpec extractSetting();
/// Usage errors: see Method::check. The second is for methods that hold full attention against one other operator.
void checkSelection(const Settings& settings, std::span<const std::string_view> budget_lists);
void checkTwoOperators(const Settings& settings);

}  // namespace interleave
