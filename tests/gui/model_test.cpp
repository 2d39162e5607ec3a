// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <QLocale>
#include <cmath>

#include "gui/model/placement_book.h"
#include "gui/model/placement_editor.h"
#include "gui/model/readings.h"
#include "gui/model/run_model.h"
#include "gui/style/color_map.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using testing::ElementsAre;

constexpr MixerKind F = MixerKind::Full, W = MixerKind::SlidingWindow, H = MixerKind::GdnWindow;

StepEvent stepOf(std::vector<float> logits) {
  StepEvent step;
  step.step = 1;
  step.steps = 4;
  step.operators = {F, W, H};
  step.probabilities = logits;
  step.logits = std::move(logits);
  return step;
}

TEST(Readings, KeepsTheLayersWithTheLargestAdvantage) {
  //                           F  W  H    F  W  H   F  W  H   F  W  H
  const StepEvent step = stepOf({1, 0, .5f, 3, 1, 0, 2, 0, 0, 0, 1, 2});  // advantages .5, 2, 2, −2
  EXPECT_THAT(fullAdvantages(step), ElementsAre(.5, 2, 2, -2));
  EXPECT_EQ(keepLargest(step, 0), Placement({H, W, W, H}));
  EXPECT_EQ(keepLargest(step, 1), Placement({H, F, W, H})) << "ties go to the lower index";
  EXPECT_EQ(keepLargest(step, 2), Placement({H, F, F, H}));
  EXPECT_EQ(keepLargest(step, 4), Placement(4, F));
  EXPECT_EQ(keepLargest(step, 99), Placement(4, F));
  EXPECT_EQ(keepLargest(step, 2, {{3, F}, {1, W}}), Placement({H, W, F, F})) << "pins count";
  const std::vector<Intervention> changes{{.kind = Intervention::Kind::Pin, .step = 2, .layer = 3, .mixer = F},
                                          {.kind = Intervention::Kind::Release, .step = 4, .layer = 3}};
  EXPECT_TRUE(pinsAt(changes, 1).empty());
  EXPECT_EQ(pinsAt(changes, 2), (Pins{{3, F}}));
  EXPECT_TRUE(pinsAt(changes, 4).empty());
  EXPECT_DOUBLE_EQ(marginAt(step, 2), 1.5);
  EXPECT_DOUBLE_EQ(marginAt(step, 1), 0);
  EXPECT_TRUE(std::isnan(marginAt(step, 0)));
  EXPECT_TRUE(std::isnan(marginAt(step, 4)));
}

TEST(Readings, BreakEvenLiesBetweenTheTable) {
  std::vector<CostTable> costs;
  for (std::int64_t tokens = 64; tokens <= 1024; tokens *= 2) {
    const std::vector<MixerCost> row{{0, 0, tokens}, {0, 0, 300}, {0, 0, 300}, {0, 0, 300}};
    costs.push_back({tokens, {row, row}});
  }
  const std::optional<double> at = breakEven(costs, Placement(2, H));
  ASSERT_TRUE(at);
  EXPECT_NEAR(*at, 300, 1);
  EXPECT_FALSE(breakEven(costs, Placement(2, F))) << "the teacher does not save against itself";
  EXPECT_FALSE(breakEven(costs, Placement(3, H))) << "costs of another model";
}

TEST(RunRecord, GoesBackWhenARunRepeatsSteps) {
  RunRecord record;
  MailboxContents contents;
  for (const std::int64_t number : {1, 2, 3, 2}) {
    StepEvent step = stepOf({0, 0, 0});
    step.step = number;
    contents.steps.push_back(step);
  }
  record.take(std::move(contents));
  ASSERT_EQ(record.steps.size(), 2u);
  EXPECT_EQ(record.steps.back().step, 2);
}

TEST(RunRecord, StaysBounded) {
  RunRecord record;
  for (int round = 0; round < 20; ++round) {
    MailboxContents contents;
    for (int i = 0; i < 1000; ++i) {
      StepEvent step = stepOf({0, 0, 0});
      step.step = round * 1000 + i + 1;
      contents.steps.push_back(step);
    }
    record.take(std::move(contents));
  }
  EXPECT_LE(record.steps.size(), RunRecord::kMostSteps);
  EXPECT_GE(record.steps.size(), RunRecord::kMostSteps / 4);
  EXPECT_EQ(record.steps.front().step, 1);
  EXPECT_EQ(record.steps.back().step, 20000);
}

StepEvent numbered(std::int64_t number) {
  StepEvent step = stepOf({static_cast<float>(number), 0, 0});
  step.step = number;
  step.if_stopped_now = Placement(1, F);
  return step;
}

