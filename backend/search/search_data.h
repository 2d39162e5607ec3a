// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backend/core/settings.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"
#include "backend/search/method.h"
#include "backend/search/objective.h"

namespace interleave {

/// What a method looks at: text and retrieval prompts in turn, drawn by step number from the run's seed, so that there
/// is no cursor to keep. Immutable.
class SearchData {
 public:
  /// The settings that it reads; some start from what is given. A table that leaves the losses out gets "kl".
  struct Fallbacks {
    double prompt_share = 0.5;
    const char *text_loss = "kl", *prompt_loss = "kl";
    std::int64_t text_tokens = 256, text_positions = 128;
  };
  static std::vector<SettingSpec> settings(const Fallbacks& fallbacks);

  /// What a method searches on, or what it is judged on: other text and other prompts than any search of any seed sees.
  enum class Part { Search, HeldOut };
  /// `prompt_share`: instead of the setting's.
  SearchData(const MethodInput& input, const Settings& settings, Part part = Part::Search,
             std::optional<double> prompt_share = std::nullopt);

  SearchBatch batch(std::int64_t step) const;
  bool isPrompt(std::int64_t step) const;
  /// How many of the first `steps` steps use a prompt (`prompt`), or text.
  std::int64_t count(bool prompt, std::int64_t steps) const;
  /// The last `wanted` of `steps` steps, half of them text and half prompts where there are both.
  std::vector<std::int64_t> lastSteps(std::int64_t steps, std::int64_t wanted) const;

 private:
  double prompt_share_;
  LossKind text_loss_, prompt_loss_;
  std::int64_t text_positions_;
  std::unique_ptr<TextSource> text_;      // null where every step is a prompt
  std::unique_ptr<PasskeyTask> prompts_;  // null where none is
};

}  // namespace interleave
