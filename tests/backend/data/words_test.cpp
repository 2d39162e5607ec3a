// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/words.h"

#include <gmock/gmock.h>

#include <set>
#include <string_view>

#include "resources/resources.h"

namespace interleave {
namespace {

using ::testing::MatchesRegex;
using ::testing::SizeIs;

std::set<std::string> setOf(const std::vector<std::string>& words) { return {words.begin(), words.end()}; }

TEST(Words, NoneIsPartOfAnother) {
  Random random(1);
  constexpr std::size_t kAll = 1300;
  const std::vector<std::string> words = distinctWords(random, kAll);
  for (const std::string& word : words) {
    ASSERT_THAT(word, MatchesRegex("[a-z]{4,}"));
    for (const std::string& other : words) {
      ASSERT_TRUE(word == other || other.find(word) == std::string::npos) << word << " in " << other;
    }
  }
}

TEST(Words, AreDistinctHoweverMany) {
  Random random(2);
  const std::vector<std::string> words = distinctWords(random, 5000);
  EXPECT_THAT(setOf(words), SizeIs(5000));
  EXPECT_THAT(words.back(), MatchesRegex("[a-z]+-[a-z]+"));
  EXPECT_THAT(setOf(distinctKeys(random, 3000)), SizeIs(3000));
  EXPECT_THAT(setOf(distinctNumbers(random, 3000, 4)), SizeIs(3000));
  EXPECT_THAT(setOf(distinctUuids(random, 300)), SizeIs(300));
  EXPECT_THAT(setOf(distinctCodes(random, 600, 2, 'a')), SizeIs(600));
  EXPECT_THAT(anyWords(random, 32), SizeIs(32));
  EXPECT_THAT(distinctWords(random, 0), SizeIs(0));
}

TEST(Words, OfTheSameSeedBeginAlike) {
  for (const auto draw : {distinctWords, distinctKeys, distinctUuids}) {
    Random one(3), same(3);
    const std::vector<std::string> few = draw(one, 10), many = draw(same, 2000);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  }
}

TEST(Words, NumbersHaveTheirDigits) {
  Random random(4);
  for (const std::string& number : distinctNumbers(random, 500, 7)) ASSERT_THAT(number, MatchesRegex("[1-9][0-9]{6}"));
  for (const std::string& code : distinctCodes(random, 100, 5, 'A')) ASSERT_THAT(code, MatchesRegex("[A-Z]{5}"));
}

}  // namespace
}  // namespace interleave
