// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/core/error.h"
#include "backend/engine/workbench.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

class MeasureCost : public ::testing::Test {
 protected:
  MeasureCost() {
    request_.model = testing::writePlantedModel(folder_ / "model", {1, 4});
    request_.candidates.bank_settings = {{"sliding_window", 8}, {"sliding_sinks", 2}};
    request_.lengths = {40, 12, 40};
    request_.new_tokens = 2;
  }
  std::vector<MeasuredCost> measure(const std::vector<Placement>& placements) {
    return workbench_.measureCost(request_, placements, progress_);
  }

  test::TemporaryFolder folder_;
  Workbench workbench_;
  Workbench::CostRequest request_;
  NoProgress progress_;
  const Placement hybrid_ = Placement::uniform(6, 2, 0, MixerKind::SlidingWindow), teacher_{6, MixerKind::Full};
};

TEST_F(MeasureCost, TellsTimesAndBytesOfTheTeacherAndThePlacement) {
  const std::vector<MeasuredCost> costs = measure({hybrid_, teacher_});
  ASSERT_EQ(costs.size(), 2U) << "the teacher is measured once";
  EXPECT_EQ(costs[0].placement, teacher_);
  EXPECT_EQ(costs[1].placement, hybrid_);
  Settings recipe(bankSettingSpecs());
  recipe.merge(request_.candidates.bank_settings, "test");
  const std::vector<std::int64_t> lengths{12, 40};
  const std::vector<CostTable> computed = workbench_.costs(request_.model, recipe, lengths);
  for (const MeasuredCost& cost : costs) {
    ASSERT_EQ(cost.points.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      const CostPoint& point = cost.points[i];
      EXPECT_EQ(point.context_tokens, lengths[i]);
      EXPECT_EQ(point.computed_bytes, computed[i].cacheBytes(cost.placement));
      EXPECT_EQ(point.cache_bytes, 2 * point.computed_bytes) << "fp32 for bf16";
      EXPECT_EQ(point.prefill_samples.size(), 3U);
      EXPECT_GT(std::ranges::min(point.prefill_samples), 0);
      EXPECT_GT(std::ranges::min(point.decode_samples), 0);
    }
  }
  // The cost of a token grows by what it reads: of the teacher alone, and of a whole prefill by the sum over tokens.
  EXPECT_GT(costs[0].points[1].decode_bytes, costs[0].points[0].decode_bytes);
  EXPECT_EQ(costs[0].manner, costs[1].manner);
  EXPECT_NE(costs[0].manner.find("cpu, fp32"), std::string::npos) << costs[0].manner;
  EXPECT_EQ(costs[0].points[1].cache_bytes * 12, costs[0].points[0].cache_bytes * 40);
  request_.execution.precision = "bf16";
  EXPECT_EQ(measure({hybrid_})[1].points[1].cache_bytes, costs[1].points[1].computed_bytes);
}

TEST_F(MeasureCost, ReportsItsLengthsAndStops) {
  struct Watching final : Progress {
    void report(std::string_view title, double fraction) override {
      titles.emplace_back(title);
      fractions.push_back(fraction);
    }
    bool stopRequested() const override { return !titles.empty() && titles.back().find("40") != std::string::npos; }
    std::vector<std::string> titles;
    std::vector<double> fractions;
  } watching;
  const Error error = test::errorOf([&] { workbench_.measureCost(request_, std::span(&hybrid_, 1), watching); });
  EXPECT_EQ(error.kind(), ErrorKind::Stopped);
  EXPECT_NE(std::ranges::find(watching.titles, "Measuring contexts of 12 tokens"), watching.titles.end());
  EXPECT_TRUE(std::ranges::is_sorted(std::span(watching.fractions).last(4)));
}

TEST_F(MeasureCost, RefusesWhatCannotBeMeasured) {
  const auto kind = [&](const Placement& placement) { return test::errorOf([&] { measure({placement}); }).kind(); };
  EXPECT_EQ(kind(Placement(5, MixerKind::Full)), ErrorKind::BadInput) << "of another model";
  EXPECT_EQ(kind(Placement(6, MixerKind::Gdn)), ErrorKind::BadInput) << "there is no bank";
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{}, {0}, {8, -1}}) {
    request_.lengths = lengths;
    EXPECT_EQ(kind(hybrid_), ErrorKind::Usage);
  }
  request_.lengths = {8};
  request_.repeats = 0;
  EXPECT_EQ(kind(hybrid_), ErrorKind::Usage);
}

TEST_F(MeasureCost, GenerationOfABatchIsBehindTheSameDoor) {
  Workbench::GenerationRequest request;
  request.model = request_.model;
  request.candidates = request_.candidates;
  request.most = 4;
  request.prompts = {{1, 2, 3}, {7}};
  const auto answers = workbench_.generate(request, hybrid_, progress_);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].size(), 4U);
  request.end_ids = {answers[0][0]};
  EXPECT_TRUE(workbench_.generate(request, hybrid_, progress_)[0].empty());
}

}  // namespace
}  // namespace interleave
