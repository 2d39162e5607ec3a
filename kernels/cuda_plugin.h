// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "kernels/gated_delta_rule.h"

namespace interleave::kernels {

/// Whether `interleave_cuda_kernels`, the CUDA plug-in, is loaded. The first call looks for it in ../lib and
/// ../lib/interleave from the program, and beside it. Thread-safe.
bool hasCudaPlugin();

/// Whether the plug-in computes the rule for these inputs on their device: type, width, and what the device has of
/// shared memory. Where it does not, ATen's form serves.
bool cudaPluginTakes(const at::Tensor& q, const at::Tensor& v);

/// The chunkwise rule on the GPU: `state`, fp32 and dense, turns from the initial into the final one. The arguments
/// have been checked. Throws c10::Error with CUDA's own words when the launch fails.
at::Tensor cudaDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& beta, const at::Tensor& state, const DeltaRuleOptions& options);

/// One token of it; q, k, v, g and beta with T = 1.
at::Tensor cudaDeltaStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& beta, const at::Tensor& state, const DeltaRuleOptions& options);

}  // namespace interleave::kernels
