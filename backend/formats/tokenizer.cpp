// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>

#include "backend/formats/checked.h"
#include "backend/formats/pretokenizer.h"
#include "backend/formats/tokenizer_added.h"
#include "backend/formats/tokenizer_bpe.h"
#include "backend/formats/tokenizer_decoder.h"
#include "backend/formats/tokenizer_facts.h"
#include "backend/formats/tokenizer_gguf.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr std::size_t kCachedWords = 1 << 16;  // Per call of encode().
constexpr std::size_t kCachedWordBytes = 64;
constexpr std::size_t kAddedTokenBytes = 4096;
// What normalisation may make of all added tokens together: less than of a text, since finding them takes a hundred
// times that.
constexpr std::size_t kAddedTokensBytes = std::size_t{64} << 10, kAddedTokenGrowth = 16;
constexpr int kNesting = 16;  // Of Sequence in Sequence.

constexpr std::array<std::string_view, 8> kEndTokens = {
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"};

/// What the post-processor puts around a text.
struct Template {
  std::vector<std::int32_t> before, after;
};

}  // namespace

struct Tokenizer::Impl {
  /// `names_tell`: whether tokens end an answer because of their names alone. `spellings`: further ids of tokens.
  Impl(const JsonField& document, TokenizerFacts told, const std::string& chat_choice, bool names_tell,
       const std::map<std::int32_t, std::string>& spellings = {});

  void readAddedTokens(const JsonField& list);
  void readAddedToken(const JsonField& field);
  void readPostProcessor(const JsonField& field, int depth);
  void readTemplate(const JsonField& field);
  std::int32_t idIn(const JsonField& field);

  std::optional<std::int32_t> idOf(std::string_view token) const;
  const std::string* tokenOf(std::int32_t id) const;
  /// Takes the text through the steps, which are those of `section` of tokenizer.json. What they make of it is taken
  /// off `budget`, in bytes; BadInput where that is not enough.
  Pieces through(const TextSteps& steps, const char* section, std::string_view text, bool opens_input,
                 std::size_t& budget) const;

  std::string file;  // For errors.
  BpeModel model;
  TextSteps normalizer, pre_tokenizer;
  std::vector<DecodeStep> decoder;
  std::map<std::int32_t, AddedToken> added;
  TextMap<std::int32_t> added_ids;
  std::int32_t next_added = 0;                                  // The id of the next that is not in the vocabulary.
  std::unordered_map<std::int32_t, std::string> decoded_added;  // How an added token enters the decoder, if changed.
  std::set<std::string, std::less<>> special;                   // By content, as decode() leaves them out.
  AddedTokenMatcher raw_matcher, normalised_matcher;
  std::vector<Template> templates;
  TokenizerFacts facts;
  std::optional<std::int32_t> bos;
  std::vector<std::int32_t> end_ids;
  ChatForm chat;
  std::vector<std::string> warnings;
  std::vector<std::string> moved;      // Added tokens that have not the id that the file gives.
  std::vector<std::string> strangers;  // Ids of the post-processor that are of no token.
};

Tokenizer::Impl::Impl(const JsonField& document, TokenizerFacts told, const std::string& chat_choice, bool names_tell,
                      const std::map<std::int32_t, std::string>& spellings)
    : file(document.file()), model(document.at("model")), facts(std::move(told)), warnings(model.warnings()) {
  for (const auto& [id, token] : spellings) model.addSpelling(id, token);
  const nlohmann::json none;
  const auto section = [&](const std::string& key) {
    return document.has(key) ? document.at(key) : JsonField(none, document.file(), key);
  };
  normalizer = readNormalizer(section("normalizer"));
  pre_tokenizer = readPreTokenizer(section("pre_tokenizer"));
  decoder = readDecoder(section("decoder"));
  if (document.has("added_tokens")) readAddedTokens(document.at("added_tokens"));
  if (document.has("post_processor")) readPostProcessor(document.at("post_processor"), 0);
  if (!strangers.empty()) {
    warnings.push_back(
        document.at("post_processor").error("adds ids that are of no token: " + firstFew(strangers)).what());
  }

  const auto bos_text = facts.special_tokens.find("bos_token");
  if (bos_text != facts.special_tokens.end()) bos = idOf(bos_text->second);
  if (!bos && !templates.empty() && !templates[0].before.empty() && tokenOf(templates[0].before[0])) {
    bos = templates[0].before[0];
  }
  const auto addEnd = [this](std::optional<std::int32_t> id) {
    if (id && std::find(end_ids.begin(), end_ids.end(), *id) == end_ids.end()) end_ids.push_back(*id);
  };
  for (const std::string& token : facts.end_tokens) addEnd(idOf(token));
  for (const std::int32_t id : facts.end_ids) addEnd(id);
  names_tell = names_tell || end_ids.empty();
  for (const std::string_view token : kEndTokens) {
    if (names_tell && special.contains(token)) addEnd(idOf(token));
  }
  chat = ChatForm(chat_choice, facts.chat, facts.special_tokens);
}

