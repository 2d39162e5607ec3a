// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/formats/model_files.h"

namespace interleave {

/// What was written, and what had to be left out.
struct HfTokenizerFiles {
  std::vector<std::string> names;
  std::string missing;  ///< Why there is no tokenizer.json; empty: there is one.
};

/// Writes tokenizer, chat template and generation settings into `folder`: a Hugging Face folder's own files, or those
/// that say the same as a GGUF's metadata.
HfTokenizerFiles writeHfTokenizer(const ModelFiles& model, const std::filesystem::path& folder);

}  // namespace interleave
