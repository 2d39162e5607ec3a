// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace interleave {

/// 64-bit FNV-1a (Fowler, Noll, Vo): tells values from others, equally on every machine. No guard against forgery.
class Digest {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) take(static_cast<unsigned char>(byte));
  }
  /// A whole number as eight bytes, the lowest first.
  void add(std::integral auto number) {
    const auto bits = static_cast<std::uint64_t>(number);
    for (int shift = 0; shift < 64; shift += 8) take(static_cast<unsigned char>(bits >> shift));
  }
  /// Their count and each of them: [1, 2] [3] is not [1] [2, 3].
  template <std::integral T>
  void add(std::span<const T> numbers) {
    add(numbers.size());
    for (const T number : numbers) add(number);
  }

  std::uint64_t value() const { return value_; }
  std::string text() const {  ///< 16 hex digits.
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value_));
    return digits.data();
  }

 private:
  void take(unsigned char byte) { value_ = (value_ ^ byte) * 1099511628211ULL; }

  std::uint64_t value_ = 14695981039346656037ULL;
};

}  // namespace interleave
