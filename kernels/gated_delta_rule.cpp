// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/gated_delta_rule.h"

#include <ATen/ATen.h>

#include "kernels/reference/gated_delta_rule.h"

namespace interleave::kernels {
namespace {

void checkOffsets(at::IntArrayRef offsets, std::int64_t batch, std::int64_t tokens) {
  if (offsets.empty()) return;
  TORCH_CHECK(batch == 1, "packed sequences need a batch of 1, not ", batch);
  TORCH_CHECK(offsets.size() >= 2 && offsets.front() == 0 && offsets.back() == tokens,
              "offsets must run from 0 to the ", tokens, " tokens, not ", offsets);
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    TORCH_CHECK(offsets[i - 1] < offsets[i], "offsets must ascend: ", offsets);
  }
}

}  // namespace

DeltaRuleResult gatedDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                               const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                               const DeltaRuleOptions& options) {
  checkOffsets(options.offsets, q.size(0), q.size(1));
  return reference::chunkwiseDeltaRule(q, k, v, g, beta, initial_state, options);
}

at::Tensor gatedDeltaStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                          const at::Tensor& beta, at::Tensor& state, const DeltaRuleOptions& options) {
  auto token = [](const at::Tensor& x) { return x.unsqueeze(1); };
  const DeltaRuleResult result =
      reference::recurrentDeltaRule(token(q), token(k), token(v), token(g), token(beta), state, options);
  state.copy_(result.final_state);
  return result.out.squeeze(1);
}

std::string activeKernelName(const at::Device&) { return "ATen GDN"; }

}  // namespace interleave::kernels
