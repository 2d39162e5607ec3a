// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/passkey.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/data/hay.h"

namespace interleave {
namespace {

/// How the task is put into words. {} in the needle stands for the key.
struct Wording {
  std::string_view name, opening, needle, question, answer_prefix;
};
constexpr std::size_t kMixed = 4;  ///< The first so many make up "mixed"; the others are never trained or searched on.
constexpr std::array<Wording, 7> kWordings{{
    {"standard",
     "There is an important pass key hidden inside the following text. Find it and remember it. I will ask you about "
     "it.",
     "The pass key is {}. Remember it. {} is the pass key.", "What is the pass key?", "The pass key is "},
    {"badge", "The following report names the badge of one visitor. Remember it.",
     "The visitor's badge number was {}, as the guard wrote down.", "What was the visitor's badge number?",
     "The visitor's badge number was "},
    {"order", "Here is a long document. In one place it mentions an order.",
     "We have received your order, and its number is {}.", "What is the number of the order?",
     "The number of the order is "},
    {"account", "Look through these notes for the number of an account.", "Send the money to account {} by Friday.",
     "To which account should the money be sent?", "The money should be sent to account "},
    {"vault", "Read this story carefully. Somewhere in it the code of a vault is mentioned.",
     "To open the vault, enter the code {} on the panel.", "Which code opens the vault?",
     "The vault opens with the code "},
    {"number", "A special magic number is hidden within the following text. Make sure to memorize it.",
     "The special magic number is: {}.", "What is the special magic number mentioned in the provided text?",
     "The special magic number mentioned in the provided text is "},
    {"letter", "Below are pages from a collection of letters. One of them gives a telephone number.",
     "Please call me at {} as soon as you can.", "What telephone number is given in the letters?",
     "The telephone number given is "},
}};

std::string filled(std::string_view pattern, const std::string& key) {
  std::string text(pattern);
  for (std::size_t at = 0; (at = text.find("{}", at)) != std::string::npos; at += key.size()) text.replace(at, 2, key);
  return text;
}

}  // namespace

bool isPromptStep(std::int64_t step, double share) {
  return std::floor(static_cast<double>(step + 1) * share) > std::floor(static_cast<double>(step) * share);
}

std::vector<std::string> PasskeyTask::wordings() {
  std::vector<std::string> names;
  for (const Wording& wording : kWordings) names.emplace_back(wording.name);
  return names;
}

std::vector<std::string> PasskeyTask::mixtures() {
  std::vector<std::string> names = wordings();
  names.emplace_back("mixed");
  return names;
}

PasskeyTask::PasskeyTask(std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const TextSource> filler,
                         std::int64_t tokens, std::string wording, std::uint64_t seed)
    : tokenizer_(std::move(tokenizer)),
      filler_(std::move(filler)),
      tokens_(tokens),
      wording_(std::move(wording)),
      seed_(seed) {
  const std::vector<std::string> known = mixtures();
  if (std::ranges::find(known, wording_) == known.end()) {
    throw usageError("wording", "\"" + wording_ + "\" is not known");
  }
}

AnsweredPrompt PasskeyTask::prompt(std::int64_t index) const {
  Random random(derivedSeed(seed_, static_cast<std::uint64_t>(index)));
  const auto chosen = std::ranges::find(kWordings, std::string_view(wording_), &Wording::name);
  const Wording& wording = chosen != kWordings.end() ? *chosen : kWordings[random.below(kMixed)];
  const std::string key = std::to_string(1'000'000 + random.below(9'000'000));
  const double depth = random.uniform();

  const auto whole = [&](const std::vector<std::string_view>& filler) {
    const std::size_t needle_at = static_cast<std::size_t>(depth * static_cast<double>(filler.size() + 1));
    std::string text(wording.opening);
    text += "\n\n";
    for (std::size_t i = 0; i <= filler.size(); ++i) {
      if (i == needle_at) text += filled(wording.needle, key) + " ";
      if (i < filler.size()) text.append(filler[i]) += " ";
    }
    text += "\n\n";
    text += wording.question;
    return asked(*tokenizer_, text, wording.answer_prefix);
  };

  // Sentences are added while they fit; their tokens are counted one by one, which is right to a few tokens.
  std::int64_t room = tokens_ - static_cast<std::int64_t>(promptIds(*tokenizer_, whole({})).size() + key.size());
  const bool overlong = room < 0;
  std::vector<std::string_view> filler;
  for (std::int64_t passage = 0; room > 0; ++passage) {
    const std::int64_t from = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(filler_->count())));
    bool full = false;
    for (std::string_view sentence : sentences(filler_->passage(from))) {
      const auto length = static_cast<std::int64_t>(tokenizer_->encode(sentence).size()) + 1;
      if (length > room) {
        full = true;
        break;
      }
      filler.push_back(sentence);
      room -= length;
    }
    if (full || passage > tokens_) break;
  }

  AnsweredPrompt prompt = answeredPrompt(*tokenizer_, whole(filler), key);
  prompt.overlong = overlong;
  return prompt;
}

}  // namespace interleave
