// SPDX-License-Identifier: GPL-3.0-or-later
// One pass over each row, in fp32, where plain ATen makes four or more over the whole tensor.
#include "kernels/cpu/pointwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pointwise.cpp"
#include <hwy/foreach_target.h>  // before highway.h; includes this file once for each target

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/cpu/block_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace interleave::kernels::cpu::HWY_NAMESPACE {

void rmsNormForward(const RowRange& range, const Rows& x, const float* factor, double epsilon, const Rows& y,
                    float* inverse_rms) {
  const int width = roundUp(range.columns, kPadding), columns = static_cast<int>(range.columns);
  Arena arena(static_cast<std::size_t>(width));
  float* HWY_RESTRICT row = arena.take(width);
  for (std::int64_t i = range.first; i < range.last; ++i) {
    loadRows(x, i, 1, columns, row, width, 1);
    const double mean_square = dot(row, row, width) / columns;
    const float inverse = static_cast<float>(1.0 / std::sqrt(mean_square + epsilon));
    inverse_rms[i] = inverse;
    for (int j = 0; j < columns; ++j) row[j] = row[j] * inverse * factor[j];
    storeRows(row, width, y, i, 1, columns);
  }
}

// With g = dy · factor:  dx = r · (g − x · r² · mean(g · x)).
void rmsNormBackward(const RowRange& range, const Rows& x, const float* factor, const float* inverse_rms,
                     const Rows& y_gradient, const Rows& x_gradient) {
  const int width = roundUp(range.columns, kPadding), columns = static_cast<int>(range.columns);
  Arena arena(static_cast<std::size_t>(2 * width));
  float *HWY_RESTRICT row = arena.take(width), *HWY_RESTRICT gradient = arena.take(width);
  for (std::int64_t i = range.first; i < range.last; ++i) {
    loadRows(x, i, 1, columns, row, width, 1);
    loadRows(y_gradient, i, 1, columns, gradient, width, 1);
    for (int j = 0; j < columns; ++j) gradient[j] *= factor[j];
    const float inverse = inverse_rms[i];
    const float share = static_cast<float>(dot(gradient, row, width) / columns) * inverse * inverse;
    for (int j = 0; j < columns; ++j) row[j] = inverse * (gradient[j] - row[j] * share);
    storeRows(row, width, x_gradient, i, 1, columns);
  }
}

void rotate(const RowRange& range, const Rows& x, const float* cos, const float* sin, std::int64_t tokens,
            std::int64_t half, bool back, const Rows& y) {
  const int width = roundUp(range.columns, kPadding), columns = static_cast<int>(range.columns);
  Arena arena(static_cast<std::size_t>(width) + static_cast<std::size_t>(roundUp(half, kPadding)));
  float *HWY_RESTRICT row = arena.take(width), *HWY_RESTRICT s = arena.take(half);
  for (std::int64_t i = range.first; i < range.last; ++i) {
    const float* HWY_RESTRICT c = cos + i % tokens * half;
    for (std::int64_t j = 0; j < half; ++j) s[j] = back ? -sin[i % tokens * half + j] : sin[i % tokens * half + j];
    loadRows(x, i, 1, columns, row, width, 1);
    for (int head = 0; head < columns; head += static_cast<int>(2 * half)) {
      float *HWY_RESTRICT a = row + head, *HWY_RESTRICT b = row + head + half;
      for (std::int64_t j = 0; j < half; ++j) {
        const float before = a[j];
        a[j] = before * c[j] - b[j] * s[j];
        b[j] = b[j] * c[j] + before * s[j];
      }
    }
    storeRows(row, width, y, i, 1, columns);
  }
}

/// The activation and its derivative.
struct Activated {
  Vector value, slope;
};

/// 1 / (1 + e^{-x}), and what is missing to 1; through e^{-|x|}, which cannot overflow.
struct Sigmoid {
  Vector value, rest;
};

HWY_INLINE Sigmoid sigmoid(Vector x) {
  const Lanes d;
  const Vector one = hn::Set(d, 1.0f), small = hn::Exp(d, hn::Neg(hn::Abs(x)));
  const Vector larger = hn::Div(one, hn::Add(one, small)), smaller = hn::Mul(small, larger);
  const auto negative = hn::Lt(x, hn::Zero(d));
  return {hn::IfThenElse(negative, smaller, larger), hn::IfThenElse(negative, larger, smaller)};
}

HWY_INLINE Activated silu(Vector x) {
  const Sigmoid share = sigmoid(x);
  const Vector value = hn::Mul(x, share.value);
  return {value, hn::MulAdd(value, share.rest, share.value)};
}

// With u = √(2/π) (x + 0.044715 x³):  x (1 + tanh u) / 2 = x · σ(2u).
HWY_INLINE Activated geluTanh(Vector x) {
  const Lanes d;
  const Vector one = hn::Set(d, 1.0f), square = hn::Mul(x, x);
  const Vector scale = hn::Set(d, 2 * 0.7978845608028654f), cubic = hn::Set(d, 0.044715f);
  const Sigmoid share = sigmoid(hn::Mul(hn::Mul(scale, x), hn::MulAdd(cubic, square, one)));
  const Vector value = hn::Mul(x, share.value);
  const Vector twice_u_slope = hn::Mul(scale, hn::MulAdd(hn::Set(d, 3 * 0.044715f), square, one));
  return {value, hn::MulAdd(hn::Mul(value, share.rest), twice_u_slope, share.value)};
}

HWY_INLINE Activated activated(bool gelu, Vector x) { return gelu ? geluTanh(x) : silu(x); }

void gatedProductForward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y) {
  const Lanes d;
  const int width = roundUp(range.columns, kPadding), columns = static_cast<int>(range.columns);
  Arena arena(static_cast<std::size_t>(2 * width));
  float *gate_row = arena.take(width), *up_row = arena.take(width);
  for (std::int64_t i = range.first; i < range.last; ++i) {
    loadRows(gate, i, 1, columns, gate_row, width, 1);
    loadRows(up, i, 1, columns, up_row, width, 1);
    for (int j = 0; j < width; j += static_cast<int>(hn::Lanes(d))) {
      const Vector value = activated(gelu, hn::Load(d, gate_row + j)).value;
      hn::Store(hn::Mul(value, hn::Load(d, up_row + j)), d, up_row + j);
    }
    storeRows(up_row, width, y, i, 1, columns);
  }
}

