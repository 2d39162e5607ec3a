// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "backend/core/error.h"
#include "backend/formats/unicode.h"
#include "tests/formats/tokenizer/small_tokenizer.h"

namespace interleave {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Ids = std::vector<std::int32_t>;

TEST(Encoding, MergesEarlierRulesFirstAndEqualOnesFromTheLeft) {
  const Tokenizer tokenizer = test::tokenizerOf(test::byteLevelDocument({"a a", "b c", "a b", "aa aa"}));
  EXPECT_THAT(tokenizer.encode("aaa"), ElementsAre(256, 'a'));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre('a', 257));
  EXPECT_THAT(tokenizer.encode("abx"), ElementsAre(258, 'x'));
  EXPECT_THAT(tokenizer.encode("aaaaa"), ElementsAre(259, 'a'));
  EXPECT_THAT(tokenizer.encode(""), IsEmpty());
  EXPECT_EQ(tokenizer.size(), 260);
  EXPECT_EQ(tokenizer.tokenOf(259), "aaaa");
  EXPECT_EQ(tokenizer.tokenOf(260), "");
  EXPECT_EQ(tokenizer.tokenOf(-1), "");
  EXPECT_EQ(tokenizer.idOf("bc"), 257);
  EXPECT_EQ(tokenizer.idOf("cb"), std::nullopt);
}

TEST(Encoding, TakesAWholeWordWhereTheModelIgnoresMerges) {
  nlohmann::json document = test::byteLevelDocument({"a b"});
  document["model"]["vocab"]["xyz"] = 257;
  EXPECT_THAT(test::tokenizerOf(document).encode("xyz"), ElementsAre('x', 'y', 'z'));
  document["model"]["ignore_merges"] = true;
  EXPECT_THAT(test::tokenizerOf(document).encode("xyz"), ElementsAre(257));
}

TEST(Encoding, ReplacesInvalidUtf8AsPythonDoes) {
  const Tokenizer tokenizer = test::tokenizerOf(test::byteLevelDocument({}));
  const std::pair<std::string, std::string> cases[] = {
      {"a\xFF"
       "b",
       "a�b"},
      {"\xC3(", "�("},
      {"\xE2\x82", "�"},
      {"\xE2\x82\xE2\x82\xAC", "�€"},
      {"\xED\xA0\x80", "���"},
      {"\xF0\x9F\x98 x", "� x"},
      {"\xF4\x90\x80\x80", "����"},
      {"\xC0\x80", "��"},
      {std::string("a\0b", 3), std::string("a\0b", 3)},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(unicode::validUtf8(bytes), text);
    EXPECT_EQ(tokenizer.encode(bytes), tokenizer.encode(text));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes)), text);
  }
}

TEST(Encoding, DecodesPartsOfCharactersAsReplacements) {
  const Tokenizer bytes = test::tokenizerOf(test::byteLevelDocument({}));
  EXPECT_EQ(bytes.decode(Ids{0xE2, 0x82}), "�");
  EXPECT_EQ(bytes.decode(Ids{0xE2, 0x82, 0xAC}), "€");
  EXPECT_EQ(bytes.decode(Ids{'a', 999, -5, 'b'}), "ab");
  const Tokenizer pieces = test::tokenizerOf(test::sentencePieceDocument({"▁", "a"}, {"▁ a"}));
  EXPECT_EQ(pieces.decode(Ids{3 + 0xE2, 3 + 0x82, 3 + 0xAC}), "€");
  EXPECT_EQ(pieces.decode(Ids{3 + 0xE2, 3 + 0x82}), "��");
  EXPECT_EQ(pieces.decode(Ids{261, 3 + 0xE2, 261}), "a� a");
}

