// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

class SearchCommands : public ::testing::Test {
 protected:
  Words search(const std::string& store, int steps, const Words& more = {}) const {
    Words words{"search",
                model_,
                "--bank",
                folder_ / "bank",
                "--store",
                store,
                "--json",
                "--set",
                "operators=full,swa",
                "--set",
                "steps=" + std::to_string(steps),
                "--set",
                "text_tokens=48",
                "--set",
                "text_positions=24",
                "--set",
                "prompt_share=0",
                "--set",
                "extract=1,9",
                "--set",
                "sliding_window=8"};
    words.insert(words.end(), more.begin(), more.end());
    if (std::ranges::find(more, "--budget") == more.end()) words.insert(words.end(), {"--budget", "2"});
    return words;
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
  const std::string store_ = folder_ / "store.sqlite";
};

TEST_F(SearchCommands, TellsAllOfARunAndStoresIt) {
  const CommandResult result = run(search(store_, 6));
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json report = result.json();
  EXPECT_EQ(report.at("status"), "done");
  EXPECT_EQ(report.at("placement").at("kept_layers").size(), 2);
  EXPECT_EQ(report.at("placement").at("operators").size(), 4);
  EXPECT_EQ(report.at("logits").size(), 4);
  EXPECT_EQ(report.at("logit_operators"), nlohmann::json({"full", "swa"}));
  EXPECT_EQ(report.at("logits").at(0).size(), 2);
  EXPECT_EQ(report.at("placements").size(), 2) << "budgets 2 and 1";
  for (const char* key : {"tokens", "seconds", "tokens_per_second", "soft_loss", "hard_loss"}) {
    EXPECT_TRUE(report.at(key).is_number()) << key;
  }
  EXPECT_THAT(result.log, HasSubstr("Searching"));

  const std::string run_number = report.at("run").dump();
  const nlohmann::json shown = run({"runs", "show", run_number, "--store", store_, "--json"}).json();
  for (const char* key : {"run", "status", "placement", "logits", "tokens", "soft_loss", "hard_loss"}) {
    EXPECT_EQ(shown.at(key), report.at(key)) << key;
  }
  EXPECT_EQ(shown.at("spec").at("seed"), 0);
  EXPECT_EQ(run({"runs", "list", "--store", store_, "--json"}).json().at("runs").size(), 1);
  EXPECT_EQ(run({"store", "check", store_}).code, 0);

  EXPECT_EQ(run({"runs", "delete", run_number, "--store", store_}).code, 0);
  EXPECT_THAT(run({"runs", "list", "--store", store_, "--json"}).json().at("runs"), IsEmpty());
  EXPECT_EQ(run({"runs", "list", "--store", store_, "--all", "--json"}).json().at("runs").size(), 1);
  EXPECT_EQ(run({"runs", "delete", run_number, "--store", store_, "--for-good"}).code, 0);
  EXPECT_THAT(run({"runs", "list", "--store", store_, "--all", "--json"}).json().at("runs"), IsEmpty());
  EXPECT_EQ(run({"runs", "show", run_number, "--store", store_}).code, 2);
}

TEST_F(SearchCommands, EqualSeedsGiveEqualRuns) {
  const nlohmann::json first = run(search(store_, 4, {"--seed", "7"})).json();
  const nlohmann::json second = run(search(store_, 4, {"--seed", "7"})).json();
  const nlohmann::json other = run(search(store_, 4, {"--seed", "8"})).json();
  EXPECT_EQ(first.at("logits"), second.at("logits"));
  EXPECT_NE(first.at("run"), second.at("run"));
  EXPECT_NE(first.at("logits"), other.at("logits"));
}

TEST_F(SearchCommands, ResumesAfterAStopAndAfterAKill) {
  constexpr int kSteps = 120;  // long enough for a signal to come in between
  const nlohmann::json whole = run(search(folder_ / "whole.sqlite", kSteps)).json();
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    const std::string store = folder_ / ("store" + std::to_string(signal));
    Command command(search(store, kSteps));
    ASSERT_TRUE(command.waitFor("step"));
    command.signal(signal);
    const CommandResult stopped = command.wait();
    EXPECT_EQ(stopped.code, signal == SIGKILL ? -SIGKILL : 4) << stopped.log;
    if (signal != SIGKILL) {
      EXPECT_EQ(stopped.json().at("status"), "stopped");
      EXPECT_THAT(stopped.log, HasSubstr("--resume 1"));
    }
    const CommandResult resumed = run({"search", "--store", store, "--resume", "1", "--json"});
    ASSERT_EQ(resumed.code, 0) << resumed.log;
    EXPECT_EQ(resumed.json().at("status"), "done");
    for (const char* key : {"placement", "logits", "soft_loss", "hard_loss", "tokens"}) {
      EXPECT_EQ(resumed.json().at(key), whole.at(key)) << key << " after signal " << signal;
    }
    EXPECT_EQ(run({"store", "check", store}).code, 0);
  }
}

