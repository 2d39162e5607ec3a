// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "backend/mixers/cost.h"
#include "backend/mixers/full_attention.h"
#include "backend/mixers/gated_delta_net.h"
#include "kernels/reference/gated_delta_rule.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

constexpr std::int64_t kTokens = 23;
constexpr Window kWindow{5, 2};

/// Every kind on a Qwen2 (biases) and a Qwen3 (norms of q and k).
class MixerTest : public ::testing::TestWithParam<std::tuple<std::string, MixerKind>> {
 protected:
  MixerTest()
      : teacher_(testing::writeTinyModel(folder_ / "model", testing::tinyConfig(std::get<0>(GetParam())))),
        model_(teacher_.model) {
    at::manual_seed(3);
    x_ = at::randn({2, kTokens, model_->config().hidden});
    const auto kind = std::get<1>(GetParam());
    if (kind == MixerKind::Full) {
      mixer_ = SoftmaxAttention::full(model_, 1);
    } else if (kind == MixerKind::SlidingWindow) {
      mixer_ = SoftmaxAttention::slidingWindow(model_, 1, kWindow.tokens, kWindow.sinks);
    } else {
      auto candidate = GatedDeltaNet::copiedFromTeacher(model_, 1, kind, kWindow);
      for (auto& [name, tensor] : candidate->parameters()) tensor.add_(at::randn_like(tensor), 0.1);
      candidate->setTrainable(false);
      mixer_ = std::move(candidate);
    }
  }
  at::Tensor run(const at::Tensor& x, const Packing& packing = {}) const {
    LayerInput input(model_->lease(1), x, packing);
    return mixer_->forward(input);
  }

  const at::NoGradGuard no_grad_;
  test::TemporaryFolder folder_;
  testing::Teacher teacher_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Mixer> mixer_;
  at::Tensor x_;
};

TEST_P(MixerTest, TokenByTokenAndInPiecesGiveTheWhole) {
  const at::Tensor whole = run(x_);
  for (const std::int64_t piece : {1, 7}) {
    const auto state = mixer_->start(2);
    std::vector<at::Tensor> parts;
    for (std::int64_t first = 0; first < kTokens; first += piece) {
      const std::int64_t count = std::min(piece, kTokens - first);
      const Packing packing{{0, count, 2 * count}, {first, first}};
      LayerInput input(model_->lease(1), x_.narrow(1, first, count).reshape({1, 2 * count, -1}), packing);
      parts.push_back(mixer_->forward(input, *state).unflatten(1, {2, count})[0]);
    }
    EXPECT_LT((at::cat(parts, 1) - whole).abs().max().item<double>(), 2e-5) << piece;
  }
}

TEST_P(MixerTest, PackedSequencesGiveWhatSeparateOnesGive) {
  const Packing packing{{0, 9, 10, kTokens}};
  const at::Tensor packed = run(x_.narrow(0, 0, 1), packing);
  for (std::size_t s = 0; s + 1 < packing.offsets.size(); ++s) {
    const std::int64_t first = packing.offsets[s], count = packing.offsets[s + 1] - first;
    const at::Tensor alone = run(x_.narrow(0, 0, 1).narrow(1, first, count));
    EXPECT_LT((packed.narrow(1, first, count) - alone).abs().max().item<double>(), 2e-5) << s;
  }
}

TEST_P(MixerTest, TheFutureDoesNotReachThePast) {
  at::Tensor changed = x_.clone();
  changed.narrow(1, 15, kTokens - 15).add_(1);
  EXPECT_TRUE(at::allclose(run(changed).narrow(1, 0, 15), run(x_).narrow(1, 0, 15), 1e-5, 1e-6));
}

TEST(ForwardFlops, CountMatricesForEachTokenAndAttentionByItsPlace) {
  ModelConfig config;
  config.layers = 2;
  config.hidden = 8;
  config.intermediate = 16;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_dim = 4;
  config.vocabulary = 32;
  const double projections = 2 * (8 * (8 + 4 + 4) + 8 * 8), feed_forward = 6 * 8 * 16, head = 2 * 8 * 32;
  const double attention = 4 * 2 * 4;  // a head's score and read-out of one key, over heads
  const Placement full(2, MixerKind::Full), window(2, MixerKind::SlidingWindow);
  const OperatorWindows two{.sliding = {2, 0}, .gdn = {2, 0}};
  const double matrices = 2 * 3 * (projections + feed_forward) + head;
  EXPECT_EQ(forwardFlops(config, full, two, 3, 1), matrices + 2 * attention * (1 + 2 + 3));
  EXPECT_EQ(forwardFlops(config, window, two, 3, 1), matrices + 2 * attention * (1 + 2 + 2));
}

