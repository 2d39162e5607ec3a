// SPDX-License-Identifier: GPL-3.0-or-later
// Tokenizers whose files contradict themselves are opened, and say so. (What they then make of texts: reference_test.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/formats/test_files.h"
#include "tests/formats/tokenizer/small_tokenizer.h"

namespace interleave {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Ids = std::vector<std::int32_t>;

/// Bytes, "ab" as 256 and "abc" as 257.
json withAdded(const json& tokens) {
  json document = test::byteLevelDocument({"a b", "ab c"});
  document["added_tokens"] = tokens;
  return document;
}

TEST(OddTokenizer, GivesAnAddedTokenTheNextIdWhereItsOwnIsTaken) {
  const Tokenizer tokenizer = test::tokenizerOf(withAdded(json::array({test::addedToken(5, "<t>", true)})));
  EXPECT_EQ(tokenizer.encode("x<t>"), (Ids{'x', 258}));
  EXPECT_EQ(tokenizer.tokenOf(258), "<t>");
  EXPECT_EQ(tokenizer.decode(Ids{5, 258}), "\x05<t>");
  EXPECT_EQ(tokenizer.decode(Ids{5, 258}, true), "\x05");
  EXPECT_EQ(tokenizer.size(), 259);
  EXPECT_THAT(tokenizer.warnings(),
              ElementsAre(AllOf(HasSubstr("small/tokenizer.json: added_tokens"), HasSubstr("'<t> has 258, not 5'"))));
}

TEST(OddTokenizer, KeepsATokenThatIsListedAgain) {
  const json again = {test::addedToken(258, "<t>", true), test::addedToken(259, "<t>", false),
                      test::addedToken(259, "<u>", true), test::addedToken(7, "abc", false)};
  const Tokenizer tokenizer = test::tokenizerOf(withAdded(again));
  EXPECT_EQ(tokenizer.encode("<t><u>abc"), (Ids{258, 259, 257}));
  EXPECT_EQ(tokenizer.decode(Ids{258}, true), "") << "once special, always";
  ASSERT_EQ(tokenizer.warnings().size(), 1U);
  EXPECT_THAT(tokenizer.warnings()[0], AllOf(HasSubstr("<t> has 258, not 259"), HasSubstr("abc has 257, not 7")));
}

TEST(OddTokenizer, HasNothingToSayOfAGoodFile) {
  EXPECT_THAT(test::tokenizerOf(withAdded({test::addedToken(258, "<t>", true), test::addedToken(257, "abc", false)}))
                  .warnings(),
              IsEmpty());
  EXPECT_THAT(test::tokenizerOf(test::sentencePieceDocument({"▁", "a"}, {"▁ a"})).warnings(), IsEmpty());
  EXPECT_THAT(Tokenizer::fromGguf(test::ggufMetadata("smollm", {"a b"}), "small.gguf").warnings(), IsEmpty());
}

TEST(OddTokenizer, NeedsAnUnknownTokenOnlyWhereATextDoes) {
  json document = test::byteLevelDocument({"a b"});
  document["model"]["unk_token"] = "<none>";
  EXPECT_THAT(test::tokenizerOf(document).warnings(), IsEmpty()) << "every byte is a token";
  EXPECT_EQ(test::tokenizerOf(document).encode("ab中").size(), 4U);

  document["pre_tokenizer"] = nullptr;
  const Tokenizer whole = test::tokenizerOf(document);
  EXPECT_EQ(whole.encode("ab"), (Ids{256}));
  test::expectBadInput([&] { whole.encode("ab中"); },
                       {"small/tokenizer.json: model.unk_token: '<none>' is not in the vocabulary", "needs it"});
  document["model"]["vocab"].erase("z");
  EXPECT_THAT(test::tokenizerOf(document).warnings(), ElementsAre(HasSubstr("model.unk_token: '<none>'")));
}

TEST(OddTokenizer, SaysThatTokensShareAnId) {
  json document = test::byteLevelDocument({"a b"});
  document["model"]["vocab"]["b"] = 'a';
  const Tokenizer tokenizer = test::tokenizerOf(document);
  EXPECT_EQ(tokenizer.encode("b a"), (Ids{'a', ' ', 'a'}));
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(AllOf(HasSubstr("model.vocab"), HasSubstr("'b'"))));
}

TEST(OddTokenizer, SaysThatThePostProcessorAddsIdsOfNoToken) {
  json document = test::byteLevelDocument({});
  document["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
                                {"special_tokens", {{"<s>", {{"ids", {999}}}}}}};
  const Tokenizer tokenizer = test::tokenizerOf(document);
  EXPECT_EQ(tokenizer.encode("a", SpecialTokens::Add), (Ids{999, 'a'}));
  EXPECT_EQ(tokenizer.bos(), std::nullopt);
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(AllOf(HasSubstr("post_processor"), HasSubstr("'999'"))));
}

