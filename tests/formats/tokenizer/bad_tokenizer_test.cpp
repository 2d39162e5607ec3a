// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "tests/formats/test_files.h"
#include "tests/formats/tokenizer/small_tokenizer.h"

namespace interleave {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

struct Damage {
  std::string pointer;
  json value;  ///< Discarded: the entry is removed.
  std::vector<std::string> says;
};

const json kGone = json(json::value_t::discarded);

json damaged(json document, const Damage& damage) {
  const Pointer pointer(damage.pointer);
  if (damage.value.is_discarded()) {
    document[pointer.parent_pointer()].erase(pointer.back());
  } else {
    document[pointer] = damage.value;
  }
  return document;
}

TEST(BadTokenizer, TokenizerJsonIsNamedWithPlaceAndReason) {
  json document = test::byteLevelDocument({"a b", "ab c"});
  document["added_tokens"] = {test::addedToken(258, "<s>", true)};
  document["normalizer"] = {{"type", "NFC"}};
  ASSERT_NO_THROW(test::tokenizerOf(document));
  const Damage damages[] = {
      {"/model", kGone, {"\"model\""}},
      {"/model", "BPE", {"model", "not an object"}},
      {"/model/type", "Unigram", {"model.type", "Unigram"}},
      {"/model/vocab", kGone, {"model", "\"vocab\""}},
      {"/model/vocab", json::array(), {"model.vocab", "not an object"}},
      {"/model/merges", kGone, {"model", "\"merges\""}},
      {"/model/merges", "a b", {"model.merges", "not an array"}},
      {"/model/merges/1", "ab", {"model.merges[1]", "space"}},
      {"/model/merges/1", "a q x", {"model.merges[1]", "space"}},
      {"/model/merges/1", "ab d", {"model.merges[1]", "\"abd\"", "not in the vocabulary"}},
      {"/model/merges/0", {"a", "ü"}, {"model.merges[0]", "\"aü\""}},
      {"/model/merges/0", {"a", 1}, {"model.merges[0]", "pair"}},
      {"/model/merges/0", 7, {"model.merges[0]", "pair"}},
      {"/model/vocab/a", -1, {"model.vocab[\"a\"]", "-1"}},
      {"/model/vocab/a", 2147483648LL, {"model.vocab[\"a\"]", "2147483648"}},
      {"/model/vocab/a", 18446744073709551615ULL, {"model.vocab[\"a\"]", "18446744073709551615"}},
      {"/model/vocab/a", 1.5, {"model.vocab[\"a\"]", "not an integer"}},
      {"/model/vocab/a", "1", {"model.vocab[\"a\"]", "not an integer"}},
      {"/model/dropout", 0.5, {"model.dropout"}},
      {"/model/byte_fallback", "yes", {"model.byte_fallback"}},
      {"/added_tokens", json::object(), {"added_tokens", "not an array"}},
      {"/added_tokens/0/content", kGone, {"added_tokens[0]", "\"content\""}},
      {"/added_tokens/0/id", 4294967296LL, {"added_tokens[0].id", "4294967296"}},
      {"/added_tokens/0/content", std::string(1 << 20, 'x'), {"added_tokens[0].content", "too long"}},
      {"/added_tokens/0/special", 1, {"added_tokens[0].special"}},
      {"/normalizer/type", "Precompiled", {"normalizer", "Precompiled"}},
      {"/normalizer", json::array(), {"normalizer", "not an object"}},
      {"/normalizer",
       {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}},
       {"normalizer.pattern.Regex"}},
      {"/pre_tokenizer/type", "UnicodeScripts", {"pre_tokenizer", "UnicodeScripts"}},
      {"/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Odd"}}, {"behavior", "Odd"}},
      {"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}}, {"pre_tokenizer.replacement"}},
      {"/decoder/type", "WordPiece", {"decoder", "WordPiece"}},
      {"/post_processor", {{"type", "Odd"}}, {"post_processor", "Odd"}},
      {"/post_processor",
       {{"type", "TemplateProcessing"}, {"single", json::array()}, {"special_tokens", json::object()}},
       {"post_processor.single", "text"}},
      {"/post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
        {"special_tokens", {{"<s>", {{"ids", {-1}}}}}}},
       {"post_processor", "-1"}},
  };
  for (const Damage& damage : damages) {
    std::vector<std::string> says = damage.says;
    says.emplace_back("small/tokenizer.json");
    SCOPED_TRACE(damage.pointer);
    test::expectBadInput([&] { test::tokenizerOf(damaged(document, damage)); }, says);
  }
}

TEST(BadTokenizer, NestingEnds) {
  json document = test::byteLevelDocument({});
  json inner = {{"type", "NFC"}};
  for (int i = 0; i < 100; ++i) inner = {{"type", "Sequence"}, {"normalizers", {inner}}};
  document["normalizer"] = inner;
  test::expectBadInput([&] { test::tokenizerOf(document); }, {"normalizer", "deep"});
}

