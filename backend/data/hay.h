// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// Pieces of running text that end where a sentence does, or after `most_bytes` at the end of a word. They point into
/// `text`.
std::vector<std::string_view> sentences(std::string_view text,
                                        std::size_t most_bytes = std::numeric_limits<std::size_t>::max());

/// The sentences of a text, read round and round: what needles hide in. Immutable; any thread may call it.
class Hay {
 public:
  /// Usage error for a text without any word.
  explicit Hay(std::string text);
  Hay(const Hay&) = delete;
  Hay& operator=(const Hay&) = delete;

  std::int64_t count() const { return static_cast<std::int64_t>(sentences_.size()); }
  std::string_view sentence(std::int64_t index) const { return sentences_[static_cast<std::size_t>(index % count())]; }

 private:
  std::string text_;
  std::vector<std::string_view> sentences_;  ///< Into text_.
};

}  // namespace interleave
