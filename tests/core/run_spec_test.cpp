// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/run_spec.h"

#include <gmock/gmock.h>

#include "backend/core/error.h"
#include "tests/support/error_of.h"

namespace interleave {
namespace {

RunSpec sample() {
  RunSpec spec;
  spec.title = "a \"title\"";
  spec.model_path = "/models/ü";
  spec.bank_dir = "/bank";
  spec.method = "dash";
  spec.preset = "laptop";
  spec.budget = Budget::bytes(54'000'000, 8192);
  spec.seed = 0xffff'ffff'ffff'ffffULL;
  spec.bank_settings = {{"tokens", 10240}};
  spec.search_settings = {{"learning_rate", 0.1}, {"steps", 48}};
  spec.device = "cuda";
  spec.forked_from = "3@40";
  return spec;
}

TEST(RunSpec, ReadsBackWhatItWrites) {
  const nlohmann::json json = nlohmann::json::parse(toJson(sample()).dump());
  const RunSpec read = runSpecFromJson(json, "run 1");
  EXPECT_EQ(toJson(read), toJson(sample()));
  EXPECT_EQ(read.seed, sample().seed);
  EXPECT_EQ(read.budget, sample().budget);
  EXPECT_EQ(read.search_settings, sample().search_settings);
}

TEST(RunSpec, NamesWhatIsMissingOrWrong) {
  const nlohmann::json complete = toJson(sample());
  for (const auto& [key, value] : complete.items()) {
    nlohmann::json json = complete;
    json.erase(key);
    try {
      runSpecFromJson(json, "run 1");
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadInput);
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("run 1"), testing::HasSubstr(key)));
    }
  }
  nlohmann::json json = complete;
  json["seed"] = "seven";
  EXPECT_THROW(runSpecFromJson(json, ""), Error);
  EXPECT_THROW(runSpecFromJson(nlohmann::json::array(), ""), Error);
}

TEST(RunSpec, AStoredBudgetThatIsNoneIsBadInput) {
  nlohmann::json json = toJson(sample());
  json["budget"] = "many";
  const Error error = test::errorOf([&] { runSpecFromJson(json, "runs.interleave: run 1"); });
  EXPECT_EQ(error.kind(), ErrorKind::BadInput);
  EXPECT_THAT(error.what(), testing::HasSubstr("runs.interleave: run 1: \"budget\": \"many\" is neither"));
}

TEST(Intervention, ReadsBackWhatItWrites) {
  Intervention set, pin, release;
  set.step = 12;
  set.key = "temperature";
  set.value = 0.1;
  pin.kind = Intervention::Kind::Pin;
  pin.step = 3;
  pin.layer = 7;
  pin.mixer = MixerKind::SlidingWindow;
  release.kind = Intervention::Kind::Release;
  release.step = 5;
  release.layer = 7;
  for (const Intervention& change : {set, pin, release}) {
    EXPECT_EQ(interventionFromJson(nlohmann::json::parse(toJson(change).dump()), "run 1"), change);
  }
}

TEST(Intervention, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {R"({"kind": "nudge", "step": 1})", R"({"kind": "pin", "step": 1, "layer": 0, "mixer": "mamba"})",
        R"({"kind": "set", "step": 1, "key": "x"})", R"({"step": 1})", R"([])",
        R"({"kind": "release", "step": "1", "layer": 0})"}) {
    EXPECT_THROW(interventionFromJson(nlohmann::json::parse(text), "run 1"), Error) << text;
  }
}

TEST(RunSpec, AForkBeginsAsItsOriginStood) {
  RunSpec origin;
  origin.title = "origin";
  origin.seed = 3;
  origin.search_settings = {{"operators", "full,swa"}, {"steps", 30}, {"learning_rate", 0.1}};
  Intervention rate, budget, pin, later;
  rate.step = 5;
  rate.key = "learning_rate";
  rate.value = 0.2;
  budget.step = 6;
  budget.key = "budget";
  budget.value = "4";
  pin.kind = Intervention::Kind::Pin;
  pin.step = 7;
  pin.layer = 2;
  later = pin;
  later.step = 11;
  later.layer = 3;
  origin.interventions = {rate, budget, pin, later};
  RunSpec fork = forkOf(origin, 12, {.step = 10, .state = "{}"});
  EXPECT_EQ(fork.seed, 3U);
  EXPECT_TRUE(fork.title.empty());
  EXPECT_EQ(fork.budget, Budget::layers(4));
  EXPECT_EQ(fork.search_settings.at("learning_rate"), 0.2);
  EXPECT_EQ(fork.forked_from, "12@10");
  EXPECT_TRUE(fork.startsFork());
  ASSERT_EQ(fork.interventions.size(), 1U) << "what is pinned at the checkpoint";
  EXPECT_EQ(fork.interventions[0].layer, 2);
  EXPECT_EQ(fork.interventions[0].step, 11);
  changeFork(fork, {{"operators", "full,swa"}, {"steps", 12}});
  EXPECT_EQ(fork.search_settings.at("steps"), 12);
  EXPECT_THROW(changeFork(fork, {{"operators", "full,gdn"}, {"steps", 12}}), Error);
  EXPECT_THROW(changeFork(fork, {{"operators", "full,swa"}, {"steps", 9}}), Error);
}

}  // namespace
}  // namespace interleave
