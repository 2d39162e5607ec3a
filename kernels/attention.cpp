// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/cpu/attention.h"
#include "kernels/reference/attention.h"
#include "kernels/shapes.h"

namespace interleave::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band,
           const AttentionOptions& options) {
  TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, "q, k and v must be [B,H,T,d], not ", q.sizes(), ", ",
              k.sizes(), ", ", v.sizes());
  TORCH_CHECK(k.size(0) == q.size(0) && k.size(3) == q.size(3) && k.sizes().slice(0, 3) == v.sizes().slice(0, 3),
              "q, k and v do not fit each other: ", q.sizes(), ", ", k.sizes(), ", ", v.sizes());
  TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, q.size(1), " query heads are no multiple of ", k.size(1),
              " key heads");
  TORCH_CHECK(q.size(2) > 0 && q.size(2) <= k.size(2), q.size(2), " queries cannot stand at ", k.size(2), " keys");
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type() && q.is_floating_point(),
              "q, k and v must share a floating-point dtype, not ", q.scalar_type(), ", ", k.scalar_type(), ", ",
              v.scalar_type());
  TORCH_CHECK(band.window > 0 && band.sinks >= 0, "a band needs a window of at least 1 and no fewer than 0 sinks, not ",
              band.window, " and ", band.sinks);
  TORCH_CHECK(options.offsets.empty() || q.size(2) == k.size(2), "packed sequences need as many queries as keys");
}

/// The inputs as the CPU code reads them, and the work on them cut into heads of sequences.
class CpuAttention {
 public:
  CpuAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band,
               const AttentionOptions& options)
      : q_(rowContiguous(q)),
        k_(rowContiguous(k)),
        v_(rowContiguous(v)),
        band_(band),
        queries_(sequences(q.size(0), q.size(2), options.offsets)),
        keys_(sequences(k.size(0), k.size(2), options.offsets)),
        scale_(readOutScale(q, options.scale)) {}

  /// The output, and log_sums [B,H,Tq] in fp32.
  std::pair<at::Tensor, at::Tensor> forward() const {
    const at::Tensor out = emptyLike(q_, v_.size(3), q_.scalar_type());
    const at::Tensor log_sums = at::empty(q_.sizes().slice(0, 3), q_.options().dtype(at::kFloat));
    std::vector<std::int64_t> first_task{0};  // a task: a block of queries of one head of one sequence
    for (const Span& span : queries_) first_task.push_back(first_task.back() + blocksOf(span) * q_.size(1));
    at::parallel_for(0, first_task.back(), 1, [&](std::int64_t begin, std::int64_t end) {
      std::size_t n = 0;
      for (std::int64_t task = begin; task < end; ++task) {
        while (first_task[n + 1] <= task) ++n;
        const std::int64_t blocks = blocksOf(queries_[n]), in_span = task - first_task[n];
        const std::int64_t h = in_span / blocks, turn = in_span % blocks;
        // Short and long blocks in turn, so that threads, which get tasks in order, get equal shares of work.
        const std::int64_t block = turn % 2 == 0 ? turn / 2 : blocks - 1 - turn / 2;
        cpu::attentionForward(head(n, h), block * cpu::kAttentionBlock, rows(out, queries_[n], h),
                              logSums(log_sums, n, h));
      }
    });
    return {out, log_sums};
  }

  /// The gradients of q, k and v, undefined where not wanted.
  tensor_list backward(const at::Tensor& out, const at::Tensor& log_sums, const at::Tensor& out_gradient,
                       std::array<bool, 3> wanted) const {
    const at::Tensor d_out = rowContiguous(out_gradient), o = rowContiguous(out);
    const std::int64_t heads = q_.size(1), groups = heads / k_.size(1);
    const at::ScalarType shared = groups > 1 ? at::kFloat : q_.scalar_type();  // summed over a group below
    std::array<at::Tensor, 3> d;
    if (wanted[0]) d[0] = emptyLike(q_, q_.size(3), q_.scalar_type());
    if (wanted[1]) d[1] = emptyLike(k_, k_.size(3), shared, groups);
    if (wanted[2]) d[2] = emptyLike(v_, v_.size(3), shared, groups);
    at::parallel_for(0, std::ssize(queries_) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto n = static_cast<std::size_t>(i / heads);
        const std::int64_t h = i % heads;
        auto gradient = [&](std::size_t which, const Span& span) {
          return wanted[which] ? rows(d[which], span, h) : cpu::Rows{};
        };
        cpu::attentionBackward(head(n, h), rows(o, queries_[n], h), rows(d_out, queries_[n], h),
                               logSums(log_sums, n, h),
                               {gradient(0, queries_[n]), gradient(1, keys_[n]), gradient(2, keys_[n])});
      }
    });
    for (const std::size_t which : {1, 2}) {
      if (wanted[which] && groups > 1) {
        d[which] = d[which].unflatten(1, {k_.size(1), groups}).sum(2).to(q_.scalar_type());
      }
    }
    return {d[0], d[1], d[2]};
  }

 private:
  static std::int64_t blocksOf(const Span& span) {
    return (span.tokens + cpu::kAttentionBlock - 1) / cpu::kAttentionBlock;
  }
  /// [B, heads·groups, T, width], laid out as [B,T,heads·groups,width].
  static at::Tensor emptyLike(const at::Tensor& x, std::int64_t width, at::ScalarType type, std::int64_t groups = 1) {
    return at::empty({x.size(0), x.size(2), x.size(1) * groups, width}, x.options().dtype(type)).transpose(1, 2);
  }

  cpu::Rows rows(const at::Tensor& x, const Span& span, std::int64_t h) const { return headRows(x, span, h, 2, 1); }
  float* logSums(const at::Tensor& x, std::size_t n, std::int64_t h) const {
    return x.data_ptr<float>() + (queries_[n].batch * x.size(1) + h) * x.size(2) + queries_[n].first;
  }
  cpu::AttentionHead head(std::size_t n, std::int64_t h) const {
    const std::int64_t key_head = h * k_.size(1) / q_.size(1);
    return {queries_[n].tokens,
            keys_[n].tokens,
            q_.size(3),
            v_.size(3),
            rows(q_, queries_[n], h),
            rows(k_, keys_[n], key_head),
            rows(v_, keys_[n], key_head),
            scale_,
            band_.window,
            band_.sinks};
  }

  at::Tensor q_, k_, v_;
  Band band_;
  std::vector<Span> queries_, keys_;
  float scale_;
};

