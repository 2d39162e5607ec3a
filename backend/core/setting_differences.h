// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace interleave {

/// In which settings two recipes differ, for a message: "window is 32 and not 64; loss is "mse" and not "cosine"". Both
/// are what Settings::json() gives. "" where they are equal.
std::string settingDifferences(const nlohmann::json& is, const nlohmann::json& asked);

}  // namespace interleave