TEST(OddTokenizer, ReadsGgufTokensThatAreListedTwice) {
  json metadata = test::ggufMetadata("smollm", {"a b"});
  json& tokens = metadata["tokenizer.ggml.tokens"];
  const auto size = static_cast<std::int32_t>(tokens.size());
  for (const char* token : {"ab", "<|im_end|>"}) {
    tokens.push_back(token);
    metadata["tokenizer.ggml.token_type"].push_back(1);
  }
  const Tokenizer tokenizer = Tokenizer::fromGguf(metadata, "small.gguf");
  EXPECT_EQ(tokenizer.encode("ab<|im_end|>"), (Ids{size, size + 1}));
  EXPECT_EQ(tokenizer.decode(Ids{256, size, 258, size + 1}), "abab<|im_end|><|im_end|>");
  EXPECT_EQ(tokenizer.decode(Ids{258, size + 1}, true), "") << "special wherever it is listed as that";
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(AllOf(HasSubstr("small.gguf: tokenizer.ggml.tokens"),
                                                      HasSubstr("ab as 256 and " + std::to_string(size)))));
}

TEST(OddTokenizer, DoesWithoutGgufTokensThatAreOutsideTheList) {
  json metadata = test::ggufMetadata("smollm", {"a b"});
  metadata["tokenizer.ggml.unknown_token_id"] = 100000;
  metadata["tokenizer.ggml.padding_token_id"] = 4294967295U;
  const Tokenizer tokenizer = Tokenizer::fromGguf(metadata, "small.gguf");
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{256}));
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(HasSubstr("small.gguf: tokenizer.ggml.unknown_token_id: 100000"),
                                                HasSubstr("small.gguf: tokenizer.ggml.padding_token_id")));
}

TEST(OddTokenizer, ReadsAVocabularyThatNamesATokenTwice) {
  const test::TemporaryFolder folder;
  test::writeModelFolder(folder / "m", test::tinyConfig());
  const std::string text = test::byteLevelDocument({"a b"}).dump(), once = "\"ab\":256";
  const std::size_t at = text.find(once);
  ASSERT_NE(at, std::string::npos);
  folder.write("m/tokenizer.json", text.substr(0, at) + once + ",\"ab\":300" + text.substr(at + once.size()));
  const ModelFiles files = ModelFiles::open(folder / "m");
  EXPECT_THAT(files.warnings(), ElementsAre(AllOf(HasSubstr("tokenizer.json: model.vocab"), HasSubstr("'ab'"))));
  const Tokenizer tokenizer = Tokenizer::from(files);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{300}));
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(AllOf(HasSubstr("beyond the model's 16 rows"), HasSubstr("more"))));
  // Elsewhere a key that comes twice is no file's business.
  folder.write("m/tokenizer.json", R"({"model":{"vocab":{}},"model":{"vocab":{}}})");
  test::expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"'model'", "twice"});
  folder.write("m/tokenizer.json", R"({"model":{"vocab":{"a":{"x":1,"x":2}}}})");
  test::expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"'x'", "twice"});
}

TEST(OddTokenizer, NamesThePatternThatDoesNotEnd) {
  const std::string text = std::string(200, 'a');
  const json endless = {{"Regex", "(a|aa|a?b)+(?=c)"}};
  json document = test::byteLevelDocument({});
  document["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers",
                                {{{"type", "ByteLevel"}, {"use_regex", false}, {"add_prefix_space", false}},
                                 {{"type", "Split"}, {"pattern", endless}, {"behavior", "Isolated"}}}}};
  test::expectBadInput(
      [&] { test::tokenizerOf(document).encode(text); },
      {"small/tokenizer.json: pre_tokenizer.pretokenizers[1].pattern.Regex", "does not come to an end"});
  document = test::byteLevelDocument({});
  document["normalizer"] = {{"type", "Replace"}, {"pattern", endless}, {"content", ""}};
  test::expectBadInput([&] { test::tokenizerOf(document).encode(text); },
                       {"small/tokenizer.json: normalizer.pattern.Regex", "does not come to an end"});
  json while_opening = document;
  while_opening["added_tokens"] = {test::addedToken(256, text, false)};
  while_opening["added_tokens"][0]["normalized"] = true;
  test::expectBadInput([&] { test::tokenizerOf(while_opening); }, {"small/tokenizer.json: normalizer.pattern.Regex"});
  document = test::byteLevelDocument({});
  document["decoder"] = {
      {"type", "Sequence"},
      {"decoders", {{{"type", "Fuse"}}, {{"type", "Replace"}, {"pattern", endless}, {"content", ""}}}}};
  const Ids ids(200, 'a');
  test::expectBadInput([&] { test::tokenizerOf(document).decode(ids); },
                       {"small/tokenizer.json: decoder.decoders[1].pattern.Regex", "does not come to an end"});
}

}  // namespace
}  // namespace interleave
