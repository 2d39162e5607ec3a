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

/// What a user says, in the tokenizer's chat form or as a line of plain text, and how the answer begins (behind the
/// form's opening of the answer). Usage error: see ChatForm::render().
std::string asked(const Tokenizer& tokenizer, const std::string& user, std::string_view answer_prefix);

/// The ids of such a text. A chat form writes all that it wants (`transformers`' apply_chat_template adds nothing);
/// plain text gets what the tokenizer puts in front of every text, BOS as a rule, and nothing behind it, for it goes
/// on.
std::vector<std::int32_t> promptIds(const Tokenizer& tokenizer, const std::string& text);

/// Tells prompts of one form from those of another, however the form was named: a digest of one prompt's ids.
/// "unreadable" where the form cannot write any.
std::string promptDigest(const Tokenizer& tokenizer);
/// The same of prompts as programs wrote them that did not say their form.
std::string promptDigestOfEarlierPrograms(const Tokenizer& tokenizer);

/// Tokens of the answer begin where the prompt with it first differs from the prompt alone.
AnsweredPrompt answeredPrompt(const Tokenizer& tokenizer, const std::string& prompt, const std::string& answer);

}  // namespace interleave
