// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <set>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

class BatchCommand : public ::testing::Test {
 protected:
  /// Windows, which need no bank; texts, no prompts.
  static nlohmann::json search(int steps) {
    return {{"operators", "full,swa"}, {"steps", steps},    {"text_tokens", 48},
            {"text_positions", 24},    {"prompt_share", 0}, {"extract", ""}};
  }
  nlohmann::json document(int steps = 4) const {
    return {
        {"format", "interleave-batch"},
        {"version", 1},
        {"model", "model"},
        {"bank", "bank"},
        {"store", "runs.sqlite"},
        {"bank_settings", {{"sliding_window", 8}}},
        {"runs",
         {{{"methods", {{{"method", "dash"}, {"settings", search(steps)}}}}, {"budgets", {2, 1}}, {"seeds", {0, 1}}}}}};
  }
  std::string write(const nlohmann::json& batch) const { return writeText(folder_ / "batch.json", batch.dump()); }
  nlohmann::json runs(const CommandResult& result) const { return result.json().at("runs"); }
  static std::vector<std::string> each(const nlohmann::json& runs, const char* key) {
    std::vector<std::string> values;
    for (const nlohmann::json& run : runs)
      values.push_back(run.at(key).is_string() ? run.at(key).get<std::string>() : run.at(key).dump());
    return values;
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
  const std::string store_ = folder_ / "runs.sqlite";
};

TEST_F(BatchCommand, RunsAllAndJudgesAllAlikeAndDoesNothingTwice) {
  nlohmann::json batch = document();
  batch["evaluation"] = {{"tasks", {"kl"}}, {"tokens", 128}, {"sequence", 64}};
  batch["placements"] = {"uniform:2", "all"};
  const std::string file = write(batch);

  const CommandResult planned = run({"batch", file, "--dry-run", "--json"});
  ASSERT_EQ(planned.code, 0) << planned.log;
  EXPECT_THAT(each(runs(planned), "state"), ElementsAre("pending", "pending"));
  EXPECT_THAT(each(runs(planned), "title"), ElementsAre("dash-k2-s0", "dash-k2-s1"));
  EXPECT_THAT(each(runs(planned), "budgets"), Each(R"(["2","1"])")) << "one run answers both";
  const nlohmann::json remaining = planned.json().at("remaining");
  EXPECT_EQ(remaining.at("unknown"), 0) << "the model was timed";
  EXPECT_TRUE(remaining.at("rough"));
  EXPECT_GT(remaining.at("seconds"), 0);
  EXPECT_FALSE(std::filesystem::exists(store_));

  const CommandResult done = run({"batch", file, "--json"});
  ASSERT_EQ(done.code, 0) << done.log;
  EXPECT_THAT(each(runs(done), "state"), Each("done"));
  for (const nlohmann::json& one : runs(done)) {
    ASSERT_EQ(one.at("placements").size(), 2u);
    for (const nlohmann::json& placement : one.at("placements")) {
      EXPECT_GT(placement.at("tasks").at("kl").at("value"), 0) << placement;
      EXPECT_EQ(placement.at("tasks").at("kl").at("samples"), 2);
    }
  }
  const nlohmann::json baselines = done.json().at("placements");
  EXPECT_EQ(baselines.at(1).at("placement"), "all");
  EXPECT_EQ(baselines.at(1).at("tasks").at("kl").at("value"), 0);
  EXPECT_EQ(run({"store", "check", store_}).code, 0);
  for (const char* id : {"1", "2"}) {  // whether or not the run found one of them itself
    const nlohmann::json shown = run({"runs", "show", id, "--store", store_, "--json"}).json();
    std::set<std::string> labels;
    for (const nlohmann::json& score : shown.at("scores")) {
      labels.insert(score.at("label"));
      EXPECT_GT(score.at("seconds"), 1e-5) << "the time left is told by it";
    }
    EXPECT_THAT(labels, IsSupersetOf({"uniform:2", "all"}));
  }
  const CommandResult compared =
      run({"runs", "compare", "--store", store_, "--against", "run 1: dash-k2-s0, K = 2", "--json"});
  ASSERT_EQ(compared.code, 0) << compared.log;
  for (const nlohmann::json& row : compared.json().at("differences")) {
    EXPECT_EQ(row.at("pairs"), 2) << "what the batch judged is on the same samples: " << row;
  }

  const CommandResult again = run({"batch", file, "--json"});
  ASSERT_EQ(again.code, 0) << again.log;
  EXPECT_EQ(runs(again), runs(done));
  EXPECT_THAT(again.log, Not(HasSubstr("Loading")));
  EXPECT_EQ(run({"runs", "list", "--store", store_, "--json"}).json().at("runs").size(), 2);

  // What is equal to a run of the batch was made once; the time of another is told by it.
  batch["runs"].push_back({{"methods", {{{"method", "dash"}, {"settings", search(8)}}}}, {"budgets", {2}}});
  const CommandResult more = run({"batch", write(batch), "--dry-run", "--json"});
  EXPECT_THAT(each(runs(more), "state"), ElementsAre("done", "pending", "done"));
  EXPECT_EQ(more.json().at("remaining").at("unknown"), 0);
  EXPECT_GT(more.json().at("remaining").at("seconds"), 0);
}

TEST_F(BatchCommand, GoesOnAfterAStopAndAfterAKill) {
  constexpr int kSteps = 60;  // long enough for a signal to come in between
  nlohmann::json whole = document(kSteps);
  whole["store"] = "whole.sqlite";
  const nlohmann::json expected = runs(run({"batch", write(whole), "--json"}));
  for (const int signal : {SIGINT, SIGKILL}) {
    nlohmann::json batch = document(kSteps);
    batch["store"] = "store" + std::to_string(signal);
    const std::string file = write(batch);
    Command command({"batch", file, "--json"});
    ASSERT_TRUE(command.waitFor("dash-k2-s1: run 2"));
    ASSERT_TRUE(command.waitFor("step 1"));
    command.signal(signal);
    const auto asked = std::chrono::steady_clock::now();
    const CommandResult stopped = command.wait();
    EXPECT_EQ(stopped.code, signal == SIGKILL ? -SIGKILL : 4) << stopped.log;
    if (signal == SIGINT) {
      EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(5)) << "of a machine that is busy";
      EXPECT_THAT(stopped.log, HasSubstr("the same command goes on"));
    }
    const CommandResult resumed = run({"batch", file, "--json"});
    ASSERT_EQ(resumed.code, 0) << resumed.log;
    EXPECT_THAT(each(runs(resumed), "run"), ElementsAre("1", "2"));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(runs(resumed).at(i).at("placements"), expected.at(i).at("placements"));
      EXPECT_EQ(runs(resumed).at(i).at("tokens"), expected.at(i).at("tokens"));
    }
  }
}

