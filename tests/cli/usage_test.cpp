// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

class Help : public ::testing::TestWithParam<Words> {};

TEST_P(Help, IsThereForEveryCommand) {
  Words words = GetParam();
  words.push_back("--help");
  const CommandResult result = run(words);
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("Usage: interleave-cli"));
  EXPECT_THAT(result.log, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Cli, Help,
                         ::testing::Values(Words{}, Words{"model"}, Words{"model", "info"}, Words{"model", "tokenize"},
                                           Words{"model", "detokenize"}, Words{"model", "logits"},
                                           Words{"candidates", "prepare"}, Words{"candidates", "show"}, Words{"search"},
                                           Words{"runs", "list"}, Words{"runs", "show"}, Words{"runs", "delete"},
                                           Words{"store", "check"}, Words{"evaluate"}, Words{"export"}, Words{"import"},
                                           Words{"placement"}, Words{"placement", "published"}, Words{"bench"}));

TEST(Cli, TheHelpOfASearchListsTheSettingsOfItsMethod) {
  const CommandResult dash = run({"search", "--help"}), halo = run({"search", "--method", "halo", "--help"});
  EXPECT_THAT(dash.out, HasSubstr("temperature"));
  EXPECT_THAT(dash.out, HasSubstr("sliding_window"));
  EXPECT_THAT(halo.out, HasSubstr("smoothing"));
  EXPECT_THAT(run({"candidates", "prepare", "--help"}).out, HasSubstr("sliding_window"));
  EXPECT_THAT(run({"heal", "--help"}).out, HasSubstr("rank"));
}

class Misuse : public ::testing::TestWithParam<Words> {};

TEST_P(Misuse, IsExitCodeTwoAndNothingOnStandardOutput) {
  const CommandResult result = run(GetParam());
  EXPECT_EQ(result.code, 2) << result.log;
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_FALSE(result.log.empty());
}

INSTANTIATE_TEST_SUITE_P(Cli, Misuse,
                         ::testing::Values(Words{}, Words{"serch"}, Words{"model"}, Words{"model", "info"},
                                           Words{"model", "info", "a", "b"}, Words{"model", "tokenize", "a"},
                                           Words{"model", "tokenize", "a", "--text-file", "b", "--special", "--plain"},
                                           Words{"model", "logits", "a", "--ids", "b", "--out", "c", "--precision",
                                                 "fp8"},
                                           Words{"search", "a", "--bank", "b"}, Words{"search", "--store", "s"},
                                           Words{"search", "a", "--bank", "b", "--store", "s", "--method", "dish"},
                                           Words{"runs", "show", "--store", "s"}, Words{"evaluate", "a"},
                                           Words{"evaluate", "a", "--placement", "all", "--tasks", "kl,mmlu"},
                                           Words{"export", "--format", "interleave", "--out", "x"},
                                           Words{"export", "--placement", "p", "--format", "onnx", "--out", "x"}));

TEST(Cli, MessagesNameTheNearestSetting) {
  const test::TemporaryFolder folder;
  const std::string model = writeModelWithTokenizer(folder / "model");
  const CommandResult result = run(
      {"search", model, "--bank", folder / "bank", "--store", folder / "store.sqlite", "--set", "temprature_start=2"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.log, HasSubstr("did you mean \"temperature_start\"?"));
  EXPECT_FALSE(std::filesystem::exists(folder / "store.sqlite"));
}

}  // namespace
}  // namespace interleave::testing
