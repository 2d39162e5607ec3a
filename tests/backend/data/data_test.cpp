// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include <set>

#include "backend/core/error.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/formats/tokenizer/small_tokenizer.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class DataTest : public ::testing::Test {
 protected:
  DataTest() {
    testing::writeTinyModel(folder_.path(), testing::tinyConfig("llama", {{"vocab_size", 256}}));
    testing::writeByteTokenizer(folder_.path());
    tokenizer_ = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_.path())));
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_F(DataTest, SequencesDependOnTheIndexAlone) {
  const TextSource source(tokenizer_, calibrationText({}), 100, 7), same(tokenizer_, calibrationText({}), 100, 7);
  const auto third = source.sequence(3);
  source.sequence(11);
  EXPECT_EQ(third, same.sequence(3));
  EXPECT_EQ(third, source.sequence(3 + source.count()));
  EXPECT_EQ(third.size(), 100U);
  const TextSource other(tokenizer_, calibrationText({}), 100, 8);
  EXPECT_NE(third, other.sequence(3));
}

TEST_F(DataTest, SequencesAreDistinctAndFromTheText) {
  const std::string text = calibrationText({});
  const TextSource source(tokenizer_, text, 200, 1);
  ASSERT_GT(source.count(), 1000);
  std::set<std::vector<std::int32_t>> seen;
  for (std::int64_t i = 0; i < 300; ++i) {
    const auto ids = source.sequence(i);
    EXPECT_TRUE(seen.insert(ids).second) << i;
    EXPECT_NE(text.find(tokenizer_->decode(ids)), std::string::npos) << i;
  }
}

TEST_F(DataTest, AShortTextIsRefused) {
  EXPECT_THROW(TextSource(tokenizer_, "too short", 100, 1), Error);
  EXPECT_THROW(calibrationText((folder_ / "missing.txt").string()), Error);
}

TEST_F(DataTest, BundledTextsDoNotOverlap) {
  const std::string calibration = calibrationText({});
  const std::string held_out = heldOutText({});
  for (std::size_t from = 0; from + 200 < held_out.size(); from += 5000) {
    EXPECT_EQ(calibration.find(held_out.substr(from, 200)), std::string::npos) << from;
  }
}

/// A byte tokenizer with BOS before every text and EOS behind it, and what its configuration says.
Tokenizer framed(const nlohmann::json& config) {
  nlohmann::json document = test::byteLevelDocument({});
  document["added_tokens"] = {test::addedToken(256, "<s>", true), test::addedToken(257, "</s>", true),
                              test::addedToken(258, "<|im_start|>", true)};
  const auto token = [](const char* name, int id) {
    return nlohmann::json{{"id", name}, {"ids", {id}}, {"tokens", {name}}};
  };
  document["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single",
                                 {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                                  {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                                  {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}}},
                                {"special_tokens", {{"<s>", token("<s>", 256)}, {"</s>", token("</s>", 257)}}}};
  return Tokenizer::fromJson(document, config, "framed");
}

TEST(PromptForm, ATemplateWritesAllThatItWants) {
  const Tokenizer plain = framed(nullptr), own = framed({{"chat_template", "{{ messages[0].content }}"}}),
                  with_bos =
                      framed({{"bos_token", "<s>"}, {"chat_template", "{{ bos_token }}{{ messages[0].content }}"}});
  EXPECT_EQ(asked(plain, "ab", "c"), "ab\nc");
  EXPECT_EQ(promptIds(plain, "ab"), (std::vector<std::int32_t>{256, 'a', 'b'})) << "a text that goes on";
  EXPECT_EQ(asked(own, "ab", "c"), "abc");
  EXPECT_EQ(promptIds(own, "ab"), (std::vector<std::int32_t>{'a', 'b'})) << "as apply_chat_template";
  EXPECT_EQ(promptIds(with_bos, asked(with_bos, "ab", "c")), (std::vector<std::int32_t>{256, 'a', 'b', 'c'}));
}

