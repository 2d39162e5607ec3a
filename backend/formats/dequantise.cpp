// SPDX-License-Identifier: GPL-3.0-or-later
// Plain loops over one block, which compilers turn into vector code. The order of operations is that of GGML's
// reference (and of Python's gguf.quants), so the results agree bit for bit; the build forbids contraction into FMA
// here.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/tensor_view.h"

namespace interleave {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are little-endian and are mapped as they are");

using Byte = std::uint8_t;

template <class T>
T load(const Byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// IEEE half to single, exact, without a branch. Subnormals go through a subtraction of normal numbers, so a flush-to-
/// zero mode of the processor cannot touch them.
float fromHalf(std::uint16_t half) {
  const std::uint32_t magnitude = (half & 0x7fffU) << 13;
  const std::uint32_t exponent = magnitude & 0x0f800000U;
  const std::uint32_t normal = magnitude + (112U << 23);
  const float subnormal = std::bit_cast<float>(magnitude + (113U << 23)) - std::bit_cast<float>(113U << 23);
  const std::uint32_t infinite = magnitude + (224U << 23);
  const std::uint32_t bits = exponent == 0             ? std::bit_cast<std::uint32_t>(subnormal)
                             : exponent == 0x0f800000U ? infinite
                                                       : normal;
  return std::bit_cast<float>(bits | (half & 0x8000U) << 16);
}

float halfAt(const Byte* from) { return fromHalf(load<std::uint16_t>(from)); }

void fromF16(const Byte* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = halfAt(in + 2 * i);
}

void fromBf16(const Byte* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(in + 2 * i)) << 16);
  }
}

/// 32 values: half scale, 32 signed bytes.
void q8_0(const Byte* in, float* out) {
  const float d = halfAt(in);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<std::int8_t>(in[2 + i])) * d;
}

/// 32 values: half scale, 16 bytes; low nibbles come first.
void q4_0(const Byte* in, float* out) {
  const float d = halfAt(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((in[2 + i] & 15) - 8);
    out[i + 16] = d * static_cast<float>((in[2 + i] >> 4) - 8);
  }
}

/// As Q4_0 with a minimum.
void q4_1(const Byte* in, float* out) {
  const float d = halfAt(in), m = halfAt(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(in[4 + i] & 15) + m;
    out[i + 16] = d * static_cast<float>(in[4 + i] >> 4) + m;
  }
}

/// As Q4_0 with a fifth bit for each value in a 32-bit word.
void q5_0(const Byte* in, float* out) {
  const float d = halfAt(in);
  const auto high = load<std::uint32_t>(in + 2);
  for (int i = 0; i < 16; ++i) {
    const int first = static_cast<int>((in[6 + i] & 15U) | (high >> i & 1U) << 4);
    const int second = static_cast<int>((in[6 + i] >> 4) | (high >> (i + 16) & 1U) << 4);
    out[i] = d * static_cast<float>(first - 16);
    out[i + 16] = d * static_cast<float>(second - 16);
  }
}

void q5_1(const Byte* in, float* out) {
  const float d = halfAt(in), m = halfAt(in + 2);
  const auto high = load<std::uint32_t>(in + 4);
  for (int i = 0; i < 16; ++i) {
    const auto first = (in[8 + i] & 15U) | (high >> i & 1U) << 4;
    const auto second = static_cast<std::uint32_t>(in[8 + i] >> 4) | (high >> (i + 16) & 1U) << 4;
    out[i] = d * static_cast<float>(static_cast<int>(first)) + m;
    out[i + 16] = d * static_cast<float>(static_cast<int>(second)) + m;
  }
}

/// The eight 6-bit scales and minima that Q4_K and Q5_K pack into 12 bytes.
struct ScalesAndMinima {
  std::array<float, 8> scale, minimum;

  ScalesAndMinima(const Byte* in, float d, float m) {
    for (std::size_t i = 0; i < 4; ++i) {
      const int a = in[i], b = in[i + 4], c = in[i + 8];
      scale[i] = d * static_cast<float>(a & 63);
      minimum[i] = m * static_cast<float>(b & 63);
      scale[i + 4] = d * static_cast<float>((c & 15) | (a >> 2 & 48));
      minimum[i + 4] = m * static_cast<float>((c >> 4) | (b >> 2 & 48));
    }
  }
};

