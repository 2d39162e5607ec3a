// SPDX-License-Identifier: GPL-3.0-or-later
// What of a model's files counts for its conversations: against `transformers`, and what only ends an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "backend/core/error.h"
#include "backend/formats/chat.h"
#include "backend/formats/model_files.h"
#include "backend/formats/tokenizer.h"
#include "tests/formats/test_files.h"
#include "tests/formats/tokenizer/small_tokenizer.h"
#include "tests/support/error_of.h"

namespace interleave {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<ChatMessage> kUser{{"user", "a"}};

void write(const std::filesystem::path& file, const json& content) { std::ofstream(file) << content.dump(); }

TEST(ModelChat, IsThatOfTransformers) {
  const test::TemporaryFolder folder;
  if (!test::runReference("model_chat_reference.py", {folder.path().string()})) GTEST_SKIP() << "no reference Python";
  const json cases = json::parse(test::readBytes(folder / "cases.json"));
  EXPECT_GE(cases.size(), 50U);
  for (const json& one : cases) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const std::filesystem::path model = folder / one["folder"].get<std::string>();
    json config = test::tinyConfig();
    config["model_type"] = one["model_type"];
    test::writeModelFolder(model, config);
    const Tokenizer tokenizer = Tokenizer::from(ModelFiles::open(model));
    const bool own_class = one["plain"].is_null();  // of the reference, which then splits texts its own way
    if (!own_class) {
      EXPECT_EQ(tokenizer.encode("Some text", SpecialTokens::Begin), one["plain"].get<std::vector<std::int32_t>>());
    }
    for (const json& talk : one["talks"]) {
      std::vector<ChatMessage> messages;
      for (const json& message : talk["messages"]) messages.push_back({message["role"], message["content"]});
      const json& expected = talk["expected"];
      const auto written = [&] { return tokenizer.chatForm().render(messages, true); };
      if (expected.is_object()) {
        EXPECT_EQ(written(), expected["text"].get<std::string>());
        if (own_class || expected["ids"].is_null()) continue;
        EXPECT_EQ(tokenizer.encode(written()), expected["ids"].get<std::vector<std::int32_t>>());
      } else if (expected.is_string()) {
        EXPECT_FALSE(tokenizer.chatForm().isPlain());
        EXPECT_EQ(test::errorOf(written).kind(), ErrorKind::Usage);
      } else if (!tokenizer.chatForm().isPlain()) {  // a template that writes nothing of this
        EXPECT_EQ(written(), "");
      }
    }
  }
}

class ModelFolder : public testing::Test {
 protected:
  ModelFolder() {
    test::writeModelFolder(model_, test::tinyConfig());
    json document = test::byteLevelDocument({});
    document["added_tokens"] = {test::addedToken(256, "<|im_start|>", true), test::addedToken(257, "<|im_end|>", true),
                                test::addedToken(258, "<|endoftext|>", true), test::addedToken(259, "</s>", false)};
    write(model_ / "tokenizer.json", document);
    configure(json::object());
  }

  /// config.json with these changes.
  void configure(const json& changes) {
    json config = test::tinyConfig();
    config.erase("eos_token_id");
    config.update(changes);
    write(model_ / "config.json", config);
  }
  Tokenizer open(const std::string& chat = "auto") const { return Tokenizer::from(ModelFiles::open(model_), chat); }

  const test::TemporaryFolder folder_;
  const std::filesystem::path model_ = folder_ / "m";
};

TEST_F(ModelFolder, EveryFileMayTellWhatEndsAnAnswer) {
  EXPECT_THAT(open().endIds(), ElementsAre(257, 258));  // nothing is told: by name
  configure({{"eos_token_id", 5}});
  EXPECT_THAT(open().endIds(), ElementsAre(5));
  configure({{"eos_token_id", {5, 7, -1}}});
  EXPECT_THAT(open().endIds(), ElementsAre(5, 7));
  write(model_ / "generation_config.json", {{"eos_token_id", {9, 5}}});
  EXPECT_THAT(open().endIds(), ElementsAre(9, 5, 7));
  configure({{"eos_token_id", nullptr}, {"text_config", {{"eos_token_id", {11}}}}});
  EXPECT_THAT(open().endIds(), ElementsAre(9, 5, 11));
  write(model_ / "special_tokens_map.json", {{"eos_token", {{"content", "<|endoftext|>"}}}});
  write(model_ / "tokenizer_config.json", {{"eos_token", "<|im_end|>"}});
  EXPECT_THAT(open().endIds(), ElementsAre(257, 258, 9, 5, 11));
  write(model_ / "special_tokens_map.json", {{"eos_token", {"</s>", {{"content", "<|endoftext|>"}}}}});
  EXPECT_THAT(open().endIds(), ElementsAre(257, 259, 258, 9, 5, 11));
}

TEST_F(ModelFolder, RefusesWhatIsNoEnd) {
  write(model_ / "generation_config.json", {{"eos_token_id", "</s>"}});
  test::expectBadInput([&] { open(); }, {"generation_config.json", "eos_token_id"});
  write(model_ / "generation_config.json", {{"eos_token_id", {1, {2, 1.5}}}});
  test::expectBadInput([&] { open(); }, {"generation_config.json", "eos_token_id"});
}