TEST(PromptForm, IsToldByWhatItWrites) {
  const std::string content = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const Tokenizer one = framed({{"chat_template", content}}),
                  same = framed({{"chat_template", "{# said otherwise #}{{ messages[0].content }}"}}),
                  other = framed({{"chat_template", content + "!"}}), none = framed(nullptr),
                  broken = framed({{"chat_template", "{% if"}});
  EXPECT_EQ(promptDigest(one), promptDigest(same));
  EXPECT_NE(promptDigest(one), promptDigest(other));
  EXPECT_NE(promptDigest(one), promptDigest(none));
  EXPECT_EQ(promptDigest(broken), "unreadable");
  EXPECT_THROW(asked(broken, "a", ""), Error);
}

TEST(PromptForm, WhatEarlierProgramsWroteIsKnown) {
  const std::string chatml = "{{ '<|im_start|>user' + messages[0].content }}";
  const Tokenizer marked = framed({{"chat_template", "{{ '<s>' }}" + chatml}, {"bos_token", "<s>"}}),
                  unmarked = framed({{"chat_template", "{{ messages[0].content }}"}, {"bos_token", "<s>"}}),
                  base = framed({{"bos_token", "<s>"}});
  EXPECT_EQ(promptDigestOfEarlierPrograms(marked), promptDigest(marked));
  EXPECT_NE(promptDigestOfEarlierPrograms(framed({{"chat_template", chatml}})),
            promptDigest(framed({{"chat_template", chatml}})))
      << "they put BOS in front";
  EXPECT_NE(promptDigestOfEarlierPrograms(unmarked), promptDigest(unmarked)) << "it was plain text";
  EXPECT_EQ(promptDigestOfEarlierPrograms(unmarked), promptDigest(framed(nullptr)));
  EXPECT_NE(promptDigestOfEarlierPrograms(base), promptDigest(base)) << "its vocabulary has <|im_start|>";
}

TEST_F(DataTest, PromptsHideTheKeyAndEndWithIt) {
  const auto filler = std::make_shared<const TextSource>(tokenizer_, heldOutText({}), 1500, 2);
  for (const std::string& wording : PasskeyTask::wordings()) {
    const PasskeyTask task(tokenizer_, filler, 1500, wording, 5);
    std::set<std::string> keys;
    for (std::int64_t i = 0; i < 20; ++i) {
      const AnsweredPrompt prompt = task.prompt(i);
      EXPECT_EQ(prompt.ids, task.prompt(i).ids);
      EXPECT_NEAR(static_cast<double>(prompt.ids.size()), 1500, 400) << wording;
      const std::span ids(prompt.ids);
      const std::string key = tokenizer_->decode(ids.subspan(static_cast<std::size_t>(prompt.answer_begin)));
      const std::string before = tokenizer_->decode(ids.first(static_cast<std::size_t>(prompt.answer_begin)));
      EXPECT_EQ(key.size(), 7U);
      EXPECT_EQ(key.find_first_not_of("0123456789"), std::string::npos);
      EXPECT_THAT(before, HasSubstr(key));
      keys.insert(key);
    }
    EXPECT_GT(keys.size(), 15U);
  }
}

TEST_F(DataTest, MixedPromptsLeaveWordingsToEvaluation) {
  const auto filler = std::make_shared<const TextSource>(tokenizer_, heldOutText({}), 1500, 2);
  const PasskeyTask task(tokenizer_, filler, 1500, "mixed", 5);
  std::set<std::string> questions;
  for (std::int64_t i = 1; i < 80; i += 4) {  // as a search takes them: not every one
    const AnsweredPrompt prompt = task.prompt(i);
    const std::string text =
        tokenizer_->decode(std::span(prompt.ids).first(static_cast<std::size_t>(prompt.answer_begin)));
    questions.insert(text.substr(text.find_last_of('?') + 1));
  }
  EXPECT_EQ(questions.size(), 4U);
  EXPECT_THAT(questions, Not(Contains(HasSubstr("vault"))));
}

TEST_F(DataTest, PromptsRefuseWhatCannotBe) {
  const auto filler = std::make_shared<const TextSource>(tokenizer_, heldOutText({}), 500, 2);
  EXPECT_THROW(PasskeyTask(tokenizer_, filler, 500, "nonsense", 1), Error);
  EXPECT_TRUE(PasskeyTask(tokenizer_, filler, 40, "standard", 1).prompt(0).overlong);
  EXPECT_FALSE(PasskeyTask(tokenizer_, filler, 1500, "standard", 1).prompt(0).overlong);
}

}  // namespace
}  // namespace interleave
