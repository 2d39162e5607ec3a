// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/cpu/gated_delta_rule.h"

namespace interleave::kernels {

using Tensors = std::vector<at::Tensor>;

/// The inputs rounded to `rounding` and then held in `type`, each a leaf that asks for a gradient.
inline Tensors leaves(const Tensors& inputs, at::ScalarType rounding, at::ScalarType type) {
  Tensors result;
  for (const at::Tensor& x : inputs) result.push_back(x.detach().to(rounding).to(type).requires_grad_());
  return result;
}

/// What `function` returns for `inputs`, and behind it the gradients of Σ ⟨output, weight⟩ in every input.
inline Tensors outputsAndGradients(const std::function<Tensors(const Tensors&)>& function, const Tensors& inputs,
                                   const Tensors& weights) {
  Tensors outputs = function(inputs);
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (std::size_t i = 0; i < outputs.size(); ++i) sum = sum + (outputs[i].to(at::kDouble) * weights[i]).sum();
  sum.backward();
  for (const at::Tensor& x : inputs) outputs.push_back(x.grad());
  return outputs;
}

inline double largestError(const at::Tensor& x, const at::Tensor& exact) {
  return (x.detach().to(at::kDouble) - exact.detach()).abs().max().item<double>();
}

/// flash-attention's rule: the error of `fused` against fp64 is at most twice that of `plain`, the same formula in
/// plain ATen operations in the same precision, both as a root mean square and for the worst single value. Units in the
/// last place of the largest value are let pass: one, and six for the worst value, where `plain` may be exact by luck
/// and where SSE4 has no fused multiply-add, with which ATen multiplies.
inline void expectAsExactAsPlain(const Tensors& fused, const Tensors& plain, const Tensors& exact,
                                 const std::vector<std::string>& names, const std::string& what) {
  auto meanError = [](const at::Tensor& x, const at::Tensor& right) {
    return (x.detach().to(at::kDouble) - right.detach()).square().mean().sqrt().item<double>();
  };
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(fused[i].sizes(), exact[i].sizes()) << names[i] << ", " << what;
    const double unit =
        (fused[i].scalar_type() == at::kBFloat16 ? 0x1p-8 : 0x1p-23) * exact[i].abs().max().item<double>();
    EXPECT_LE(meanError(fused[i], exact[i]), 2 * meanError(plain[i], exact[i]) + unit) << names[i] << ", " << what;
    EXPECT_LE(largestError(fused[i], exact[i]), 2 * largestError(plain[i], exact[i]) + 6 * unit)  // false for NaN
        << names[i] << ", " << what;
  }
}

/// Runs `body` under every instruction set that this machine and this build have, the plain code last.
inline void eachVectorTarget(const std::function<void(const std::string&)>& body) {
  std::string last;
  for (std::int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    hwy::GetChosenTarget().Update(rest & -rest);
    if (cpu::vectorTarget() != last) body(last = cpu::vectorTarget());
  }
  EXPECT_EQ(last, "plain");
  hwy::GetChosenTarget().DeInit();
}

}  // namespace interleave::kernels