TEST_F(ModelFolder, TheFileOfAProcessorCountsLast) {
  write(model_ / "chat_template.json", {{"chat_template", "{{ 'processor' }}"}});
  EXPECT_EQ(open().chatForm().words(), "the model's own template (chat_template.json)");
  EXPECT_EQ(open().chatForm().render(kUser, true), "processor");
  write(model_ / "tokenizer_config.json", {{"chat_template", "{{ 'tokenizer' }}"}});
  EXPECT_EQ(open().chatForm().render(kUser, true), "tokenizer");
  std::filesystem::create_directory(model_ / "additional_chat_templates");
  std::ofstream(model_ / "additional_chat_templates/default.jinja") << "{{ 'file' }}";
  EXPECT_EQ(open().chatForm().words(), "the model's own template (additional_chat_templates/default.jinja)");
}

TEST_F(ModelFolder, TheUserOverrules) {
  write(model_ / "tokenizer_config.json", {{"chat_template", "{% broken"}, {"bos_token", "<|im_start|>"}});
  EXPECT_THAT(test::errorOf([&] { open().chatForm().render(kUser, true); }).what(),
              testing::AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("line 1"), HasSubstr("--chat none")));
  EXPECT_TRUE(open("none").chatForm().isPlain());
  EXPECT_EQ(open("mistral").chatForm().render(kUser, true), "<|im_start|>[INST] a [/INST]");
  std::ofstream(folder_ / "own.jinja") << "{{ bos_token }}{{ messages[0].content }}!";
  EXPECT_EQ(open((folder_ / "own.jinja").string()).chatForm().render(kUser, true), "<|im_start|>a!");
}

TEST_F(ModelFolder, EarlierProgramsGaveABaseModelAForm) {
  EXPECT_TRUE(open().chatForm().isPlain());
  EXPECT_FALSE(open().chatFormOfEarlierPrograms().isPlain());
  write(model_ / "tokenizer_config.json", {{"chat_template", "{{ messages[0].content }}"}});
  EXPECT_FALSE(open().chatForm().isPlain());
  EXPECT_TRUE(open().chatFormOfEarlierPrograms().isPlain());
}

TEST(GgufChat, IsReadFromTheMetadata) {
  json metadata = test::ggufMetadata("smollm", {});
  const auto open = [&] { return Tokenizer::fromGguf(metadata, "small.gguf"); };
  EXPECT_TRUE(open().chatForm().isPlain());
  EXPECT_EQ(open().chatForm().words(), "none: the model has no chat template");
  metadata["tokenizer.chat_template"] =
      "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }}{{ pad_token }}{{ unk_token }}{% endfor %}";
  metadata["tokenizer.ggml.padding_token_id"] = 257;
  metadata["tokenizer.ggml.unknown_token_id"] = 65;
  EXPECT_EQ(open().chatForm().words(), "the model's own template (tokenizer.chat_template)");
  EXPECT_EQ(open().chatForm().render(kUser, true), "<|im_start|>user: a<|im_end|>" + open().tokenOf(65));
  metadata["tokenizer.chat_templates"] = {"tool_use"};
  metadata["tokenizer.chat_template.tool_use"] = "tools";
  EXPECT_THAT(open().chatForm().render(kUser, true), HasSubstr("user: a"));
  metadata.erase("tokenizer.chat_template");
  EXPECT_THAT(test::errorOf([&] { open().chatForm().render(kUser, true); }).what(),
              testing::AllOf(HasSubstr("tool_use"), HasSubstr("default")));
  metadata["tokenizer.chat_template.default"] = "named";
  EXPECT_EQ(open().chatForm().render(kUser, true), "named");
}

TEST(GgufChat, SeveralIdsMayEndAnAnswer) {
  json metadata = test::ggufMetadata("smollm", {});
  const auto ends = [&] { return Tokenizer::fromGguf(metadata, "small.gguf").endIds(); };
  EXPECT_THAT(ends(), ElementsAre(257));
  metadata["tokenizer.ggml.eot_token_id"] = 5;
  metadata["tokenizer.ggml.eom_token_id"] = 6;
  EXPECT_THAT(ends(), ElementsAre(257, 5, 6));
  metadata["tokenizer.ggml.eos_token_id"] = {257, 9};
  metadata["tokenizer.ggml.eos_token_ids"] = {257, 10};
  EXPECT_THAT(ends(), ElementsAre(257, 9, 10, 5, 6));
  metadata["tokenizer.ggml.eot_token_id"] = 260;  // of no token, but a model's rows may be more
  EXPECT_THAT(ends(), ElementsAre(257, 9, 10, 260, 6));
  EXPECT_THAT(Tokenizer::fromGguf(metadata, "small.gguf").warnings(), Contains(HasSubstr("eot_token_id")));
}

}  // namespace
}  // namespace interleave
