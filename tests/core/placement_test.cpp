// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/placement.h"

#include <gmock/gmock.h>

#include <set>
#include <unordered_set>

#include "backend/core/error.h"

namespace interleave {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr MixerKind kRest = MixerKind::GdnWindow;

TEST(MixerKind, NamesLettersAndBack) {
  EXPECT_THAT(mixerKindNames(), ElementsAre("full", "swa", "gdn", "gdn-window"));
  std::set<char> letters;
  for (int i = 0; i < kMixerKinds; ++i) {
    const auto kind = static_cast<MixerKind>(i);
    EXPECT_EQ(mixerKindNamed(name(kind)), kind);
    EXPECT_FALSE(title(kind).empty());
    letters.insert(letter(kind));
  }
  EXPECT_EQ(letters.size(), static_cast<std::size_t>(kMixerKinds));
  EXPECT_EQ(mixerKindNamed("mamba"), std::nullopt);
}

TEST(Placement, KeepsTheLayersAskedFor) {
  const int kept[] = {4, 0};
  const Placement placement = Placement::keeping(6, kept, kRest);
  EXPECT_THAT(placement.kept(), ElementsAre(0, 4));
  EXPECT_EQ(placement.fullCount(), 2);
  EXPECT_EQ(placement.line(), "F···F·");
  EXPECT_EQ(placement[1], kRest);
}

TEST(Placement, RefusesLayersThatAreNotThereOrTwice) {
  for (const std::vector<int>& kept : {std::vector{6}, {-1}, {2, 2}}) {
    try {
      Placement::keeping(6, kept, kRest);
      ADD_FAILURE() << kept[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
    }
  }
}

TEST(Placement, UniformIsEvenAndWraps) {
  EXPECT_THAT(Placement::uniform(30, 8, 0, kRest).kept(), ElementsAre(0, 3, 7, 11, 15, 18, 22, 26));
  EXPECT_THAT(Placement::uniform(10, 2, 7, kRest).kept(), ElementsAre(2, 7));
  EXPECT_EQ(Placement::uniform(10, 10, 3, kRest).fullCount(), 10);
  EXPECT_THAT(Placement::uniform(10, 0, 0, kRest).kept(), IsEmpty());
}

TEST(Placement, FirstAndLast) {
  EXPECT_THAT(Placement::first(5, 2, kRest).kept(), ElementsAre(0, 1));
  EXPECT_THAT(Placement::last(5, 2, kRest).kept(), ElementsAre(3, 4));
  EXPECT_THROW(Placement::first(5, 6, kRest), Error);
  EXPECT_THROW(Placement::last(5, -1, kRest), Error);
}

TEST(Placement, RandomIsTheSameForASeedOnEveryMachine) {
  EXPECT_THAT(Placement::random(12, 4, 1, kRest).kept(), ElementsAre(0, 1, 4, 7));
  EXPECT_EQ(Placement::random(30, 8, 5, kRest), Placement::random(30, 8, 5, kRest));
  EXPECT_NE(Placement::random(30, 8, 5, kRest), Placement::random(30, 8, 6, kRest));
  EXPECT_EQ(Placement::random(30, 8, 5, kRest).fullCount(), 8);
}

TEST(Placement, IsAnOrderedHashableValue) {
  const Placement a(3, MixerKind::Full), b(3, kRest);
  EXPECT_LT(a, b);
  EXPECT_EQ((std::unordered_set<Placement>{a, b, a}).size(), 2u);
  Placement c = b;
  c.set(1, MixerKind::SlidingWindow);
  EXPECT_EQ(c.line(), "·w·");
  EXPECT_NE(c, b);
  EXPECT_EQ(std::hash<Placement>{}(b), std::hash<Placement>{}(Placement(3, kRest)));
}

TEST(Placement, ComparesWithAnother) {
  const int one[] = {0, 1, 2}, two[] = {1, 2, 3};
  const Placement a = Placement::keeping(5, one, kRest), b = Placement::keeping(5, two, kRest);
  EXPECT_DOUBLE_EQ(jaccard(a, b), 0.5);
  EXPECT_DOUBLE_EQ(jaccard(a, a), 1);
  EXPECT_DOUBLE_EQ(overlapAtK(a, b), 2.0 / 3);
  EXPECT_DOUBLE_EQ(overlapAtK(a, Placement(5, MixerKind::Full)), 1) << "the one holds the other";
  EXPECT_DOUBLE_EQ(overlapAtK(a, Placement(5, kRest)), 1);
  EXPECT_DOUBLE_EQ(overlapAtK(a, Placement::last(5, 2, kRest)), 0);
  EXPECT_DOUBLE_EQ(jaccard(Placement(5, kRest), Placement(5, MixerKind::Gdn)), 1);
  EXPECT_THAT(differingLayers(a, b), ElementsAre(0, 3));
  EXPECT_THROW(differingLayers(a, Placement(6, kRest)), Error);
}

}  // namespace
}  // namespace interleave