TEST_F(BatchCommand, OneFailureDoesNotEndIt) {
  nlohmann::json batch = document();
  nlohmann::json broken = search(4);
  broken["text_file"] = "absent.txt";
  const nlohmann::json method{{"method", "dash"}, {"settings", broken}};
  nlohmann::json& methods = batch["runs"][0]["methods"];
  methods.insert(methods.begin(), method);
  batch["runs"][0]["seeds"] = {0};
  const std::string file = write(batch);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const CommandResult result = run({"batch", file, "--json"});
    EXPECT_EQ(result.code, 1) << result.log;
    EXPECT_THAT(each(runs(result), "state"), ElementsAre("failed", "done"));
    EXPECT_THAT(runs(result).at(0).at("reason").get<std::string>(), HasSubstr("absent.txt"));
    EXPECT_THAT(result.log, HasSubstr("1 of 2 runs failed"));
  }
  const std::string text = run({"batch", file}).out;
  EXPECT_THAT(text, HasSubstr("failed"));
  EXPECT_THAT(text, HasSubstr("absent.txt"));
  writeText(folder_ / "absent.txt", readText(INTERLEAVE_SOURCE "/resources/text/calibration.txt"));
  const CommandResult retried = run({"batch", file, "--retry", "--json"});
  EXPECT_EQ(retried.code, 0) << retried.log;
  EXPECT_THAT(each(runs(retried), "state"), Each("done"));
  EXPECT_THAT(each(runs(retried), "run"), ElementsAre("1", "2")) << "the failed run itself went on";
}