TEST(RunRecord, ThinsEvenlyHoweverSinglyStepsCome) {
  RunRecord record;
  constexpr std::int64_t kSteps = 20001;
  for (std::int64_t number = 1; number <= kSteps; ++number) {
    MailboxContents contents;
    contents.steps.push_back(numbered(number));
    record.take(std::move(contents));
    ASSERT_EQ(record.steps.back().step, number) << "the newest is always there";
  }
  EXPECT_EQ(record.stride, 8);
  ASSERT_EQ(record.steps.size(), (kSteps - 1) / 8 + 1);
  for (std::size_t i = 0; i < record.steps.size(); ++i) {
    ASSERT_EQ(record.steps[i].step, 1 + 8 * static_cast<std::int64_t>(i));
  }
  MailboxContents contents;
  contents.steps.push_back(numbered(kSteps + 3));
  record.take(std::move(contents));
  EXPECT_EQ(record.steps.back().step, kSteps + 3);

  const FullHistory map = fullHistory(record);
  ASSERT_EQ(map.columns, static_cast<int>((kSteps - 1) / 8 + 1)) << "the newest stands between two columns";
  for (int column = 0; column < map.columns; column += 100) {
    EXPECT_EQ(map.values[static_cast<std::size_t>(column)], static_cast<float>(map.first + column * map.stride));
  }
}

TEST(RunRecord, ThinsEachKindOfCandidateByItself) {
  RunRecord record;
  for (std::int64_t step = 1; step <= 5000; ++step) {
    MailboxContents contents;
    for (const MixerKind kind : {W, H})
      contents.alignments.push_back({.kind = kind, .step = step, .relative_error = {1}});
    record.take(std::move(contents));
  }
  EXPECT_LE(record.alignments.size(), RunRecord::kMostSteps);
  for (const MixerKind kind : {W, H}) {
    const std::vector<const AlignmentEvent*> events = trainingOf(record, kind, false);
    ASSERT_GT(events.size(), 1000u);
    EXPECT_EQ(events.front()->step, 1);
    EXPECT_EQ(events.back()->step, 5000);
  }
}

TEST(RunRecord, KeepsMeasuresOfLayersApartAndGoesBackInEach) {
  RunRecord record;
  const auto take = [&](std::int64_t step, double value) {
    MailboxContents contents;
    contents.rare.emplace_back(LayerScoreEvent{step, "recall lost", "share", {value}});
    contents.rare.emplace_back(LayerScoreEvent{step, "sense kept", "share", {-value}});
    record.take(std::move(contents));
  };
  for (int step = 1; step <= 4; ++step) take(step, step);
  take(3, 30);  // resumed behind step 2
  ASSERT_EQ(record.layer_scores.size(), 2u);
  for (const double sign : {1.0, -1.0}) {
    const std::vector<LayerScoreEvent>& events = record.layer_scores[sign > 0 ? 0 : 1];
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[1].values[0], 2 * sign);
    EXPECT_EQ(events[2].values[0], 30 * sign);
  }
}

TEST(Readings, KnowsTheCandidatesOfEachKind) {
  RunRecord record;
  record.alignments = {{.kind = W, .held_out = true, .relative_error = {.5f}},  // as the bank had it
                       {.kind = H, .step = 1, .relative_error = {.4f}},
                       {.kind = H, .step = 2, .held_out = true, .relative_error = {.3f}},
                       {.kind = H, .step = 2, .relative_error = {.2f}}};
  EXPECT_THAT(bankKinds(record), ElementsAre(W, H));
  EXPECT_THAT(bankError(record, W), ElementsAre(.5f));
  EXPECT_THAT(bankError(record), ElementsAre(.3f)) << "held-out before the batch trained on";
  EXPECT_THAT(bankError(record, F), testing::IsEmpty());
  EXPECT_THAT(trainingOf(record, W, true), testing::IsEmpty()) << "step 0 is no point of a curve";
  EXPECT_EQ(trainingOf(record, H, false).size(), 2u);
}

TEST(RunModel, HoldsOnToAStepWhenTheRecordIsThinned) {
  RunModel model;
  auto record = std::make_shared<RunRecord>();
  const auto take = [&](std::int64_t first, std::int64_t last) {
    MailboxContents contents;
    for (std::int64_t number = first; number <= last; ++number) contents.steps.push_back(numbered(number));
    record->take(std::move(contents));
    model.recordChanged();
  };
  take(1, 4000);
  model.show(record);
  model.setPosition(1000);
  ASSERT_EQ(model.step()->step, 1001);
  take(4001, 8000);
  EXPECT_EQ(model.step()->step, 1001);
  EXPECT_EQ(model.position(), 500);
  take(8001, 16000);
  EXPECT_EQ(model.step()->step, 1001);
  EXPECT_FALSE(model.following());
}

