// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/words.h"

#include <string_view>
#include <unordered_set>

#include "resources/resources.h"

namespace interleave {
namespace {

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> all;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    all.push_back(text.substr(0, end));
  }
  return all;
}

const std::vector<std::string_view>& adjectives() {
  static const std::vector<std::string_view> words = lines(resource("words/adjectives.txt"));
  return words;
}

const std::vector<std::string_view>& nouns() {
  static const std::vector<std::string_view> words = lines(resource("words/nouns.txt"));
  return words;
}

std::vector<std::string_view> allWords() {
  std::vector<std::string_view> words = adjectives();
  words.insert(words.end(), nouns().begin(), nouns().end());
  return words;
}

std::string_view anyOf(const std::vector<std::string_view>& words, Random& random) {
  return words[random.below(words.size())];
}

std::string key(Random& random) {
  std::string text(anyOf(adjectives(), random));
  return text.append("-").append(anyOf(nouns(), random));
}

/// What `draw` gives, until so many were new. Each has far more to give than a prompt can hold.
template <class Draw>
std::vector<std::string> distinct(std::size_t count, const Draw& draw) {
  std::vector<std::string> values;
  std::unordered_set<std::string> seen;
  while (values.size() < count) {
    std::string value = draw();
    if (seen.insert(value).second) values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

std::vector<std::string> distinctWords(Random& random, std::size_t count) {
  std::vector<std::string_view> all = allWords();
  random.shuffle(all);
  std::vector<std::string> words(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())));
  for (std::string& pair : distinctKeys(random, count - words.size())) words.push_back(std::move(pair));
  return words;
}

std::vector<std::string> distinctKeys(Random& random, std::size_t count) {
  return distinct(count, [&] { return key(random); });
}

std::vector<std::string> distinctNumbers(Random& random, std::size_t count, int digits) {
  std::uint64_t least = 1;
  for (int digit = 1; digit < digits; ++digit) least *= 10;
  return distinct(count, [&] { return std::to_string(least + random.below(9 * least)); });
}

std::vector<std::string> distinctUuids(Random& random, std::size_t count) {
  return distinct(count, [&] {
    std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    for (char& place : text) {
      if (place == 'x') place = "0123456789abcdef"[random.below(16)];
      if (place == 'y') place = "89ab"[random.below(4)];
    }
    return text;
  });
}

std::vector<std::string> distinctCodes(Random& random, std::size_t count, int letters, char first) {
  return distinct(count, [&] {
    std::string text;
    for (int letter = 0; letter < letters; ++letter) text += static_cast<char>(first + random.below(26));
    return text;
  });
}

std::vector<std::string> anyWords(Random& random, std::size_t count) {
  const std::vector<std::string_view> all = allWords();
  std::vector<std::string> words;
  while (words.size() < count) words.emplace_back(anyOf(all, random));
  return words;
}

}  // namespace interleave
