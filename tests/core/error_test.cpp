// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/error.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend/core/progress.h"

namespace interleave {
namespace {

TEST(Error, SaysFilePlaceAndReasonAndLeavesOutWhatIsEmpty) {
  EXPECT_STREQ(badInput("a.gguf", "header", "too short").what(), "a.gguf: header: too short");
  EXPECT_STREQ(usageError("budget", "negative").what(), "budget: negative");
  EXPECT_STREQ(Error(ErrorKind::Failed, "a.db", "", "the disk is full").what(), "a.db: the disk is full");
  EXPECT_STREQ(failure("", "no memory").what(), "no memory");
  EXPECT_EQ(badInput("a.gguf", "header", "too short").place(), "header");
}

TEST(Error, KindsAreTheExitCodes) {
  EXPECT_EQ(static_cast<int>(failure("", "").kind()), 1);
  EXPECT_EQ(static_cast<int>(usageError("", "").kind()), 2);
  EXPECT_EQ(static_cast<int>(badInput("", "", "").kind()), 3);
  EXPECT_EQ(static_cast<int>(stopped().kind()), 4);
}

TEST(EditDistance, CountsInsertionsDeletionsAndSubstitutions) {
  EXPECT_EQ(editDistance("", ""), 0u);
  EXPECT_EQ(editDistance("", "abc"), 3u);
  EXPECT_EQ(editDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(editDistance("sitting", "kitten"), 3u);
  EXPECT_EQ(editDistance("flaw", "lawn"), 2u);
}

TEST(NearestOf, FindsATypoAndNothingWhereNothingIsNear) {
  const std::vector<std::string> known{"temperature", "learning_rate", "steps"};
  EXPECT_EQ(nearestOf("temprature", known), "temperature");
  EXPECT_EQ(nearestOf("learnign_rate", known), "learning_rate");
  EXPECT_EQ(nearestOf("step", known), "steps");
  EXPECT_EQ(nearestOf("qqqqqq", known), "");
  EXPECT_EQ(nearestOf("x", std::vector<std::string>{}), "");
  EXPECT_EQ(didYouMean("step", known), "; did you mean \"steps\"?");
  EXPECT_EQ(didYouMean("qqqqqq", known), "");
}

class Stopping final : public Progress {
 public:
  void report(std::string_view, double) override {}
  bool stopRequested() const override { return true; }
};

TEST(Progress, ThrowsStoppedWhenAsked) {
  EXPECT_NO_THROW(NoProgress().throwIfStopped());
  try {
    Stopping().throwIfStopped();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Stopped);
  }
}

}  // namespace
}  // namespace interleave
