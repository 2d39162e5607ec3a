// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/checked.h"

#include <algorithm>

#include <limits>

namespace interleave {

std::optional<std::int64_t> elementCount(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    const auto product = checkedMultiply(count, static_cast<std::uint64_t>(size));
    if (!product || *product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    count = *product;
  }
  return static_cast<std::int64_t>(count);
}

std::string inQuotes(std::string_view text) {
  constexpr std::size_t kMost = 120;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char letter : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte < 0x7f) {
      out += letter;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + (text.size() > kMost ? "…'" : "'");
}

std::string firstFew(std::span<const std::string> names) {
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) text += (i == 0 ? "" : ", ") + inQuotes(names[i]);
  return names.size() <= kMost ? text : text + " and " + std::to_string(names.size() - kMost) + " more";
}

std::string shapeText(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace interleave
