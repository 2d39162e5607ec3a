// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/objective.h"

#include <gtest/gtest.h>

#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::TemporaryFolder;
using testing::Teacher;

constexpr int kLayers = 3;
const std::vector<MixerKind> kOperators{MixerKind::Full, MixerKind::SlidingWindow};

class ObjectiveTest : public ::testing::TestWithParam<LossKind> {
 protected:
  ObjectiveTest()
      : teacher_(testing::writeTinyModel(folder_ / "model", testing::tinyConfig("llama")), {"cpu", at::kDouble}) {
    bank_ = CandidateBank::untrained(teacher_.model, {.sliding = {3, 1}});
    for (std::int32_t i = 0; i < 24; ++i) batch_.ids.push_back((7 * i * i + 3 * i) % 61);
    batch_.positions = {3, 10, 11, 22};
    batch_.loss = GetParam();
  }
  std::vector<double> mixture(double full) const {
    std::vector<double> p;
    for (int layer = 0; layer < kLayers; ++layer) p.insert(p.end(), {full, 1 - full});
    return p;
  }

  TemporaryFolder folder_;
  Teacher teacher_;
  std::shared_ptr<CandidateBank> bank_;
  SearchBatch batch_;
};

TEST_P(ObjectiveTest, FullAttentionEverywhereIsTheTeacher) {
  const Objective objective(bank_, kOperators, false);
  const TeacherTarget target = objective.target(batch_);
  const double soft = objective.soft(batch_, target, mixture(1)).loss;
  EXPECT_NEAR(soft, objective.hard(batch_, target, Placement(kLayers, MixerKind::Full)), 1e-6);
  if (GetParam() != LossKind::Ce) {
    EXPECT_NEAR(soft, 0, 1e-6);
    EXPECT_GT(objective.hard(batch_, target, Placement(kLayers, MixerKind::SlidingWindow)), 1e-4);
  }
}

TEST_P(ObjectiveTest, GradientIsTheDerivativeAndRecomputingChangesNothing) {
  const Objective kept(bank_, kOperators, false), recomputed(bank_, kOperators, true);
  const TeacherTarget target = kept.target(batch_);
  std::vector<double> p{0.3, 0.7, 0.6, 0.4, 0.5, 0.5};
  const Objective::Soft found = kept.soft(batch_, target, p), again = recomputed.soft(batch_, target, p);
  EXPECT_NEAR(found.loss, again.loss, 1e-10);
  for (std::size_t i = 0; i < p.size(); ++i) {
    constexpr double kStep = 1e-4;
    std::vector<double> up = p, down = p;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = (kept.soft(batch_, target, up).loss - kept.soft(batch_, target, down).loss) / (2 * kStep);
    EXPECT_NEAR(found.gradient[i], slope, 1e-6 * std::max(1.0, std::abs(slope))) << i;
    EXPECT_NEAR(found.gradient[i], again.gradient[i], 1e-9) << i;
  }
}

TEST_P(ObjectiveTest, WeightsGetNoGradient) {
  const Objective objective(bank_, kOperators, false);
  objective.soft(batch_, objective.target(batch_), mixture(0.5));
  EXPECT_FALSE(teacher_.model->layer(0).q.requires_grad());
  EXPECT_FALSE(teacher_.model->layer(0).q.grad().defined());
}

INSTANTIATE_TEST_SUITE_P(Losses, ObjectiveTest, ::testing::Values(LossKind::Kl, LossKind::Ce, LossKind::HiddenMse));

}  // namespace
}  // namespace interleave
