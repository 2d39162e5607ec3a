// SPDX-License-Identifier: GPL-3.0-or-later
// The committed store: what it says of its runs, and that its stopped run goes on.
#include <gtest/gtest.h>

#include <regex>

#include "tests/golden/golden.h"

namespace interleave::golden {
namespace {

using nlohmann::json;
using testing::readText;

class GoldenStore : public ::testing::Test {
 protected:
  /// After the first writing the store may be of a newer schema; then the old one lies beside it, byte for byte.
  void expectWholeAndBackedUp() const {
    const json check = told({"store", "check", store_});
    EXPECT_TRUE(check.at("problems").empty()) << check;
    EXPECT_EQ(check.at("runs"), 7);
    if (check.at("schema_version") == kSchema) return;
    bool backed_up = false;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      backed_up |= entry.path() != store_ && readText(entry.path()) == readText(input("store.sqlite"));
    }
    EXPECT_TRUE(backed_up) << "no backup of the store as it was";
  }

  static constexpr int kSchema = 2, kRuns = 7, kStopped = 4;
  const test::TemporaryFolder folder_;
  const std::string store_ = copyOf("store.sqlite", folder_.path());
  const std::string model_ = input("model"), bank_ = copyOf("bank", folder_.path());
};

TEST_F(GoldenStore, SaysWhatItSaid) {
  expectJson("store/list.json", told({"runs", "list", "--all", "--store", store_}));
  expectJson("store/shown.json", told({"runs", "list", "--store", store_}));
  for (int run = 1; run <= kRuns; ++run) {
    const std::string number = std::to_string(run);
    expectJson("store/run-" + number + ".json", told({"runs", "show", number, "--steps", "--store", store_}));
  }
  expectJson("store/compare.json", told({"runs", "compare", "1", "2", "3", "--store", store_}));
  expectJson("store/regret.json", told({"regret", "3", "--store", store_}));
  expectWholeAndBackedUp();
}

TEST_F(GoldenStore, SaysTheSameAfterItWasWrittenTo) {
  const std::string out = folder_ / "export";
  ASSERT_FALSE(told({"export", "--store", store_, "--run", "2", "--format", "kl-ls", "--out", out}).is_null());
  EXPECT_EQ(told({"runs", "show", "2", "--store", store_}).at("exports").size(), 1);
  for (const int run : {1, 3, 4, 5, 6, 7}) {
    const std::string number = std::to_string(run);
    expectJson("store/run-" + number + ".json", told({"runs", "show", number, "--steps", "--store", store_}));
  }
  expectJson("store/regret.json", told({"regret", "3", "--store", store_}));
  expectWholeAndBackedUp();
}

TEST_F(GoldenStore, ExportsWhatItsRunsFound) {
  const std::filesystem::path out = folder_ / "export";
  for (const char* run : {"1", "2", "5", "7"}) {
    ASSERT_FALSE(told({"export", "--store", store_, "--run", run, "--format", "interleave", "--out", out}).is_null());
    expectText("store/export-" + std::string(run) + "-placement.json", steady(readText(out / "placement.json"), {}));
  }
}

TEST_F(GoldenStore, ItsStoppedRunGoesOnBitForBit) {
  const json before = told({"runs", "show", "4", "--steps", "--store", store_});
  ASSERT_EQ(before.at("status"), "stopped");
  ASSERT_FALSE(told({"search", model_, "--bank", bank_, "--store", store_, "--resume", "4"}).is_null());
  json after = told({"runs", "show", "4", "--steps", "--store", store_});
  EXPECT_EQ(after.at("status"), "done");
  const std::size_t done = before.at("every_step").size();
  ASSERT_LT(done, after.at("every_step").size());
  for (std::size_t i = 0; i < done; ++i) EXPECT_EQ(after["every_step"][i], before["every_step"][i]) << "step " << i;
  after = steady(after);
  expectJson("store/run-4-resumed.json", after);

  // The same run without a stop, from the settings that the store tells.
  const json spec = before.at("spec");
  std::vector<std::string> whole{"search",   model_,
                                 "--bank",   bank_,
                                 "--store",  folder_ / "whole.sqlite",
                                 "--budget", "2",
                                 "--seed",   "5",
                                 "--preset", spec.at("preset"),
                                 "--method", spec.at("method")};
  appendSettings(whole, spec.at("search_settings"));
  ASSERT_FALSE(told(whole).is_null());
  const json unstopped = steady(told({"runs", "show", "1", "--steps", "--store", folder_ / "whole.sqlite"}));
  for (const char* key : {"every_step", "placements"}) EXPECT_EQ(unstopped.at(key), after.at(key)) << key;
  expectWholeAndBackedUp();
}

TEST_F(GoldenStore, ForksARunWhereItWas) {
  const json fork =
      told({"search", model_, "--bank", bank_, "--store", store_, "--fork", "1@6", "--budget", "12KB@128"});
  ASSERT_FALSE(fork.is_null());
  const json again = told({"runs", "show", fork.at("run").dump(), "--steps", "--store", store_});
  const json first = told({"runs", "show", "7", "--steps", "--store", store_});
  for (const char* key : {"every_step", "placements"}) EXPECT_EQ(steady(again.at(key)), steady(first.at(key))) << key;
}

#ifdef INTERLEAVE_PROGRAM
TEST_F(GoldenStore, ItsReportSaysWhatItSaid) {
  setenv("QT_QPA_PLATFORM", "offscreen", 1);
  for (const bool summary : {false, true}) {
    const std::string name = summary ? "summary.md" : "report.md";
    std::vector<std::string> words{"--report", folder_ / name, "--store", store_};
    if (summary) words.emplace_back("--summary");
    const testing::CommandResult result = testing::runProgram(INTERLEAVE_PROGRAM, words);
    ASSERT_EQ(result.code, 0) << result.log;
    std::string text = steady(readText(folder_ / name), {{folder_.path().string(), "FOLDER"}});
    text = std::regex_replace(text, std::regex(R"(Written TIME by [^.]*(\.\d[^.]*)*\. ±)"), "Written. ±");
    expectText("store/" + name, text);
  }
}
#endif

}  // namespace
}  // namespace interleave::golden
