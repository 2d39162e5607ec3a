// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "backend/data/long_context_form.h"
#include "backend/data/words.h"

namespace interleave {
namespace {

enum class Filler : std::uint8_t { Noise, Essay, Needles };
enum class Thing : std::uint8_t { Key, Number, Uuid };

/// A needle in a haystack with RULER's settings.
struct Haystack {
  Filler filler = Filler::Essay;
  Thing key = Thing::Key, value = Thing::Number;
  std::size_t keys = 1, values = 1, asked = 1;  ///< Needles have `keys` keys with `values` values each.
};

constexpr std::size_t kNeedleDepths = 40;  ///< From 0 to 100 %.
constexpr std::size_t kFineDepths = 1000;
constexpr std::size_t kHops = 4;

constexpr std::array<std::string_view, 6> kNoise{"The wind is cool today. ",    "A dog sleeps by the gate. ",
                                                 "Bread is on the shelf. ",     "The road leads home. ",
                                                 "Somebody hums an old tune. ", "It is the same again tomorrow. "};

std::vector<std::string> things(Thing thing, Random& random, std::size_t count) {
  switch (thing) {
    case Thing::Key:
      return distinctKeys(random, count);
    case Thing::Number:
      return distinctNumbers(random, count, 7);
    case Thing::Uuid:
      break;
  }
  return distinctUuids(random, count);
}

std::string kindName(Thing thing) { return thing == Thing::Uuid ? "uuid" : "number"; }

std::string needle(const Haystack& hay, const std::string& key, const std::string& value) {
  return "One of the special magic " + kindName(hay.value) + "s for " + key + " is: " + value + ".";
}

/// `count` of `points` evenly spaced depths from 0 to 1, in order. When there are more needles than points, some share
/// one.
std::vector<double> depths(Random& random, std::size_t count, std::size_t points) {
  std::vector<double> all(std::max(points, count));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<double>(i) / static_cast<double>(all.size() - 1);
  random.shuffle(all);
  all.resize(count);
  std::ranges::sort(all);
  return all;
}

/// The needles, in their order, at their depths among `items` sentences, each of which ends with what separates it from
/// the next.
template <class Sentence>
std::string hidden(std::span<const std::string> needles, std::span<const double> at, std::int64_t items,
                   const Sentence& sentence) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::string text;
  std::size_t next = 0;
  for (std::int64_t i = 0; i <= items; ++i) {
    while (next < needles.size() && std::lround(at[next] * static_cast<double>(items)) <= i) {
      if (!text.empty() && kSpace.find(text.back()) == kSpace.npos) text += ' ';
      text.append(needles[next++]) += ' ';
    }
    if (i < items) text += sentence(i);
  }
  text.erase(text.find_last_not_of(kSpace) + 1);
  return text;
}

/// Sentences of the essay from a drawn one on.
auto essay(const SampleInput& input, Random& random) {
  const Hay& hay = *input.materials.hay;
  return [&hay, start = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(hay.count())))](
             std::int64_t i) { return hay.sentence(start + i); };
}

std::string_view noise(std::int64_t i) { return kNoise[static_cast<std::size_t>(i) % kNoise.size()]; }

/// What is hidden in a haystack: value v belongs to key v / hay.values. Those of the needles come first, then those of
/// needles that are filler.
struct Drawn {
  std::vector<std::string> keys, values;
  std::vector<std::size_t> order;  ///< In which the needles' values stand in the text.
};

std::string haystack(const Haystack& hay, const Drawn& drawn, const SampleInput& input, Random random,
                     std::int64_t items) {
  std::vector<std::string> needles;
  for (const std::size_t v : drawn.order) needles.push_back(needle(hay, drawn.keys[v / hay.values], drawn.values[v]));
  const std::vector<double> at = depths(random, needles.size(), kNeedleDepths);
  switch (hay.filler) {
    case Filler::Noise:
      return hidden(needles, at, items, noise);
    case Filler::Essay:
      return hidden(needles, at, items, essay(input, random));
    case Filler::Needles:
      break;
  }
  return hidden(needles, at, items, [&](std::int64_t i) {
    const std::size_t key = hay.keys + static_cast<std::size_t>(i), value = key - hay.keys + drawn.order.size();
    return needle(hay, drawn.keys[key], drawn.values[value]) + " ";
  });
}

Sample needles(const Haystack& hay, const SampleInput& input, Random random, std::int64_t items) {
  Random key_stream(random.next()), value_stream(random.next());
  const std::size_t own = hay.keys * hay.values;
  const std::size_t others = hay.filler == Filler::Needles ? static_cast<std::size_t>(items) : 0;
  Drawn drawn{things(hay.key, key_stream, hay.keys + others), things(hay.value, value_stream, own + others),
              std::vector<std::size_t>(own)};
  std::iota(drawn.order.begin(), drawn.order.end(), std::size_t{0});
  random.shuffle(drawn.order);

  const bool one = own + others == 1, one_answer = hay.asked * hay.values == 1;
  const std::string kind = kindName(hay.value), what = "special magic " + kind + (one_answer ? " for " : "s for ") +
                                                       listed(std::span(drawn.keys).first(hay.asked));
  Sample sample;
  sample.user = (one ? "A special magic " + kind + " stands somewhere in the following text. Keep it"
                     : "Some special magic " + kind + "s stand somewhere in the following text. Keep them") +
                " in mind for the question at the end.\n\n" + haystack(hay, drawn, input, random, items) + "\n\n" +
                (one_answer ? "What is the " : "What are all the ") + what + " given in the text above?";
  sample.answer_prefix = "The " + what + " given in the text above " + (one_answer ? "is" : "are");
  for (std::size_t key = 0; key < hay.asked; ++key) {
    for (const std::size_t v : drawn.order) {
      if (v / hay.values == key) sample.references.push_back(drawn.values[v]);
    }
  }
  return sample;
}

