// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/formats/tokenizer.h"

namespace interleave {

/// A prompt with its answer: ids[answer_begin …] are the answer's tokens, predicted from position answer_begin − 1 on.
struct AnsweredPrompt {
  std::vector<std::int32_t> ids;
  std::int64_t answer_begin = 0;
  bool overlong = false;  ///< Its own words alone take more tokens than were asked for.
};

/// What a user says, in the model's chat form where it has one and as a line of plain text otherwise, and how the
/// answer begins (behind the form's opening of the answer).
std::string asked(const Tokenizer& tokenizer, const std::string& user, std::string_view answer_prefix);

/// The ids of such a text, with BOS where the model wants one and the form did not write it.
std::vector<std::int32_t> promptIds(const Tokenizer& tokenizer, const std::string& text);

/// Tokens of the answer begin where the prompt with it first differs from the prompt alone.
AnsweredPrompt answeredPrompt(const Tokenizer& tokenizer, const std::string& prompt, const std::string& answer);

}  // namespace interleave