void Tokenizer::Impl::readAddedTokens(const JsonField& list) {
  next_added = static_cast<std::int32_t>(model.size());
  for (const JsonField& field : list.elements()) readAddedToken(field);
  if (!moved.empty()) {
    warnings.push_back(
        list.error("these have other ids than the file gives, as in `tokenizers`: " + firstFew(moved)).what());
  }
  std::size_t budget = kAddedTokensBytes;
  for (const auto& [id, token] : added) budget += kAddedTokenGrowth * token.content.size();
  for (const auto& [id, token] : added) {
    if (!token.normalized) {
      raw_matcher.add(token.content, token);
      continue;
    }
    const Pieces pieces = through(normalizer, "normalizer", token.content, true, budget);
    std::string pattern;
    for (const auto& span : pieces.spans()) pattern += pieces[span];
    if (pattern.empty()) continue;
    normalised_matcher.add(pattern, token);
    if (pattern != token.content) decoded_added[id] = pattern;
  }
}

/// As `tokenizers` adds them: in the list's order, a token of the vocabulary under its id there, another under the
/// next that is free behind as many as the vocabulary has, whatever the file says. One that comes again replaces
/// itself.
void Tokenizer::Impl::readAddedToken(const JsonField& field) {
  AddedToken token;
  token.content = field.at("content").text();
  if (token.content.empty()) return;
  if (token.content.size() > kAddedTokenBytes) throw field.at("content").error("is too long for a token");
  const std::int64_t stated = field.at("id").integer(0, std::numeric_limits<std::uint32_t>::max());
  token.special = field.flag("special", false);
  token.normalized = field.flag("normalized", !token.special);
  token.single_word = field.flag("single_word", false);
  token.lstrip = field.flag("lstrip", false);
  token.rstrip = field.flag("rstrip", false);
  if (token.special) special.insert(token.content);
  token.special = special.contains(token.content);  // Once so, always.
  const auto known = idOf(token.content);
  token.id = known ? *known : next_added;
  if (token.id > kLargestTokenId) throw field.error("is one token too many");
  if (token.id != stated) {
    moved.push_back(token.content + " has " + std::to_string(token.id) + ", not " + std::to_string(stated));
  }
  added_ids[token.content] = token.id;
  if (!known) ++next_added;
  added[token.id] = token;
}

std::int32_t Tokenizer::Impl::idIn(const JsonField& field) {
  const auto id = static_cast<std::int32_t>(field.integer(0, kLargestTokenId));
  if (!tokenOf(id)) strangers.push_back(std::to_string(id));
  return id;
}

void Tokenizer::Impl::readTemplate(const JsonField& field) {
  Template around;
  bool text_seen = false;
  for (const JsonField& piece : field.at("single").elements()) {
    if (piece.has("Sequence")) {
      if (text_seen) throw piece.error("the text twice is not supported");
      text_seen = true;
      continue;
    }
    const std::string name = piece.at("SpecialToken").at("id").text();
    const JsonField token = field.at("special_tokens").at(name);
    for (const JsonField& id : token.at("ids").elements()) {
      (text_seen ? around.after : around.before).push_back(idIn(id));
    }
  }
  if (!text_seen) throw field.at("single").error("has no place for the text");
  templates.push_back(std::move(around));
}