/// A chain of variables, each of which gets the value of the one before it; asked for by the value.
Sample variableTracking(const SampleInput&, Random random, std::int64_t items) {
  const std::vector<std::string> variables = distinctCodes(random, kHops + 1, 5, 'A');
  const std::string value = distinctNumbers(random, 1, 5).front();
  std::vector<std::string> assignments{"VAR " + variables[0] + " = " + value + "."};
  for (std::size_t hop = 1; hop <= kHops; ++hop) {
    assignments.push_back("VAR " + variables[hop] + " = VAR " + variables[hop - 1] + ".");
  }
  const std::string text = hidden(assignments, depths(random, assignments.size(), kFineDepths), items, noise);
  return {.user =
              "In the following text variables are assigned, some of them from one another. Follow the chain of "
              "assignments.\n\n" +
              text + "\n\nQuestion: Which variables have the value " + value + " at the end of the text above?",
          .answer_prefix = "By the assignments in the text above, " + std::to_string(variables.size()) +
                           " variables have the value " + value + ", namely",
          .references = variables};
}

/// "1st", "2nd", "11th".
std::string ordinal(std::size_t number) {
  const bool teen = number / 10 % 10 == 1;
  const std::size_t digit = number % 10;
  return std::to_string(number) + (teen ? "th" : digit == 1 ? "st" : digit == 2 ? "nd" : digit == 3 ? "rd" : "th");
}

Sample flashMorph(const SampleInput& input, Random random, std::int64_t items) {
  Sample sample;
  std::vector<std::string> texts;
  for (int key = 0; key < input.materials.passkeys; ++key) {
    const auto words = static_cast<std::size_t>(input.materials.passkey_words);
    sample.references.push_back(listed(anyWords(random, words), " "));
    texts.push_back("Remember this: the " + ordinal(texts.size() + 1) +
                    " passkey to the vault is: " + sample.references.back() + ".");
  }
  const std::vector<double> at = depths(random, texts.size(), kFineDepths);
  const std::string count = std::to_string(texts.size());
  sample.user =
      "Here is a long story book. In some places it tells a passkey to the vault, a sequence of words. "
      "Remember every one of them.\n\n" +
      hidden(texts, at, items, essay(input, random)) + "\n\nWhat are the " + count +
      " passkeys to the vault that the story book tells, in their order?";
  sample.answer_prefix = "The " + count + " passkeys to the vault, in their order, are:";
  return sample;
}

template <Filler filler, Thing key, Thing value, std::size_t keys = 1, std::size_t values = 1, std::size_t asked = 1>
Sample niah(const SampleInput& input, Random random, std::int64_t items) {
  return needles({filler, key, value, keys, values, asked}, input, random, items);
}

using enum Filler;
using enum Thing;
constexpr std::string_view kRuler = "RULER-style";
constexpr std::array kNeedleForms{
    LongContextForm{{"niah_single_1", "one needle in noise", kRuler}, 128, 0, niah<Noise, Key, Number>},
    LongContextForm{{"niah_single_2", "one needle in an essay", kRuler}, 128, 0, niah<Essay, Key, Number>},
    LongContextForm{{"niah_single_3", "one UUID in an essay", kRuler}, 128, 0, niah<Essay, Key, Uuid>},
    LongContextForm{{"niah_multikey_1", "one of four keys", kRuler}, 128, 0, niah<Essay, Key, Number, 4>},
    LongContextForm{{"niah_multikey_2", "a needle among needles", kRuler}, 128, 0, niah<Needles, Key, Number>},
    LongContextForm{{"niah_multikey_3", "a UUID among UUIDs", kRuler}, 128, 0, niah<Needles, Uuid, Uuid>},
    LongContextForm{{"niah_multivalue", "four values of one key", kRuler}, 128, 0, niah<Essay, Key, Number, 1, 4>},
    LongContextForm{{"niah_multiquery", "four keys asked", kRuler}, 128, 0, niah<Essay, Key, Number, 4, 1, 4>},
    LongContextForm{{"vt", "variable tracking, four hops", kRuler}, 30, 0, variableTracking}};
constexpr std::array kPasskeyForms{
    LongContextForm{{"flashmorph_passkey", "pass keys of words", "FlashMorph-style"}, 0, 0, flashMorph}};

}  // namespace

std::span<const LongContextForm> needleForms() { return kNeedleForms; }
std::span<const LongContextForm> passkeyForms() { return kPasskeyForms; }

}  // namespace interleave