TEST(Encoding, FallsBackToBytes) {
  const Tokenizer tokenizer = test::tokenizerOf(test::sentencePieceDocument({"▁", "a", "b"}, {"▁ a", "▁a b"}));
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(263));
  EXPECT_THAT(tokenizer.encode("a\n"), ElementsAre(262, 3 + '\n'));
  EXPECT_THAT(tokenizer.encode("€"), ElementsAre(259, 3 + 0xE2, 3 + 0x82, 3 + 0xAC));
  EXPECT_THAT(tokenizer.encode("a", SpecialTokens::Add), ElementsAre(1, 262));
  EXPECT_EQ(tokenizer.bos(), 1);
  for (const std::string text : {"ab", "a\n", "€ x", " two  spaces "}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(Encoding, FindsSpecialTokensUnlessTheyAreText) {
  nlohmann::json document = test::byteLevelDocument({});
  document["added_tokens"] = {test::addedToken(256, "<a>", true), test::addedToken(257, "<a><b>", true),
                              test::addedToken(258, "<c>", false)};
  const Tokenizer tokenizer = test::tokenizerOf(document);
  EXPECT_THAT(tokenizer.encode("<a><a><b>x<c>"), ElementsAre(256, 257, 'x', 258));
  EXPECT_THAT(tokenizer.encode("<a><c>", SpecialTokens::Plain), ElementsAre('<', 'a', '>', 258));
  EXPECT_EQ(tokenizer.decode(Ids{256, 'x', 258}), "<a>x<c>");
  EXPECT_EQ(tokenizer.decode(Ids{256, 'x', 258}, true), "x<c>");
}

TEST(Encoding, AddedTokensTakeWhiteSpaceAndRespectWords) {
  nlohmann::json document = test::byteLevelDocument({});
  nlohmann::json left = test::addedToken(256, "<l>", true), right = test::addedToken(257, "<r>", true);
  nlohmann::json word = test::addedToken(258, "word", false);
  left["lstrip"] = right["rstrip"] = word["single_word"] = true;
  document["added_tokens"] = {left, right, word};
  const Tokenizer tokenizer = test::tokenizerOf(document);
  EXPECT_THAT(tokenizer.encode("x \xC2\xA0<l> y"), ElementsAre('x', 256, ' ', 'y'));
  EXPECT_THAT(tokenizer.encode("x <r> \n y"), ElementsAre('x', ' ', 257, 'y'));
  EXPECT_THAT(tokenizer.encode("word,"), ElementsAre(258, ','));
  EXPECT_EQ(tokenizer.encode("words").size(), 5U);
  EXPECT_EQ(tokenizer.encode("sword").size(), 5U);
}

TEST(Encoding, NormalisesAroundSpecialTokens) {
  nlohmann::json document = test::byteLevelDocument({});
  document["normalizer"] = {{"type", "NFC"}};
  document["added_tokens"] = {test::addedToken(256, "e\u0301", true)};
  const Tokenizer tokenizer = test::tokenizerOf(document);
  EXPECT_THAT(tokenizer.encode("e\u0301"), ElementsAre(256));
  EXPECT_EQ(tokenizer.encode("e\u0301", SpecialTokens::Plain), tokenizer.encode("\u00E9"));
  EXPECT_EQ(unicode::normalised("\u1100\u1161\u11A8 \u212B", unicode::Form::Nfc), "\uAC01 \u00C5");
}

// A quadratic merge would take hours.
TEST(Encoding, LongWordsTakeSeconds) {
  const Tokenizer tokenizer = test::tokenizerOf(test::byteLevelDocument({"a a", "aa aa", "aaaa aaaa", "Ġ Ġ", "ĠĠ ĠĠ"}));
  const auto begin = std::chrono::steady_clock::now();
  for (const char c : {'a', ' ', '\n', '7', '!'}) {
    const std::string text(c == 'a' ? 1 << 20 : 1 << 17, c);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text + "x")), text + "x");
  }
  EXPECT_EQ(tokenizer.encode(std::string(1 << 20, 'a')).size(), std::size_t{1} << 17);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(5));
}

TEST(Encoding, AnyThreadMayEncode) {
  const Tokenizer tokenizer = test::tokenizerOf(test::byteLevelDocument({"t h", "th e", "Ġ the"}));
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "the theory " + std::to_string(i) + " of the thing\n";
  const Ids expected = tokenizer.encode(text);
  std::vector<Ids> ids(4);
  std::vector<std::jthread> threads;
  for (Ids& own : ids) threads.emplace_back([&] { own = tokenizer.encode(text); });
  threads.clear();
  for (const Ids& own : ids) EXPECT_EQ(own, expected);
}

