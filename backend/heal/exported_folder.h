// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "backend/core/placement.h"
#include "backend/heal/hybrid_weights.h"
#include "backend/mixers/cost.h"

namespace interleave {

/// What stands before the folder where a placement is named: "hybrid:DIR".
inline constexpr std::string_view kHybridPrefix = "hybrid:";

/// A hybrid that was exported as a Hugging Face folder, whoever trained or saved it since: its placement, its windows
/// and all of its weights.
struct ExportedFolder {
  Placement placement;
  OperatorWindows windows;
  HybridWeights weights;
  nlohmann::json provenance;

  /// BadInput where the folder is no hybrid of the model with this configuration and fingerprint (an export knows it),
  /// lacks a tensor, or has one, other than zero, that the model has no place for.
  static ExportedFolder open(const std::filesystem::path& dir, const ModelConfig& config,
                             const std::string& fingerprint);
};

/// Whether `dir` looks like an exported folder, or any other that `transformers` opens.
bool isExportedFolder(const std::filesystem::path& dir);

/// The placement in it. BadInput as above, and where `layers`, unless 0, is another number.
Placement exportedPlacement(const std::filesystem::path& dir, int layers);

}  // namespace interleave