struct FusedAttention : torch::autograd::Function<FusedAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Band& band, const AttentionOptions& options) {
    auto [out, log_sums] = CpuAttention(q, k, v, band, options).forward();
    context->save_for_backward({q, k, v, out, log_sums});
    context->saved_data["window"] = band.window;
    context->saved_data["sinks"] = band.sinks;
    context->saved_data["scale"] = options.scale;
    context->saved_data["offsets"] = options.offsets;
    return out;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    TORCH_CHECK(!c10::GradMode::is_enabled(), "fused attention has no second derivative");
    const tensor_list saved = context->get_saved_variables();
    const Band band{context->saved_data["window"].toInt(), context->saved_data["sinks"].toInt()};
    const AttentionOptions options{.scale = context->saved_data["scale"].to<std::optional<double>>(),
                                   .offsets = context->saved_data["offsets"].toIntVector()};
    const std::array<bool, 3> wanted{context->needs_input_grad(0), context->needs_input_grad(1),
                                     context->needs_input_grad(2)};
    tensor_list result =
        CpuAttention(saved[0], saved[1], saved[2], band, options).backward(saved[3], saved[4], gradients[0], wanted);
    result.resize(5);  // band and options have none
    return result;
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Band& band,
                     const AttentionOptions& options) {
  check(q, k, v, band, options);
  const bool fused = q.is_cpu() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16);
  if (!fused) {
    sequences(q.size(0), q.size(2), options.offsets);  // throws on offsets that do not fit
    return reference::denseAttention(q, k, v, band, options);
  }
  if (needsGradient({q, k, v})) return FusedAttention::apply(q, k, v, band, options);
  return CpuAttention(q, k, v, band, options).forward().first;
}

}  // namespace interleave::kernels