void gatedProductBackward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y_gradient,
                          const Rows& gate_gradient, const Rows& up_gradient) {
  const Lanes d;
  const int width = roundUp(range.columns, kPadding), columns = static_cast<int>(range.columns);
  Arena arena(static_cast<std::size_t>(3 * width));
  float *gate_row = arena.take(width), *up_row = arena.take(width), *gradient = arena.take(width);
  for (std::int64_t i = range.first; i < range.last; ++i) {
    loadRows(gate, i, 1, columns, gate_row, width, 1);
    loadRows(up, i, 1, columns, up_row, width, 1);
    loadRows(y_gradient, i, 1, columns, gradient, width, 1);
    for (int j = 0; j < width; j += static_cast<int>(hn::Lanes(d))) {
      const Activated active = activated(gelu, hn::Load(d, gate_row + j));
      const Vector dy = hn::Load(d, gradient + j);
      hn::Store(hn::Mul(hn::Mul(dy, hn::Load(d, up_row + j)), active.slope), d, gate_row + j);
      hn::Store(hn::Mul(dy, active.value), d, up_row + j);
    }
    storeRows(gate_row, width, gate_gradient, i, 1, columns);
    storeRows(up_row, width, up_gradient, i, 1, columns);
  }
}

}  // namespace interleave::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace interleave::kernels::cpu {

HWY_EXPORT(rmsNormForward);
HWY_EXPORT(rmsNormBackward);
HWY_EXPORT(rotate);
HWY_EXPORT(gatedProductForward);
HWY_EXPORT(gatedProductBackward);

void rmsNormForward(const RowRange& range, const Rows& x, const float* factor, double epsilon, const Rows& y,
                    float* inverse_rms) {
  HWY_DYNAMIC_DISPATCH(rmsNormForward)(range, x, factor, epsilon, y, inverse_rms);
}

void rmsNormBackward(const RowRange& range, const Rows& x, const float* factor, const float* inverse_rms,
                     const Rows& y_gradient, const Rows& x_gradient) {
  HWY_DYNAMIC_DISPATCH(rmsNormBackward)(range, x, factor, inverse_rms, y_gradient, x_gradient);
}

void rotate(const RowRange& range, const Rows& x, const float* cos, const float* sin, std::int64_t tokens,
            std::int64_t half, bool back, const Rows& y) {
  HWY_DYNAMIC_DISPATCH(rotate)(range, x, cos, sin, tokens, half, back, y);
}

void gatedProductForward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y) {
  HWY_DYNAMIC_DISPATCH(gatedProductForward)(range, gelu, gate, up, y);
}

void gatedProductBackward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y_gradient,
                          const Rows& gate_gradient, const Rows& up_gradient) {
  HWY_DYNAMIC_DISPATCH(gatedProductBackward)(range, gelu, gate, up, y_gradient, gate_gradient, up_gradient);
}

}  // namespace interleave::kernels::cpu
#endif  // HWY_ONCE
