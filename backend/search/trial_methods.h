// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "backend/search/method.h"

namespace interleave {

/// Methods that try placements one by one; see placement_trials.h for what they share, and each file for its source.
std::span<const SettingSpec> beamSettings();
void runBeam(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> enumerationSettings();
void runEnumeration(const MethodInput& input, MethodContext& context);
/// tryPlacements() of a run of it.
std::vector<TrialEvent> tryBesideEnumeration(const MethodInput& input, std::span<const Placement> placements,
                                             std::int64_t first_step, Progress& progress);

std::span<const SettingSpec> handRuleSettings();
void runHandRule(const MethodInput& input, MethodContext& context);

}  // namespace interleave
