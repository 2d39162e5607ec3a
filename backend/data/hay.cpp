// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/hay.h"

#include <algorithm>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

/// Longer than nearly every sentence of prose. Scripts whose full stops we do not know would give one for each line.
constexpr std::size_t kLongestSentence = 400;
constexpr std::size_t kWidestGap = 2;  ///< Bytes between sentences that are kept.

/// Where the first sentence of `text` ends: behind its full stop, but not behind more than `most` bytes.
std::size_t sentenceEnd(std::string_view text, std::size_t most) {
  const std::string_view head = text.substr(0, most);
  std::size_t end = head.find_first_of(".!?\n");
  if (end != std::string_view::npos) end = head.find_first_not_of(".!?\"'\n", end);
  if (end != std::string_view::npos) return end;
  if (head.size() == text.size()) return text.size();
  const std::size_t space = head.find_last_of(" \t\r");
  if (space != std::string_view::npos && space > 0) return space;
  const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
  end = most;
  while (end > most / 2 && continues(text[end])) --end;
  return end;
}

}  // namespace

std::vector<std::string_view> sentences(std::string_view text, std::size_t most_bytes) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t end = sentenceEnd(text, most_bytes);
    const std::string_view piece = text.substr(0, end);
    text.remove_prefix(end);
    const std::size_t first = piece.find_first_not_of(" \n\t\r");
    if (first == std::string_view::npos) continue;
    pieces.push_back(piece.substr(first, piece.find_last_not_of(" \n\t\r") + 1 - first));
  }
  return pieces;
}

Hay::Hay(std::string text) : text_(std::move(text) + "\n"), sentences_(sentences(text_, kLongestSentence)) {
  if (sentences_.empty()) throw usageError("text", "there is no word in it to hide anything among");
  for (std::size_t i = 0; i < sentences_.size(); ++i) {
    const char* const end = i + 1 < sentences_.size() ? sentences_[i + 1].data() : text_.data() + text_.size();
    const auto whole = static_cast<std::size_t>(end - sentences_[i].data());
    sentences_[i] = {sentences_[i].data(), std::min(whole, sentences_[i].size() + kWidestGap)};
  }
}

}  // namespace interleave
