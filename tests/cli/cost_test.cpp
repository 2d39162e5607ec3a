// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

class CostCommand : public ::testing::Test {
 protected:
  Words words(const Words& more) const {
    Words all{"cost", model_, "--set", "sliding_window=8"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(CostCommand, IsOneJsonDocument) {
  const CommandResult result = run(words({"--placement", "uniform:2", "--placement", "none", "--placement", "all",
                                          "--lengths", "64,16", "--repeats", "3", "--new-tokens", "2", "--json"}));
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_THAT(result.log, HasSubstr("contexts of 64 tokens"));
  const nlohmann::json document = result.json();
  ASSERT_EQ(document.at("teacher").size(), 2U);
  const nlohmann::json& results = document.at("results");
  ASSERT_EQ(results.size(), 3U);
  for (const nlohmann::json& placement : results) {
    for (std::size_t i = 0; i < 2; ++i) {
      const nlohmann::json& point = placement.at("points")[i];
      EXPECT_EQ(point.at("context_tokens"), i == 0 ? 16 : 64) << "by ascending length";
      EXPECT_EQ(point.at("repeats"), 3);
      EXPECT_EQ(point.at("decode_samples").size(), 3U);
      EXPECT_GT(point.at("prefill_seconds"), 0);
      EXPECT_GT(point.at("decode_seconds"), 0);
      // Keys and values alone: counted in bf16 and held in fp32.
      EXPECT_EQ(point.at("cache_bytes"), 2 * point.at("computed_cache_bytes").get<std::int64_t>());
    }
  }
  EXPECT_EQ(results[0].at("kept_layers"), nlohmann::json({0, 2}));
  EXPECT_TRUE(results[0].at("crossover_tokens").at("cache_bytes").is_null()) << "smaller at both lengths";
  EXPECT_LT(results[1].at("points")[1].at("cache_bytes"), results[0].at("points")[1].at("cache_bytes"));
  EXPECT_EQ(results[2].at("points"), document.at("teacher"));
  EXPECT_FALSE(results[2].contains("crossover_tokens")) << "it is the teacher";
}

TEST_F(CostCommand, IsATable) {
  const CommandResult result =
      run(words({"--placement", "first:1", "--lengths", "16", "--repeats", "1", "--new-tokens", "1"}));
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_THAT(result.out, HasSubstr("computed MB"));
  EXPECT_THAT(result.out, HasSubstr("first:1: the cache is cheaper than the teacher's at every length"));
}

TEST_F(CostCommand, KeepsWhatARunFoundWithTheRun) {
  const std::string store = folder_ / "store.sqlite";
  const CommandResult searched = run({"search",   model_,
                                      "--bank",   folder_ / "bank",
                                      "--store",  store,
                                      "--method", "hand-rule",
                                      "--budget", "2",
                                      "--set",    "operators=full,swa",
                                      "--set",    "sliding_window=8",
                                      "--set",    "prompt_share=0",
                                      "--set",    "text_tokens=48",
                                      "--set",    "extract=1"});
  ASSERT_EQ(searched.code, 0) << searched.log;
  const auto measure = [&](const Words& more) {
    Words words{"cost", model_, "--store", store, "--run", "1", "--lengths", "16,64", "--repeats", "1", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const CommandResult found = measure({});
  ASSERT_EQ(found.code, 0) << found.log;
  EXPECT_EQ(found.json().at("results").size(), 2U) << "both budgets";
  EXPECT_EQ(found.json().at("results")[0].at("kept_layers").size(), 2U);
  const CommandResult named = measure({"--placement", "last:1", "--operator", "swa"});
  ASSERT_EQ(named.code, 0) << named.log;
  const nlohmann::json shown = run({"runs", "show", "1", "--store", store, "--json"}).json();
  ASSERT_EQ(shown.at("costs").size(), 3U);
  EXPECT_EQ(shown.at("costs")[2].at("label"), "last:1");
  EXPECT_EQ(shown.at("costs")[0].at("points"), found.json().at("results")[0].at("points"));
  EXPECT_EQ(shown.at("costs")[0].at("teacher"), found.json().at("teacher"));
  EXPECT_EQ(shown.at("costs")[0].at("manner"), found.json().at("manner"));

  EXPECT_EQ(run({"cost", model_, "--run", "1"}).code, 2) << "of which store?";
  EXPECT_EQ(run({"cost", model_, "--run", "9", "--store", store}).code, 2) << "there is none";
  const std::string other = writeModelWithTokenizer(folder_ / "other", 7);
  EXPECT_EQ(run({"cost", other, "--run", "1", "--store", store}).code, 3) << "another model";
}

TEST_F(CostCommand, RefusesWhatCannotBeMeasured) {
  EXPECT_EQ(run(words({"--placement", "all", "--lengths", "0"})).code, 2);
  EXPECT_EQ(run(words({"--placement", "all", "--repeats", "0"})).code, 2);
  EXPECT_EQ(run(words({})).code, 2);
  const CommandResult absent = run(words({"--placement", "uniform:2", "--operator", "gdn"}));
  EXPECT_EQ(absent.code, 3) << "no bank: " << absent.log;
  EXPECT_THAT(absent.out, IsEmpty());
}

TEST_F(CostCommand, Stops) {
  Command command(words({"--placement", "none", "--lengths", "2048", "--repeats", "1000"}));
  ASSERT_TRUE(command.waitFor("contexts of 2048"));
  command.signal(SIGINT);
  EXPECT_EQ(command.wait().code, 4);
}

}  // namespace
}  // namespace interleave::testing