TEST(BadTokenizer, TextsDoNotGrowWithoutEnd) {
  const std::string much(200, 'a');
  const json around{{"type", "Replace"}, {"pattern", {{"Regex", ""}}}, {"content", much}};
  const json replaces(6, around);
  json document = test::byteLevelDocument({});
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", replaces}};
  test::expectBadInput([&] { test::tokenizerOf(document).encode("ab"); }, {"normalizer", "too much of a text"});
  EXPECT_EQ(test::tokenizerOf(document).encode("").size(), 0U);
  document["normalizer"] = {{"type", "Prepend"}, {"prepend", std::string(1 << 20, 'a')}};
  test::expectBadInput([&] { test::tokenizerOf(document).encode("ab"); }, {"normalizer"});
  // What each of many segments gets counts together.
  document["normalizer"]["prepend"] = std::string(1 << 10, 'a');
  document["added_tokens"] = {test::addedToken(256, "<s>", true)};
  std::string segments;
  for (int i = 0; i < 1000; ++i) segments += "a<s>";
  const Tokenizer prepends = test::tokenizerOf(document);
  EXPECT_EQ(prepends.encode("a<s>a").size(), 2 * 1025 + 1U);
  test::expectBadInput([&] { prepends.encode(segments); }, {"normalizer"});

  document["normalizer"]["prepend"] = std::string(1 << 20, 'a');
  document["added_tokens"] = {test::addedToken(256, "<t>", false)};
  document["added_tokens"][0]["normalized"] = true;
  test::expectBadInput([&] { test::tokenizerOf(document); }, {"normalizer", "too much of a text"});

  document = test::byteLevelDocument({});
  json cuts = json::array();
  for (int i = 0; i < 200; ++i) cuts.push_back({{"type", "Metaspace"}, {"replacement", i % 2 == 0 ? "a" : "b"}});
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", cuts}};
  test::expectBadInput([&] { test::tokenizerOf(document).encode("x"); }, {"pre_tokenizer", "too much of a text"});

  document = test::byteLevelDocument({});
  document["decoder"] = {{"type", "Sequence"}, {"decoders", replaces}};
  const std::vector<std::int32_t> ids{97, 98};
  test::expectBadInput([&] { test::tokenizerOf(document).decode(ids); }, {"decoder", "too much of a text"});
}

TEST(BadTokenizer, GgufKeysAreNamed) {
  const json metadata = test::ggufMetadata("smollm", {"a b"});
  const json tokens = metadata["tokenizer.ggml.tokens"];
  json broken = tokens;
  broken[5] = "\xFF";
  const auto with = [&](const std::string& key, const json& value) {
    json changed = metadata;
    if (value.is_discarded()) {
      changed.erase("tokenizer." + key);
    } else {
      changed["tokenizer." + key] = value;
    }
    return changed;
  };
  const Damage damages[] = {
      {"ggml.model", kGone, {"tokenizer.ggml.model"}},
      {"ggml.model", "bert", {"tokenizer.ggml.model", "bert"}},
      {"ggml.model", 7, {"tokenizer.ggml.model"}},
      {"ggml.pre", "no-such", {"tokenizer.ggml.pre", "no-such"}},
      {"ggml.tokens", kGone, {"tokenizer.ggml.tokens"}},
      {"ggml.tokens", json::array(), {"tokenizer.ggml.tokens"}},
      {"ggml.tokens", {1, 2}, {"tokenizer.ggml.tokens"}},
      {"ggml.tokens", broken, {"tokenizer.ggml.tokens", "entry 5", "UTF-8"}},
      {"ggml.merges", kGone, {"tokenizer.ggml.merges"}},
      {"ggml.merges", {"a q"}, {"merges[0]", "\"aq\""}},
      {"ggml.token_type", {1, 2}, {"tokenizer.ggml.token_type", "2 entries"}},
      {"ggml.token_type", "x", {"tokenizer.ggml.token_type"}},
      {"ggml.bos_token_id", 100000, {"tokenizer.ggml.bos_token_id", "100000"}},
      {"ggml.eos_token_id", -1, {"tokenizer.ggml.eos_token_id"}},
      {"ggml.add_bos_token", 1, {"tokenizer.ggml.add_bos_token"}},
      {"chat_template", 1, {"tokenizer.chat_template"}},
  };
  for (const Damage& damage : damages) {
    std::vector<std::string> says = damage.says;
    says.emplace_back("small.gguf");
    SCOPED_TRACE(damage.pointer);
    test::expectBadInput([&] { Tokenizer::fromGguf(with(damage.pointer, damage.value), "small.gguf"); }, says);
  }
  json piece = with("ggml.model", "llama");
  piece.erase("tokenizer.ggml.merges");
  test::expectBadInput([&] { Tokenizer::fromGguf(piece, "small.gguf"); }, {"tokenizer.ggml.scores"});
  piece["tokenizer.ggml.scores"] = std::vector<double>(tokens.size(), std::numeric_limits<double>::quiet_NaN());
  test::expectBadInput([&] { Tokenizer::fromGguf(piece, "small.gguf"); }, {"tokenizer.ggml.scores", "finite"});
}

