// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "backend/formats/model_files.h"

// What the backend's shared library exports; everything else in it is hidden.
#pragma GCC visibility push(default)

namespace interleave {

/// Whether there is what a placement on the command line names, of whatever model: as placementFrom() otherwise.
void requirePlacement(const std::string& text);

/// BadInput, naming the bank, the model that it is of and the one that is open, where there is a bank of another model
/// in the folder. No weight is read.
void requireBankOf(const ModelFiles& model, const std::filesystem::path& bank);

}  // namespace interleave

#pragma GCC visibility pop
