// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// How GPT-2 splits texts, and ByteLevel where it is to split.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A text that a step writes. std::length_error where it would grow beyond `most` bytes: steps that put text around
/// every match, one after another, would else fill the memory from a short text.
class BoundedText {
 public:
  explicit BoundedText(std::size_t most) : most_(most) {}

  void operator+=(std::string_view part) {
    if (part.size() > most_ - text_.size()) tooLong();
    text_ += part;
  }
  std::size_t size() const { return text_.size(); }
  std::string take() { return std::move(text_); }
  void reserve(std::size_t bytes) { text_.reserve(bytes); }

 private:
  [[noreturn]] void tooLong() const;

  std::string text_;
  std::size_t most_;
};

/// How many bytes the steps may make of a text of `bytes`: far more than any real tokenizer does.
std::size_t mostBytesOf(std::size_t bytes);

/// A text on its way to the model, cut into pieces. Pieces are never empty, do not overlap, and ascend.
class Pieces {
 public:
  struct Span {
    std::size_t begin, end;
  };

  /// One piece, or none when `text` is empty. `opens_input`: nothing of the caller's text stands before it. No step may
  /// make more than `most` bytes of it, or it throws std::length_error.
  Pieces(std::string text, bool opens_input, std::size_t most);

  std::size_t size() const { return text_.size(); }  ///< In bytes.
  const std::vector<Span>& spans() const { return spans_; }
  std::string_view operator[](const Span& span) const {
    return std::string_view(text_).substr(span.begin, span.end - span.begin);
  }

  bool opensInput(const Span& span) const { return opens_input_ && span.begin == 0; }

  /// Cuts every piece into those that `cut(piece, add(begin, end))` adds; empty ones are dropped.
  using Add = std::function<void(std::size_t, std::size_t)>;
  void split(const std::function<void(std::string_view, const Add&)>& cut);
  /// Replaces every piece by what `write(piece, opens_input, out)` appends to `out`.
  void rewrite(const std::function<void(std::string_view, bool, BoundedText&)>& write);
  /// Drops white space from the ends of every piece.
  void strip(bool left, bool right);

 private:
  std::string text_;
  std::vector<Span> spans_;
  bool opens_input_;
  std::size_t most_;
};

/// A step of normalisation or pre-tokenisation.
using TextStep = std::function<void(Pieces&)>;
using TextSteps = std::vector<TextStep>;

/// The steps of tokenizer.json's "normalizer" and "pre_tokenizer", null for none. BadInput names what is not supported.
TextSteps readNormalizer(const JsonField& normalizer);
TextSteps readPreTokenizer(const JsonField& pre_tokenizer);

/// GPT-2's spelling of bytes as printable characters, and back (-1: stands for no byte).
std::string_view byteLevelSpelling(unsigned char byte);
int byteLevelByte(char32_t code);

}  // namespace interleave