TEST(RunModel, ComparesAStepWithTheOneBeforeAtTheSameBudget) {
  RunModel model;
  auto record = std::make_shared<RunRecord>();
  //                                     F  W  H     F  W  H    F  W  H
  for (const auto& logits :
       {std::vector<float>{3, 0, 1, 2, 0, 1, 0, 0, 1}, std::vector<float>{3, 0, 1, 0, 0, 1, 2, 0, 1}}) {
    StepEvent step = stepOf(logits);
    step.step = static_cast<std::int64_t>(record->steps.size()) + 1;
    step.if_stopped_now = keepLargest(step, 1);
    record->steps.push_back(step);
  }
  model.show(record);
  EXPECT_EQ(model.placementBefore(), Placement({F, H, H}));
  model.setKept(2);
  EXPECT_EQ(model.placement(), Placement({F, H, F}));
  EXPECT_EQ(model.placementBefore(), Placement({F, F, H}));
  record->placements.push_back({.placement = Placement({H, H, F})});
  EXPECT_FALSE(model.placementIsFound()) << "another budget";
  model.setKept(-1);
  EXPECT_TRUE(model.placementIsFound());
  EXPECT_EQ(model.placementBefore().layers(), 0);
}

TEST(RunModel, FollowsTheNewestUntilMoved) {
  RunModel model;
  auto record = std::make_shared<RunRecord>();
  for (int i = 1; i <= 5; ++i) {
    StepEvent step = stepOf({0, 0, 0});
    step.step = i;
    record->steps.push_back(step);
  }
  model.show(record);
  EXPECT_EQ(model.step()->step, 5);
  model.setPosition(1);
  EXPECT_EQ(model.step()->step, 2);
  EXPECT_EQ(model.previousStep()->step, 1);
  record->steps.push_back(record->steps.back());
  model.recordChanged();
  EXPECT_EQ(model.step()->step, 2) << "new steps leave the past alone";
  model.setPosition(99);
  EXPECT_TRUE(model.following());
}

TEST(PlacementBook, FewSamplesNeverStandForAll) {
  PlacementBook book;
  const Placement placement(4, F);
  const auto kl = [](double value) { return std::vector<Score>{{"kl", "nats", value, 0, 8, {}}}; };
  book.add({}, placement, kl(0.5), false);
  EXPECT_FALSE(book.find(placement)->thorough);
  book.add({}, placement, {{"nll", "nats", 3, 0, 64, {}}}, true);
  EXPECT_TRUE(book.find(placement)->thorough);
  EXPECT_EQ(scoreOf(book.find(placement)->scores, "kl"), nullptr) << "of few samples";
  book.add({}, placement, kl(0.25), true);
  book.add({}, placement, kl(0.75), false);
  EXPECT_EQ(scoreOf(book.find(placement)->scores, "kl")->value, 0.25);
}

TEST(PlacementEditor, UndoesAndRespectsPins) {
  PlacementEditor editor;
  editor.load(Placement(4, H), {F, H});
  editor.set(1, F);
  editor.set(2, W);  // not offered
  EXPECT_EQ(editor.placement(), Placement({H, F, H, H}));
  EXPECT_TRUE(editor.edited());
  editor.setPinned(3, true);
  editor.set(3, F);
  EXPECT_EQ(editor.placement()[3], H);
  editor.undoStack().undo();
  EXPECT_EQ(editor.placement(), Placement(4, H));
  EXPECT_FALSE(editor.edited());
  editor.undoStack().redo();
  EXPECT_EQ(editor.placement()[1], F);
}

TEST(PlacementEditor, FollowsARunThatComesToTheEdit) {
  PlacementEditor editor;
  editor.load(Placement(4, H), {F, H});
  editor.set(1, F);
  const Placement mine = editor.placement();
  ASSERT_TRUE(editor.edited());
  editor.load(mine, {F, H});
  EXPECT_FALSE(editor.edited());
}

TEST(PlacementEditor, KeepsPinsUntilAnotherModel) {
  PlacementEditor editor;
  editor.load(Placement(4, H), {F, H});
  editor.setPinned(2, true);
  editor.load({}, {});  // a run begins
  EXPECT_THAT(editor.pinned(), testing::IsEmpty()) << "there is no layer to pin";
  editor.load(Placement(4, F), {F, H});
  EXPECT_EQ(editor.pinned(), (Pins{{2, H}}));
  editor.load(Placement(5, F), {F, H});
  EXPECT_THAT(editor.pinned(), testing::IsEmpty());
}

