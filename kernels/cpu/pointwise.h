// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

#include "kernels/cpu/rows.h"

namespace interleave::kernels::cpu {

/// Rows first … last-1 of matrices with `columns` columns are worked on.
struct RowRange {
  std::int64_t first, last, columns;
};

/// y = x · r · factor with r = 1/sqrt(mean(x²) + ε), which goes to `inverse_rms` [rows]. factor: [columns].
void rmsNormForward(const RowRange& range, const Rows& x, const float* factor, double epsilon, const Rows& y,
                    float* inverse_rms);
void rmsNormBackward(const RowRange& range, const Rows& x, const float* factor, const float* inverse_rms,
                     const Rows& y_gradient, const Rows& x_gradient);

/// Each row holds the heads of a token, of 2·`half` columns each. Rotates them by the angles whose cos and sin are row
/// i mod `tokens` of the tables [tokens,half]; the other way round when `back`.
void rotate(const RowRange& range, const Rows& x, const float* cos, const float* sin, std::int64_t tokens,
            std::int64_t half, bool back, const Rows& y);

/// y = a(gate) · up, with a the SiLU, or GELU in its tanh form.
void gatedProductForward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y);
void gatedProductBackward(const RowRange& range, bool gelu, const Rows& gate, const Rows& up, const Rows& y_gradient,
                          const Rows& gate_gradient, const Rows& up_gradient);

}  // namespace interleave::kernels::cpu
