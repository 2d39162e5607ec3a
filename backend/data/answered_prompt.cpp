// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/answered_prompt.h"

#include <algorithm>
#include <array>

#include "backend/core/digest.h"
#include "backend/core/error.h"

namespace interleave {
namespace {

constexpr const char* kUser = "Find the number.\n\nThe number is 1234567.\n\nWhat is the number?";
constexpr const char* kAnswer = "The number is ";

std::string written(const ChatForm& form, const std::string& user, std::string_view answer_prefix) {
  if (form.isPlain()) return (user + "\n").append(answer_prefix);
  const std::array<ChatMessage, 1> messages{{{"user", user}}};
  return form.render(messages, true).append(answer_prefix);
}

template <class Ids>
std::string digestOf(const Ids& ids) {
  try {
    Digest digest;
    digest.add(std::span<const std::int32_t>(ids()));
    return digest.text();
  } catch (const Error&) {
    return "unreadable";
  }
}

/// BOS where the tokenizer puts it in front of every text, unless the form had written it.
std::vector<std::int32_t> idsOfEarlierPrograms(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids = tokenizer.encode(text);
  const std::vector<std::int32_t> added = tokenizer.encode("", SpecialTokens::Add);
  if (tokenizer.bos() && !added.empty() && added[0] == *tokenizer.bos() && (ids.empty() || ids[0] != added[0])) {
    ids.insert(ids.begin(), added[0]);
  }
  return ids;
}

}  // namespace

std::string asked(const Tokenizer& tokenizer, const std::string& user, std::string_view answer_prefix) {
  return written(tokenizer.chatForm(), user, answer_prefix);
}

std::vector<std::int32_t> promptIds(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, tokenizer.chatForm().isPlain() ? SpecialTokens::Begin : SpecialTokens::Recognise);
}

std::string promptDigest(const Tokenizer& tokenizer) {
  return digestOf([&] { return promptIds(tokenizer, asked(tokenizer, kUser, kAnswer)); });
}

std::string promptDigestOfEarlierPrograms(const Tokenizer& tokenizer) {
  return digestOf(
      [&] { return idsOfEarlierPrograms(tokenizer, written(tokenizer.chatFormOfEarlierPrograms(), kUser, kAnswer)); });
}

AnsweredPrompt answeredPrompt(const Tokenizer& tokenizer, const std::string& prompt, const std::string& answer) {
  const std::vector<std::int32_t> before = promptIds(tokenizer, prompt);
  AnsweredPrompt result{.ids = promptIds(tokenizer, prompt + answer)};
  const auto [end, unused] = std::ranges::mismatch(result.ids, before);
  result.answer_begin = end - result.ids.begin();
  return result;
}

}  // namespace interleave
