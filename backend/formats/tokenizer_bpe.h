// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// Lets a map of strings be asked for a view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// Ids above this are refused: no vocabulary is near it, and tables over ids stay small.
inline constexpr std::int32_t kLargestTokenId = (1 << 24) - 1;

/// Byte pair encoding (Sennrich et al., arXiv 1508.07909) as `tokenizers`' BPE model does it: the characters of a word,
/// or their bytes, are merged pair by pair, the earliest rule of the list first, the leftmost of equals first.
class BpeModel {
 public:
  /// tokenizer.json's "model". BadInput: no vocabulary, ids that are out of bounds, merges of unknown tokens.
  explicit BpeModel(const JsonField& model);

  /// What is odd in it and was taken as `tokenizers` takes it, a line each.
  const std::vector<std::string>& warnings() const { return warnings_; }

  std::size_t size() const { return ids_.size(); }
  std::optional<std::int32_t> idOf(std::string_view token) const;
  const std::string* tokenOf(std::int32_t id) const;  ///< Null when there is none.
  std::int32_t largestId() const { return largest_id_; }

  /// A further id that decodes as a token does.
  void addSpelling(std::int32_t id, std::string_view token);

  /// Appends the ids of one word (valid UTF-8). Time n log n in its length. BadInput where it needs an unknown token
  /// that the vocabulary does not have.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::uint32_t rank;
    std::int32_t merged;
  };
  struct Symbol;

  void readVocabulary(const JsonField& vocabulary);
  void readMerges(const JsonField& merges);
  void readByteTokens();
  void readUnknown(const JsonField& token);
  bool hasEveryByte() const;
  void appendSymbols(std::string_view word, std::vector<Symbol>& symbols) const;
  const Merge* mergeOf(std::int32_t left, std::int32_t right) const;

  TextMap<std::int32_t> ids_;
  std::unordered_map<std::int32_t, const std::string*> tokens_;  // Into the keys of ids_.
  std::unordered_map<std::uint64_t, Merge> merges_;              // Keyed by the pair.
  std::array<std::int32_t, 128> ascii_;                          // Ids of one-character tokens, -1: none.
  std::optional<std::array<std::int32_t, 256>> byte_tokens_;     // Of byte fallback: "<0x00>" …, -1: none.
  std::optional<std::int32_t> unknown_;
  std::optional<Error> no_unknown_;  // The file names one that its vocabulary does not have.
  std::string continuing_prefix_, word_suffix_;
  std::int32_t largest_id_ = -1;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;  // A word that is a token is taken whole.
  std::vector<std::string> warnings_;
};

}  // namespace interleave
