// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/gated_delta_rule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "kernels/reference/gated_delta_rule.h"

namespace interleave::kernels {
namespace {

struct Inputs {
  at::Tensor q, k, v, g, beta, state;
};

Inputs randomInputs(std::int64_t batch, std::int64_t tokens, std::int64_t heads, std::int64_t dk, std::int64_t dv,
                    double gate) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({batch, tokens, heads, dk}, options),          at::randn({batch, tokens, heads, dk}, options),
          at::randn({batch, tokens, heads, dv}, options),          -gate * at::rand({batch, tokens, heads}, options),
          at::sigmoid(at::randn({batch, tokens, heads}, options)), at::randn({batch, heads, dk, dv}, options)};
}

double relativeError(const at::Tensor& x, const at::Tensor& exact) {
  return ((x.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

TEST(ChunkwiseDeltaRule, EqualsTheRecurrenceInDouble) {
  at::manual_seed(1);
  for (const std::int64_t tokens : {1, 63, 64, 65, 200}) {
    for (const double gate : {1e-3, 0.1, 10.0}) {
      const Inputs x = randomInputs(2, tokens, 3, 20, 12, gate);
      const DeltaRuleOptions options{.l2_normalise = true};
      const auto a = reference::recurrentDeltaRule(x.q, x.k, x.v, x.g, x.beta, x.state, options);
      const auto b = reference::chunkwiseDeltaRule(x.q, x.k, x.v, x.g, x.beta, x.state, options);
      EXPECT_LT(relativeError(b.out, a.out), 1e-12) << tokens << ' ' << gate;
      EXPECT_LT(relativeError(b.final_state, a.final_state), 1e-12) << tokens << ' ' << gate;
    }
  }
}

}  // namespace
}  // namespace interleave::kernels
