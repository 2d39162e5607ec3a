// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/core/placement.h"
#include "backend/core/progress.h"
#include "backend/formats/model_files.h"
#include "backend/heal/hybrid_model.h"
#include "backend/mixers/cost.h"

namespace interleave {

/// A hybrid as its files are to say it. Refers to what it is made of.
struct Hybrid {
  const ModelFiles& model;
  const StoredBank* bank = nullptr;  ///< Null: every layer holds an operator that needs no training.
  OperatorWindows windows;           ///< The bank's, or those of its recipe.
  /// Weights that stand in for those of model and bank, without which it is then whole.
  const StoredHybrid* stored = nullptr;
  const Placement& placement;
  nlohmann::json provenance;
  std::string dtype = {};  ///< As hfType() takes it.
};

/// Writes the hybrid as a Hugging Face folder and returns the names of its files. Where a model class of `transformers`
/// can express it, the folder is one of that class, and loads without custom code; otherwise model code in plain
/// PyTorch is written with it (trust_remote_code). All tensors have one type: that which they come in, or fp32, so that
/// loaded in fp32 it computes what we compute, or the one asked for.
///
/// `out` appears when everything is written. It may be there empty, or hold an earlier export, which is replaced; Usage
/// error otherwise, and where the placement needs a bank that is not given. BadInput when the bank lacks an operator.
std::vector<std::string> exportHuggingFace(const Hybrid& hybrid, const std::filesystem::path& out, Progress& progress);

}  // namespace interleave
