// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>
#include <cmath>
#include <numbers>

#include "backend/data/long_context_form.h"
#include "backend/data/words.h"

namespace interleave {
namespace {

constexpr std::size_t kCommonWords = 10, kFrequentWords = 3;
constexpr std::int64_t kShort = 4096;  ///< Tokens below which words come less often, or hardly any would be uncommon.

/// How often the word of rank k (from 1) comes among n that follow a zeta law with exponent 2: n k⁻² / ζ(2).
std::int64_t zetaCount(std::int64_t n, std::int64_t k) {
  constexpr double kZeta = std::numbers::pi * std::numbers::pi / 6;
  return static_cast<std::int64_t>(static_cast<double>(n) / (kZeta * static_cast<double>(k * k)));
}

/// From so many words on the fourth comes more often than the fifth: 2 and 1 times.
constexpr std::int64_t kLeastCoded = 53;

/// A numbered list in which ten words come more often than the `items` others.
Sample commonWords(const SampleInput& input, Random random, std::int64_t items) {
  const std::size_t common = input.tokens < kShort ? 6 : 30, uncommon = input.tokens < kShort ? 1 : 3;
  Random word_stream(random.next());
  const std::vector<std::string> words = distinctWords(word_stream, kCommonWords + static_cast<std::size_t>(items));
  std::vector<std::size_t> list;
  for (std::size_t word = 0; word < words.size(); ++word) {
    list.insert(list.end(), word < kCommonWords ? common : uncommon, word);
  }
  random.shuffle(list);
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    text.append(i == 0 ? "" : " ").append(std::to_string(i + 1)).append(". ").append(words[list[i]]);
  }
  const std::string asked = std::to_string(kCommonWords);
  return {.user =
              "The following is a numbered list of words. Some of them come more often than the others; keep those "
              "in mind.\n\n" +
              text + "\n\nQuestion: Which " + asked + " words come most often in the list above?",
          .answer_prefix = "The " + asked + " words that come most often in the list above are:",
          .references = {words.begin(), words.begin() + kCommonWords}};
}

/// A text of `items` words in code; dots are the most frequent of all, and no word.
Sample frequentWords(const SampleInput&, Random random, std::int64_t items) {
  std::vector<std::int64_t> counts;
  for (std::int64_t rank = 1; zetaCount(items, rank) > 0; ++rank) counts.push_back(zetaCount(items, rank));
  Random word_stream(random.next());
  std::vector<std::string> words = distinctCodes(word_stream, counts.size(), 6, 'a');
  words[0] = "...";
  std::vector<std::size_t> order;
  for (std::size_t word = 0; word < words.size(); ++word) {
    order.insert(order.end(), static_cast<std::size_t>(counts[word]), word);
  }
  random.shuffle(order);
  std::string text;
  for (const std::size_t word : order) text.append(text.empty() ? "" : " ").append(words[word]);
  const std::string asked = std::to_string(kFrequentWords);
  return {
      .user = "The following text is in code. Count how often each coded word comes; the dots '...' are no word.\n\n" +
              text + "\n\nQuestion: Which " + asked +
              " coded words come most often in the text above? Name them, and explain nothing.",
      .answer_prefix = "The " + asked + " coded words that come most often in the text above are:",
      .references = {words.begin() + 1, words.begin() + 1 + kFrequentWords}};
}

constexpr std::array kCountingForms{
    LongContextForm{{"cwe", "ten common words", "RULER-style"}, 120, 1, commonWords},
    LongContextForm{{"fwe", "three frequent coded words", "RULER-style"}, 50, kLeastCoded, frequentWords}};

}  // namespace

std::span<const LongContextForm> countingForms() { return kCountingForms; }

}  // namespace interleave
