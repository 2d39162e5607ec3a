// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class Exchange : public ::testing::Test {
 protected:
  /// Writes a placement of ours with one operator beside full attention.
  std::string placement(const std::string& name, const std::string& rest) const {
    const nlohmann::json operators{rest, "full", rest, "full"};
    return writeText(folder_ / name, nlohmann::json{{"format", "interleave-placement"},
                                                    {"version", 1},
                                                    {"layers", 4},
                                                    {"kept_layers", {1, 3}},
                                                    {"operators", operators}}
                                         .dump());
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(Exchange, EveryListComesBack) {
  for (const auto& [format, rest] : {std::pair{"interleave", "gdn-window"},
                                     {"hf-layer-types", "gdn"},
                                     {"fla", "gdn"},
                                     {"kl-ls", "gdn"},
                                     {"swaa", "swa"},
                                     {"kimi", "gdn"}}) {
    const std::string source = placement(std::string(format) + ".json", rest), out = folder_ / format;
    const CommandResult written =
        run({"export", "--placement", source, "--format", format, "--out", out, "--model", model_, "--json"});
    ASSERT_EQ(written.code, 0) << written.log;
    const std::string file = std::filesystem::path(out) / written.json().at("files").at(0).get<std::string>();
    const CommandResult back = run({"import", file, "--model", model_, "--operator", rest, "--json"});
    ASSERT_EQ(back.code, 0) << back.log;
    EXPECT_EQ(back.json().at("kept_layers"), nlohmann::json({1, 3})) << format;
    EXPECT_EQ(back.json().at("operators").at(0), rest) << format;
    EXPECT_TRUE(nlohmann::json::parse(readText(file)).contains("provenance")) << format;
  }
}

TEST_F(Exchange, WhatAFormatCannotSayIsRefusedAndNothingWritten) {
  const std::string source = placement("p.json", "gdn-window"), out = folder_ / "out";
  const CommandResult result =
      run({"export", "--placement", source, "--format", "kimi", "--out", out, "--model", model_});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.log, HasSubstr("gdn-window"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(Exchange, ImportWritesOurOwnFormat) {
  const std::string foreign = writeText(folder_ / "config.json", R"({"keep_full_attention_layers": [0, 2]})");
  EXPECT_EQ(run({"import", foreign}).code, 3) << "how many layers?";
  const std::string out = folder_ / "ours.json";
  EXPECT_EQ(run({"import", foreign, "--layers", "4", "--out", out}).code, 0);
  EXPECT_EQ(nlohmann::json::parse(readText(out)).at("kept_layers"), nlohmann::json({0, 2}));
  const CommandResult wrong = run({"import", foreign, "--layers", "2", "--out", folder_ / "none.json"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.log, HasSubstr("keep_full_attention_layers[1]"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.json"));
}

TEST_F(Exchange, APlacementOfAnotherModelIsRefused) {
  const std::string source = placement("p.json", "swa"), out = folder_ / "out";
  ASSERT_EQ(run({"export", "--placement", source, "--format", "interleave", "--out", out, "--model", model_}).code, 0);
  const std::string exported = folder_ / "out" / "placement.json";
  const Words evaluate{"--placement", exported, "--tasks", "kl", "--tokens", "256", "--sequence", "128", "--json"};
  Words words{"evaluate", model_};
  words.insert(words.end(), evaluate.begin(), evaluate.end());
  const CommandResult result = run(words);
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json score = result.json().at("tasks").at("kl");
  EXPECT_GT(score.at("value").get<double>(), 0);
  EXPECT_GT(score.at("standard_error").get<double>(), 0);
  EXPECT_GT(score.at("samples").get<int>(), 0);

  words[1] = writeModelWithTokenizer(folder_ / "other", 1);
  const CommandResult refused = run(words);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.log, HasSubstr("another model"));
  // Import as well, by the file or by its folder.
  for (const std::string& from : {exported, out}) {
    EXPECT_EQ(run({"import", from, "--model", model_}).code, 0);
    EXPECT_EQ(run({"import", from, "--model", words[1]}).code, 3);
  }
}

TEST_F(Exchange, SeveralPlacementsAreJudgedInOneGo) {
  const CommandResult result = run({"evaluate", model_, "--placement", "all", "--placement", "none", "--tasks",
                                    "kl,nll", "--tokens", "256", "--sequence", "128", "--precision", "fp32", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json results = result.json().at("results");
  ASSERT_EQ(results.size(), 2);
  EXPECT_EQ(results.at(0).at("tasks").at("kl").at("value"), 0.0) << "the teacher against itself";
  EXPECT_GT(results.at(1).at("tasks").at("kl").at("value").get<double>(), 0);
}

TEST_F(Exchange, BenchTellsWhatItMeasured) {
  const CommandResult result = run({"bench", model_, "--tokens", "32", "--repeats", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  ASSERT_GE(result.json().at("results").size(), 3);
  for (const nlohmann::json& entry : result.json().at("results")) {
    EXPECT_GT(entry.at("seconds").get<double>(), 0) << entry;
    EXPECT_GT(entry.at("tokens_per_second").get<double>(), 0) << entry;
  }
}

}  // namespace
}  // namespace interleave::testing
