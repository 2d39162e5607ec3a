// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/transfer.h"

#include <gmock/gmock.h>

#include "sessions/batch.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::errorOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Score scoreOfTask(const std::string& task, double value) {
  return scoreOf(task, "nats", {value, value + 1, value + 2}, "the same samples");
}

/// A store with runs as programs record them.
class Transfers : public ::testing::Test {
 protected:
  RunId add(const std::string& method, std::uint64_t seed, const std::vector<Placement>& found,
            const std::string& fingerprint = "a model") {
    RunSpec spec;
    spec.method = method;
    spec.seed = seed;
    spec.bank_dir = "/bank";
    spec.model_path = "/model";
    const RunId id = writer_.addRun(spec);
    EnvironmentEvent environment;
    environment.layers = 4;
    environment.model_fingerprint = fingerprint;
    writer_.record(id, environment);
    for (std::size_t i = 0; i < found.size(); ++i) {
      PlacementEvent event;
      event.budget = Budget::layers(static_cast<int>(i) + 1);
      event.placement = found[i];
      writer_.record(id, event);
    }
    return id;
  }
  void judge(RunId run, const Condition& condition, const Placement& found, double value) {
    writer_.record(run, condition.event(found, {scoreOfTask("kl", value)}, 2));
  }
  Store store() {
    EXPECT_TRUE(writer_.flush());
    return Store::open(file_);
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "runs.sqlite";
  StoreWriter writer_{file_};
  const Placement two_ = Placement::uniform(4, 2, 0, MixerKind::GdnWindow),
                  one_ = Placement::uniform(4, 1, 0, MixerKind::GdnWindow);
};

TEST(Conditions, SayWhatDiffers) {
  Workbench::EvaluationRequest usual;
  usual.prompts = 7;
  const Condition condition = Condition::parse("operator=swa,bank=/a,b,seed=0,prompt_tokens=90,wording=letter", usual);
  EXPECT_EQ(condition.rest, MixerKind::SlidingWindow);
  EXPECT_EQ(condition.bank, "/a,b") << "a comma may be part of a name";
  EXPECT_EQ(condition.request.seed, 0u);
  EXPECT_EQ(condition.request.prompt_tokens, 90);
  EXPECT_EQ(condition.request.wording, "letter");
  EXPECT_EQ(condition.request.prompts, 7) << "as usual";
  const Placement found = Placement::uniform(4, 2, 1, MixerKind::GdnWindow);
  EXPECT_EQ(condition.of(found), Placement::uniform(4, 2, 1, MixerKind::SlidingWindow));
  RunSpec spec;
  spec.model_path = "/model";
  spec.bank_dir = "/bank";
  EXPECT_EQ(condition.requestFor(spec).candidates.bank, "/a,b");
  EXPECT_EQ(Condition().requestFor(spec).candidates.bank, "/bank");
  EXPECT_EQ(Condition().of(found), found);
  EXPECT_EQ(Condition().manner(), mannerOf({}));
  EXPECT_THAT(condition.manner(), HasSubstr("/a,b"));
}

TEST(Conditions, PromptsAreInTheFormOfTheRunUnlessAnotherIsNamed) {
  RunSpec spec, older;
  spec.search_settings = {{"chat", "none"}};
  EXPECT_EQ(Condition().requestFor(spec).chat, "none");
  EXPECT_EQ(Condition().requestFor(older).chat, "auto");
  EXPECT_EQ(Condition::parse("chat=chatml", {}).requestFor(spec).chat, "chatml");
  EXPECT_THAT(Condition::parse("chat=chatml", {}).forRun(spec).manner(), HasSubstr("chat chatml"));
  EXPECT_EQ(Condition().forRun(older).manner(), mannerOf({})) << "as before there were forms";
}

TEST(Conditions, NameWhatIsWrong) {
  const auto wrong = [](const std::string& text) {
    const Error error = errorOf([&] { Condition::parse(text, {}); });
    EXPECT_EQ(error.kind(), ErrorKind::Usage) << text;
    return std::string(error.what());
  };
  EXPECT_THAT(wrong(""), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(wrong("shorter"), HasSubstr("shorter"));
  EXPECT_THAT(wrong("operators=swa"), HasSubstr("operator"));
  EXPECT_THAT(wrong("operator=full"), HasSubstr("operator=full"));
  EXPECT_THAT(wrong("prompts=0"), HasSubstr("1 or more"));
  EXPECT_THAT(wrong("seed=-1"), HasSubstr("0 or more"));
  EXPECT_THAT(wrong("tokens=12x"), HasSubstr("tokens=12x"));
}

TEST_F(Transfers, AreATableOfTheirOwn) {
  const Condition as_found, windows = Condition::parse("operator=swa", {}), seed = Condition::parse("seed=7", {});
  const RunId first = add("dash", 0, {two_, one_}), second = add("kl-ls", 3, {one_});
  judge(first, as_found, two_, 1);
  judge(first, windows, two_, 2);
  judge(first, windows, one_, 3);
  judge(second, seed, one_, 4);
  writer_.record(first, ScoreEvent{"found", two_, {scoreOfTask("kl", 9)}, "", 1});

  const TransferTable table = transferIn(store(), std::vector{second, first});
  EXPECT_THAT(table.rows,
              ElementsAre("run 2: kl-ls seed 3, K = 1", "run 1: dash seed 0, K = 2", "run 1: dash seed 0, K = 1"));
  EXPECT_THAT(table.columns, ElementsAre("as found", "seed=7", "operator=swa")) << "whatever came first";
  const auto value = [&](std::size_t row, std::size_t column) {
    const Score* score = table.score(row, column, "kl");
    return score == nullptr ? -1 : score->value;
  };
  EXPECT_EQ(value(0, 0), -1) << "not judged";
  EXPECT_EQ(value(0, 1), 5) << "a mean";
  EXPECT_EQ(value(1, 0), 2);
  EXPECT_EQ(value(1, 2), 3);
  EXPECT_EQ(value(2, 2), 4) << "of the same run at another budget";
  EXPECT_EQ(store().scores(first).size(), 1u) << "what was found is compared without them";
  EXPECT_EQ(store().transfers(first).size(), 3u);
}

TEST_F(Transfers, APlacementFoundAtSeveralBudgetsIsOneRow) {
  const Placement windows = Placement::uniform(4, 2, 0, MixerKind::SlidingWindow);
  const RunId run = add("beam", 0, {two_, two_, windows});
  judge(run, Condition(), two_, 1);
  judge(run, Condition(), windows, 2);
  const TransferTable table = transferIn(store(), std::vector{run});
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.score(0, 0, "kl")->value, 2) << "its own, though another keeps the same layers";
  EXPECT_EQ(table.score(1, 0, "kl")->value, 3);
}

TEST_F(Transfers, OfOneNameMeasuredOtherwiseAreTwoColumns) {
  Workbench::EvaluationRequest longer;
  longer.text_tokens *= 2;
  const RunId run = add("dash", 0, {two_});
  judge(run, Condition::parse("operator=swa", {}), two_, 1);
  judge(run, Condition::parse("operator=swa", longer), two_, 2);
  EXPECT_THAT(transferIn(store(), std::vector{run}).columns, ElementsAre("operator=swa", "operator=swa (2)"));
}

TEST_F(Transfers, AreNotMeasuredTwice) {
  const Condition windows = Condition::parse("operator=swa", {});
  const RunId run = add("dash", 0, {two_}), twin = add("halo", 1, {two_}), other = add("dash", 0, {two_}, "another");
  judge(run, windows, two_, 1);
  const Store now = store();
  const auto known = [&](RunId of, const Condition& condition) {
    return !lookUp(now, of, two_, condition).event.scores.empty();
  };
  const auto recorded = [&](RunId of, const Condition& condition) { return lookUp(now, of, two_, condition).recorded; };
  EXPECT_TRUE(known(run, windows));
  EXPECT_TRUE(recorded(run, windows));
  EXPECT_TRUE(known(twin, windows)) << "the same placement of the same model and bank";
  EXPECT_FALSE(recorded(twin, windows));
  EXPECT_FALSE(known(other, windows)) << "of another model";
  EXPECT_FALSE(known(run, Condition()));
  EXPECT_FALSE(known(run, Condition::parse("operator=swa,chat=none", {})));
  EXPECT_FALSE(known(run, Condition::parse("operator=swa,seed=4", {})));
}

}  // namespace
}  // namespace interleave
