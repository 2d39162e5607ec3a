// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "kernels/reference/attention.h"

namespace interleave::kernels {
namespace {

at::Tensor random(at::IntArrayRef shape) { return at::randn(shape, at::TensorOptions().dtype(at::kDouble)); }

TEST(DenseAttention, EqualsLibTorchsCausalAttention) {
  at::manual_seed(1);
  const at::Tensor q = random({2, 4, 30, 8}), k = random({2, 2, 30, 8}), v = random({2, 2, 30, 8});
  const at::Tensor expected = at::scaled_dot_product_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1),
                                                               {}, 0.0, /*is_causal=*/true);
  EXPECT_LT((reference::denseAttention(q, k, v) - expected).abs().max().item<double>(), 1e-12);
  EXPECT_LT((reference::denseAttention(q, k, v, {.window = 30}) - expected).abs().max().item<double>(), 1e-12);
}

}  // namespace
}  // namespace interleave::kernels