TEST(PlacementBook, MergesEqualPlacementsAndTheirScores) {
  PlacementBook book;
  book.add(QStringLiteral("a"), Placement(4, H), {{.task = "kl", .value = 1}});
  book.add(QStringLiteral("b"), Placement(4, H), {{.task = "kl", .value = 2}, {.task = "nll", .value = 3}});
  ASSERT_EQ(book.entries().size(), 1u);
  EXPECT_EQ(book.entries()[0].label, QStringLiteral("a"));
  ASSERT_EQ(book.entries()[0].scores.size(), 2u);
  EXPECT_EQ(book.entries()[0].scores[0].value, 2);
  book.add(QStringLiteral("another model"), Placement(5, H));
  EXPECT_EQ(book.entries().size(), 1u);
}

TEST(PlacementBook, SuggestsWhatIsNotThereUnticked) {
  PlacementBook book;
  const Placement known = Placement::uniform(6, 2, 0, MixerKind::GdnWindow),
                  other = Placement::first(6, 2, MixerKind::Gdn);
  book.add(QStringLiteral("known"), known);
  book.suggest(QStringLiteral("again"), known);
  book.suggest(QStringLiteral("other"), other);
  book.suggest(QStringLiteral("deeper"), Placement::first(9, 2, MixerKind::Gdn));
  ASSERT_EQ(book.entries().size(), 2U);
  EXPECT_EQ(book.find(known)->label, QStringLiteral("known"));
  EXPECT_TRUE(book.find(known)->compared);
  EXPECT_FALSE(book.find(other)->compared);
}

TEST(PlacementBook, OffersPublishedPlacementsUntickedWithTheirSource) {
  PlacementBook book;
  book.add(QStringLiteral("a"), Placement(4, H));
  book.offer(QStringLiteral("b"), Placement(4, F), QStringLiteral("paper one"));
  ASSERT_EQ(book.entries().size(), 2u);
  EXPECT_FALSE(book.entries()[1].compared);
  EXPECT_EQ(book.entries()[1].source, QStringLiteral("paper one"));
  book.offer(QStringLiteral("c"), Placement(4, H), QStringLiteral("paper two"));
  book.offer(QStringLiteral("d"), Placement(4, H), QStringLiteral("paper three"));
  book.offer(QStringLiteral("d"), Placement(4, H), QStringLiteral("paper three"));
  ASSERT_EQ(book.entries().size(), 2u);
  EXPECT_EQ(book.entries()[0].label, QStringLiteral("a"));
  EXPECT_TRUE(book.entries()[0].compared);
  EXPECT_EQ(book.entries()[0].source, QStringLiteral("paper two\n\npaper three"));
  book.offer(QStringLiteral("another model's"), Placement(5, H), QStringLiteral("paper four"));
  EXPECT_EQ(book.entries().size(), 2u);
}

TEST(Format, FollowsTheLocale) {
  QLocale::setDefault(QLocale::c());
  EXPECT_EQ(bytesText(53.6e6), QStringLiteral("53.6\u00a0MB"));
  EXPECT_EQ(bytesText(12), QStringLiteral("12\u00a0B"));
  EXPECT_EQ(tokensText(8192), QStringLiteral("8k"));
  EXPECT_EQ(tokensText(11600), QStringLiteral("11.6k"));
  EXPECT_EQ(durationText(72), QStringLiteral("1:12"));
  EXPECT_EQ(durationText(3725), QStringLiteral("1:02:05"));
  EXPECT_EQ(durationText(-1), QStringLiteral("–"));
  EXPECT_EQ(withError(0.6634, 0.071), QStringLiteral("0.66 ± 0.07"));
  EXPECT_EQ(numberText(std::nan("")), QStringLiteral("–"));
  QLocale::setDefault(QLocale(QLocale::German));
  EXPECT_EQ(bytesText(53.6e6), QStringLiteral("53,6\u00a0MB"));
  QLocale::setDefault(QLocale::c());
}

/// Lightness of CIELAB, from sRGB.
double lightness(const QColor& color) {
  const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
  const double y = 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
  return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

TEST(ColorMap, MagnitudesGrowLighter) {
  for (const ColorMap map : {ColorMap::Viridis, ColorMap::Cividis}) {
    double before = -1;
    for (int i = 0; i <= 20; ++i) {
      const double now = lightness(mapped(map, i / 20.0));
      EXPECT_GT(now, before - 0.3) << i;
      before = now;
    }
  }
  // The ends of viridis as published: #440154 and #fde725.
  EXPECT_NEAR(mapped(ColorMap::Viridis, 0).red(), 0x44, 4);
  EXPECT_NEAR(mapped(ColorMap::Viridis, 1).green(), 0xe7, 4);
  const QColor middle = mapped(ColorMap::Diverging, 0.5);
  EXPECT_NEAR(middle.red(), middle.blue(), 8) << "neutral";
}

}  // namespace
}  // namespace interleave::gui
