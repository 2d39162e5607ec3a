// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <filesystem>

#include "backend/core/error.h"
#include "sessions/event_codec.h"
#include "tests/sessions/sample.h"
#include "tests/support/error_of.h"

namespace interleave {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "runs.interleave";
};

TEST_F(StoreTest, GivesBackTheSpecOfARun) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("first"));
  const Store store = Store::open(file_);
  EXPECT_EQ(toJson(store.spec(id)), toJson(sampleSpec("first")));
  const RunSummary run = store.run(id);
  EXPECT_EQ(run.title, "first");
  EXPECT_EQ(run.method, "dash");
  EXPECT_EQ(run.budget, Budget::layers(8));
  EXPECT_EQ(run.seed, sampleSpec("").seed);
  EXPECT_EQ(run.phase, Phase::Loading);
  EXPECT_EQ(run.created.size(), std::string("2026-01-01T00:00:00Z").size());
  EXPECT_EQ(store.runs().size(), 1u);
}

TEST_F(StoreTest, ARunKnowsHowItsPromptsWereWritten) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("first"));
  EXPECT_EQ(Store::open(file_).spec(id).prompt_form, "");
  EnvironmentEvent environment;
  environment.prompt_form = "0123456789abcdef";
  environment.chat = "chatml (asked for)";
  writer.record(id, environment);
  ASSERT_TRUE(writer.flush());
  EXPECT_EQ(Store::open(file_).spec(id).prompt_form, "0123456789abcdef");
  EXPECT_EQ(Store::open(file_).environment(id)->chat, "chatml (asked for)");
}

TEST_F(StoreTest, AForkHasItsOriginsCheckpointBeforeItsFirstStep) {
  RunSpec spec = sampleSpec("fork");
  spec.resume_from = Checkpoint{40, "state at 40"};
  spec.forked_from = "3@40";
  StoreWriter writer(file_);
  const RunId id = writer.addRun(spec);
  const Store store = Store::open(file_);
  EXPECT_EQ(store.checkpoint(id), spec.resume_from);
  EXPECT_EQ(store.run(id).step, 40);
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

TEST_F(StoreTest, GivesBackEveryKindOfEventInOrder) {
  std::vector<Event> events = sampleEvents();
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("events"));
  Recorder recorder(writer, id);
  for (const Event& event : events) recorder.onEvent(event);
  ASSERT_TRUE(writer.flush());

  const Store store = Store::open(file_);
  const std::vector<Event> stored = store.events(id);
  ASSERT_EQ(stored.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_TRUE(same(stored[i], withoutCheckpoint(events[i]))) << i;
  EXPECT_EQ(store.run(id).phase, Phase::Done);
  EXPECT_EQ(store.run(id).model_name, "Sample 30");
  EXPECT_EQ(store.placements(id).size(), 2u);
  EXPECT_EQ(store.scores(id).size(), 2u);
  EXPECT_EQ(store.log(id).size(), 1u);
  EXPECT_EQ(store.alignments(id).size(), 2u);
  ASSERT_TRUE(store.environment(id).has_value());
  EXPECT_EQ(store.environment(id)->costs.at(0).rows.at(1).at(2).cache_bytes, 7);
  EXPECT_EQ(store.spec(id).interventions.size(), 2u);
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

TEST_F(StoreTest, KeepsEveryStepAndEveryCheckpointAcrossChunks) {
  constexpr std::int64_t kSteps = 700;
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("long"));
  for (std::int64_t step = 1; step <= kSteps; ++step) {
    writer.record(id, sampleStep(step, kSteps));
    if (step % 37 == 0) {
      ASSERT_TRUE(writer.flush());
    }
  }
  ASSERT_TRUE(writer.flush());
  EXPECT_EQ(writer.status().acknowledged_step, kSteps);

  const Store store = Store::open(file_);
  const auto steps = store.steps(id);
  ASSERT_EQ(steps.size(), static_cast<std::size_t>(kSteps));
  for (std::int64_t step = 1; step <= kSteps; ++step) {
    EXPECT_TRUE(same(steps[static_cast<std::size_t>(step - 1)], withoutCheckpoint(sampleStep(step, kSteps)))) << step;
    EXPECT_EQ(store.checkpointAt(id, step), sampleStep(step, kSteps).checkpoint) << step;
  }
  EXPECT_EQ(store.checkpoint(id)->step, kSteps);
  EXPECT_FALSE(store.checkpointAt(id, kSteps + 1).has_value());
  const RunSummary run = store.run(id);
  EXPECT_EQ(run.step, kSteps);
  EXPECT_EQ(run.tokens, sampleStep(kSteps, kSteps).tokens);
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
  EXPECT_EQ(checkStore(file_).steps, kSteps);

  const auto series = store.series(id, Metric::Loss);
  ASSERT_EQ(series.size(), static_cast<std::size_t>(kSteps));
  EXPECT_EQ(series[300].step, 301);
  EXPECT_EQ(series[300].value, sampleStep(301, kSteps).metrics[static_cast<std::size_t>(Metric::Loss)]);
  EXPECT_EQ(store.series(id, Metric::HardTextLoss).size(), static_cast<std::size_t>(kSteps / 10));
}

TEST_F(StoreTest, ThinsStepsEvenlyWithTheFirstAndTheLast) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("thin"));
  for (std::int64_t step = 1; step <= 1001; ++step) writer.record(id, sampleStep(step, 1001));
  ASSERT_TRUE(writer.flush());
  const Store store = Store::open(file_);
  const auto numbers = [&](std::int64_t first, std::int64_t most) {
    std::vector<std::int64_t> steps;
    for (const StepEvent& event : store.steps(id, first, most)) steps.push_back(event.step);
    return steps;
  };
  EXPECT_THAT(numbers(0, 5), ElementsAre(1, 251, 501, 751, 1001));
  EXPECT_THAT(numbers(801, 3), ElementsAre(801, 901, 1001));
  EXPECT_THAT(numbers(999, 0), ElementsAre(999, 1000, 1001));
  EXPECT_THAT(numbers(1000, 50), ElementsAre(1000, 1001));
  EXPECT_THAT(numbers(0, 1), ElementsAre(1001));
  EXPECT_THAT(numbers(1002, 0), IsEmpty());
}

