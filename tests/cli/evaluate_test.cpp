// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

class Evaluate : public ::testing::Test {
 protected:
  CommandResult evaluate(const Words& more) const {
    Words words{"evaluate", model_, "--placement", "all", "--prompts", "2"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(Evaluate, TheHelpNamesEveryTaskAndWhatItIsCalled) {
  const CommandResult help = run({"evaluate", "--help"});
  for (const char* task : {"niah_single_1 ", "niah_multiquery ", "vt ", "cwe ", "fwe ", "qa_2 ", "ruler "}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + task));
  }
  EXPECT_THAT(help.out, HasSubstr("RULER-style"));
}

TEST_F(Evaluate, ScoresCarryTheirLabel) {
  const Words task{"--tasks", "niah_single_1,nll", "--tokens", "128", "--sequence", "64", "--prompt-tokens", "700"};
  Words json = task;
  json.insert(json.end(), {"--json", "--output", folder_ / "scores.json"});
  const CommandResult result = evaluate(json);
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json tasks = result.json().at("tasks");
  EXPECT_EQ(tasks.at("niah_single_1").at("unit"), "match");
  EXPECT_EQ(tasks.at("niah_single_1").at("label"), "RULER-style");
  EXPECT_EQ(tasks.at("niah_single_1_nll").at("label"), "RULER-style");
  EXPECT_EQ(tasks.at("niah_single_1_nll").at("samples"), 2);
  EXPECT_FALSE(tasks.at("nll").contains("label"));
  EXPECT_EQ(nlohmann::json::parse(readText(folder_ / "scores.json")), result.json());

  Words alone = task;
  alone.push_back("--nll-only");
  const CommandResult text = evaluate(alone);
  EXPECT_THAT(text.out, HasSubstr("niah_single_1_nll"));
  EXPECT_THAT(text.out, HasSubstr("RULER-style"));
  EXPECT_THAT(text.out, Not(HasSubstr("match")));
}

TEST_F(Evaluate, QuestionsComeFromAFile) {
  const CommandResult none = evaluate({"--tasks", "qa_1"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.log, HasSubstr("SQuAD"));
  const std::string file = writeText(folder_ / "squad.json", R"({"data": [{"paragraphs": [{"context": 3}]}]})");
  const CommandResult wrong = evaluate({"--tasks", "qa_1", "--squad", file});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.log, HasSubstr("squad.json: data[0].paragraphs[0].context: is not a text"));
  writeText(file, R"({"data": [{"paragraphs": [
      {"context": "Rome was founded by Romulus.", "qas": [{"question": "By whom?", "answers": [{"text": "Romulus"}]}]},
      {"context": "Paris is in France.", "qas": []}]}]})");
  const CommandResult right = evaluate({"--tasks", "qa_1", "--squad", file, "--json"});
  ASSERT_EQ(right.code, 0) << right.log;
  EXPECT_EQ(right.json().at("tasks").at("qa_1").at("samples"), 1);
}

TEST_F(Evaluate, TooShortALengthIsAQuestionOfUsage) {
  const CommandResult result = evaluate({"--tasks", "flashmorph_passkey", "--prompt-tokens", "900"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.log, HasSubstr("flashmorph_passkey"));
  EXPECT_EQ(evaluate({"--tasks", "flashmorph_passkey", "--prompt-tokens", "900", "--passkeys", "2", "--passkey-words",
                      "3", "--nll-only"})
                .code,
            0);
}

}  // namespace
}  // namespace interleave::testing
