// SPDX-License-Identifier: GPL-3.0-or-later
// Arithmetic on small fp32 blocks that stay in cache, compiled once for each instruction set (Google Highway).
// Blocks are row-major, aligned, and padded with zeros: rows to a multiple of kTileRows, columns to one of kPadding.
#if defined(INTERLEAVE_KERNELS_CPU_BLOCK_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INTERLEAVE_KERNELS_CPU_BLOCK_MATH_INL_H_
#undef INTERLEAVE_KERNELS_CPU_BLOCK_MATH_INL_H_
#else
#define INTERLEAVE_KERNELS_CPU_BLOCK_MATH_INL_H_
#endif

#include <hwy/aligned_allocator.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/rows.h"

HWY_BEFORE_NAMESPACE();
namespace interleave::kernels::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Lanes = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Lanes>;

constexpr int kPadding = 16;  // a multiple of the lanes of every instruction set
constexpr int kTileRows = 4;
constexpr int kTileVectors = HWY_MAX_BYTES >= 64 ? 4 : 2;  // 16 or 8 accumulators: what the registers hold

constexpr int roundUp(std::int64_t n, int multiple) {
  return static_cast<int>((n + multiple - 1) / multiple) * multiple;
}

/// Bump allocation of the blocks of one task.
class Arena {
 public:
  explicit Arena(std::size_t floats) : memory_(hwy::AllocateAligned<float>(floats)), next_(memory_.get()) {}
  float* take(std::int64_t floats) {
    float* block = next_;
    next_ += roundUp(floats, kPadding);
    return block;
  }

 private:
  hwy::AlignedFreeUniquePtr<float[]> memory_;
  float* next_;
};

/// The left operand of a product: element (i, k) is data[i·row + k·column], so that a transpose costs nothing.
struct Left {
  const float* data;
  std::int64_t row, column;
};
HWY_INLINE Left plain(const float* data, std::int64_t stride) { return {data, stride, 1}; }
HWY_INLINE Left transposed(const float* data, std::int64_t stride) { return {data, 1, stride}; }

enum class Into { Set, Add, Subtract };
/// The part of a product that is worth computing. In the tile of rows from `row` on these are the result's columns from
/// row + result_from to row + kTileRows + result_to, outwards to multiples of kPadding, and for each the terms from
/// row + terms_from to row + kTileRows + terms_to: a band, or a triangle, of the result and of the left operand.
struct Part {
  static constexpr int kAll = 1 << 24;
  int result_from = -kAll, result_to = kAll, terms_from = -kAll, terms_to = kAll;
};
constexpr Part kWhole{};
constexpr Part kLowerLeft{-Part::kAll, Part::kAll, -Part::kAll, 0};
constexpr Part kUpperLeft{-Part::kAll, Part::kAll, 0, Part::kAll};
constexpr Part kLowerResult{-Part::kAll, 0, -Part::kAll, Part::kAll};

/// c[kTileRows × vectors] = (c ±) a · b over k in [begin, end). The product is summed by itself and then joined to c,
/// which rounds less than adding its terms to c one by one.
template <Into into, int vectors>
HWY_INLINE void multiplyTile(const Left& a, const float* HWY_RESTRICT b, std::int64_t b_stride, float* HWY_RESTRICT c,
                             std::int64_t c_stride, int begin, int end) {
  const Lanes d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Lanes()));
  Vector sum[kTileRows][vectors];
#pragma GCC unroll 4
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) sum[i][j] = hn::Zero(d);
  }
  const float* left = a.data + begin * a.column;
  const float* right = b + begin * b_stride;
  for (int k = begin; k < end; ++k, left += a.column, right += b_stride) {
    Vector row[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) row[j] = hn::Load(d, right + j * lanes);
#pragma GCC unroll 4
    for (int i = 0; i < kTileRows; ++i) {
      const Vector factor = hn::Set(d, left[i * a.row]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] = hn::MulAdd(factor, row[j], sum[i][j]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      float* target = c + i * c_stride + j * lanes;
      if (into == Into::Add) sum[i][j] = hn::Add(hn::Load(d, target), sum[i][j]);
      if (into == Into::Subtract) sum[i][j] = hn::Sub(hn::Load(d, target), sum[i][j]);
      hn::Store(sum[i][j], d, target);
    }
  }
}

/// The same for a width known at run time, at most `most`.
template <Into into, int most>
HWY_INLINE void multiplyTiles(int vectors, const Left& a, const float* b, std::int64_t b_stride, float* c,
                              std::int64_t c_stride, int begin, int end) {
  if (vectors == most) {
    multiplyTile<into, most>(a, b, b_stride, c, c_stride, begin, end);
  } else if constexpr (most > 1) {
    multiplyTiles<into, most - 1>(vectors, a, b, b_stride, c, c_stride, begin, end);
  }
}

/// c [m,n] = (c ±) a [m,k] · b [k,n].
template <Into into = Into::Set>
void multiply(const Left& a, const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, int m, int n,
              int k, const Part& part = kWhole) {
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Lanes()));
  for (int panel = 0; panel < n; panel += kTileVectors * lanes) {
    for (int row = 0; row < m; row += kTileRows) {
      const int from = std::max(panel, (row + part.result_from) & -kPadding);
      const int to = std::min({panel + kTileVectors * lanes, n, roundUp(row + kTileRows + part.result_to, kPadding)});
      if (from >= to) continue;
      const int begin = std::max(0, row + part.terms_from);
      const int end = std::max(begin, std::min(k, row + kTileRows + part.terms_to));
      multiplyTiles<into, kTileVectors>((to - from) / lanes, {a.data + row * a.row, a.row, a.column}, b + from,
                                        b_stride, c + row * c_stride + from, c_stride, begin, end);
    }
  }
}

