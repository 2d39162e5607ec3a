// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_bpe.h"

#include <algorithm>
#include <queue>

#include "backend/formats/checked.h"
#include "backend/formats/pretokenizer.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

std::uint64_t pairKey(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
}

/// A merge that may be done; it may have expired when its turn comes.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t position;
  std::int32_t merged;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

}  // namespace

/// A link of the list of symbols in a word.
struct BpeModel::Symbol {
  std::int32_t id;
  std::int32_t previous, next;  // Positions; -1: none.
  bool gone;                    // Merged into the one before.
};

BpeModel::BpeModel(const JsonField& model) {
  if (!model.value().is_object()) throw model.error("is not an object");
  const std::string type = model.text("type", "BPE");
  if (type != "BPE") throw model.at("type").error("model \"" + type + "\" is not supported, only \"BPE\" is");
  if (model.has("dropout") && model.at("dropout").value() != 0) throw model.at("dropout").error("is not supported");
  continuing_prefix_ = model.text("continuing_subword_prefix", "");
  word_suffix_ = model.text("end_of_word_suffix", "");
  fuse_unknown_ = model.flag("fuse_unk", false);
  ignore_merges_ = model.flag("ignore_merges", false);
  readVocabulary(model.at("vocab"));
  readMerges(model.at("merges"));
  if (model.flag("byte_fallback", false)) readByteTokens();
  if (model.has("unk_token")) readUnknown(model.at("unk_token"));
}

void BpeModel::readUnknown(const JsonField& token) {
  unknown_ = idOf(token.text());
  if (unknown_) return;
  // As `tokenizers`, which complains only when it needs the token.
  no_unknown_ = token.error(inQuotes(token.text()) + " is not in the vocabulary");
  if (hasEveryByte()) return;
  warnings_.push_back(token.error(no_unknown_->reason() + ": a text that needs it is refused").what());
}

bool BpeModel::hasEveryByte() const {
  if (byte_tokens_) return std::ranges::all_of(*byte_tokens_, [](std::int32_t id) { return id >= 0; });
  for (int byte = 0; byte < 256; ++byte) {
    if (!idOf(byteLevelSpelling(static_cast<unsigned char>(byte)))) return false;
  }
  return true;
}

void BpeModel::readVocabulary(const JsonField& vocabulary) {
  if (!vocabulary.value().is_object()) throw vocabulary.error("is not an object");
  ids_.reserve(vocabulary.value().size());
  tokens_.reserve(vocabulary.value().size());
  std::vector<std::string> shared;
  for (const auto& [token, id] : vocabulary.value().items()) {
    const JsonField field(id, vocabulary.file(), vocabulary.place() + "[\"" + token + "\"]");
    if (!unicode::isValidUtf8(token)) throw vocabulary.error("a token is not valid UTF-8");
    const auto number = static_cast<std::int32_t>(field.integer(0, kLargestTokenId));
    const auto place = ids_.emplace(token, number).first;
    if (!tokens_.emplace(number, &place->first).second) shared.push_back(token);
    largest_id_ = std::max(largest_id_, number);
  }
  if (!shared.empty()) {
    warnings_.push_back(
        vocabulary.error("two tokens have one id, which decodes as the other one: " + firstFew(shared)).what());
  }
  for (std::size_t c = 0; c < ascii_.size(); ++c) {
    ascii_[c] = idOf(std::string(1, static_cast<char>(c))).value_or(-1);
  }
}

void BpeModel::addSpelling(std::int32_t id, std::string_view token) {
  const auto found = ids_.find(token);
  if (found != ids_.end()) tokens_.emplace(id, &found->first);
  largest_id_ = std::max(largest_id_, id);
}

