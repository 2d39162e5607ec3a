// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/objective.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  EXPECT_FALSE(teacher_.model->lease(0).weights().q.requires_grad());
  EXPECT_FALSE(teacher_.model->lease(0).weights().q.grad().defined());
}

INSTANTIATE_TEST_SUITE_P(Losses, ObjectiveTest,
                         ::testing::Values(LossKind::Kl, LossKind::Ce, LossKind::HiddenMse, LossKind::LayerSum,
                                           LossKind::LayerMean, LossKind::LayerRelative));

/// FlashMorph's closed form: on the teacher's own stream layers do not interact, H_mix − H_full = (1 − α)(H − H_full),
/// and (1 − α)²·e/L + λ·α is least at α = 1 − λL/(2e).
TEST(TeacherForced, GatesEndWhereTheClosedFormSays) {
  const TemporaryFolder folder;
  const Teacher teacher(testing::writeTinyModel(folder / "model", testing::tinyConfig("llama")), {"cpu", at::kDouble});
  const auto bank = CandidateBank::untrained(teacher.model, {.sliding = {3, 1}});
  SearchBatch batch;
  for (std::int32_t i = 0; i < 24; ++i) batch.ids.push_back((7 * i * i + 3 * i) % 61);
  batch.positions = {3, 10, 11, 22};
  batch.loss = LossKind::LayerSum;
  for (const bool recompute : {false, true}) {
    const Objective objective(bank, kOperators, recompute, true);
    const TeacherTarget target = objective.target(batch);
    std::vector<double> errors;  // e of each layer: all of a gate's way from open to closed
    for (int layer = 0; layer < kLayers; ++layer) {
      std::vector<double> p(2 * kLayers, 0.0);
      for (int other = 0; other < kLayers; ++other)
        p[2 * static_cast<std::size_t>(other) + (other == layer ? 1 : 0)] = 1;
      errors.push_back(objective.soft(batch, target, p).loss * kLayers);
    }
    const double weight = errors[1] / kLayers;  // the second layer's gate ends half open
    std::vector<double> gates(kLayers, 1.0);
    for (int step = 0; step < 400; ++step) {
      std::vector<double> p;
      for (const double gate : gates) p.insert(p.end(), {gate, 1 - gate});
      const std::vector<double> slope = objective.soft(batch, target, p).gradient;
      for (std::size_t layer = 0; layer < gates.size(); ++layer) {
        const double along = slope[2 * layer] - slope[2 * layer + 1] + weight;
        gates[layer] = std::clamp(gates[layer] - 0.2 * kLayers / errors[layer] * along, 0.0, 1.0);
      }
    }
    for (std::size_t layer = 0; layer < gates.size(); ++layer) {
      EXPECT_NEAR(gates[layer], std::clamp(1 - weight * kLayers / (2 * errors[layer]), 0.0, 1.0), 1e-6);
    }
  }
}

}  // namespace
}  // namespace interleave