TEST(Encoding, KnowsTheTokensThatEndAnAnswer) {
  nlohmann::json document = test::byteLevelDocument({});
  document["added_tokens"] = {test::addedToken(256, "<|im_start|>", true), test::addedToken(257, "<|im_end|>", true),
                              test::addedToken(258, "<|endoftext|>", true), test::addedToken(259, "</s>", false)};
  const nlohmann::json config = {{"bos_token", nullptr}, {"eos_token", {{"content", "<|endoftext|>"}}}};
  const Tokenizer tokenizer = test::tokenizerOf(document, config);
  EXPECT_EQ(tokenizer.bos(), std::nullopt);
  EXPECT_THAT(tokenizer.endIds(), ElementsAre(258, 257));
  EXPECT_TRUE(tokenizer.chatForm().isPlain());  // a base model may have the tokens
}

TEST(GgufTokenizer, FollowsTheFilesPreTokenizer) {
  const std::vector<std::string> merges = {"1 2", "12 3", "Ġ a"};
  const auto encode = [&](const std::string& pre, const std::string& text) {
    return Tokenizer::fromGguf(test::ggufMetadata(pre, merges), "small.gguf").encode(text);
  };
  EXPECT_THAT(encode("smollm", "123"), ElementsAre('1', '2', '3'));
  EXPECT_THAT(encode("qwen2", "123"), ElementsAre('1', '2', '3'));
  EXPECT_THAT(encode("gpt-2", "1234"), ElementsAre(257, '4'));
  EXPECT_THAT(encode("llama-bpe", "1234123"), ElementsAre(257, '4', 256, '3'));
  EXPECT_THAT(encode("default", "1234"), ElementsAre(257, '4'));
}

TEST(GgufTokenizer, ReadsTokenTypesAndFlags) {
  nlohmann::json metadata = test::ggufMetadata("smollm", {"Ġ a"});
  const auto load = [&] { return Tokenizer::fromGguf(metadata, "small.gguf"); };
  EXPECT_THAT(load().encode("<|im_start|>a<extra>"), ElementsAre(257, 'a', 259));
  EXPECT_THAT(load().encode("<|im_start|>", SpecialTokens::Plain).size(), 12U);
  EXPECT_THAT(load().encode("<extra>", SpecialTokens::Plain), ElementsAre(259));
  EXPECT_THAT(load().encode("a", SpecialTokens::Add), ElementsAre('a'));
  EXPECT_EQ(load().bos(), 257);
  EXPECT_THAT(load().endIds(), ElementsAre(258));
  metadata["tokenizer.ggml.add_bos_token"] = metadata["tokenizer.ggml.add_eos_token"] = true;
  EXPECT_THAT(load().encode("a", SpecialTokens::Add), ElementsAre(257, 'a', 258));
  metadata["tokenizer.ggml.add_space_prefix"] = true;
  EXPECT_THAT(load().encode("a"), ElementsAre(256));
}

TEST(GgufTokenizer, MergesASentencePieceVocabularyByScore) {
  const nlohmann::json metadata = {
      {"general.architecture", "llama"},
      {"tokenizer.ggml.model", "llama"},
      {"tokenizer.ggml.tokens", {"<unk>", "<s>", "▁", "a", "b", "▁a", "ab", "▁ab", "<0x0A>"}},
      {"tokenizer.ggml.scores", {0, 0, -9, -9, -9, -2, -1, -3, 0}},
      {"tokenizer.ggml.token_type", {2, 3, 1, 1, 1, 1, 1, 1, 6}},
      {"tokenizer.ggml.unknown_token_id", 0},
      {"tokenizer.ggml.bos_token_id", 1}};
  const Tokenizer tokenizer = Tokenizer::fromGguf(metadata, "small.gguf");
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(7));
  EXPECT_THAT(tokenizer.encode("aab"), ElementsAre(5, 6));
  EXPECT_THAT(tokenizer.encode("a\nx"), ElementsAre(5, 8, 0));
  EXPECT_THAT(tokenizer.encode("b", SpecialTokens::Add), ElementsAre(1, 2, 4));  // The kind's default.
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("b ab")), "b ab");
}

}  // namespace
}  // namespace interleave
