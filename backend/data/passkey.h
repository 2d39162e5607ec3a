// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/data/answered_prompt.h"
#include "backend/data/text_source.h"

namespace interleave {

/// A seven-digit pass key hidden in running text at a random depth, asked for at the end (FlashMorph's retrieval data
/// in its simplest form, one needle). prompt(i) depends on the arguments and i alone. Immutable; any thread may call
/// it.
class PasskeyTask {
 public:
  /// `tokens`: the prompt's length, met to within a sentence. `wording`: one of wordings(), or "mixed", which draws
  /// from the first four of them and leaves the others to evaluation. In the
  /// tokenizer's chat form. One that does not fit into `tokens` comes without filler and says so
  /// (AnsweredPrompt::overlong). Usage error: unknown wording.
  PasskeyTask(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const TextSource> filler, std::int64_t tokens,
              std::string wording, std::uint64_t seed);

  AnsweredPrompt prompt(std::int64_t index) const;

  static std::vector<std::string> wordings();
  static std::vector<std::string> mixtures();  ///< The wordings, and "mixed".

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const TextSource> filler_;
  std::int64_t tokens_;
  std::string wording_;
  std::uint64_t seed_;
};

/// Whether step i of a stream in which `share` of the steps are prompts is one; spread evenly.
bool isPromptStep(std::int64_t step, double share);

}  // namespace interleave
