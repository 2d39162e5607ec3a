// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace interleave {

/// Limits on what a model file may claim: well above every real file, low enough that a lying one costs little.
inline constexpr std::size_t kMostTensors = 100'000;
inline constexpr std::size_t kMostNameBytes = 1024;
inline constexpr std::size_t kMostDimensions = 8;

inline std::optional<std::uint64_t> checkedMultiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// The number of elements of a shape; nothing when it does not fit a signed 64-bit integer.
std::optional<std::int64_t> elementCount(std::span<const std::int64_t> shape);

/// A string from a file in single quotes, fit for a message: bytes outside printable ASCII as \xNN, long ones cut.
std::string inQuotes(std::string_view text);

/// "'a', 'b', 'c' and 117 more", for a message.
std::string firstFew(std::span<const std::string> names);

/// "[49152, 576]".
std::string shapeText(std::span<const std::int64_t> shape);

}  // namespace interleave