TEST_F(StoreTest, AResumedRunReadsLikeOneThatNeverStopped) {
  constexpr std::int64_t kSteps = 600;
  std::vector<Event> uninterrupted;
  RunId straight = 0, resumed = 0;
  {
    StoreWriter writer(file_);
    straight = writer.addRun(sampleSpec("straight"));
    resumed = writer.addRun(sampleSpec("resumed"));
    for (std::int64_t step = 1; step <= kSteps; ++step) writer.record(straight, sampleStep(step, kSteps));
    for (std::int64_t step = 1; step <= 570; ++step) {
      StepEvent event = sampleStep(step, kSteps);
      if (step > 300) event.metrics[0] = -1;  // To be replaced.
      writer.record(resumed, event);
    }
  }
  {
    StoreWriter writer(file_);
    EXPECT_EQ(Store::open(file_).run(resumed).phase, Phase::Stopped);
    for (std::int64_t step = 301; step <= kSteps; ++step) writer.record(resumed, sampleStep(step, kSteps));
    ASSERT_TRUE(writer.flush());
  }
  const Store store = Store::open(file_);
  const auto expected = store.steps(straight), found = store.steps(resumed);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same(found[i], expected[i])) << i + 1;
  EXPECT_EQ(store.checkpoint(resumed), store.checkpoint(straight));
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

TEST_F(StoreTest, RepeatedInterventionsAreOneAndTwoOfALifeAreTwo) {
  Intervention change;
  change.step = 4;
  change.key = "temperature";
  change.value = 0.5;
  Intervention other = change;
  other.value = 0.25;
  RunId id = 0;
  {
    StoreWriter writer(file_);
    id = writer.addRun(sampleSpec("changes"));
    for (std::int64_t step = 1; step <= 3; ++step) writer.record(id, sampleStep(step, 9));
    for (const Intervention& each : {change, other, change}) writer.record(id, InterventionEvent{each});
  }
  for (int life = 0; life < 2; ++life) {
    StoreWriter writer(file_);
    EXPECT_THAT(Store::open(file_).spec(id).interventions, ElementsAre(change, other, change));
    for (std::int64_t step = 3; step <= 3; ++step) writer.record(id, sampleStep(step, 9));
    for (const Intervention& each : {change, other, change}) writer.record(id, InterventionEvent{each});
    writer.record(id, sampleStep(4, 9));
  }
  EXPECT_THAT(Store::open(file_).spec(id).interventions, ElementsAre(change, other, change));
  {  // A life that was cut off while it repeated them.
    StoreWriter writer(file_);
    writer.record(id, InterventionEvent{change});
  }
  EXPECT_THAT(Store::open(file_).spec(id).interventions, ElementsAre(change, other, change));
  {  // One that adds its own behind them, the same as another.
    StoreWriter writer(file_);
    for (const Intervention& each : {change, other, change, other}) writer.record(id, InterventionEvent{each});
  }
  EXPECT_THAT(Store::open(file_).spec(id).interventions, ElementsAre(change, other, change, other));
}

