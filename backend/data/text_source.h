// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/tokenizer.h"

namespace interleave {

/// Running text cut into sequences of equal length. sequence(i) depends on the text, the length, the seed and i alone,
/// so a data cursor is just a number. Only the part asked for is tokenised. Immutable; any thread may call it.
class TextSource {
 public:
  /// `text` must outlive nothing: it is kept. Usage error when it is too short for one sequence.
  TextSource(std::shared_ptr<const Tokenizer> tokenizer, std::string text, std::int64_t length, std::uint64_t seed);

  std::int64_t length() const { return length_; }
  /// Distinct sequences; further indices come round again.
  std::int64_t count() const { return static_cast<std::int64_t>(starts_.size()); }
  std::vector<std::int32_t> sequence(std::int64_t index) const;
  /// The text from which sequence(index) is made, for use as filler.
  std::string_view passage(std::int64_t index) const;

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string text_;
  std::int64_t length_;
  double bytes_per_token_ = 4;
  std::vector<std::size_t> starts_;  ///< In seeded order.
};

/// The text that a setting names: a file's content (BadInput when it cannot be read), or the bundled text for "" —
/// calibration.txt, or heldout.txt.
std::string calibrationText(const std::string& file);
std::string heldOutText(const std::string& file);

/// What tells a text from another (FNV-1a, 16 hex digits): a file may change under its name.
std::string textDigest(const std::string& text);

}  // namespace interleave
