// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/trainee.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backend/heal/hybrid_model.h"
#include "tests/backend/export/tiny_bank.h"
#include "tests/backend/heal/tiny_heal.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

using enum MixerKind;
using ::testing::HasSubstr;
using ::testing::Not;

struct Family {
  const char* type;
  nlohmann::json changes;
};

/// Every operator, in models that between them have biases, norms of heads, tied heads and norms after attention.
class TraineeTest : public ::testing::TestWithParam<Family> {
 protected:
  TraineeTest() {
    nlohmann::json changes = GetParam().changes;
    changes["num_hidden_layers"] = 4;
    path_ = writeTinyModel(folder_ / "model", tinyConfig(GetParam().type, changes));
    teacher_ = std::make_unique<Teacher>(path_);
    bank_ =
        CandidateBank::load(writeTinyBank(folder_ / "bank", teacher_->model,
                                          {{"window", 6}, {"sinks", 2}, {"sliding_window", 8}, {"sliding_sinks", 3}}),
                            teacher_->model);
    batch_ = randomBatch(teacher_->model->config(), 33, 7);
  }

  Trainee trainee(const TraineeOptions& options) const { return {teacher_->model, *bank_, placement_, options}; }
  double hybridLoss() const {
    const Objective objective(bank_, {Full}, false);
    return objective.hard(batch_, objective.target(batch_), placement_);
  }

  test::TemporaryFolder folder_;
  std::filesystem::path path_;
  std::unique_ptr<Teacher> teacher_;
  std::shared_ptr<const CandidateBank> bank_;
  const Placement placement_{std::vector<MixerKind>{GdnWindow, Full, Gdn, SlidingWindow}};
  SearchBatch batch_;
};

std::vector<TraineeOptions> allOptions() {
  std::vector<TraineeOptions> all;
  for (const bool lora : {false, true}) {
    for (const bool everything : {false, true}) {
      all.push_back({.all = everything, .lora = lora, .rank = 4, .alpha = 8});
    }
  }
  return all;
}

TEST_P(TraineeTest, BeginsAsTheHybridThatItHeals) {
  for (const TraineeOptions& options : allOptions()) {
    Trainee fresh = trainee(options);
    const double wanted = hybridLoss();
    EXPECT_GT(wanted, 1e-3);
    EXPECT_NEAR(fresh.loss(batch_), wanted, 1e-5 * wanted);
    EXPECT_NEAR(fresh.accumulate(batch_, 1), wanted, 1e-5 * wanted);
  }
}

/// The gradient, read from AdamW's first moment, against differences of the loss along it, weight by weight.
TEST_P(TraineeTest, GradientsAreSlopesOfTheLoss) {
  constexpr double kBeta = 0.5;
  for (TraineeOptions options : allOptions()) {
    options.temperature = options.lora ? 1 : 2;
    Trainee student = trainee(options);
    const Trainee::Descent still{.rate = 0, .beta1 = kBeta, .beta2 = 0.9, .weight_decay = 0};
    if (options.lora) {  // away from B = 0, where A has no gradient
      student.accumulate(batch_, 1);
      student.descend(1, {.rate = 0.05, .beta1 = 0, .beta2 = 0.9, .weight_decay = 0});
      for (const auto& [name, tensor] : student.state()) {
        if (name.ends_with(".first")) tensor.zero_();
      }
    }
    student.accumulate(batch_, 0.25);  // in parts, as of several sequences
    student.accumulate(batch_, 0.75);
    student.descend(2, still);
    const NamedTensors state = student.state();
    int compared = 0;
    for (std::size_t i = 0; i < state.size(); i += 3) {
      const at::Tensor gradient = state[i + 1].second / (1 - kBeta), value = state[i].second;
      const double norm = gradient.norm().item<double>();
      if (norm < 3e-4) continue;  // below what differences in fp32 can tell
      const double stride = std::min(5e-3 / norm, 0.005 * (value.norm().item<double>() + 0.1));
      const at::Tensor along = gradient * (stride / norm), kept = value.clone();
      value.add_(along);
      const double above = student.loss(batch_);
      value.copy_(kept - along);
      const double below = student.loss(batch_);
      value.copy_(kept);
      EXPECT_NEAR((above - below) / (2 * stride), norm, 0.04 * norm + 1e-4) << state[i].first;
      ++compared;
    }
    EXPECT_GT(compared, static_cast<int>(state.size()) / 3 * 2 / 3);
  }
}