/// A SentencePiece vocabulary without merges.
json scoredVocabulary(const std::vector<std::string>& tokens) {
  return {{"general.architecture", "llama"},
          {"tokenizer.ggml.model", "llama"},
          {"tokenizer.ggml.tokens", tokens},
          {"tokenizer.ggml.scores", std::vector<double>(tokens.size(), 0.0)}};
}

TEST(BadTokenizer, ImpliedMergesAreBounded) {
  const auto refused = [](const std::vector<std::string>& tokens, const std::string& reason) {
    test::expectBadInput([&] { Tokenizer::fromGguf(scoredVocabulary(tokens), "small.gguf"); },
                         {"small.gguf", "tokenizer.ggml.tokens", reason});
  };
  std::vector<std::string> tokens{"<unk>"};
  for (std::size_t length = 1; length <= 1024; ++length) tokens.emplace_back(length, 'a');
  refused(tokens, "implies too many merges");  // Short of this bound, 357 MB of them.
  std::vector<std::string> copies = tokens;
  copies.insert(copies.end(), 10'000, tokens.back());
  refused(copies, "implies too many merges");

  // Every word of up to 18 of two letters: many short merges.
  std::vector<std::string> words{""};
  for (std::size_t i = 0; words[i].size() < 18; ++i) {
    for (const char letter : {'a', 'b'}) words.push_back(words[i] + letter);
  }
  words.erase(words.begin());
  refused(words, "implies too many merges");
}

TEST(BadTokenizer, ImpliedMergesOfALargeVocabularyAreNotTooMany) {
  // As large as Gemma's and as entangled: every word of two to four of 22 syllables, half of which are letters.
  std::vector<std::string> parts, tokens;
  for (char c = 'a'; c <= 'k'; ++c) parts.insert(parts.end(), {{c}, {static_cast<char>(c + 11), 'o'}});
  tokens = {"o"};
  for (char c = 'l'; c <= 'v'; ++c) {
    if (c != 'o') tokens.emplace_back(1, c);
  }
  std::size_t begin = tokens.size();
  tokens.insert(tokens.end(), parts.begin(), parts.end());
  for (int round = 0; round < 3; ++round) {
    const std::size_t end = tokens.size();
    for (std::size_t i = begin; i < end; ++i) {
      for (const std::string& part : parts) tokens.push_back(tokens[i] + part);
    }
    begin = end;
  }
  EXPECT_GT(tokens.size(), 240'000U);
  const Tokenizer tokenizer = Tokenizer::fromGguf(scoredVocabulary(tokens), "large.gguf");
  EXPECT_EQ(tokenizer.encode("abcd", SpecialTokens::Plain).size(), 1U);
}

/// Replaces a random value somewhere in the document.
void mutate(json& document, Random& random) {
  json* place = &document;
  while (place->is_structured() && !place->empty() && random.below(8) != 0) {
    auto entry = place->begin();
    std::advance(entry, static_cast<std::ptrdiff_t>(random.below(std::min<std::size_t>(place->size(), 400))));
    place = &*entry;
  }
  const json values[] = {nullptr,
                         true,
                         -1,
                         0,
                         7,
                         300,
                         2147483648LL,
                         1e300,
                         "",
                         "a",
                         "ab",
                         "\xFF",
                         "Sequence",
                         "ByteLevel",
                         "Metaspace",
                         "▁",
                         json::array(),
                         {"a", "b"},
                         json::object(),
                         {{"type", "ByteLevel"}},
                         {{"String", ""}},
                         {{"Regex", "a*"}}};
  *place = values[random.below(std::size(values))];
}

TEST(BadTokenizer, MutatedDocumentsLoadOrComplain) {
  json pieces = test::sentencePieceDocument({"▁", "a", "b"}, {"▁ a", "a b"});
  json bytes = test::byteLevelDocument({"a b", "ab c"});
  bytes["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Strip"}}}}};
  bytes["added_tokens"] = {test::addedToken(258, "<s>", true), test::addedToken(259, "<t>", false)};
  const json metadata = test::ggufMetadata("llama-bpe", {"a b"});
  Random random(11);
  int loaded = 0, refused = 0;
  for (int i = 0; i < 1500; ++i) {
    const bool gguf = i % 3 == 2;
    json document = i % 3 == 0 ? pieces : i % 3 == 1 ? bytes : metadata;
    for (std::uint64_t n = random.below(3); n + 1 > 0; --n) {
      mutate(document, random);
      if (n == 0) break;
    }
    try {
      const Tokenizer tokenizer =
          gguf ? Tokenizer::fromGguf(document, "mutated") : Tokenizer::fromJson(document, nullptr, "mutated");
      const auto ids = tokenizer.encode("<s> ab abc é \xFF 12<t>", SpecialTokens::Add);
      EXPECT_LT(tokenizer.decode(ids).size(), 1000U);
      ++loaded;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
      EXPECT_EQ(error.file(), "mutated");
      ++refused;
    }
  }
  EXPECT_GT(loaded, 50);
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace interleave
