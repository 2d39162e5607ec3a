// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace interleave::kernels::cpu {

/// Rows of a matrix, one a token, in fp32 or bf16; the elements of a row lie side by side.
struct Rows {
  void* data = nullptr;
  std::int64_t stride = 0;  ///< From row to row, in elements.
  bool bf16 = false;
};

}  // namespace interleave::kernels::cpu
