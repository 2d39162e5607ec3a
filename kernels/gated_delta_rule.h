// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace interleave::kernels {

/// What the rule is applied to, besides its tensors.
struct DeltaRuleOptions {
  bool l2_normalise = false;  ///< Replace each q and k by x / sqrt(|x|² + 1e-6) first; cheaper here than outside.
  std::optional<double> scale = {};        ///< Of the read-out; 1/sqrt(dk) when absent.
  std::vector<std::int64_t> offsets = {};  ///< Packed sequences: token offsets 0, n1, n1+n2, …, T with B = 1. The state
                                           ///< is reset at each. Empty: every batch row is one sequence.
};

/// What the rule returns: [B,T,H,dv] in v's dtype, and the states [N,H,dk,dv] behind the last token of each of the N
/// sequences, in fp32 (fp64 for fp64 inputs).
struct DeltaRuleResult {
  at::Tensor out, final_state;
};

/// The gated delta rule (Gated DeltaNet, arXiv 2412.06464), per sequence and head, from state S [dk,dv]:
///
///     S ← e^{g_t} S;   u = β_t (v_t − Sᵀ k_t);   S ← S + k_t uᵀ;   o_t = scale · Sᵀ q_t
///
/// computed chunk by chunk, with fp32 arithmetic inside (fp64 for fp64 inputs). q, k: [B,T,H,dk]; v: [B,T,H,dv]; g
/// (log decay, ≤ 0) and beta: [B,T,H]. q, k, v share one dtype (fp32, bf16, fp64); g and beta may have another. Any
/// strides. Differentiable once in every tensor, `initial_state` included. Throws c10::Error on shapes that do not fit.
/// On the CPU fp32 and bf16 run fused; on CUDA, where no gradient is asked for, so does the plug-in when it is loaded;
/// everything else runs the reference's chunk form in ATen.
DeltaRuleResult gatedDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                               const at::Tensor& beta, const std::optional<at::Tensor>& initial_state = {},
                               const DeltaRuleOptions& options = {});

/// One token of the same rule, for decoding; not differentiable. q, k: [B,H,dk]; v: [B,H,dv]; g, beta: [B,H]. `state`
/// [B,H,dk,dv], contiguous, fp32 (or fp64 with fp64 inputs), is updated in place. Returns [B,H,dv] in v's dtype.
/// `options.offsets` must be empty.
at::Tensor gatedDeltaStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                          const at::Tensor& beta, at::Tensor& state, const DeltaRuleOptions& options = {});

/// The form of the gated delta rule that runs on `device` in fp32, for the status bar: "AVX-512 GDN", "AVX2 GDN",
/// "plain GDN", "CUDA GDN", "ATen GDN".
std::string activeKernelName(const at::Device& device);

}  // namespace interleave::kernels
