// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "backend/search/method.h"

namespace interleave {

/// Methods that score layers one by one; see layer_scoring.h for what they share, and each file for its source.
std::span<const SettingSpec> nllGuidedSettings();
std::vector<PlacementEvent> runNllGuided(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> klLsSettings();
std::vector<PlacementEvent> runKlLs(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> perplexityBypassSettings();
std::vector<PlacementEvent> runPerplexityBypass(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> candidateErrorSettings();
std::vector<PlacementEvent> runCandidateError(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> lightTransferSettings();
std::vector<PlacementEvent> runLightTransfer(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> retrievalHeadsSettings();
std::vector<PlacementEvent> runRetrievalHeads(const MethodInput& input, MethodContext& context);

}  // namespace interleave
