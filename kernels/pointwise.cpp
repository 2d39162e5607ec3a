// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/pointwise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/cpu/pointwise.h"
#include "kernels/reference/pointwise.h"
#include "kernels/shapes.h"

namespace interleave::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

bool isFused(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16; }
bool isFused(const at::Tensor& x) { return x.is_cpu() && isFused(x.scalar_type()); }

/// A tensor as the matrix of its rows: of all dimensions but the last `inner`, which are taken as one. Copied only
/// where those do not lie evenly spaced.
struct Matrix {
  at::Tensor held;
  std::int64_t rows, columns;

  explicit Matrix(const at::Tensor& x, int inner = 1) {
    columns = 1;
    for (std::int64_t dim = x.dim() - inner; dim < x.dim(); ++dim) columns *= x.size(dim);
    rows = columns == 0 ? 0 : x.numel() / columns;
    const bool even =
        x.dim() == inner + 2 && x.stride(0) == x.size(1) * x.stride(1) && x.select(0, 0).select(0, 0).is_contiguous();
    held = even ? x.as_strided({rows, columns}, {x.stride(1), 1}) : x.contiguous().view({rows, columns});
  }
  cpu::Rows view() const { return {held.data_ptr(), held.stride(0), held.scalar_type() == at::kBFloat16}; }
};

/// Calls `work` with ranges of rows, in parallel where there is enough of it.
template <class Work>
void overRows(const Matrix& matrix, const Work& work) {
  constexpr std::int64_t kGrain = 16384;  // elements
  const std::int64_t rows = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, matrix.columns));
  at::parallel_for(0, matrix.rows, rows, [&](std::int64_t first, std::int64_t last) {
    work(cpu::RowRange{first, last, matrix.columns});
  });
}

void refuseSecondDerivative() {
  TORCH_CHECK(!c10::GradMode::is_enabled(), "the fused kernels have no second derivative");
}

struct FusedRmsNorm : torch::autograd::Function<FusedRmsNorm> {
  /// y, and the inverse root mean square of each row.
  static std::pair<at::Tensor, at::Tensor> run(const at::Tensor& x, const at::Tensor& factor, double epsilon,
                                               at::ScalarType result) {
    const Matrix in(x);
    const at::Tensor y = at::empty(x.sizes(), x.options().dtype(result));
    const at::Tensor inverse = at::empty({in.rows}, x.options().dtype(at::kFloat));
    const Matrix out(y);
    overRows(in, [&](const cpu::RowRange& range) {
      cpu::rmsNormForward(range, in.view(), factor.const_data_ptr<float>(), epsilon, out.view(),
                          inverse.mutable_data_ptr<float>());
    });
    return {y, inverse};
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& factor, double epsilon,
                            at::ScalarType result) {
    auto [y, inverse] = run(x, factor, epsilon, result);
    context->save_for_backward({x, factor, inverse});
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    refuseSecondDerivative();
    const tensor_list saved = context->get_saved_variables();
    const Matrix x(saved[0]), dy(gradients[0]);
    const at::Tensor dx = at::empty(saved[0].sizes(), saved[0].options());
    const Matrix out(dx);
    overRows(x, [&](const cpu::RowRange& range) {
      cpu::rmsNormBackward(range, x.view(), saved[1].const_data_ptr<float>(), saved[2].const_data_ptr<float>(),
                           dy.view(), out.view());
    });
    return {dx, {}, {}, {}};
  }
};

struct FusedRotation : torch::autograd::Function<FusedRotation> {
  static at::Tensor run(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
    const at::Tensor y = at::empty(x.sizes(), x.options());
    const Matrix in(x, 2), out(y, 2);
    overRows(in, [&](const cpu::RowRange& range) {
      cpu::rotate(range, in.view(), cos.const_data_ptr<float>(), sin.const_data_ptr<float>(), cos.size(0), cos.size(1),
                  back, out.view());
    });
    return y;
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return run(x, cos, sin, false);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    refuseSecondDerivative();
    const tensor_list saved = context->get_saved_variables();
    return {run(gradients[0], saved[0], saved[1], true), {}, {}};
  }
};

struct FusedGatedProduct : torch::autograd::Function<FusedGatedProduct> {
  static at::Tensor run(const at::Tensor& gate, const at::Tensor& up, bool gelu) {
    const at::Tensor y = at::empty(gate.sizes(), gate.options());
    const Matrix g(gate), u(up), out(y);
    overRows(
        g, [&](const cpu::RowRange& range) { cpu::gatedProductForward(range, gelu, g.view(), u.view(), out.view()); });
    return y;
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up, bool gelu) {
    context->save_for_backward({gate, up});
    context->saved_data["gelu"] = gelu;
    return run(gate, up, gelu);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    refuseSecondDerivative();
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor d_gate = at::empty(saved[0].sizes(), saved[0].options()), d_up = at::empty_like(d_gate);
    const Matrix g(saved[0]), u(saved[1]), dy(gradients[0]), dg(d_gate), du(d_up);
    const bool gelu = context->saved_data["gelu"].toBool();
    overRows(g, [&](const cpu::RowRange& range) {
      cpu::gatedProductBackward(range, gelu, g.view(), u.view(), dy.view(), dg.view(), du.view());
    });
    return {d_gate, d_up, {}};
  }
};

}  // namespace

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, const RmsNormOptions& options) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && weight.size(0) == x.size(-1), "a norm's weight of ", weight.sizes(),
              " does not fit ", x.sizes());
  if (!isFused(x) || !isFused(options.result) || needsGradient({weight})) return reference::rmsNorm(x, weight, options);
  const at::Tensor wide = weight.to(at::kFloat).contiguous(), factor = options.plus_one ? wide + 1 : wide;
  if (needsGradient({x})) return FusedRmsNorm::apply(x, factor, options.epsilon, options.result);
  return FusedRmsNorm::run(x, factor, options.epsilon, options.result).first;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  TORCH_CHECK(x.dim() == 4 && cos.dim() == 2 && cos.sizes() == sin.sizes() && cos.size(0) == x.size(1) &&
                  2 * cos.size(1) == x.size(3),
              "tables of ", cos.sizes(), " and ", sin.sizes(), " do not rotate ", x.sizes());
  if (!isFused(x)) return reference::rotate(x, cos, sin);
  const at::Tensor c = cos.to(at::kFloat).contiguous(), s = sin.to(at::kFloat).contiguous();
  return needsGradient({x}) ? FusedRotation::apply(x, c, s) : FusedRotation::run(x, c, s, false);
}

at::Tensor gatedProduct(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  TORCH_CHECK(gate.sizes() == up.sizes() && gate.scalar_type() == up.scalar_type() && gate.dim() > 0,
              "gate and up differ: ", gate.sizes(), " ", gate.scalar_type(), ", ", up.sizes(), " ", up.scalar_type());
  if (!isFused(gate)) return reference::gatedProduct(gate, up, activation);
  const bool gelu = activation == Activation::GeluTanh;
  return needsGradient({gate, up}) ? FusedGatedProduct::apply(gate, up, gelu) : FusedGatedProduct::run(gate, up, gelu);
}

}  // namespace interleave::kernels