TEST_P(TraineeTest, RecomputingGivesTheSameGradient) {
  for (TraineeOptions options : allOptions()) {
    std::vector<NamedTensors> states;
    for (const bool recompute : {false, true}) {
      options.recompute = recompute;
      Trainee student = trainee(options);
      student.accumulate(batch_, 1);
      student.descend(1, {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1, .clip = 0.5});
      states.push_back(student.state());
    }
    for (std::size_t i = 0; i < states[0].size(); ++i) {
      if (!states[0][i].first.ends_with(".first")) continue;  // those of AdamW's first step are the gradient's
      const at::Tensor wanted = states[0][i].second;
      EXPECT_LE((wanted - states[1][i].second).norm().item<double>(), 1e-4 * wanted.norm().item<double>() + 1e-7)
          << states[0][i].first;
    }
  }
}

TEST_P(TraineeTest, WhatIsWrittenIsWhatWasTrained) {
  NoProgress progress;
  int at = 0;
  for (const TraineeOptions& options : allOptions()) {
    const auto dir = writeTinyHeal(folder_ / std::to_string(at++), teacher_->model, *bank_, placement_, options);
    Trainee again = trainee(options);
    for (std::int64_t step = 1; step <= 3; ++step) {
      again.accumulate(randomBatch(teacher_->model->config(), 40, static_cast<std::uint64_t>(step)), 1);
      again.descend(step, {.rate = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0});
    }
    const auto healed = HybridModel::load(dir, teacher_->model, progress);
    const Student student = healed->student(placement_);
    const Objective objective(bank_, {Full}, false);
    const at::NoGradGuard no_grad;
    const at::Tensor teacher =
        at::log_softmax(logits(*teacher_->model, teacher_->row, tokenBatch(batch_.ids, at::kCPU))[0], -1);
    const at::Tensor own =
        at::log_softmax(logits(*student.model, student.mixers, tokenBatch(batch_.ids, at::kCPU))[0], -1);
    const at::Tensor each = (teacher.exp() * (teacher - own)).sum(-1).slice(0, 0, -1);
    const double wanted = again.loss(batch_);
    EXPECT_NEAR(each.mean().item<double>(), wanted, 2e-5 * (1 + wanted))
        << "LoRA's pairs merged are as they were applied";
    EXPECT_GT(std::abs(wanted - hybridLoss()), 1e-3) << "nothing moved";
    for (const auto& [name, tensor] : again.weights()) {
      EXPECT_EQ(name.find("self_attn") != std::string::npos || name.starts_with("layers.") || options.all, true)
          << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TraineeTest,
                         ::testing::Values(Family{"llama", {{"tie_word_embeddings", true}, {"attention_bias", true}}},
                                           Family{"qwen3", {{"head_dim", 12}}},
                                           Family{"gemma3_text", {{"head_dim", 10}}}),
                         [](const auto& family) { return std::string(family.param.type); });

TEST(Trainee, LoraHoldsFewNumbers) {
  test::TemporaryFolder folder;
  const Teacher teacher(writeTinyModel(folder / "model", tinyConfig("llama")));
  const auto bank = CandidateBank::untrained(teacher.model, {.sliding = {8, 0}});
  const Placement placement(std::vector<MixerKind>{Full, SlidingWindow, Full});
  const auto count = [&](bool all, bool lora) {
    return Trainee(teacher.model, *bank, placement, {.all = all, .lora = lora, .rank = 2}).parameters();
  };
  const ModelConfig& config = teacher.model->config();
  const std::int64_t hidden = config.hidden, heads = config.heads * config.head_dim;
  const std::int64_t keys = config.kv_heads * config.head_dim, inner = config.intermediate;
  EXPECT_EQ(count(false, false), 3 * (2 * hidden * heads + 2 * hidden * keys));
  EXPECT_EQ(count(false, true), 3 * 2 * (2 * (hidden + heads) + 2 * (hidden + keys)));
  EXPECT_EQ(count(true, true) - count(false, true), 3 * 2 * 3 * (hidden + inner));
  EXPECT_EQ(count(true, false) - count(false, false),
            2 * config.vocabulary * hidden + hidden + 3 * (3 * hidden * inner + 2 * hidden));
}

TEST(Trainee, LearnsInBf16AsWell) {
  test::TemporaryFolder folder;
  const auto path = writeTinyModel(folder / "model", tinyConfig("llama", {{"tie_word_embeddings", true}}));
  const Teacher teacher(path, {.precision = at::kBFloat16});
  const auto bank =
      CandidateBank::load(writeTinyBank(folder / "bank", Teacher(path).model, {{"window", 6}}), teacher.model);
  const Placement placement(std::vector<MixerKind>{GdnWindow, Full, Gdn});
  const SearchBatch batch = randomBatch(teacher.model->config(), 33, 7);
  for (TraineeOptions options : allOptions()) {
    options.recompute = options.lora;
    Trainee student(teacher.model, *bank, placement, options);
    const double before = student.loss(batch);
    for (std::int64_t step = 1; step <= 5; ++step) {
      student.accumulate(batch, 1);
      student.descend(step, {.rate = 3e-3, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.01});
    }
    EXPECT_LT(student.loss(batch), 0.95 * before);
  }
}

TEST(HybridModel, RefusesWhatDoesNotFit) {
  test::TemporaryFolder folder;
  const Teacher teacher(writeTinyModel(folder / "model", tinyConfig("llama")));
  const Teacher other(writeTinyModel(folder / "other", tinyConfig("llama"), 1));
  const auto bank = CandidateBank::untrained(teacher.model, {.sliding = {8, 0}});
  const Placement placement(std::vector<MixerKind>{Full, SlidingWindow, Full});
  const auto dir = writeTinyHeal(folder / "healed", teacher.model, *bank, placement, {});
  NoProgress progress;
  const auto load = [&](const std::filesystem::path& from, const Teacher& model) {
    return test::errorOf([&] { HybridModel::load(from, model.model, progress); });
  };
  EXPECT_THAT(load(dir, other).what(), HasSubstr(other.model->fingerprint()));
  EXPECT_EQ(load(folder / "model", teacher).kind(), ErrorKind::BadInput);
  const auto healed = HybridModel::load(dir, teacher.model, progress);
  EXPECT_EQ(test::errorOf([&] { healed->student(Placement(3, SlidingWindow)); }).kind(), ErrorKind::Usage);

  const SafetensorsFile weights = SafetensorsFile::open(dir / kHealedWeights);
  NamedTensors tensors;
  for (const std::string& name : weights.names()) tensors.emplace_back(name, readTensor(weights, name));
  tensors.emplace_back("model.layers.9.mlp.up_proj.weight", at::zeros({2}));
  writeTensors(dir / kHealedWeights, tensors);
  EXPECT_THAT(load(dir, teacher).what(), HasSubstr("does not have"));
  tensors.pop_back();
  tensors.front().second = at::zeros({2, 2});
  writeTensors(dir / kHealedWeights, tensors);
  EXPECT_THAT(load(dir, teacher).what(), HasSubstr("another shape"));
  tensors.front().second = at::full(teacher.model->lease(0).weights().q.sizes(), std::nan(""));
  writeTensors(dir / kHealedWeights, tensors);
  EXPECT_THAT(load(dir, teacher).what(), HasSubstr("not finite"));
}

}  // namespace
}  // namespace interleave::testing
