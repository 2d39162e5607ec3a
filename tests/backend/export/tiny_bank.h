// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "backend/model/model.h"

namespace interleave::testing {

/// Writes a finished bank of both Gated DeltaNet kinds for `model`: the teacher's weights, moved at random, so that
/// every part of a candidate shows in the logits. `settings` are merged over the bank's own. Returns `folder`.
std::filesystem::path writeTinyBank(const std::filesystem::path& folder, const std::shared_ptr<const Model>& model,
                                    const nlohmann::json& settings);

}  // namespace interleave::testing
