// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "backend/search/method.h"

namespace interleave {

/// Methods that score layers one by one; see layer_scoring.h for what they share, and each file for its source.
std::span<const SettingSpec> nllGuidedSettings();
void runNllGuided(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> klLsSettings();
void runKlLs(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> haloSettings();
void runHalo(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> perplexityBypassSettings();
void runPerplexityBypass(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> candidateErrorSettings();
void runCandidateError(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> lightTransferSettings();
void runLightTransfer(const MethodInput& input, MethodContext& context);

std::span<const SettingSpec> retrievalHeadsSettings();
void runRetrievalHeads(const MethodInput& input, MethodContext& context);

}  // namespace interleave