void Tokenizer::Impl::readPostProcessor(const JsonField& field, int depth) {
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    if (depth == kNesting) throw field.error("is nested too deeply");
    for (const JsonField& element : field.at("processors").elements()) readPostProcessor(element, depth + 1);
  } else if (type == "TemplateProcessing") {
    readTemplate(field);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto token = [&](const std::string& key) {
      const auto pair = field.at(key).elements();
      if (pair.size() != 2) throw field.at(key).error("is not a token and its id");
      return std::vector{idIn(pair[1])};
    };
    templates.push_back({token("cls"), token("sep")});
  } else if (type != "ByteLevel") {  // ByteLevel only moves offsets.
    throw field.error("post-processor \"" + type + "\" is not supported");
  }
}

std::optional<std::int32_t> Tokenizer::Impl::idOf(std::string_view token) const {
  const auto found = added_ids.find(token);
  return found == added_ids.end() ? model.idOf(token) : std::optional(found->second);
}

const std::string* Tokenizer::Impl::tokenOf(std::int32_t id) const {
  const auto found = added.find(id);
  return found == added.end() ? model.tokenOf(id) : &found->second.content;
}

Pieces Tokenizer::Impl::through(const TextSteps& steps, const char* section, std::string_view text, bool opens_input,
                                std::size_t& budget) const {
  Pieces pieces(std::string(text), opens_input, budget);
  try {
    for (const TextStep& step : steps) step(pieces);
  } catch (const std::length_error& problem) {
    throw badInput(file, section, problem.what());
  }
  budget -= std::min(budget, pieces.size());
  return pieces;
}

Tokenizer Tokenizer::from(const ModelFiles& files, const std::string& chat) {
  Tokenizer tokenizer = readFrom(files, chat);
  const std::int32_t rows = files.config().vocabulary, beyond = tokenizer.size() - rows;
  if (beyond > 0) {
    std::vector<std::string> names;
    for (std::int32_t id = rows; id < tokenizer.size(); ++id) {
      if (const std::string name = tokenizer.tokenOf(id); !name.empty()) names.push_back(name);
    }
    tokenizer.impl_->warnings.push_back(
        badInput(tokenizer.impl_->file, "",
                 "has tokens beyond the model's " + std::to_string(rows) +
                     " rows of the embedding; a text that needs one is refused: " + firstFew(names))
            .what());
  }
  return tokenizer;
}

Tokenizer Tokenizer::readFrom(const ModelFiles& files, const std::string& chat) {
  if (!files.ggufMetadata().is_null()) return ofGguf(files.ggufMetadata(), files.path().string(), chat);
  const auto file = files.path() / "tokenizer.json";
  if (files.tokenizerJson().is_null()) throw badInput(file.string(), "", "there is no tokenizer.json");
  return Tokenizer(
      std::make_unique<Impl>(JsonField(files.tokenizerJson(), file.string(), ""), tokenizerFacts(files), chat, false));
}

Tokenizer Tokenizer::fromJson(const nlohmann::json& tokenizer, const nlohmann::json& config, const std::string& file) {
  return Tokenizer(std::make_unique<Impl>(JsonField(tokenizer, file, ""), tokenizerFacts(config, file),
                                          std::string(ChatForm::kAuto), true));
}

Tokenizer Tokenizer::fromGguf(const nlohmann::json& metadata, const std::string& file) {
  return ofGguf(metadata, file, std::string(ChatForm::kAuto));
}

