// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>
#include <limits>

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
            keys_[n].tokens - queries_[n].tokens,
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

/// One token of each sequence: its query heads that share a key head are worked on together, a stretch of keys at a
/// time. Where any cache has several stretches, each gives its softmax with its logarithm's sum, and these are joined
/// (as in FlashDecoding).
class CpuStep {
 public:
  CpuStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::span<const KeyValueCache> caches,
          const std::optional<double>& scale)
      : q_(q.contiguous()),
        k_(rowContiguous(k)),
        v_(rowContiguous(v)),
        caches_(caches),
        group_(q.size(1) / k.size(1)),
        scale_(readOutScale(q, scale)) {
    for (const KeyValueCache& cache : caches) {
      stretches_ = std::max(stretches_, (cache.held + kStretch - 1) / kStretch);
      keys_ += cache.held;
    }
  }

  at::Tensor run() const {
    store();
    const auto wide = q_.options().dtype(at::kFloat);
    const at::Tensor log_sums = at::full({stretches_, q_.size(0), q_.size(1)}, kNothing, wide);
    if (stretches_ == 1) {
      at::Tensor out = at::empty(q_.sizes(), q_.options());
      attend(out.unsqueeze(0), log_sums);
      return out;
    }
    const at::Tensor parts = at::zeros({stretches_, q_.size(0), q_.size(1), q_.size(2)}, wide);
    attend(parts, log_sums);
    return (parts * log_sums.softmax(0).unsqueeze(3)).sum(0).to(q_.scalar_type());
  }

 private:
  static constexpr std::int64_t kStretch = 512;  // keys
  static constexpr double kNothing = -std::numeric_limits<double>::infinity();

  static cpu::Rows rowsAt(const at::Tensor& x, std::int64_t first, std::int64_t stride) {
    return {static_cast<char*>(x.data_ptr()) + first * static_cast<std::int64_t>(x.element_size()), stride,
            x.scalar_type() == at::kBFloat16};
  }
  /// The rows of a cache's tensor for a key head, from row `first` on.
  static cpu::Rows rows(const at::Tensor& cached, std::int64_t head, std::int64_t first) {
    return rowsAt(cached, head * cached.stride(0) + first * cached.stride(1), cached.stride(1));
  }

  void store() const {
    const std::size_t bytes = static_cast<std::size_t>(q_.size(2)) * q_.element_size();
    for (std::size_t n = 0; n < caches_.size(); ++n) {
      for (std::int64_t h = 0; h < k_.size(1); ++h) {
        const auto put = [&](const at::Tensor& cached, const at::Tensor& x) {
          const std::int64_t from = static_cast<std::int64_t>(n) * x.stride(0) + h * x.stride(1);
          std::memcpy(rows(cached, h, caches_[n].slot).data, rowsAt(x, from, 0).data, bytes);
        };
        put(caches_[n].keys, k_);
        put(caches_[n].values, v_);
      }
    }
  }

  void attend(const at::Tensor& parts, const at::Tensor& log_sums) const {
    const std::int64_t key_heads = k_.size(1), tasks = std::ssize(caches_) * key_heads * stretches_;
    const std::int64_t grain = std::max<std::int64_t>(1, kStretch * tasks / std::max<std::int64_t>(1, keys_));
    at::parallel_for(0, tasks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t stretch = task % stretches_, h = task / stretches_ % key_heads;
        const std::int64_t n = task / stretches_ / key_heads, first = stretch * kStretch;
        const KeyValueCache& cache = caches_[static_cast<std::size_t>(n)];
        const std::int64_t keys = std::min(kStretch, cache.held - first), d = q_.size(2);
        if (keys <= 0) continue;
        const std::int64_t query = (n * key_heads + h) * group_, result = stretch * q_.size(0) * q_.size(1) + query;
        const cpu::AttentionHead head{group_,
                                      keys,
                                      d,
                                      d,
                                      keys - 1,  // each of them sees all
                                      rowsAt(q_, query * d, d),
                                      rows(cache.keys, h, first),
                                      rows(cache.values, h, first),
                                      scale_,
                                      Band{}.window,
                                      0};
        for (std::int64_t block = 0; block < group_; block += cpu::kAttentionBlock) {
          cpu::attentionForward(head, block, rowsAt(parts, result * d, d), log_sums.data_ptr<float>() + result);
        }
      }
    });
  }

  at::Tensor q_, k_, v_;
  std::span<const KeyValueCache> caches_;
  std::int64_t group_, stretches_ = 1, keys_ = 0;
  float scale_;
};

/// The same in ATen: any device and type.
at::Tensor plainStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::span<const KeyValueCache> caches, const std::optional<double>& scale) {
  std::vector<at::Tensor> rows;
  for (std::size_t n = 0; n < caches.size(); ++n) {
    const auto& [keys, values, slot, held] = caches[n];
    const auto row = static_cast<std::int64_t>(n);
    keys.select(1, slot).copy_(k[row]);
    values.select(1, slot).copy_(v[row]);
    rows.push_back(reference::denseAttention(q.narrow(0, row, 1).unsqueeze(2), keys.narrow(1, 0, held).unsqueeze(0),
                                             values.narrow(1, 0, held).unsqueeze(0), {}, {.scale = scale}));
  }
  return at::cat(rows).squeeze(2);
}

bool isFused(const at::Tensor& q) {
  return q.is_cpu() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16);
}

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
  if (!isFused(q)) {
    sequences(q.size(0), q.size(2), options.offsets);  // throws on offsets that do not fit
    return reference::denseAttention(q, k, v, band, options);
  }
  if (needsGradient({q, k, v})) return FusedAttention::apply(q, k, v, band, options);
  return CpuAttention(q, k, v, band, options).forward().first;
}

at::Tensor attentionStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         std::span<const KeyValueCache> caches, const std::optional<double>& scale) {
  const c10::NoGradGuard no_gradient;
  TORCH_CHECK(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && k.size(0) == q.size(0) &&
                  k.size(2) == q.size(2) && k.size(1) > 0 && q.size(1) % k.size(1) == 0,
              "q, k and v must be [N,H,d] and [N,Hkv,d], not ", q.sizes(), ", ", k.sizes(), ", ", v.sizes());
  TORCH_CHECK(std::ssize(caches) == q.size(0), caches.size(), " caches for ", q.size(0), " sequences");
  for (const KeyValueCache& cache : caches) {
    for (const at::Tensor* x : {&cache.keys, &cache.values}) {
      TORCH_CHECK(x->dim() == 3 && x->size(0) == k.size(1) && x->size(2) == k.size(2) && x->stride(2) == 1 &&
                      x->scalar_type() == q.scalar_type() && k.scalar_type() == q.scalar_type() &&
                      v.scalar_type() == q.scalar_type(),
                  "a cache of ", x->sizes(), " ", x->scalar_type(), " does not fit keys ", k.sizes(), " ",
                  k.scalar_type());
      TORCH_CHECK(0 <= cache.slot && cache.slot < cache.held && cache.held <= x->size(1), "slot ", cache.slot, " of ",
                  cache.held, " in a cache for ", x->size(1));
    }
  }
  return isFused(q) ? CpuStep(q, k, v, caches, scale).run() : plainStep(q, k, v, caches, scale);
}

}  // namespace interleave::kernels