void BpeModel::readMerges(const JsonField& merges) {
  if (!merges.value().is_array()) throw merges.error("is not an array");
  merges_.reserve(merges.value().size());
  for (std::size_t index = 0; index < merges.value().size(); ++index) {
    const nlohmann::json& merge = merges.value()[index];
    const auto problem = [&](const std::string& reason) {
      return JsonField(merge, merges.file(), merges.place() + "[" + std::to_string(index) + "]").error(reason);
    };
    std::string left, right;
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      if (text.starts_with("#version")) continue;
      const std::size_t space = text.find(' ');
      if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
        throw problem("is not two tokens with a space between");
      }
      left = text.substr(0, space);
      right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else {
      throw problem("is not a pair of tokens");
    }
    if (!right.starts_with(continuing_prefix_)) throw problem("the second token lacks the continuing prefix");
    const auto known = [&](const std::string& token) {
      const auto id = idOf(token);
      if (!id) throw problem("\"" + token + "\" is not in the vocabulary");
      return *id;
    };
    const std::int32_t merged = known(left + right.substr(continuing_prefix_.size()));
    merges_[pairKey(known(left), known(right))] = {static_cast<std::uint32_t>(index), merged};
  }
}

void BpeModel::readByteTokens() {
  byte_tokens_.emplace();
  for (std::size_t b = 0; b < 256; ++b) {
    const std::string token = std::string("<0x") + kHexDigits[b >> 4] + kHexDigits[b & 15] + ">";
    (*byte_tokens_)[b] = idOf(token).value_or(-1);
  }
}

std::optional<std::int32_t> BpeModel::idOf(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* BpeModel::tokenOf(std::int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

const BpeModel::Merge* BpeModel::mergeOf(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(pairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BpeModel::appendSymbols(std::string_view word, std::vector<Symbol>& symbols) const {
  const auto add = [&](std::int32_t id) {
    const auto position = static_cast<std::int32_t>(symbols.size());
    if (position > 0) symbols.back().next = position;
    symbols.push_back({id, position - 1, -1, false});
  };
  const auto idAt = [&](std::string_view character, bool is_first, bool is_last) -> std::optional<std::int32_t> {
    if ((is_first || continuing_prefix_.empty()) && (!is_last || word_suffix_.empty())) {
      if (character.size() > 1) return idOf(character);
      const std::int32_t id = ascii_[static_cast<unsigned char>(character[0])];
      return id < 0 ? std::nullopt : std::optional(id);
    }
    return idOf((is_first ? "" : continuing_prefix_) + std::string(character) + (is_last ? word_suffix_ : ""));
  };
  bool unknown_waits = false;  // As in `tokenizers`, bytes that follow an unknown overtake it.
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, unicode::first(word.substr(at)).bytes);
    const bool is_first = at == 0;
    at += character.size();
    if (const auto id = idAt(character, is_first, at == word.size())) {
      if (unknown_waits) add(*unknown_);
      unknown_waits = false;
      add(*id);
      continue;
    }
    const auto byteToken = [&](char c) { return (*byte_tokens_)[static_cast<unsigned char>(c)]; };
    if (byte_tokens_ && std::all_of(character.begin(), character.end(), [&](char c) { return byteToken(c) >= 0; })) {
      for (const char c : character) add(byteToken(c));
    } else if (no_unknown_) {
      throw badInput(no_unknown_->file(), no_unknown_->place(),
                     no_unknown_->reason() + ", and " + inQuotes(character) + " needs it");
    } else if (unknown_) {
      if (unknown_waits && !fuse_unknown_) add(*unknown_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) add(*unknown_);
}

void BpeModel::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto whole = idOf(word)) {
      ids.push_back(*whole);
      return;
    }
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  appendSymbols(word, symbols);

  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue({}, std::move(storage));
  const auto propose = [&](std::int32_t left) {
    if (left < 0 || symbols[static_cast<std::size_t>(left)].next < 0) return;
    const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
    const Merge* merge = mergeOf(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
    if (merge) queue.push({merge->rank, static_cast<std::uint32_t>(left), merge->merged});
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) propose(static_cast<std::int32_t>(i));
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (left.gone || left.next < 0) continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    const Merge* merge = mergeOf(left.id, right.id);
    if (!merge || merge->merged != top.merged) continue;  // Expired.
    left.id = top.merged;
    left.next = right.next;
    right.gone = true;
    if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(top.position);
    propose(left.previous);
    propose(static_cast<std::int32_t>(top.position));
  }
  for (const Symbol& symbol : symbols) {
    if (!symbol.gone) ids.push_back(symbol.id);
  }
}

}  // namespace interleave
