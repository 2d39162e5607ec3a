// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/answered_prompt.h"

#include <algorithm>
#include <array>

namespace interleave {

std::string asked(const Tokenizer& tokenizer, const std::string& user, std::string_view answer_prefix) {
  if (tokenizer.chatForm().empty()) return (user + "\n").append(answer_prefix);
  const std::array<ChatMessage, 1> messages{{{"user", user}}};
  return tokenizer.chat(messages).append(answer_prefix);
}

std::vector<std::int32_t> promptIds(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids = tokenizer.encode(text);
  const std::vector<std::int32_t> added = tokenizer.encode("", SpecialTokens::Add);
  if (tokenizer.bos() && !added.empty() && added[0] == *tokenizer.bos() && (ids.empty() || ids[0] != added[0])) {
    ids.insert(ids.begin(), added[0]);
  }
  return ids;
}

AnsweredPrompt answeredPrompt(const Tokenizer& tokenizer, const std::string& prompt, const std::string& answer) {
  const std::vector<std::int32_t> before = promptIds(tokenizer, prompt);
  AnsweredPrompt result{.ids = promptIds(tokenizer, prompt + answer)};
  const auto [end, unused] = std::ranges::mismatch(result.ids, before);
  result.answer_begin = end - result.ids.begin();
  return result;
}

}  // namespace interleave
