// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/gated_delta_rule.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/cpu/gated_delta_rule.h"
#include "kernels/cuda_plugin.h"
#include "kernels/reference/gated_delta_rule.h"
#include "kernels/shapes.h"

namespace interleave::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

void checkShapes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                 const at::Tensor& beta, const std::optional<at::Tensor>& state, std::int64_t sequence_count) {
  TORCH_CHECK(q.dim() == 4 && q.sizes() == k.sizes(), "q and k must be one [B,T,H,dk], not ", q.sizes(), " and ",
              k.sizes());
  TORCH_CHECK(v.dim() == 4 && v.sizes().slice(0, 3) == q.sizes().slice(0, 3), "v must be [B,T,H,dv] beside q ",
              q.sizes(), ", not ", v.sizes());
  TORCH_CHECK(g.sizes() == q.sizes().slice(0, 3) && beta.sizes() == g.sizes(), "g and beta must be [B,T,H] beside q ",
              q.sizes(), ", not ", g.sizes(), " and ", beta.sizes());
  TORCH_CHECK(q.size(1) > 0 && q.size(3) > 0 && v.size(3) > 0, "the gated delta rule needs at least one token and dim");
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(),
              "q, k and v must share a dtype, not ", q.scalar_type(), ", ", k.scalar_type(), ", ", v.scalar_type());
  TORCH_CHECK(q.is_floating_point(), "q, k and v must be floating point, not ", q.scalar_type());
  const std::vector<std::int64_t> state_shape{sequence_count, q.size(2), q.size(3), v.size(3)};
  TORCH_CHECK(!state || state->sizes() == at::IntArrayRef(state_shape),
              "the state must be [N,H,dk,dv] = ", at::IntArrayRef(state_shape), ", not ", state->sizes());
}

/// Whether the fused CPU code takes these inputs.
bool isFused(const at::Tensor& q) {
  return q.is_cpu() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16);
}