TEST_F(SearchCommands, AResumedRunKeepsItsSettings) {
  ASSERT_EQ(run(search(store_, 3)).code, 0);
  EXPECT_EQ(run({"search", "--store", store_, "--resume", "1", "--seed", "5"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--resume", "1", "--set", "steps=9"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--resume", "1", "--set", "steps=3"}).code, 0) << "it is done";
  EXPECT_EQ(run({"search", "--store", store_, "--resume", "2"}).code, 2);
  const std::string other = writeModelWithTokenizer(folder_ / "other", 1);
  const CommandResult result = run({"search", other, "--store", store_, "--resume", "1"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.log, HasSubstr("fingerprint"));
}

TEST_F(SearchCommands, AForkGoesOnFromACheckpoint) {
  const nlohmann::json whole = run(search(store_, 6)).json();
  const CommandResult same = run({"search", "--store", store_, "--fork", "1@3", "--json"});
  ASSERT_EQ(same.code, 0) << same.log;
  EXPECT_EQ(same.json().at("run"), 2);
  EXPECT_EQ(same.json().at("logits"), whole.at("logits")) << "nothing was changed";
  const nlohmann::json shown = run({"runs", "show", "2", "--store", store_, "--json"}).json();
  EXPECT_EQ(shown.at("spec").at("forked_from"), "1@3");

  const CommandResult other = run({"search", "--store", store_, "--fork", "1@3", "--budget", "1", "--json"});
  ASSERT_EQ(other.code, 0) << other.log;
  EXPECT_EQ(other.json().at("placement").at("kept_layers").size(), 1);
  EXPECT_NE(other.json().at("logits"), whole.at("logits"));
  EXPECT_EQ(run({"search", "--store", store_, "--fork", "1@99"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--fork", "1:3"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--fork", "1@3", "--seed", "4"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--fork", "1@3", "--set", "steps=2"}).code, 2);
  EXPECT_EQ(run({"search", "--store", store_, "--fork", "1@3", "--set", "operators=full,gdn"}).code, 2);

  // Of the end: no step of its own, and yet all that a run tells.
  const CommandResult end = run({"search", "--store", store_, "--fork", "1", "--budget", "1", "--json"});
  ASSERT_EQ(end.code, 0) << end.log;
  EXPECT_EQ(end.json().at("logits"), whole.at("logits"));
  EXPECT_EQ(end.json().at("placement").at("kept_layers").size(), 1);
  EXPECT_EQ(run({"runs", "show", "4", "--store", store_, "--json"}).json().at("logits"), whole.at("logits"));
}

TEST_F(SearchCommands, WindowsOfAHybridWithoutABankAreThoseItWasSearchedWith) {
  ASSERT_EQ(run(search(store_, 3)).code, 0);  // sliding_window=8
  ASSERT_EQ(run({"export", "--store", store_, "--run", "1", "--format", "interleave", "--out", folder_ / "out"}).code,
            0);
  EXPECT_EQ(run({"export", "--store", store_, "--run", "1", "--format", "interleave", "--out", folder_ / "none",
                 "--set", "sliding_window=9"})
                .code,
            2)
      << "the run says it itself";
  EXPECT_EQ(run({"export", "--store", store_, "--placement", folder_ / "out" / "placement.json", "--format", "swaa",
                 "--out", folder_ / "none"})
                .code,
            2)
      << "a file is of no store";
  const auto divergence = [&](Words more) {
    Words words{"evaluate", model_, "--json", "--tasks", "kl", "--tokens", "256", "--sequence", "64", "--placement"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = run(words);
    EXPECT_EQ(result.code, 0) << result.log;
    return result.json().at("tasks").at("kl").at("value").get<double>();
  };
  const std::string exported = folder_ / "out" / "placement.json";
  std::string kept;
  const nlohmann::json document = nlohmann::json::parse(std::ifstream(exported));
  for (const auto& layer : document.at("kept_layers")) {
    kept += (kept.empty() ? "layers:" : ",") + layer.dump();
  }
  const Words by_hand{kept, "--operator", "swa", "--set", "sliding_window=8"};
  EXPECT_EQ(divergence({exported}), divergence(by_hand));
  EXPECT_EQ(divergence({exported, "--bank", folder_ / "bank"}), divergence(by_hand)) << "a bank that was never needed";
  EXPECT_GT(divergence(by_hand), divergence({kept, "--operator", "swa", "--set", "sliding_window=32"}));
}

TEST_F(SearchCommands, BadInputLeavesNoStore) {
  const auto refused = [&](const Words& more, const std::string& reason) {
    const CommandResult result = run(search(store_, 3, more));
    EXPECT_EQ(result.code, 3) << result.log;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.log, HasSubstr(reason));
    EXPECT_FALSE(std::filesystem::exists(store_));
  };
  refused({"--budget", "5"}, "5 layers of 4");
  refused({"--budget", "10@64"}, "bytes");
  refused({"--budget", "10GB@64"}, "outside");
  refused({"--preset", writeText(folder_ / "preset.json", R"({"format": "interleave-preset", "budgett": 1})")},
          "did you mean \"budget\"?");
  refused({"--preset", writeText(folder_ / "broken.json", "{")}, "broken.json");
  EXPECT_EQ(run(search(store_, 3, {"--set", "operators=full,gdn"})).code, 2) << "the bank would hold gdn-window";
  EXPECT_FALSE(std::filesystem::exists(store_));
  EXPECT_EQ(run({"candidates", "prepare", model_, "--bank", folder_ / "none", "--set", "kinds=swa"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));

  EXPECT_EQ(run({"store", "check", writeText(folder_ / "text", "not a store")}).code, 3);
  EXPECT_EQ(run({"runs", "list", "--store", folder_ / "absent"}).code, 3);
}

TEST_F(SearchCommands, PreparesABankAndRefusesItForAnotherModel) {
  const Words prepare{"candidates",     "prepare",
                      model_,           "--bank",
                      folder_ / "bank", "--json",
                      "--set",          "tokens=64",
                      "--set",          "sequence_length=32",
                      "--set",          "held_out_sequences=1"};
  const CommandResult made = run(prepare);
  ASSERT_EQ(made.code, 0) << made.log;
  EXPECT_EQ(made.json().at("complete"), true);
  EXPECT_EQ(made.json(), run({"candidates", "show", folder_ / "bank", "--json"}).json());
  EXPECT_EQ(run(prepare).json(), made.json()) << "found made";

  const Words evaluate{"evaluate", model_,     "--bank", folder_ / "bank", "--placement", "first:2", "--tasks",
                       "kl",       "--tokens", "64",     "--sequence",     "32",          "--set"};
  const auto with = [&](const std::string& change) {
    Words words = evaluate;
    words.push_back(change);
    return run(words);
  };
  EXPECT_EQ(with("sequence_length=32").code, 0) << "as it was made";
  EXPECT_EQ(with("window=8").code, 2);
  EXPECT_THAT(with("window=8").log, HasSubstr("made otherwise"));

  const std::string other = writeModelWithTokenizer(folder_ / "other", 1);
  const CommandResult refused = run({"search", other, "--bank", folder_ / "bank", "--store", store_});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.log, HasSubstr("the bank was made for"));
  EXPECT_FALSE(std::filesystem::exists(store_));
  EXPECT_EQ(run({"evaluate", other, "--bank", folder_ / "bank", "--placement", "first:2", "--tasks", "kl"}).code, 3);

  nlohmann::json card = made.json();
  card["compleat"] = true;
  writeText(folder_ / "bank" / "card.json", card.dump());
  const CommandResult unknown = run({"candidates", "show", folder_ / "bank"});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.log, HasSubstr("did you mean \"complete\"?"));
}

}  // namespace
}  // namespace interleave::testing