Tokenizer Tokenizer::ofGguf(const nlohmann::json& metadata, const std::string& file, const std::string& chat) {
  const TokenizerDocuments documents = tokenizerFromGguf(metadata, file);
  auto impl =
      std::make_unique<Impl>(JsonField(documents.tokenizer, file, ""),
                             tokenizerFactsOfGguf(documents.config, metadata, file), chat, true, documents.spellings);
  impl->warnings.insert(impl->warnings.end(), documents.warnings.begin(), documents.warnings.end());
  return Tokenizer(std::move(impl));
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, SpecialTokens mode) const {
  const std::string valid = unicode::validUtf8(text);
  const bool with_special = mode != SpecialTokens::Plain;
  std::vector<std::int32_t> ids;
  std::size_t normal_budget = mostBytesOf(valid.size()), cut_budget = normal_budget;

  TextMap<std::vector<std::int32_t>> cache;  // Words recur.
  const auto encodeWord = [&](std::string_view word) {
    if (word.size() > kCachedWordBytes || cache.size() >= kCachedWords) return impl_->model.encode(word, ids);
    auto found = cache.find(word);
    if (found == cache.end()) {
      found = cache.emplace(word, std::vector<std::int32_t>()).first;
      impl_->model.encode(word, found->second);
    }
    ids.insert(ids.end(), found->second.begin(), found->second.end());
  };
  const auto encodeText = [&](std::string_view part, bool opens_input) {
    const Pieces pieces = impl_->through(impl_->pre_tokenizer, "pre_tokenizer", part, opens_input, cut_budget);
    for (const auto& span : pieces.spans()) encodeWord(pieces[span]);
  };
  const auto encodeSegment = [&](std::string_view segment, bool opens_input) {
    const Pieces pieces = impl_->through(impl_->normalizer, "normalizer", segment, opens_input, normal_budget);
    for (const auto& span : pieces.spans()) {
      const std::string_view normal = pieces[span];
      impl_->normalised_matcher.parts(
          normal, with_special, [&](std::size_t begin, std::size_t end, const AddedToken* token) {
            if (token) {
              ids.push_back(token->id);
            } else {
              encodeText(normal.substr(begin, end - begin), pieces.opensInput(span) && begin == 0);
            }
          });
    }
  };
  impl_->raw_matcher.parts(valid, with_special, [&](std::size_t begin, std::size_t end, const AddedToken* token) {
    if (token) {
      ids.push_back(token->id);
    } else {
      encodeSegment(std::string_view(valid).substr(begin, end - begin), begin == 0);
    }
  });
  for (const Template& around : impl_->templates) {
    if (mode != SpecialTokens::Add && mode != SpecialTokens::Begin) break;
    ids.insert(ids.begin(), around.before.begin(), around.before.end());
    if (mode == SpecialTokens::Add) ids.insert(ids.end(), around.after.begin(), around.after.end());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    const auto changed = impl_->decoded_added.find(id);
    const std::string* token = changed == impl_->decoded_added.end() ? impl_->tokenOf(id) : &changed->second;
    if (token && !(skip_special && impl_->special.contains(*token))) tokens.push_back(*token);
  }
  std::size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  try {
    for (const DecodeStep& step : impl_->decoder) step(tokens, mostBytesOf(bytes));
  } catch (const std::length_error& problem) {
    throw badInput(impl_->file, "decoder", problem.what());
  }
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::int32_t Tokenizer::size() const {
  const std::int32_t last_added = impl_->added.empty() ? -1 : impl_->added.rbegin()->first;
  return std::max(impl_->model.largestId(), last_added) + 1;
}

std::optional<std::int32_t> Tokenizer::idOf(std::string_view token) const { return impl_->idOf(token); }

std::string Tokenizer::tokenOf(std::int32_t id) const {
  const std::string* token = impl_->tokenOf(id);
  return token ? *token : "";
}

const std::vector<std::string>& Tokenizer::warnings() const { return impl_->warnings; }

std::optional<std::int32_t> Tokenizer::bos() const { return impl_->bos; }

std::vector<std::int32_t> Tokenizer::endIds() const { return impl_->end_ids; }

const ChatForm& Tokenizer::chatForm() const { return impl_->chat; }

ChatForm Tokenizer::chatFormOfEarlierPrograms() const {
  std::string bos = impl_->facts.config_bos;
  if (!impl_->idOf(bos) && impl_->bos) bos = tokenOf(*impl_->bos);
  return ChatForm::ofEarlierPrograms(
      impl_->facts.chat, [this](std::string_view token) { return idOf(token).has_value(); }, bos,
      impl_->facts.config_eos);
}

}  // namespace interleave
