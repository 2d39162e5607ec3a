// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class HealCommands : public ::testing::Test {
 protected:
  Words heal(const std::string& store, const std::string& out, int steps, const Words& more = {}) const {
    Words words{"heal", model_, "--placement", "layers:1,2", "--out", out, "--store", store, "--json"};
    for (const char* change : {"sliding_window=4", "sliding_sinks=0", "text_tokens=48", "learning_rate=3e-3",
                               "judge_tokens=2048", "judge_prompts=0", "held_out_every=0", "save_every=7"}) {
      words.insert(words.end(), {"--set", change});
    }
    words.insert(words.end(), {"--set", "steps=" + std::to_string(steps)});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
  const std::string store_ = folder_ / "store.sqlite", out_ = folder_ / "healed";
};

TEST_F(HealCommands, WhatWasHealedIsAPlacementForOtherCommands) {
  const CommandResult result = run(heal(store_, out_, 12));
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json report = result.json();
  EXPECT_EQ(report.at("status"), "done");
  EXPECT_EQ(report.at("steps"), 12);
  EXPECT_EQ(report.at("tokens"), 12 * 48);
  EXPECT_EQ(report.at("placement").at("kept_layers"), nlohmann::json({1, 2}));
  EXPECT_LT(report.at("after").at("kl").at("value"), report.at("before").at("kl").at("value"));
  EXPECT_EQ(report.at("differences").size(), 2);
  EXPECT_THAT(result.log, HasSubstr("Healing"));

  // Beside the hybrid as it was, on the samples that healing was judged on.
  const CommandResult judged =
      run({"evaluate", model_, "--placement", "layers:1,2", "--placement", "healed:" + out_, "--set",
           "sliding_window=4", "--set", "sliding_sinks=0", "--tasks", "kl", "--tokens", "2048", "--json"});
  ASSERT_EQ(judged.code, 0) << judged.log;
  const nlohmann::json scores = judged.json().at("results");
  EXPECT_EQ(scores.at(0).at("tasks").at("kl"), report.at("before").at("kl"));
  EXPECT_EQ(scores.at(1).at("tasks").at("kl"), report.at("after").at("kl"));
  EXPECT_EQ(scores.at(1).at("line"), scores.at(0).at("line"));

  const std::string ids = writeText(folder_ / "ids.json", "[1, 2, 3, 4, 5, 6, 7, 8, 9]");
  EXPECT_EQ(run({"model", "logits", model_, "--ids", ids, "--placement", "healed:" + out_, "--out",
                 folder_ / "logits.safetensors"})
                .code,
            0);
  const CommandResult exported =
      run({"export", "--store", store_, "--run", "1", "--format", "hf", "--out", folder_ / "hf"});
  ASSERT_EQ(exported.code, 0) << exported.log;
  EXPECT_THAT(readText(folder_ / "hf/README.md"), HasSubstr("healed"));
  ASSERT_EQ(
      run({"export", "--model", model_, "--placement", "healed:" + out_, "--format", "hf", "--out", folder_ / "hf2"})
          .code,
      0);
  EXPECT_EQ(readText(folder_ / "hf/model.safetensors"), readText(folder_ / "hf2/model.safetensors"));

  EXPECT_EQ(run({"heal", "--store", store_, "--resume", "1", "--json"}).json(), report) << "it is done";
  EXPECT_THAT(run({"search", "--store", store_, "--resume", "1"}).log, HasSubstr("is a heal"));
  EXPECT_THAT(run({"search", "--store", store_, "--fork", "1"}).log, HasSubstr("is a heal"));
  EXPECT_EQ(run({"heal", "--store", store_, "--resume", "1", "--set", "steps=13"}).code, 2);
  EXPECT_EQ(run({"search", model_, "--bank", folder_ / "bank", "--store", store_, "--method", "heal"}).code, 2)
      << "it selects nothing";
  EXPECT_EQ(run({"store", "check", store_}).code, 0);
  const std::string other = writeModelWithTokenizer(folder_ / "other", 1);
  EXPECT_EQ(run({"evaluate", other, "--placement", "healed:" + out_}).code, 3);
}

TEST_F(HealCommands, ResumesAfterAStopAndAfterAKill) {
  constexpr int kSteps = 60;  // long enough for a signal to come in between
  const nlohmann::json whole = run(heal(folder_ / "whole.sqlite", folder_ / "whole", kSteps)).json();
  for (const int signal : {SIGINT, SIGKILL}) {
    const std::string store = folder_ / ("store" + std::to_string(signal)), out = store + ".out";
    Command command(heal(store, out, kSteps));
    ASSERT_TRUE(command.waitFor("step 1"));
    command.signal(signal);
    const CommandResult stopped = command.wait();
    EXPECT_EQ(stopped.code, signal == SIGKILL ? -SIGKILL : 4) << stopped.log;
    const CommandResult resumed = run({"heal", "--store", store, "--resume", "1", "--json"});
    ASSERT_EQ(resumed.code, 0) << resumed.log;
    EXPECT_EQ(resumed.json().at("after"), whole.at("after"));
    EXPECT_EQ(resumed.json().at("before"), whole.at("before"));
    EXPECT_EQ(readText(out + "/weights.safetensors"), readText(folder_ / "whole/weights.safetensors"));
  }
}

TEST_F(HealCommands, RefusesWhatCannotBe) {
  EXPECT_EQ(run({"heal", model_, "--store", store_}).code, 2);
  EXPECT_THAT(run(heal(store_, out_, 4, {"--set", "stepps=3"})).log, HasSubstr("did you mean \"steps\""));
  EXPECT_THAT(run(heal(store_, model_, 4)).log, HasSubstr("holds no heal"));
  EXPECT_THAT(run({"heal", model_, "--placement", "all", "--out", out_, "--store", store_}).log,
              HasSubstr("nothing to heal"));
  EXPECT_THAT(
      run({"heal", model_, "--placement", "uniform:1", "--operator", "gdn", "--out", out_, "--store", store_}).log,
      HasSubstr("bank"));
  EXPECT_EQ(run({"heal", "--store", store_, "--resume", "7"}).code, 3) << "nothing was recorded: there is no store";
}

}  // namespace
}  // namespace interleave::testing
