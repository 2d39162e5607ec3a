// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "backend/core/error.h"
#include "backend/formats/pretokenizer_pattern.h"

namespace interleave {
namespace {

using testing::ElementsAre;

/// The parts of a text, matches in brackets.
std::vector<std::string> partsOf(const Pattern& pattern, const std::string& text) {
  std::vector<std::string> parts;
  pattern.parts(text, [&](std::size_t begin, std::size_t end, bool match) {
    const std::string part = text.substr(begin, end - begin);
    parts.push_back(match ? "[" + part + "]" : part);
  });
  return parts;
}

TEST(Pattern, CoversTheText) {
  EXPECT_THAT(partsOf(Pattern::regex(R"(\d+)"), "ab12c"), ElementsAre("ab", "[12]", "c"));
  EXPECT_THAT(partsOf(Pattern::literal("."), "a.b"), ElementsAre("a", "[.]", "b"));
  EXPECT_THAT(partsOf(Pattern::regex("x"), ""), ElementsAre());
  EXPECT_THAT(partsOf(Pattern::regex("b*"), "abb"), ElementsAre("[]", "a", "[bb]"));
  EXPECT_THAT(partsOf(Pattern::regex("(?=é)"), "aéé"), ElementsAre("a", "[]", "é", "[]", "é"));
}

TEST(Pattern, ReadsClassesAsOniguruma) {
  EXPECT_THAT(partsOf(Pattern::regex(R"(\s+)"), "a \u180E\u3000"), ElementsAre("a", "[ ]", "\u180E", "[\u3000]"));
  EXPECT_THAT(partsOf(Pattern::regex(R"(\S+)"), "a\u00A0b"), ElementsAre("[a]", "\u00A0", "[b]"));
  EXPECT_THAT(partsOf(Pattern::regex(R"([^\S\n]+)"), "a \n"), ElementsAre("a", "[ ]", "\n"));
  EXPECT_THAT(partsOf(Pattern::regex(R"(\w+)"), "e\u0301½-"), ElementsAre("[e\u0301½]", "-"));
  EXPECT_THAT(partsOf(Pattern::regex(R"([\w.]+\b)"), "a.b. "), ElementsAre("[a.b]", ". "));
  EXPECT_THAT(partsOf(Pattern::regex(R"(\h)"), "g a"), ElementsAre("g ", "[a]"));
  EXPECT_THAT(partsOf(Pattern::regex(R"(\p{Han}+)"), "一、二"), ElementsAre("[一]", "、", "[二]"));
  EXPECT_THAT(partsOf(Pattern::regex(R"([\u4e00-\u9fff])"), "a一"), ElementsAre("a", "[一]"));
  EXPECT_THAT(partsOf(Pattern::regex("^a$"), "b\na\nb"), ElementsAre("b\n", "[a]", "\nb"));
  EXPECT_THAT(partsOf(Pattern::regex(R"([]\]x])"), "a]"), ElementsAre("a", "[]]"));
}

TEST(Pattern, ReadsPosixBracketsAsOniguruma) {
  // Thai and Devanagari vowel signs and enclosed letters are alphabetic; marks are words; symbols are punctuation.
  EXPECT_THAT(partsOf(Pattern::regex("[[:alpha:]]+"), "กีⒶ²"), ElementsAre("[กีⒶ]", "²"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:alnum:]]+"), "कि٣½"), ElementsAre("[कि٣]", "½"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:digit:]]+"), "1٣²"), ElementsAre("[1٣]", "²"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:space:]]+"), "\u0085\u3000\u180E"), ElementsAre("[\u0085\u3000]", "\u180E"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:upper:]]+"), "AⅧⒶa"), ElementsAre("[AⅧⒶ]", "a"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:lower:]]+"), "aªⓐA"), ElementsAre("[aªⓐ]", "A"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:punct:]]+"), "!+©a"), ElementsAre("[!+©]", "a"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:word:]]+"), "e\u0301_½"), ElementsAre("[e\u0301_]", "½"));
  EXPECT_THAT(partsOf(Pattern::regex(R"([\w]+)"), "a_½"), ElementsAre("[a_]", "½"));
  EXPECT_THAT(partsOf(Pattern::regex("[^[:alpha:][:space:]]+"), "a1- b"), ElementsAre("a", "[1-]", " b"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:^space:]x]+"), "a \nx"), ElementsAre("[a]", " \n", "[x]"));
  EXPECT_THAT(partsOf(Pattern::regex("[[:^graph:]]+"), "a \u200Bb"), ElementsAre("a", "[ ]", "\u200Bb"));
}

TEST(Pattern, RefusesWhatItCannotMean) {
  for (const char* expression : {"(", "[a", "[a-z&&[^b]]", "[a[bc]]", "[[:foo:]]", "[[:^alpha:]]", "(?i:[[:upper:]])",
                                 R"([\W])", R"(\p{Nonsense})", "a{2,1}"}) {
    EXPECT_THROW(Pattern::regex(expression), std::invalid_argument) << expression;
  }
}

TEST(Pattern, GivesUpInsteadOfHanging) {
  const Pattern pattern = Pattern::regex("(a|aa|a?b)+(?=c)");
  EXPECT_THROW(partsOf(pattern, std::string(200, 'a')), Error);
}

TEST(Pattern, MatchesDeeply) {
  const std::string text(1 << 20, 'a');
  EXPECT_THAT(partsOf(Pattern::regex("(?:a|b)+"), text), ElementsAre("[" + text + "]"));
}

}  // namespace
}  // namespace interleave