TEST_F(StoreTest, APreparationThatIsRepeatedReplacesWhatFollowsAndABanksQualityReplacesItself) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("alignment"));
  for (const std::int64_t step : {1, 2, 3, 2, 0, 0}) {
    AlignmentEvent event;
    event.step = step;
    writer.record(id, event);
    event.held_out = true;
    writer.record(id, event);
  }
  ASSERT_TRUE(writer.flush());
  std::vector<std::int64_t> trained, held_out;
  for (const AlignmentEvent& event : Store::open(file_).alignments(id)) {
    (event.held_out ? held_out : trained).push_back(event.step);
  }
  EXPECT_THAT(trained, ElementsAre(1, 2, 0));
  EXPECT_THAT(held_out, ElementsAre(1, 2, 0));
}

TEST_F(StoreTest, ScoresOfOnePlacementJoinAndTheNewestOfATaskCounts) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("scores"));
  const Placement placement(4, MixerKind::Full);
  const auto score = [&](const std::string& label, const std::string& task, double value) {
    writer.record(id, ScoreEvent{label, placement, {{task, "nats", value, 0, 1, {}}}});
  };
  score("found", "kl", 1);
  score("teacher", "kl", 2);
  score("found", "nll", 3);
  score("found", "kl", 4);
  ASSERT_TRUE(writer.flush());
  const auto scores = Store::open(file_).scores(id);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].label, "teacher");
  EXPECT_EQ(scores[1].label, "found");
  ASSERT_EQ(scores[1].scores.size(), 2u);
  EXPECT_EQ(scores[1].scores[0].task, "nll");
  EXPECT_EQ(scores[1].scores[1].value, 4);
}

TEST_F(StoreTest, TheNewestCostOfAPlacementAndAMannerCounts) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("costs"));
  const auto cost = [&](const std::string& label, const std::string& manner, double seconds) {
    const CostPoint point{.context_tokens = 512, .prefill_samples = {seconds}, .decode_samples = {seconds}};
    const MeasuredCost measured{Placement(4, MixerKind::Full), {point}, manner};
    writer.record(id, CostEvent{label, measured, measured});
  };
  cost("first", "here", 1);
  cost("elsewhere", "there", 2);
  cost("again", "here", 3);
  ASSERT_TRUE(writer.flush());
  const auto costs = Store::open(file_).costs(id);
  ASSERT_EQ(costs.size(), 2u);
  EXPECT_EQ(costs[0].label, "elsewhere");
  EXPECT_EQ(costs[1].label, "again");
  EXPECT_EQ(costs[1].cost.points.at(0).prefillSeconds(), 3);
}

TEST_F(StoreTest, CostsThatCannotBeComparedAreDamage) {
  const CostPoint point{.context_tokens = 512};
  const MeasuredCost one{Placement(4, MixerKind::Full), {point}, "here"}, none{one.placement, {}, "here"};
  for (const CostEvent& event : {CostEvent{"", one, none}, CostEvent{"", none, none}}) {
    const EventRow row = rowsOf(event).at(0);
    EXPECT_EQ(test::errorOf([&] { eventFrom(row.kind, row.data, "here"); }).kind(), ErrorKind::BadInput);
  }
}

TEST_F(StoreTest, ScoresOfAnOlderStoreHaveSamplesThatAreUnknown) {
  const Score score = scoreOf("kl", "nats", {1, 2}, "of these");
  const EventRow row = rowsOf(ScoreEvent{"found", Placement(4, MixerKind::Full), {score}}).at(0);
  const auto read = [&](const nlohmann::json& data) {
    return std::get<ScoreEvent>(eventFrom(row.kind, data.dump(), "here")).scores.at(0);
  };
  nlohmann::json data = nlohmann::json::parse(row.data);
  EXPECT_EQ(read(data).samples_id, "of these");
  data.erase("samples_id");
  EXPECT_EQ(read(data).samples_id, "");
  EXPECT_EQ(read(data).per_sample, score.per_sample);
  EXPECT_FALSE(differenceOf(read(data), score).paired);
  data["samples_id"] = 7;
  EXPECT_THROW(read(data), Error);
}

TEST_F(StoreTest, OneRunIsTheBaseline) {
  StoreWriter writer(file_);
  const RunId first = writer.addRun(sampleSpec("first")), second = writer.addRun(sampleSpec("second"));
  writer.setBaseline(first, true);
  writer.remove(first);
  writer.setBaseline(second, true);
  writer.restore(first);
  const Store store = Store::open(file_);
  EXPECT_FALSE(store.run(first).baseline) << "brought back";
  EXPECT_TRUE(store.run(second).baseline);
  writer.setBaseline(second, false);
  EXPECT_FALSE(store.run(second).baseline);
  EXPECT_THROW(writer.setBaseline(99, true), Error);
}