/// The inputs as the CPU code reads them, and the work on them cut into heads of sequences.
class CpuRule {
 public:
  CpuRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g, const at::Tensor& beta,
          const DeltaRuleOptions& options)
      : q_(rowContiguous(q)),
        k_(rowContiguous(k)),
        v_(rowContiguous(v)),
        g_(g.to(at::kFloat).contiguous()),
        beta_(beta.to(at::kFloat).contiguous()),
        spans_(sequences(q.size(0), q.size(1), options.offsets)),
        scale_(readOutScale(q, options.scale)),
        l2_normalise_(options.l2_normalise) {
    for (const Span& span : spans_) {
      first_chunk_.push_back(chunks_);
      chunks_ += chunksOf(span);
    }
  }

  at::Tensor emptyChunkStates() const { return at::empty({chunks_, q_.size(2), q_.size(3), v_.size(3)}, g_.options()); }

  /// `state` turns from the initial into the final one; `chunk_states` may be undefined.
  at::Tensor forward(const at::Tensor& state, const at::Tensor& chunk_states) const {
    at::Tensor out = at::empty(v_.sizes(), v_.options());
    eachHead([&](std::size_t n, std::int64_t h) {
      cpu::deltaRuleForward(head(n, h), rows(out, n, h), statePointer(state, n, h),
                            chunk_states.defined() ? chunkPointer(chunk_states, n, h) : nullptr);
    });
    return out;
  }

  /// The gradients of q, k, v, g and beta; `state_gradient` turns from that of the final into that of the initial
  /// state.
  tensor_list backward(const at::Tensor& out_gradient, const at::Tensor& chunk_states,
                       const at::Tensor& state_gradient) const {
    const at::Tensor d_out = rowContiguous(out_gradient);
    const at::Tensor dq = at::empty(q_.sizes(), q_.options()), dk = at::empty(k_.sizes(), k_.options());
    const at::Tensor dv = at::empty(v_.sizes(), v_.options()), dg = at::empty_like(g_), dbeta = at::empty_like(beta_);
    eachHead([&](std::size_t n, std::int64_t h) {
      cpu::deltaRuleBackward(head(n, h), rows(d_out, n, h), chunkPointer(chunk_states, n, h),
                             {rows(dq, n, h), rows(dk, n, h), rows(dv, n, h), gate(dg, n, h), gate(dbeta, n, h)},
                             statePointer(state_gradient, n, h));
    });
    return {dq, dk, dv, dg, dbeta};
  }

  at::Tensor step(const at::Tensor& state) const {
    at::Tensor out = at::empty(v_.sizes(), v_.options());
    eachHead([&](std::size_t n, std::int64_t h) {
      cpu::deltaRuleStep(head(n, h), rows(out, n, h), statePointer(state, n, h));
    });
    return out;
  }

 private:
  static std::int64_t chunksOf(const Span& span) { return (span.tokens + cpu::kChunk - 1) / cpu::kChunk; }

  cpu::Rows rows(const at::Tensor& x, std::size_t n, std::int64_t h) const { return headRows(x, spans_[n], h, 1, 2); }
  float* gate(const at::Tensor& x, std::size_t n, std::int64_t h) const {
    return x.data_ptr<float>() + (spans_[n].batch * x.size(1) + spans_[n].first) * x.size(2) + h;
  }
  cpu::DeltaRuleHead head(std::size_t n, std::int64_t h) const {
    return {spans_[n].tokens, q_.size(3),        v_.size(3), rows(q_, n, h), rows(k_, n, h), rows(v_, n, h),
            gate(g_, n, h),   gate(beta_, n, h), g_.size(2), scale_,         l2_normalise_};
  }
  float* statePointer(const at::Tensor& state, std::size_t n, std::int64_t h) const {
    return state.data_ptr<float>() + (static_cast<std::int64_t>(n) * state.size(1) + h) * state.size(2) * state.size(3);
  }
  float* chunkPointer(const at::Tensor& states, std::size_t n, std::int64_t h) const {
    return states.data_ptr<float>() +
           (first_chunk_[n] * states.size(1) + h * chunksOf(spans_[n])) * states.size(2) * states.size(3);
  }

  template <class Work>
  void eachHead(const Work& work) const {
    const std::int64_t heads = q_.size(2);
    at::parallel_for(0, static_cast<std::int64_t>(spans_.size()) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) work(static_cast<std::size_t>(i / heads), i % heads);
    });
  }

  at::Tensor q_, k_, v_, g_, beta_;
  std::vector<Span> spans_;
  std::vector<std::int64_t> first_chunk_;  // of each sequence, in the numbering over all of them
  std::int64_t chunks_ = 0;
  float scale_;
  bool l2_normalise_;
};

/// The initial state as a copy to work on, or zeros.
at::Tensor workingState(const at::Tensor& q, const at::Tensor& v, const std::optional<at::Tensor>& initial_state,
                        std::int64_t sequence_count) {
  const auto options = q.options().dtype(at::kFloat);
  if (!initial_state) return at::zeros({sequence_count, q.size(2), q.size(3), v.size(3)}, options);
  return at::empty(initial_state->sizes(), options).copy_(*initial_state);
}

