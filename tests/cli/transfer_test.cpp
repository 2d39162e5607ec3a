// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sessions/store.h"
#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

class TransferCommand : public ::testing::Test {
 protected:
  TransferCommand() {
    for (const char* layers : {"first", "last"}) {
      const CommandResult result = run({"search",   model_,
                                        "--bank",   folder_ / "bank",
                                        "--store",  store_,
                                        "--method", "hand-rule",
                                        "--budget", "2",
                                        "--set",    "operators=full,swa",
                                        "--set",    "sliding_window=8",
                                        "--set",    std::string("rule=") + layers,
                                        "--set",    "prompt_share=0",
                                        "--set",    "text_tokens=48",
                                        "--set",    "extract=1"});
      EXPECT_EQ(result.code, 0) << result.log;
    }
  }
  CommandResult transfer(const Words& more, const Words& runs = {"1", "2"}) const {
    Words words{"transfer"};
    words.insert(words.end(), runs.begin(), runs.end());
    words.insert(words.end(), {"--store", store_, "--tasks", "kl", "--sequence", "32", "--tokens", "256", "--json"});
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
  const std::string store_ = folder_ / "store.sqlite";
};

TEST_F(TransferCommand, JudgesWhatRunsFoundUnderEachCondition) {
  const CommandResult result = transfer({"--under", "sequence=64", "--under", "seed=7,sequence=16"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json table = result.json();
  EXPECT_EQ(table.at("columns"), nlohmann::json({"as found", "sequence=64", "seed=7,sequence=16"}));
  ASSERT_EQ(table.at("cells").size(), 6);
  // A cell is what evaluate says of that placement.
  const nlohmann::json evaluated =
      run({"evaluate", model_, "--placement", "layers:0,1", "--operator", "swa", "--set", "sliding_window=8", "--tasks",
           "kl", "--sequence", "64", "--tokens", "256", "--json"})
          .json();
  EXPECT_EQ(table.at("cells")[1].at("tasks").at("kl").at("per_sample"),
            evaluated.at("tasks").at("kl").at("per_sample"));
  for (std::size_t column = 0; column < 3; ++column) {
    const auto value = [&](std::size_t row) {
      return table.at("cells")[3 * row + column].at("tasks").at("kl").at("value").get<double>();
    };
    const auto regret = [&](std::size_t row) {
      return table.at("cells")[3 * row + column].at("regret").at("kl").at("difference").get<double>();
    };
    const double least = std::min(value(0), value(1));
    for (const std::size_t row : {0U, 1U}) EXPECT_NEAR(regret(row), value(row) - least, 1e-12);
  }
  EXPECT_EQ(table.at("placements")[0].at("kept_layers"), nlohmann::json({0, 1}));
  EXPECT_EQ(transfer({"--budget", "1"}).json().at("placements")[1].at("kept_layers"), nlohmann::json({3}));
}

TEST_F(TransferCommand, IsRecordedAndNotMeasuredAgain) {
  const CommandResult first = transfer({"--under", "operator=swa"}), again = transfer({"--under", "operator=swa"});
  ASSERT_EQ(again.code, 0) << again.log;
  EXPECT_EQ(again.json(), first.json());
  EXPECT_THAT(first.log, HasSubstr("Loading"));
  EXPECT_THAT(again.log, Not(HasSubstr("Loading")));
  EXPECT_EQ(run({"store", "check", store_}).code, 0);
  EXPECT_EQ(run({"runs", "show", "1", "--store", store_, "--json"}).json().at("scores").size(), 0);
}

TEST_F(TransferCommand, PutsAnotherOperatorInItsPlace) {
  const CommandResult missing = transfer({"--under", "operator=gdn"});
  EXPECT_EQ(missing.code, 3) << missing.log;
  EXPECT_THAT(missing.log, HasSubstr("card.json")) << "there is no bank that holds it";
}

TEST_F(TransferCommand, NamesWhatIsWrong) {
  const auto wrong = [&](const std::string& under) {
    const CommandResult result = transfer({"--under", under});
    EXPECT_EQ(result.code, 2) << under << result.log;
    return result.log;
  };
  EXPECT_THAT(wrong("operators=swa"), HasSubstr("operator"));
  EXPECT_THAT(wrong("operator=full"), HasSubstr("no operator"));
  EXPECT_THAT(wrong("prompt_tokens=few"), HasSubstr("prompt_tokens=few"));
  EXPECT_THAT(wrong("sequence=0"), HasSubstr("1 or more"));
  EXPECT_THAT(wrong("shorter"), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(wrong("seed=-1"), HasSubstr("0 or more"));
  EXPECT_EQ(transfer({}, {"1", "7"}).code, 2) << "there is no such run";
  EXPECT_EQ(transfer({"--budget", "3"}).code, 2) << "no run extracted it";
}

TEST_F(TransferCommand, TakesRunsOfOneModelOnly) {
  {
    StoreWriter writer(store_);
    RunSpec spec = Store::open(store_).spec(1);
    const RunId other = writer.addRun(spec);
    EnvironmentEvent environment;
    environment.layers = 4;
    environment.model_fingerprint = "another";
    writer.record(other, environment);
    PlacementEvent found;
    found.budget = spec.budget;
    found.placement = Store::open(store_).placements(1).front().placement;
    writer.record(other, found);
    writer.setPhase(other, Phase::Done, "");
    ASSERT_TRUE(writer.flush());
  }
  const CommandResult result = transfer({}, {"1", "3"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.log, HasSubstr("another model")) << "as deep, but not the same";
}

}  // namespace
}  // namespace interleave::testing
