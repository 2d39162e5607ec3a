// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/linear.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "kernels/shapes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace interleave::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr std::int64_t kFewRows = 64;     // below, widening the weight costs more than it saves
constexpr std::int64_t kBlock = 1 << 21;  // elements of the weight that are widened at a time: 8 MiB

/// Calls `work` with the first row and the widened rows of each block of `weight`.
template <class Work>
void overBlocks(const at::Tensor& weight, const Work& work) {
  const std::int64_t rows = std::max<std::int64_t>(1, kBlock / std::max<std::int64_t>(1, weight.size(1)));
  for (std::int64_t first = 0; first < weight.size(0); first += rows) {
    work(first, weight.narrow(0, first, std::min(rows, weight.size(0) - first)).to(at::kFloat));
  }
}

at::Tensor asRows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}).to(at::kFloat); }

struct WidenedLinear : torch::autograd::Function<WidenedLinear> {
  static at::Tensor run(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor rows = asRows(x), wide_bias = bias.defined() ? bias.to(at::kFloat) : bias;
    const at::Tensor y = at::empty({rows.size(0), weight.size(0)}, x.options());
    overBlocks(weight, [&](std::int64_t first, const at::Tensor& block) {
      const at::Tensor part = bias.defined() ? wide_bias.narrow(0, first, block.size(0)) : bias;
      y.narrow(1, first, block.size(0)).copy_(at::linear(rows, block, part));
    });
    std::vector<std::int64_t> shape(x.sizes().begin(), x.sizes().end());
    shape.back() = weight.size(0);
    return y.view(shape);
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    context->saved_data["has_bias"] = bias.has_value();
    return run(x, weight, bias.value_or(at::Tensor()));
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    TORCH_CHECK(!c10::GradMode::is_enabled(), "the widened product has no second derivative");
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &dy = gradients[0];
    const at::Tensor rows = asRows(dy);
    tensor_list result(3);
    if (context->needs_input_grad(0)) {
      at::Tensor dx = at::zeros({rows.size(0), weight.size(1)}, rows.options());
      overBlocks(weight, [&](std::int64_t first, const at::Tensor& block) {
        dx.addmm_(rows.narrow(1, first, block.size(0)), block);
      });
      std::vector<std::int64_t> shape(dy.sizes().begin(), dy.sizes().end());
      shape.back() = weight.size(1);
      result[0] = dx.to(dy.scalar_type()).view(shape);
    }
    if (context->needs_input_grad(1)) result[1] = rows.t().mm(asRows(x)).to(weight.scalar_type());
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) {
      result[2] = rows.sum(0).to(weight.scalar_type());
    }
    return result;
  }
};

}  // namespace

bool bf16ProductsPay() {
#if defined(__x86_64__)
  static const bool pay = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool amx = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & (1U << 22)) != 0;
    const bool avx512_bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1U << 5)) != 0;
    return amx || (avx512_bf16 && __builtin_cpu_is("amd"));
  }();
  return pay;
#else
  return true;
#endif
}

at::Tensor widenedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 2 && x.size(-1) == weight.size(1) &&
                  (!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0))),
              "a weight of ", weight.sizes(), " does not fit ", x.sizes());
  TORCH_CHECK(x.scalar_type() == weight.scalar_type() && (!bias.defined() || bias.scalar_type() == x.scalar_type()),
              "operands of several types");
  if (!needsGradient({x, weight, bias})) return WidenedLinear::run(x, weight, bias);
  return WidenedLinear::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool slow = x.is_cpu() && x.scalar_type() == at::kBFloat16 && !bf16ProductsPay() && weight.dim() == 2 &&
                    x.numel() >= kFewRows * weight.size(1);
  return slow ? widenedLinear(x, weight, bias) : at::linear(x, weight, bias);
}

}  // namespace interleave::kernels
