// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/events.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

namespace interleave {
namespace {

TEST(Metric, HasADistinctNameAndTitle) {
  std::set<std::string_view> names, titles;
  for (int i = 0; i < kMetrics; ++i) {
    names.insert(name(static_cast<Metric>(i)));
    titles.insert(title(static_cast<Metric>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kMetrics));
  EXPECT_EQ(titles.size(), static_cast<std::size_t>(kMetrics));
  EXPECT_EQ(name(Metric::Loss), "loss");
  EXPECT_EQ(name(Metric::MemoryBytes), "memory_bytes");
  for (const double value : noMetrics()) EXPECT_TRUE(std::isnan(value));
}

TEST(Phase, IsNamedAsFilesNameIt) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Phase::Failed); ++i) names.push_back(name(static_cast<Phase>(i)));
  EXPECT_THAT(names, testing::ElementsAre("loading", "preparing", "searching", "evaluating", "paused", "done",
                                          "stopped", "failed"));
}

TEST(FullAdvantages, AreOverTheLargestOtherLogit) {
  StepEvent step;
  step.operators = {MixerKind::Gdn, MixerKind::Full, MixerKind::GdnWindow};
  step.logits = {0, 2, 1, -1, -3, -2};
  EXPECT_THAT(fullAdvantages(step), testing::ElementsAre(1, -2));
  step.operators = {MixerKind::Full};
  step.logits = {2, -1};
  EXPECT_THAT(fullAdvantages(step), testing::ElementsAre(2, -1));
  step.operators = {MixerKind::Gdn};
  EXPECT_THAT(fullAdvantages(step), testing::ElementsAre(0, 0));
  EXPECT_THAT(fullAdvantages({}), testing::IsEmpty());
}

}  // namespace
}  // namespace interleave
