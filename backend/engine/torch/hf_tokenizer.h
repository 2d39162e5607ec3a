// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/engine/torch/hf_config.h"
#include "backend/formats/model_files.h"

namespace interleave {

/// What was written, and what had to be left out.
struct HfTokenizerFiles {
  std::vector<std::string> names;
  std::string missing;  ///< Why there is no tokenizer.json; empty: there is one.
};

/// Writes tokenizer, chat templates and generation settings into `folder`: a Hugging Face folder's own files, or those
/// that say the same as a GGUF's metadata.
///
/// `AutoTokenizer` chooses a class by the folder's model_type and `tokenizer_class`, and some classes build a tokenizer
/// of their own. The class that is written is one with which a folder of `config`'s type gives the ids that the
/// source's gives in the same `transformers`; where the source's own would add BOS or EOS beside what tokenizer.json
/// says, the post-processor is made to say it. A GGUF's is read from tokenizer.json as it stands.
HfTokenizerFiles writeHfTokenizer(const ModelFiles& model, const HfConfig& config, const std::filesystem::path& folder);

}  // namespace interleave
