// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/long_context.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/data/long_context_form.h"

namespace interleave {
namespace {

constexpr int kMostPasskeys = 1000;
/// A bound for tokenizers that take many words they do not know for one token; the words to draw from have more.
constexpr std::int64_t kMostItems = 300'000;

std::vector<const LongContextForm*> forms() {
  std::vector<const LongContextForm*> all;
  for (const auto& some : {needleForms(), countingForms(), questionForms(), passkeyForms()}) {
    for (const LongContextForm& form : some) all.push_back(&form);
  }
  return all;
}

const LongContextForm& formNamed(std::string_view name) {
  const std::vector<const LongContextForm*> all = forms();
  const auto found = std::ranges::find(all, name, [](const LongContextForm* form) { return form->name; });
  if (found == all.end()) throw usageError("tasks", "unknown task \"" + std::string(name) + "\"");
  return **found;
}

/// The most items, found by size(items) <= room; `least` when not even that many fit. Guesses by an item's mean size:
/// each look takes the whole prompt through the tokenizer.
template <class Size>
std::int64_t mostThatFit(std::int64_t least, std::int64_t room, const Size& size) {
  constexpr int kGuesses = 16;  // of sizes as uneven as can be, halving needs no more
  const std::int64_t bare = size(least);
  if (bare > room) return least;
  std::int64_t fits = least, taken = bare, too_many = least + std::min(room - bare, kMostItems) + 1;
  double item = 16;
  for (int guess = 0; too_many - fits > 1; ++guess) {
    const auto more = static_cast<std::int64_t>(static_cast<double>(room - taken) / item);
    const std::int64_t items =
        guess < kGuesses ? std::clamp(fits + more, fits + 1, too_many - 1) : std::midpoint(fits, too_many);
    const std::int64_t whole = size(items);
    item = std::max(1.0, static_cast<double>(whole - bare) / static_cast<double>(items - least));
    if (whole > room) {
      too_many = items;
    } else {
      fits = items;
      taken = whole;
    }
  }
  return fits;
}

/// Tasks draw from seeds of their own, whatever their order in the table.
std::uint64_t purposeOf(std::string_view name) {
  return std::accumulate(name.begin(), name.end(), std::uint64_t{0},
                         [](std::uint64_t sum, char letter) { return 131 * sum + static_cast<unsigned char>(letter); });
}

void check(const LongContextForm& form, std::int64_t tokens, const LongContextTask::Materials& materials) {
  const std::string name(form.name);
  if (tokens > LongContextTask::kMostTokens) {
    throw usageError("prompt_tokens", "more than " + std::to_string(LongContextTask::kMostTokens));
  }
  if (!materials.hay) throw usageError(name, "has no text to hide anything in");
  if (form.file && !materials.questions) throw usageError(name, "has no questions");
  if (std::min(materials.passkeys, materials.passkey_words) < 1 ||
      std::max(materials.passkeys, materials.passkey_words) > kMostPasskeys) {
    throw usageError("passkeys", "1 to " + std::to_string(kMostPasskeys) + " of as many words are possible");
  }
}

}  // namespace

std::string listed(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : separator).append(word);
  return text;
}

std::vector<LongContextInfo> LongContextTask::all() {
  std::vector<LongContextInfo> infos;
  for (const LongContextForm* form : forms()) infos.push_back(*form);
  return infos;
}

LongContextTask::LongContextTask(std::shared_ptr<const Tokenizer> tokenizer, std::string_view name, std::int64_t tokens,
                                 std::uint64_t seed, Materials materials)
    : tokenizer_(std::move(tokenizer)),
      form_(formNamed(name)),
      tokens_(tokens),
      seed_(derivedSeed(seed, purposeOf(name))),
      materials_(std::move(materials)) {
  check(form_, tokens_, materials_);
  if (!form_.file) return;
  order_.resize(materials_.questions->questions.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  Random(seed_).shuffle(order_);
}

const LongContextInfo& LongContextTask::info() const { return form_; }

std::int64_t LongContextTask::count() const {
  return form_.file ? static_cast<std::int64_t>(order_.size()) : std::numeric_limits<std::int64_t>::max();
}

LongContextPrompt LongContextTask::prompt(std::int64_t index) const {
  const Question* question = nullptr;
  if (form_.file) {
    question = &materials_.questions->questions[order_[static_cast<std::size_t>(index) % order_.size()]];
  }
  const SampleInput input{materials_, tokens_, question};
  const Random random(derivedSeed(seed_, static_cast<std::uint64_t>(index)));
  const auto answerOf = [&](const Sample& sample) {
    return " " + (form_.match == Match::All ? listed(sample.references) : sample.references.front());
  };
  const std::int64_t items = mostThatFit(form_.least, tokens_, [&](std::int64_t some) {
    const Sample sample = form_.sample(input, random, some);
    const std::string text = asked(*tokenizer_, sample.user, sample.answer_prefix) + answerOf(sample);
    return static_cast<std::int64_t>(promptIds(*tokenizer_, text).size());
  });

  Sample sample = form_.sample(input, random, items);
  LongContextPrompt prompt{
      answeredPrompt(*tokenizer_, asked(*tokenizer_, sample.user, sample.answer_prefix), answerOf(sample)),
      std::move(sample.references), form_.most_new};
  const auto size = static_cast<std::int64_t>(prompt.ids.size());
  prompt.overlong = size > tokens_;
  if (prompt.most_new == 0) prompt.most_new = (size - prompt.answer_begin) * 3 / 2;
  return prompt;
}

}  // namespace interleave