TEST_F(BatchCommand, RefusesWhatCannotBeDoneBeforeItBegins) {
  const auto refused = [&](const nlohmann::json& batch, const std::string& reason) {
    const CommandResult result = run({"batch", write(batch)});
    EXPECT_EQ(result.code, 3) << result.log;
    EXPECT_THAT(result.log, HasSubstr(reason));
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(store_));
  };
  nlohmann::json batch = document();
  batch["runs"][0]["budgets"] = {2, 5};
  refused(batch, "keeps 5 layers of 4");
  batch = document();
  batch["runs"][0]["methods"] = {"dahs"};
  refused(batch, "did you mean \"dash\"?");
  batch = document();
  batch["evaluation"] = {{"tasks", {"passkeys"}}};
  refused(batch, "did you mean \"passkey\"?");
  batch = document();
  batch["evaluation"] = nlohmann::json::object();
  batch["placements"] = {"uniform:5"};
  refused(batch, "placements[0]");
  batch = document();
  batch["model"] = "nowhere";
  refused(batch, "nowhere");
}

/// The batch that compares all selectors, on a model as shallow as this one.
TEST_F(BatchCommand, VariantsOfMethodsArePresetsAndNoneIsWhereAMethodStarts) {
  nlohmann::json batch = document(), methods = nlohmann::json::array();
  for (const auto& [method, preset] : {std::pair{"beam", "nll-guided-greedy"},
                                       {"nll-guided", "nll-guided-one-out"},
                                       {"halo", "halo-published"},
                                       {"flashmorph", "flashmorph-text"},
                                       {"candidate-error", "flashmorph-closed-form"},
                                       {"hand-rule", "first"},
                                       {"hand-rule", "last"},
                                       {"hand-rule", "random"}}) {
    methods.push_back({{"method", method}, {"preset", preset}});
  }
  for (const char* method : {"beam", "nll-guided", "halo", "flashmorph", "candidate-error", "hand-rule"})
    methods.push_back(method);
  batch["runs"] = {{{"methods", methods}, {"budgets", {1}}}};
  const CommandResult planned = run({"batch", write(batch), "--dry-run", "--json"});
  ASSERT_EQ(planned.code, 0) << planned.log;
  EXPECT_EQ(runs(planned)[0].at("title"), "beam-k1-s0");
  EXPECT_EQ(runs(planned)[6].at("title"), "last-k1-s0") << "told apart from the first hand rule by its preset";
  EXPECT_THAT(each(runs(planned), "preset"),
              ElementsAre("nll-guided-greedy", "nll-guided-one-out", "halo-published", "flashmorph-text",
                          "flashmorph-closed-form", "first", "last", "random", "beam", "nll-guided", "halo",
                          "flashmorph", "candidate-error", "hand-rule"));
}

TEST_F(BatchCommand, TheOneOfTheDocsNamesMethodsPresetsAndSettingsThatExist) {
  nlohmann::json batch = nlohmann::json::parse(readText(INTERLEAVE_SOURCE "/docs/smollm2/selectors.json"));
  batch["model"] = "model";
  batch["bank"] = "bank";
  batch["store"] = "runs.sqlite";
  batch["placements"] = {"uniform:2", "none"};
  for (nlohmann::json& grid : batch.at("runs")) grid["budgets"] = {2, 1};
  const CommandResult planned = run({"batch", write(batch), "--dry-run", "--json"});
  ASSERT_EQ(planned.code, 0) << planned.log;
  EXPECT_THAT(each(runs(planned), "state"), Each("pending"));
}

}  // namespace
}  // namespace interleave::testing