/// 256 values in 8 groups of 32: half scale and minimum, 12 bytes of group scales, 128 bytes of nibbles.
void q4_k(const Byte* in, float* out) {
  const ScalesAndMinima groups(in + 4, halfAt(in), halfAt(in + 2));
  for (std::size_t group = 0; group < 8; ++group) {
    const Byte* const nibbles = in + 16 + group / 2 * 32;
    const int shift = group % 2 ? 4 : 0;
    const float d = groups.scale[group], m = groups.minimum[group];
    for (std::size_t i = 0; i < 32; ++i) out[group * 32 + i] = d * static_cast<float>(nibbles[i] >> shift & 15) - m;
  }
}

/// As Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to value i of group g.
void q5_k(const Byte* in, float* out) {
  const ScalesAndMinima groups(in + 4, halfAt(in), halfAt(in + 2));
  const Byte* const high = in + 16;
  for (std::size_t group = 0; group < 8; ++group) {
    const Byte* const nibbles = in + 48 + group / 2 * 32;
    const int shift = group % 2 ? 4 : 0;
    const float d = groups.scale[group], m = groups.minimum[group];
    for (std::size_t i = 0; i < 32; ++i) {
      const int value = (nibbles[i] >> shift & 15) | (high[i] >> group & 1) << 4;
      out[group * 32 + i] = d * static_cast<float>(value) - m;
    }
  }
}

/// 256 values: 128 bytes of nibbles, 64 of upper bit pairs, 16 signed group scales (of 16 values), half scale.
void q6_k(const Byte* in, float* out) {
  const float d = halfAt(in + 208);
  for (std::size_t row = 0; row < 8; ++row) {
    const std::size_t half = row / 4, quarter = row % 4;
    const Byte* const low = in + half * 64 + quarter % 2 * 32;
    const Byte* const high = in + 128 + half * 32;
    const std::size_t low_shift = quarter / 2 * 4, high_shift = quarter * 2;
    for (std::size_t part = 0; part < 2; ++part) {
      const float scale = d * static_cast<float>(static_cast<std::int8_t>(in[192 + row * 2 + part]));
      for (std::size_t i = part * 16; i < part * 16 + 16; ++i) {
        const int value = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
        out[row * 32 + i] = scale * static_cast<float>(value - 32);
      }
    }
  }
}

template <void (*block)(const Byte*, float*), std::size_t elements, std::size_t bytes>
void blocks(const Byte* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count / elements; ++i) block(in + i * bytes, out + i * elements);
}

struct Format {
  std::string_view name;
  BlockSize block;
  void (*decode)(const Byte* in, float* out, std::size_t count);
};

constexpr std::array<Format, 11> kFormats{{
    {"F32", {1, 4}, [](const Byte* in, float* out, std::size_t count) { std::memcpy(out, in, count * 4); }},
    {"F16", {1, 2}, fromF16},
    {"BF16", {1, 2}, fromBf16},
    {"Q8_0", {32, 34}, blocks<q8_0, 32, 34>},
    {"Q4_0", {32, 18}, blocks<q4_0, 32, 18>},
    {"Q4_1", {32, 20}, blocks<q4_1, 32, 20>},
    {"Q5_0", {32, 22}, blocks<q5_0, 32, 22>},
    {"Q5_1", {32, 24}, blocks<q5_1, 32, 24>},
    {"Q4_K", {256, 144}, blocks<q4_k, 256, 144>},
    {"Q5_K", {256, 176}, blocks<q5_k, 256, 176>},
    {"Q6_K", {256, 210}, blocks<q6_k, 256, 210>},
}};

const Format& format(DType type) { return kFormats[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view name(DType type) { return format(type).name; }

BlockSize blockSize(DType type) { return format(type).block; }

std::int64_t TensorView::elements() const { return elementCount(shape).value_or(0); }

void dequantise(DType type, std::span<const std::byte> bytes, std::span<float> out) {
  const auto [elements, size] = blockSize(type);
  if (bytes.size() % static_cast<std::size_t>(size) != 0 ||
      bytes.size() / static_cast<std::size_t>(size) * static_cast<std::size_t>(elements) != out.size()) {
    throw failure("dequantise", std::to_string(bytes.size()) + " bytes of " + std::string(name(type)) + " are not " +
                                    std::to_string(out.size()) + " values");
  }
  if (!out.empty()) format(type).decode(reinterpret_cast<const Byte*>(bytes.data()), out.data(), out.size());
}

}  // namespace interleave