TEST_P(MixerTest, CostsCountTheCacheAndTheParameters) {
  const auto state = mixer_->start(1);
  const Packing packing{{0, kTokens}};
  LayerInput input(model_->lease(1), x_.narrow(0, 0, 1), packing);
  mixer_->forward(input, *state);
  const MixerCost cost = mixer_->cost(kTokens);
  const MixerKind kind = std::get<1>(GetParam());
  EXPECT_EQ(cost.cache_bytes, mixerCost(kind, model_->config(), 1, {kWindow, kWindow}, kTokens).cache_bytes);
  // Keys and values are counted in bf16 and kept here in fp32; the recurrent state is fp32 in both.
  const ModelConfig& config = model_->config();
  const bool recurrent = kind == MixerKind::Gdn || kind == MixerKind::GdnWindow;
  const std::int64_t state_bytes = recurrent ? 4LL * config.heads * config.head_dim * config.head_dim : 0;
  EXPECT_EQ(state->bytes(), state_bytes + 2 * (cost.cache_bytes - state_bytes));
  std::int64_t trained = 0;
  for (const auto& [name, tensor] : mixer_->parameters()) trained += tensor.numel();
  EXPECT_LE(trained, cost.parameters);
  EXPECT_GT(mixer_->cost(2 * kTokens).flops + 1, cost.flops);
}

INSTANTIATE_TEST_SUITE_P(All, MixerTest,
                         ::testing::Combine(::testing::Values("qwen2", "qwen3"),
                                            ::testing::Values(MixerKind::Full, MixerKind::SlidingWindow, MixerKind::Gdn,
                                                              MixerKind::GdnWindow)),
                         [](const auto& chosen) {
                           std::string label =
                               std::get<0>(chosen.param) + "_" + std::string(name(std::get<1>(chosen.param)));
                           std::ranges::replace(label, '-', '_');
                           return label;
                         });

TEST(SlidingWindow, AWindowOverEverythingIsFullAttention) {
  const at::NoGradGuard no_grad;
  test::TemporaryFolder folder;
  const testing::Teacher teacher(testing::writeTinyModel(folder / "model", testing::tinyConfig("llama")));
  at::manual_seed(1);
  const at::Tensor x = at::randn({1, kTokens, 24});
  const Packing unpacked;
  LayerInput first(teacher.model->lease(0), x, unpacked), second(teacher.model->lease(0), x, unpacked);
  const auto window = SoftmaxAttention::slidingWindow(teacher.model, 0, kTokens, 0);
  EXPECT_LT((window->forward(first) - teacher.row[0]->forward(second)).abs().max().item<double>(), 1e-6);
}

/// The layer written out from its equations, with the recurrent reference.
TEST(GatedDeltaNet, IsItsEquations) {
  const at::NoGradGuard no_grad;
  test::TemporaryFolder folder;
  const testing::Teacher teacher(testing::writeTinyModel(folder / "model", testing::tinyConfig("llama")));
  const ModelConfig& config = teacher.model->config();
  at::manual_seed(2);
  const auto mixer = GatedDeltaNet::copiedFromTeacher(teacher.model, 0, MixerKind::GdnWindow, kWindow);
  for (auto& [name, tensor] : mixer->parameters()) tensor.add_(at::randn_like(tensor), 0.2);
  mixer->setTrainable(false);
  const GdnParameters& p = mixer->values();
  const at::Tensor x = at::randn({1, kTokens, config.hidden});
  const std::int64_t heads = config.heads, width = heads * config.head_dim;

  const at::Tensor all = at::matmul(x, p.projections.t());
  const auto head = [&](std::int64_t part) {
    return all.narrow(2, part * width, width).unflatten(2, {heads, config.head_dim});
  };
  const at::Tensor g = -at::exp(p.log_decay) * at::softplus(all.narrow(2, 4 * width, heads) + p.dt_bias);
  const at::Tensor beta = at::sigmoid(all.narrow(2, 4 * width + heads, heads) + p.write_bias);
  const at::Tensor rule = kernels::reference::recurrentDeltaRule(at::silu(head(0)), at::silu(head(1)), head(2), g, beta,
                                                                 {}, {.l2_normalise = true})
                              .out;
  const at::Tensor gated = rule * p.scale.unsqueeze(1) * 2 * at::sigmoid(head(3));
  const Packing unpacked;
  LayerInput input(teacher.model->lease(0), x, unpacked);
  const auto window = SoftmaxAttention::slidingWindow(teacher.model, 0, kWindow.tokens, kWindow.sinks);
  const at::Tensor share = 2 * at::sigmoid(all.narrow(2, 4 * width + 2 * heads, heads) + p.window_bias);
  const at::Tensor context = gated + share.unsqueeze(3) * window->context(input);
  const at::Tensor expected = at::matmul(context.flatten(2), p.output.t());

  LayerInput again(teacher.model->lease(0), x, unpacked);
  EXPECT_LT((mixer->forward(again) - expected).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace interleave