TEST_F(StoreTest, KeepsWhatTheResearcherNotes) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("before"));
  writer.setTitle(id, "after");
  writer.setNote(id, "a note");
  writer.setTags(id, {"b", "a"});
  writer.setBaseline(id, true);
  writer.setPhase(id, Phase::Failed, "no such model");
  writer.addExport(id, {"", "hf", "/tmp/out", {{"seed", 3}}});
  const Store store = Store::open(file_);
  const RunSummary run = store.run(id);
  EXPECT_EQ(run.title, "after");
  EXPECT_EQ(run.note, "a note");
  EXPECT_THAT(run.tags, ElementsAre("b", "a"));
  EXPECT_TRUE(run.baseline);
  EXPECT_EQ(run.phase, Phase::Failed);
  EXPECT_EQ(run.reason, "no such model");
  ASSERT_EQ(store.exports(id).size(), 1u);
  EXPECT_EQ(store.exports(id)[0].provenance, (nlohmann::json{{"seed", 3}}));

  writer.remove(id);
  EXPECT_THAT(store.runs(), IsEmpty());
  EXPECT_EQ(store.runs(true).size(), 1u);
  writer.restore(id);
  EXPECT_EQ(store.runs().size(), 1u);
  writer.record(id, sampleStep(1, 2));
  writer.purge(id);
  EXPECT_THAT(store.runs(true), IsEmpty());
  writer.record(id, sampleStep(2, 2));
  EXPECT_TRUE(writer.flush());
  EXPECT_EQ(writer.status().dropped, 1);
  EXPECT_THROW(store.run(id), Error);
  EXPECT_THROW(writer.setNote(id, ""), Error);
}

TEST_F(StoreTest, WhatCannotBeReadIsToldWithFileAndRun) {
  RunId id = 0;
  {
    StoreWriter writer(file_);
    id = writer.addRun(sampleSpec("damaged"));
    for (const Event& event : sampleEvents()) writer.record(id, event);
  }
  SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec("UPDATE events SET data = '{}'");
  const Store store = Store::open(file_);
  const std::string place = file_.string() + ": run " + std::to_string(id) + ": ";
  const auto expectTold = [&](auto read) {
    const Error error = test::errorOf(read);
    EXPECT_EQ(error.kind(), ErrorKind::BadInput);
    EXPECT_THAT(error.what(), testing::StartsWith(place));
  };
  expectTold([&] { store.alignments(id); });
  expectTold([&] { store.placements(id); });
  expectTold([&] { store.scores(id); });
  expectTold([&] { store.log(id); });
  expectTold([&] { store.spec(id); });
  expectTold([&] { store.environment(id); });
  expectTold([&] { store.events(id); });
}

TEST_F(StoreTest, CostsThatLackAnOperatorAreDamage) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("costs"));
  EnvironmentEvent environment;
  environment.costs = {{8192, {std::vector<MixerCost>(kMixerKinds)}}};
  writer.record(id, environment);
  ASSERT_TRUE(writer.flush());
  EXPECT_EQ(Store::open(file_).environment(id)->costs.at(0).rows.at(0).size(), kMixerKinds);
  for (const std::size_t cells : {0, kMixerKinds - 1, kMixerKinds + 1}) {
    environment.costs[0].rows[0].resize(cells);
    writer.record(id, environment);
    ASSERT_TRUE(writer.flush());
    const Error error = test::errorOf([&] { Store::open(file_).environment(id); });
    EXPECT_EQ(error.kind(), ErrorKind::BadInput);
    EXPECT_THAT(error.what(), HasSubstr("costs of " + std::to_string(cells) + " operators"));
    EXPECT_THAT(checkStore(file_).problems, ElementsAre(HasSubstr("costs of")));
  }
}

TEST_F(StoreTest, WhyEventsAreLostIsTold) {
  RunId damaged = 0, whole = 0;
  {
    StoreWriter writer(file_);
    damaged = writer.addRun(sampleSpec("damaged"));
    whole = writer.addRun(sampleSpec("whole"));
    writer.record(damaged, sampleStep(1, 9));
  }
  SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec("UPDATE chunks SET logits = substr(logits, 2)");
  StoreWriter writer(file_);
  writer.record(damaged, sampleStep(2, 9));
  EXPECT_TRUE(writer.flush());
  writer.record(whole, sampleStep(1, 9));
  EXPECT_TRUE(writer.flush());
  EXPECT_EQ(writer.status().dropped, 1);
  EXPECT_THAT(writer.status().problem, HasSubstr("run 1: "));
  EXPECT_THAT(writer.status().problem, HasSubstr("do not hold"));
  EXPECT_EQ(Store::open(file_).steps(whole).size(), 1u);
}

}  // namespace
}  // namespace interleave
