// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

class GenerateCommand : public ::testing::Test {
 protected:
  CommandResult generate(const std::string& prompts, const Words& more = {}) const {
    Words words{"generate", model_, "--prompts", writeText(folder_ / "prompts.json", prompts), "--json", "--most", "5"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(GenerateCommand, ABatchGivesWhatItsPromptsGiveAlone) {
  const std::vector<std::string> prompts{R"("a longer prompt than the others")", "[1, 2, 3]", R"("x")"};
  for (const Words& hybrid : {Words{}, Words{"--placement", "uniform:2", "--set", "sliding_window=3"}}) {
    const CommandResult together = generate("[" + prompts[0] + "," + prompts[1] + "," + prompts[2] + "]", hybrid);
    ASSERT_EQ(together.code, 0) << together.log;
    const nlohmann::json answers = together.json().at("answers");
    ASSERT_EQ(answers.size(), 3U);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(answers[i], generate("[" + prompts[i] + "]", hybrid).json().at("answers").at(0));
      EXPECT_LE(answers[i].at("ids").size(), 5U);
      EXPECT_TRUE(answers[i].at("text").is_string());
    }
  }
}

TEST_F(GenerateCommand, EveryTokenThatIsToldEndsAnAnswer) {
  const auto ids = [&] { return generate("[[5, 17, 99, 42]]").json().at("answers").at(0).at("ids"); };
  const nlohmann::json whole = ids();
  ASSERT_EQ(whole.size(), 5U);
  const nlohmann::json end = whole.at(3);
  nlohmann::json before = nlohmann::json::array();
  for (std::size_t i = 0; i < 4 && whole.at(i) != end; ++i) before.push_back(whole.at(i));
  const std::filesystem::path model(model_);
  const std::string config = readText(model / "config.json");
  writeText(model / "generation_config.json", nlohmann::json{{"eos_token_id", {1, end}}}.dump());
  EXPECT_EQ(ids(), before);
  std::filesystem::remove(model / "generation_config.json");
  EXPECT_EQ(ids(), whole);
  nlohmann::json changed = nlohmann::json::parse(config);
  changed["eos_token_id"] = {1, end};
  writeText(model / "config.json", changed.dump());
  EXPECT_EQ(ids(), before);
  writeText(model / "config.json", config);
  const nlohmann::json tokenizer = nlohmann::json::parse(readText(model / "tokenizer.json"));
  for (const auto& [token, id] : tokenizer.at("model").at("vocab").items()) {
    if (id == end) writeText(model / "special_tokens_map.json", nlohmann::json{{"eos_token", token}}.dump());
  }
  EXPECT_EQ(ids(), before);
}

TEST_F(GenerateCommand, BadPromptsAreNamed) {
  for (const auto& [prompts, reason] : {std::pair{"{}", "list"},
                                        {"[]", "list"},
                                        {"[[1], [1, 257]]", "[1][1]"},
                                        {"[[1], []]", "[1]: the prompt has no tokens"},
                                        {"[7]", "[0]"},
                                        {"[\"a\"", "prompts.json"}}) {
    const CommandResult result = generate(prompts);
    EXPECT_EQ(result.code, 3) << prompts << result.log;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.log, HasSubstr(reason));
  }
}

TEST_F(GenerateCommand, PassKeyPromptsAreListed) {
  const Words words{"model", "prompts", model_, "--prompts", "3", "--prompt-tokens", "200"};
  const nlohmann::json prompts = run(words).json();
  ASSERT_EQ(prompts.size(), 3U);
  for (const auto& prompt : prompts) EXPECT_NEAR(static_cast<double>(prompt.size()), 180, 40);
  EXPECT_EQ(prompts, run(words).json());
  Words other = words;
  other.insert(other.end(), {"--seed", "1"});
  EXPECT_NE(prompts, run(other).json());
  EXPECT_EQ(generate(prompts.dump()).code, 0);
}

TEST_F(GenerateCommand, TheBenchmarkTimesIt) {
  const CommandResult result = run({"bench", model_, "--parts", "generate", "--tokens", "400", "--prompts", "2",
                                    "--new-tokens", "2", "--repeats", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json document = result.json();
  EXPECT_EQ(document.at("environment").at("prompts"), 2);
  ASSERT_EQ(document.at("results").size(), 6U);
  for (const auto& one : document.at("results")) {
    EXPECT_GT(one.at("tokens_per_second"), 0);
    EXPECT_GT(one.at("gflops"), 0);
  }
  EXPECT_EQ(document.at("results")[2].at("name"), "decode 2 prompts, teacher");
  EXPECT_EQ(document.at("results")[5].at("name"), "decode 2 prompts, K = 1");
}

TEST_F(GenerateCommand, TheBenchmarkSharesTheLayersBelow) {
  const CommandResult result = run({"bench", model_, "--parts", "scan", "--tokens", "100", "--repeats", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  ASSERT_EQ(result.json().at("results").size(), 2U);
}

}  // namespace
}  // namespace interleave::testing