/// Solves (I + a) x = x in place, or (I + aᵀ) x = x, for a strictly lower triangular [m,m] and x [m,n].
template <bool transpose>
void solveUnitLower(const float* a, std::int64_t a_stride, float* x, std::int64_t x_stride, int m, int n) {
  auto element = [&](int i, int j) { return transpose ? a[j * a_stride + i] : a[i * a_stride + j]; };
  for (int step = 0; step < m; step += kTileRows) {
    const int first = transpose ? m - kTileRows - step : step;
    const int begin = transpose ? first + kTileRows : 0, end = transpose ? m : first;
    const Left rows =
        transpose ? Left{a + begin * a_stride + first, 1, a_stride} : Left{a + first * a_stride, a_stride, 1};
    multiply<Into::Subtract>(rows, x + begin * x_stride, x_stride, x + first * x_stride, x_stride, kTileRows, n,
                             end - begin);
    for (int done = 1; done < kTileRows; ++done) {  // within the tile, one row after the other
      const int i = transpose ? first + kTileRows - 1 - done : first + done;
      for (int other = 0; other < done; ++other) {
        const int j = transpose ? first + kTileRows - 1 - other : first + other;
        const float factor = element(i, j);
        const float* HWY_RESTRICT from = x + j * x_stride;
        float* HWY_RESTRICT to = x + i * x_stride;
        for (int column = 0; column < n; ++column) to[column] -= factor * from[column];
      }
    }
  }
}

/// to [n,m] = fromᵀ for from [m,n].
inline void transpose(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride, int m, int n) {
  const Lanes d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Lanes()));
  HWY_ALIGN float quads[4 * lanes];
  for (int i = 0; i < m; i += 4) {
    const float* rows = from + i * from_stride;
    for (int j = 0; j < n; j += lanes) {
      hn::StoreInterleaved4(hn::Load(d, rows + j), hn::Load(d, rows + from_stride + j),
                            hn::Load(d, rows + 2 * from_stride + j), hn::Load(d, rows + 3 * from_stride + j), d, quads);
      for (int lane = 0; lane < lanes; ++lane) {
        std::memcpy(to + (j + lane) * to_stride + i, quads + 4 * lane, 4 * sizeof(float));
      }
    }
  }
}

/// Σ a_j b_j in short partial sums, joined in double.
HWY_INLINE double dot(const float* a, const float* b, std::int64_t n) {
  const Lanes d;
  constexpr int kRun = 64;
  double total = 0.0;
  for (std::int64_t start = 0; start < n; start += kRun) {
    const std::int64_t end = std::min<std::int64_t>(start + kRun, n);
    Vector even = hn::Zero(d), odd = hn::Zero(d);
    for (std::int64_t j = start; j < end; j += kPadding) {
      const int lanes = static_cast<int>(hn::Lanes(d));
      for (int lane = 0; lane < kPadding; lane += 2 * lanes) {
        even = hn::MulAdd(hn::Load(d, a + j + lane), hn::Load(d, b + j + lane), even);
        if (lane + lanes < kPadding) {
          odd = hn::MulAdd(hn::Load(d, a + j + lane + lanes), hn::Load(d, b + j + lane + lanes), odd);
        }
      }
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd))));
  }
  return total;
}

HWY_INLINE void clear(float* x, std::int64_t n) { std::fill(x, x + n, 0.0f); }

HWY_INLINE void scale(float* x, float factor, int n) {
  for (int j = 0; j < n; ++j) x[j] *= factor;
}

/// to += factor · from
HWY_INLINE void addScaled(float* HWY_RESTRICT to, const float* HWY_RESTRICT from, float factor, int n) {
  for (int j = 0; j < n; ++j) to[j] += factor * from[j];
}

/// Rows first … first+tokens of `source`, of `columns` elements, as a padded block with `rows` rows.
inline void loadRows(const Rows& source, std::int64_t first, int tokens, std::int64_t columns, float* block, int stride,
                     int rows) {
  for (int i = 0; i < rows; ++i, block += stride) {
    const std::int64_t filled = i < tokens ? columns : 0;
    const std::int64_t offset = (first + i) * source.stride;
    if (source.bf16) {
      const auto* from = static_cast<const std::uint16_t*>(source.data) + offset;
      for (std::int64_t j = 0; j < filled; ++j) block[j] = std::bit_cast<float>(std::uint32_t{from[j]} << 16);
    } else if (filled > 0) {
      std::memcpy(block, static_cast<const float*>(source.data) + offset,
                  static_cast<std::size_t>(filled) * sizeof(float));
    }
    std::fill(block + filled, block + stride, 0.0f);
  }
}

inline void storeRows(const float* block, int stride, const Rows& target, std::int64_t first, int tokens,
                      std::int64_t columns) {
  for (int i = 0; i < tokens; ++i, block += stride) {
    const std::int64_t offset = (first + i) * target.stride;
    if (target.bf16) {
      auto* to = static_cast<std::uint16_t*>(target.data) + offset;
      for (std::int64_t j = 0; j < columns; ++j) {  // round to nearest even; a NaN keeps its quiet bit
        const auto bits = std::bit_cast<std::uint32_t>(block[j]);
        const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        to[j] = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
      }
    } else {
      std::memcpy(static_cast<float*>(target.data) + offset, block, static_cast<std::size_t>(columns) * sizeof(float));
    }
  }
}

}  // namespace interleave::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard, toggled