struct FusedDeltaRule : torch::autograd::Function<FusedDeltaRule> {
  static tensor_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& g, const at::Tensor& beta,
                             const std::optional<at::Tensor>& initial_state, const DeltaRuleOptions& options,
                             std::int64_t sequence_count) {
    const CpuRule rule(q, k, v, g, beta, options);
    const at::Tensor state = workingState(q, v, initial_state, sequence_count);
    const at::Tensor chunk_states = rule.emptyChunkStates();
    at::Tensor out = rule.forward(state, chunk_states);
    context->save_for_backward({q, k, v, g, beta, chunk_states});
    context->saved_data["l2_normalise"] = options.l2_normalise;
    context->saved_data["scale"] = options.scale;
    context->saved_data["offsets"] = options.offsets;
    if (initial_state) context->saved_data["state_type"] = initial_state->scalar_type();
    return {out, state};
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    TORCH_CHECK(!c10::GradMode::is_enabled(), "the fused gated delta rule has no second derivative");
    const tensor_list saved = context->get_saved_variables();
    const DeltaRuleOptions options{.l2_normalise = context->saved_data["l2_normalise"].toBool(),
                                   .scale = context->saved_data["scale"].to<std::optional<double>>(),
                                   .offsets = context->saved_data["offsets"].toIntVector()};
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &g = saved[3], &beta = saved[4], &states = saved[5];
    const at::Tensor out_gradient = gradients[0].defined() ? gradients[0] : at::zeros(v.sizes(), v.options());
    const std::int64_t sequence_count = options.offsets.empty() ? q.size(0) : std::ssize(options.offsets) - 1;
    const auto final_gradient = gradients[1].defined() ? std::optional(gradients[1]) : std::nullopt;
    const at::Tensor state_gradient = workingState(q, v, final_gradient, sequence_count);
    tensor_list result = CpuRule(q, k, v, g, beta, options).backward(out_gradient, states, state_gradient);
    result[3] = result[3].to(g.scalar_type());
    result[4] = result[4].to(beta.scalar_type());
    const auto state_type = context->saved_data.find("state_type");
    result.push_back(state_type == context->saved_data.end() ? at::Tensor()
                                                             : state_gradient.to(state_type->second.toScalarType()));
    result.resize(8);  // the options have none
    return result;
  }
};

}  // namespace

DeltaRuleResult gatedDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                               const at::Tensor& beta, const std::optional<at::Tensor>& initial_state,
                               const DeltaRuleOptions& options) {
  TORCH_CHECK(q.dim() == 4, "q must be [B,T,H,dk], not ", q.sizes());
  const auto sequence_count = static_cast<std::int64_t>(sequences(q.size(0), q.size(1), options.offsets).size());
  checkShapes(q, k, v, g, beta, initial_state, sequence_count);
  const bool gradient = needsGradient({q, k, v, g, beta, initial_state.value_or(at::Tensor())});
  if (!gradient && cudaPluginTakes(q, v)) {
    const at::Tensor state = workingState(q, v, initial_state, sequence_count);
    return {cudaDeltaRule(q, k, v, g, beta, state, options), state};
  }
  if (!isFused(q)) return reference::chunkwiseDeltaRule(q, k, v, g, beta, initial_state, options);
  if (gradient) {
    const tensor_list result = FusedDeltaRule::apply(q, k, v, g, beta, initial_state, options, sequence_count);
    return {result[0], result[1]};
  }
  const at::Tensor state = workingState(q, v, initial_state, sequence_count);
  return {CpuRule(q, k, v, g, beta, options).forward(state, {}), state};
}

at::Tensor gatedDeltaStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                          const at::Tensor& beta, at::Tensor& state, const DeltaRuleOptions& options) {
  const c10::NoGradGuard no_gradient;
  const at::Tensor q1 = q.unsqueeze(1), k1 = k.unsqueeze(1), v1 = v.unsqueeze(1);
  const at::Tensor g1 = g.unsqueeze(1), beta1 = beta.unsqueeze(1);
  TORCH_CHECK(options.offsets.empty(), "a single step takes no packed sequences");
  checkShapes(q1, k1, v1, g1, beta1, state, q.size(0));
  TORCH_CHECK(
      state.is_contiguous() && state.scalar_type() == (q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat),
      "the state must be contiguous, in fp32 (fp64 beside fp64 inputs)");
  if (isFused(q)) return CpuRule(q1, k1, v1, g1, beta1, options).step(state).squeeze(1);
  if (cudaPluginTakes(q1, v1)) return cudaDeltaStep(q1, k1, v1, g1, beta1, state, options).squeeze(1);
  const DeltaRuleResult result = reference::recurrentDeltaRule(q1, k1, v1, g1, beta1, state, options);
  state.copy_(result.final_state);
  return result.out.squeeze(1);
}

std::string activeKernelName(const at::Device& device) {
  if (device.is_cpu()) return cpu::vectorTarget() + " GDN";
  return device.is_cuda() && hasCudaPlugin() ? "CUDA GDN" : "ATen GDN";
}

}  // namespace interleave::kernels
