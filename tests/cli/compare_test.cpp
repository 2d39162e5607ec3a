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

class EvaluateCommand : public ::testing::Test {
 protected:
  CommandResult evaluate(const Words& more) const {
    Words words{"evaluate", model_,   "--operator", "swa", "--set",    "sliding_window=4",
                "--tasks",  "kl,nll", "--sequence", "32",  "--tokens", "256"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(EvaluateCommand, TellsHowPlacementsDifferFromTheFirst) {
  const CommandResult result =
      evaluate({"--placement", "first:2", "--placement", "all", "--placement", "first:2", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json document = result.json();
  EXPECT_EQ(document.at("against"), "first:2");
  EXPECT_EQ(document.at("bootstrap").at("resamples"), 1000);
  const nlohmann::json& differences = document.at("differences");
  ASSERT_EQ(differences.size(), 4) << "two placements on two tasks";
  const nlohmann::json &all = differences[0], &same = differences[2];
  const auto value = [&](int placement) {
    return document.at("results")[static_cast<std::size_t>(placement)].at("tasks").at("kl");
  };
  EXPECT_EQ(all.at("task"), "kl");
  EXPECT_EQ(all.at("better"), "lower");
  EXPECT_NEAR(all.at("difference").get<double>(),
              value(1).at("value").get<double>() - value(0).at("value").get<double>(), 1e-12);
  EXPECT_LT(all.at("low"), all.at("difference"));
  EXPECT_GT(all.at("high"), all.at("difference"));
  EXPECT_EQ(all.at("pairs"), 8);
  EXPECT_EQ(all.at("won"), 8) << "the teacher has no divergence from itself";
  EXPECT_EQ(all.at("carried"), true);
  EXPECT_EQ(all.at("verdict"), "better");
  EXPECT_EQ(same.at("difference"), 0);
  EXPECT_EQ(same.at("tied"), 8);
  EXPECT_EQ(same.at("verdict"), "no difference shown");
  EXPECT_EQ(value(0).at("per_sample").size(), 8);
  EXPECT_EQ(value(0).at("samples_id"), value(1).at("samples_id"));
  const nlohmann::json& overlap = document.at("overlaps").at(0);
  EXPECT_EQ(overlap.at("jaccard"), 0.5);
  EXPECT_EQ(overlap.at("overlap_at_k"), 1);
  EXPECT_TRUE(overlap.at("spearman").is_null());
}

TEST_F(EvaluateCommand, TakesTheReferenceByLabelOrNumber) {
  const Words placements{"--placement", "first:2", "--placement", "last:2", "--placement", "last:2", "--against"};
  const auto against = [&](const std::string& which) {
    Words words = placements;
    words.push_back(which);
    return evaluate(words);
  };
  EXPECT_THAT(against("3").out, HasSubstr("Difference from last:2"));
  EXPECT_THAT(against("first:2").out, HasSubstr("Difference from first:2"));
  for (const char* wrong : {"0", "4", "-1", "2x", "uniform:2", "last:2"}) {
    EXPECT_EQ(against(wrong).code, 2) << wrong;
    EXPECT_THAT(against(wrong).log, HasSubstr("--against"));
  }
}

TEST_F(EvaluateCommand, OneAloneIsComparedWithNothing) {
  const CommandResult result = evaluate({"--placement", "first:2", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_FALSE(result.json().contains("differences"));
  EXPECT_TRUE(result.json().at("tasks").at("kl").at("value").is_number());
}

/// Runs as the studio stores them.
class RunsCompare : public ::testing::Test {
 protected:
  RunId add(const std::string& fingerprint, const std::vector<float>& logits, const std::vector<ScoreEvent>& scores) {
    StoreWriter writer(store_);
    RunSpec spec;
    spec.method = "dash";
    spec.budget = Budget::layers(2);
    const RunId id = writer.addRun(spec);
    EnvironmentEvent environment;
    environment.layers = 4;
    environment.model_fingerprint = fingerprint;
    writer.record(id, environment);
    StepEvent step;
    step.step = step.steps = 1;
    step.operators = {MixerKind::Full, MixerKind::SlidingWindow};
    for (const float logit : logits) {
      step.logits.insert(step.logits.end(), {logit, 0.0f});
      step.probabilities.insert(step.probabilities.end(), {0.5f, 0.5f});
    }
    step.if_stopped_now = scores.front().placement;
    writer.record(id, step);
    PlacementEvent found;
    found.step = 1;
    found.budget = spec.budget;
    found.placement = scores.front().placement;
    writer.record(id, found);
    for (const ScoreEvent& event : scores) writer.record(id, event);
    writer.setPhase(id, Phase::Done, "");
    EXPECT_TRUE(writer.flush());
    return id;
  }
  static Placement keeping(std::vector<int> kept) { return Placement::keeping(4, kept, MixerKind::SlidingWindow); }
  static Score kl(double value, const std::string& samples = "text") {
    return scoreOf("kl", "nats", std::vector<double>(8, value), samples);
  }
  CommandResult compare(const Words& more) const {
    Words words{"runs", "compare", "--store", store_};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  const test::TemporaryFolder folder_;
  const std::string store_ = folder_ / "store.sqlite";
};

TEST_F(RunsCompare, PairsWhatIsStoredAndSaysWhatCannotBePaired) {
  const ScoreEvent uniform{"uniform", keeping({0, 2}), {kl(0.5)}};
  add("a", {4, 3, 2, 1}, {{"found", keeping({0, 1}), {kl(0.25)}}, uniform});
  add("a", {4, 2, 3, 1}, {{"found", keeping({0, 2}), {kl(0.5, "")}}, uniform, {"few", keeping({3}), {kl(1, "few")}}});
  const CommandResult result = compare({"--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json document = result.json();
  EXPECT_EQ(document.at("against"), "run 1: found");
  const nlohmann::json& differences = document.at("differences");
  ASSERT_EQ(differences.size(), 3) << "the placement that both were compared with comes once";
  EXPECT_EQ(differences[0].at("placement"), "run 1: uniform");
  EXPECT_EQ(differences[0].at("difference"), 0.25);
  EXPECT_EQ(differences[0].at("lost"), 8);
  EXPECT_EQ(differences[0].at("verdict"), "worse");
  EXPECT_EQ(differences[1].at("why_not"), "samples unknown");
  EXPECT_TRUE(differences[1].at("difference").is_null());
  EXPECT_EQ(differences[2].at("why_not"), "other samples");
  const nlohmann::json& found = document.at("overlaps").at(1);
  EXPECT_EQ(found.at("placement"), "run 2: found");
  EXPECT_NEAR(found.at("jaccard").get<double>(), 1.0 / 3, 1e-12);
  EXPECT_EQ(found.at("overlap_at_k"), 0.5);
  EXPECT_NEAR(found.at("spearman").get<double>(), 0.8, 1e-12);
  EXPECT_NEAR(found.at("kendall").get<double>(), 4.0 / 6, 1e-12);

  const std::string one = compare({"1", "--against", "uniform"}).out;
  EXPECT_THAT(one, HasSubstr("Difference from uniform"));
  EXPECT_THAT(one, HasSubstr("better"));
  EXPECT_THAT(one, Not(HasSubstr("run 2")));
  EXPECT_THAT(compare({}).out, HasSubstr("not paired: other samples"));
}

TEST_F(RunsCompare, RefusesTwoModelsAndWhatIsNotThere) {
  add("a", {1, 2, 3, 4}, {{"found", keeping({0, 1}), {kl(1)}}, {"all", keeping({0, 1, 2, 3}), {kl(0)}}});
  add("b", {1, 2, 3, 4}, {{"found", keeping({0, 1}), {kl(2)}}});
  EXPECT_EQ(compare({"1"}).code, 0);
  EXPECT_EQ(compare({}).code, 2);
  EXPECT_THAT(compare({}).log, HasSubstr("another model"));
  EXPECT_EQ(compare({"2"}).code, 2) << "nothing to compare it with";
  EXPECT_EQ(compare({"3"}).code, 2);
  EXPECT_EQ(compare({"1", "--against", "none"}).code, 2);
  EXPECT_EQ(run({"runs", "compare", "--store", folder_ / "absent"}).code, 3);
}

}  // namespace
}  // namespace interleave::testing
