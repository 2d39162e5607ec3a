// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// A text on its way to the model, cut into pieces. Pieces are never empty, do not overlap, and ascend.
class Pieces {
 public:
  struct Span {
    std::size_t begin, end;
  };

  /// One piece, or none when `text` is empty. `opens_input`: nothing of the caller's text stands before it.
  Pieces(std::string text, bool opens_input);

  const std::vector<Span>& spans() const { return spans_; }
  std::string_view operator[](const Span& span) const {
    return std::string_view(text_).substr(span.begin, span.end - span.begin);
  }

  bool opensInput(const Span& span) const { return opens_input_ && span.begin == 0; }

  /// Cuts every piece into those that `cut(piece, add(begin, end))` adds; empty ones are dropped.
  using Add = std::function<void(std::size_t, std::size_t)>;
  void split(const std::function<void(std::string_view, const Add&)>& cut);
  /// Replaces every piece by what `write(piece, opens_input, out)` appends to `out`.
  void rewrite(const std::function<void(std::string_view, bool, std::string&)>& write);
  /// Drops white space from the ends of every piece.
  void strip(bool left, bool right);

 private:
  std::string text_;
  std::vector<Span> spans_;
  bool opens_input_;
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
