// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "resources/resources.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using enum MixerKind;
using nlohmann::json;
using testing::AllOf;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

const PublishedSelection& bundled(const std::string& name) {
  const auto found = std::ranges::find(bundledPublished(), name, &PublishedSelection::name);
  if (found == bundledPublished().end()) throw failure(name, "is not bundled");
  return *found;
}

std::vector<int> kept(const std::string& name, int count) { return bundled(name).placement(count, Gdn).kept(); }

template <class Action>
std::string refusal(ErrorKind kind, Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "accepted";
}

std::vector<int> top(const PublishedSelection& selection, std::size_t count) {
  return {selection.ranking.begin(), selection.ranking.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::vector<int> sorted(std::vector<int> layers) {
  std::ranges::sort(layers);
  return layers;
}

// ---------------------------------------------------------------------------------------------------- what ships

TEST(BundledPublished, AllOpenWithNamesOfTheirOwnAndTheirSource) {
  std::set<std::string> names;
  for (const PublishedSelection& selection : bundledPublished()) {
    EXPECT_TRUE(names.insert(selection.name).second) << selection.name;
    EXPECT_THAT(selection.source, HasSubstr("arXiv ")) << selection.name;
    EXPECT_THAT(selection.url, HasSubstr("https://arxiv.org/abs/")) << selection.name;
    EXPECT_GE(selection.year, 2025) << selection.name;
    for (const int count : selection.counts()) {
      const Placement placement = selection.placement(count, GdnWindow);
      EXPECT_EQ(placement.layers(), selection.layers);
      EXPECT_EQ(placement.fullCount(), count);
    }
    EXPECT_EQ(selection.ranking.empty(), !selection.sets.empty());
  }
  EXPECT_GE(names.size(), 30U);
}

TEST(BundledPublished, KlLsIsOneOrderForEveryCountPublished) {
  EXPECT_EQ(kept("kl-ls-qwen2.5-3b", 5), sorted({20, 32, 33, 21, 22}));
  EXPECT_EQ(kept("kl-ls-qwen2.5-3b", 9), sorted({20, 32, 33, 21, 22, 25, 17, 19, 5}));
  EXPECT_EQ(kept("kl-ls-qwen2.5-3b", 12), sorted({20, 32, 33, 21, 22, 25, 17, 19, 5, 31, 4, 3}));
  EXPECT_EQ(bundled("kl-ls-qwen2.5-3b").ranking.size(), 18U);
  EXPECT_EQ(kept("kl-ls-uniform-qwen2.5-3b", 9), Placement::uniform(36, 9, 0, Gdn).kept());
  EXPECT_THAT(kept("kl-ls-smart-qwen2.5-3b", 9), ElementsAre(3, 7, 11, 15, 19, 23, 27, 31, 35));
  EXPECT_EQ(kept("kl-ls-perplexity-qwen2.5-3b", 9), sorted({0, 1, 35, 34, 32, 31, 33, 30, 27}));
  EXPECT_EQ(kept("kl-ls-associative-recall-qwen2.5-3b", 9), sorted({0, 1, 27, 18, 20, 25, 24, 26, 21}));
  EXPECT_EQ(kept("kl-ls-jet-nemotron-qwen2.5-3b", 10), sorted({17, 20, 32, 5, 16, 19, 21, 22, 25, 27}));
}

TEST(BundledPublished, NllGuidedAndItsRivals) {
  EXPECT_THAT(kept("nll-guided-qwen3-4b", 9), ElementsAre(1, 3, 9, 10, 12, 13, 15, 21, 34));
  EXPECT_EQ(bundled("nll-guided-qwen3-4b").results.front().value, 64.6);
  EXPECT_EQ(kept("nll-guided-periodic-qwen3-4b", 9), Placement::uniform(36, 9, 0, Gdn).kept());
  EXPECT_THAT(bundled("nll-guided-periodic-qwen3-4b").notes, HasSubstr("53.2")) << "the discrepancy is told";
  EXPECT_THAT(bundled("nll-guided-half-qwen3-4b").title, HasSubstr("assumed"));
}

TEST(BundledPublished, TheLightTransferRivalFollowsFromTheCountsOfLazyLayers) {
  EXPECT_EQ(kept("light-transfer-qwen3-4b-thinking", 9), kept("nll-guided-light-transfer-qwen3-4b", 9));
}

TEST(BundledPublished, JetNemotronHasWindows) {
  const Placement small = bundled("jet-nemotron-2b").placement(2, Gdn);
  EXPECT_THAT(small.kept(), ElementsAre(14, 19));
  EXPECT_EQ(small[20], SlidingWindow);
  EXPECT_EQ(small[21], SlidingWindow);
  EXPECT_EQ(std::ranges::count(small.kinds(), Gdn), 24);
  EXPECT_EQ(bundled("jet-nemotron-2b").window, 1152);
  const Placement large = bundled("jet-nemotron-4b").placement(3, Gdn);
  EXPECT_THAT(large.kept(), ElementsAre(17, 20, 32));
  EXPECT_EQ(std::ranges::count(large.kinds(), SlidingWindow), 7);
}

/// The scores are recomputed from the accuracies in the authors' logs.
struct HaloCase {
  std::string model;
  std::vector<int> best;
  std::vector<double> scores;
  std::vector<int> recall_drop;
};

void PrintTo(const HaloCase& known, std::ostream* out) { *out << known.model; }

class BundledHalo : public testing::TestWithParam<HaloCase> {};

TEST_P(BundledHalo, RanksFollowFromTheLogs) {
  const HaloCase& known = GetParam();
  const PublishedSelection& halo = bundled("halo-" + known.model);
  EXPECT_EQ(top(halo, known.best.size()), known.best);
  for (std::size_t i = 0; i < known.scores.size(); ++i) EXPECT_NEAR(halo.scores[i], known.scores[i], 1e-3) << i;
  const PublishedSelection& recall = bundled("halo-recall-" + known.model);
  EXPECT_EQ(top(recall, known.recall_drop.size()), known.recall_drop);
  EXPECT_EQ(recall.ranking.size(), static_cast<std::size_t>(recall.layers));
}

INSTANTIATE_TEST_SUITE_P(Models, BundledHalo,
                         testing::Values(HaloCase{"qwen3-1.7b",
                                                  {3, 8, 2, 9, 21, 25, 6},
                                                  {50, 16.344, 14.009, 13.564, 12.759, 10.445, 10.301},
                                                  {0, 21, 25, 19, 6, 11, 9}},
                                         HaloCase{"qwen3-4b",
                                                  {0, 7, 1, 33, 24, 15, 34, 22, 14},
                                                  {50, 9.230, 9.147, 4.686, 4.304},
                                                  {7, 24, 0, 22, 33, 15, 34, 14, 21}},
                                         HaloCase{"qwen3-8b",
                                                  {10, 6, 7, 24, 33, 2, 4, 1, 34},
                                                  {50, 15.154, 14.308, 13.141, 10.747},
                                                  {0, 24, 33, 7, 22, 2, 13, 26, 15}}));

/// The ranking by recall is that of the very column that the scores are made of.
TEST(BundledPublished, RecallDropsAreThoseOfHalosTable) {
  const json file = parseJson(resource("published/halo.json"), "halo.json");
  int tables = 0;
  for (const json& selection : file.at("selections")) {
    if (!selection.contains("halo")) continue;
    ++tables;
    const auto recall = selection.at("halo").at("recall").get<std::vector<double>>();
    const std::string name = selection.at("name");
    std::vector<double> along;
    for (const int layer : bundled("halo-recall" + name.substr(4)).ranking)
      along.push_back(recall[static_cast<std::size_t>(layer)]);
    EXPECT_TRUE(std::ranges::is_sorted(along)) << name;
  }
  EXPECT_EQ(tables, 3);
}

TEST(BundledPublished, HypeNetKeepsTheFirstLayersByScore) {
  EXPECT_EQ(kept("hypenet-2b", 7), kept("halo-qwen3-1.7b", 7));
  EXPECT_EQ(kept("hypenet-9b", 9), kept("halo-qwen3-8b", 9));
  // All but one: the published configuration has the tenth layer where the score has the seventh.
  const PublishedSelection& halo = bundled("halo-qwen3-4b");
  std::vector<int> with_the_tenth = top(halo, 10);
  std::erase(with_the_tenth, halo.ranking[6]);
  EXPECT_EQ(kept("hypenet-5b", 9), sorted(with_the_tenth));
}

TEST(BundledPublished, PerplexityBypassRanksAsItsAuthorsDid) {
  EXPECT_THAT(top(bundled("perplexity-bypass-qwen2.5-3b"), 10), ElementsAre(0, 1, 32, 31, 34, 33, 27, 25, 4, 35));
  const PublishedSelection& table = bundled("perplexity-bypass-qwen2.5-3b");
  EXPECT_NEAR(table.scores[0], 21468, 1);
  EXPECT_EQ(table.ranking.back(), 8);
  EXPECT_NEAR(table.scores.back(), 0.05, 0.005);
  EXPECT_THAT(kept("perplexity-bypass-qwen2.5-1.5b", 7), ElementsAre(0, 1, 11, 13, 21, 25, 27));
  EXPECT_THAT(kept("perplexity-bypass-qwen3-8b", 9), ElementsAre(0, 6, 12, 14, 22, 24, 27, 33, 34));
  EXPECT_THAT(kept("perplexity-bypass-llama-3.2-3b", 14),
              ElementsAre(0, 1, 2, 3, 7, 9, 11, 12, 13, 14, 15, 16, 25, 27));
}

// ---------------------------------------------------------------------------------------------------- files of users

json file(json selection) {
  selection.update({{"name", "mine"}, {"title", "Mine"}, {"model", "Some-1B"}, {"layers", 4}});
  return {{"format", "interleave-published"},
          {"version", 1},
          {"source", "a note"},
          {"url", "https://example.org"},
          {"selections", json::array({selection})}};
}

PublishedSelection read(const json& document) { return publishedFromDocument(document, "x.json").at(0); }

std::string refused(const json& document) {
  return refusal(ErrorKind::BadInput, [&] { publishedFromDocument(document, "x.json"); });
}

TEST(Published, ReadsEachForm) {
  EXPECT_EQ(read(file({{"sets", {{2, 0}, {1}}}})).counts(), (std::vector<int>{1, 2}));
  EXPECT_EQ(read(file({{"sets", {{2, 0}, {1}}}})).placement(2, Gdn), Placement({Full, Gdn, Full, Gdn}));
  EXPECT_EQ(read(file({{"sets", {{2}}}, {"sliding_window", {{"layers", {0}}, {"tokens", 9}}}})).placement(1, Gdn),
            Placement({SlidingWindow, Gdn, Full, Gdn}));
  EXPECT_THAT(read(file({{"ranking", {3, 1}}})).counts(), ElementsAre(1, 2));
  EXPECT_THAT(read(file({{"ranking", {3, 1}}, {"scores", {0.5, 0.5}}})).scores, ElementsAre(0.5, 0.5));
  EXPECT_THAT(read(file({{"scores", {1, -2, 3, 1}}})).ranking, ElementsAre(2, 0, 3, 1)) << "ties by lower index";
  EXPECT_THAT(read(file({{"halo", {{"recall", {1, 0.5, 0.5, 1}}, {"common_sense", {1, 0.5, 0, 0}}}}})).ranking,
              ElementsAre(1, 2, 0, 3));
  const json results = json::array({{{"kept", 2}, {"task", "recall"}, {"value", 1.5}, {"unit", "%"}}});
  EXPECT_THAT(read(file({{"ranking", {3}}, {"notes", "so it is"}, {"results", results}})).about(),
              AllOf(HasSubstr("Mine, Some-1B, 4 layers"), HasSubstr("a note\nhttps://example.org\nso it is"),
                    HasSubstr("recall: 1.5 % with K = 2")));
}

TEST(Published, KnowsTheNearestCount) {
  const PublishedSelection some = read(file({{"sets", {{0}, {0, 1, 2}}}}));
  EXPECT_EQ(some.nearestCount(0), 1);
  EXPECT_EQ(some.nearestCount(2), 1);
  EXPECT_EQ(some.nearestCount(9), 3);
}

TEST(Published, GivesEachLayerItsScoreWhereAllAreRanked) {
  PublishedSelection some;
  some.layers = 3;
  some.ranking = {2, 0, 1};
  EXPECT_EQ(some.layerScores(), (std::vector<double>{-1, -2, 0}));
  some.scores = {9, 5, 1};
  EXPECT_EQ(some.layerScores(), (std::vector<double>{5, 1, 9}));
  some.layers = 4;
  EXPECT_TRUE(some.layerScores().empty()) << "the fourth is not ranked";
}

TEST(Published, RefusesWhatIsWrongAndSaysWhere) {
  EXPECT_THAT(refused(json::array()), HasSubstr("expected a JSON object"));
  EXPECT_THAT(refused({{"format", "interleave-published"}}), HasSubstr("missing"));
  json other = file({{"ranking", {0}}});
  other["version"] = 2;
  EXPECT_THAT(refused(other), HasSubstr("version"));
  other["version"] = 1;
  other["fromat"] = 1;
  EXPECT_THAT(refused(other), HasSubstr("did you mean \"format\""));
  other.erase("fromat");
  other["selections"].push_back(other["selections"][0]);
  EXPECT_THAT(refused(other), HasSubstr("selections[1].name: is there twice"));
  other["selections"] = json::array();
  EXPECT_THAT(refused(other), HasSubstr("selections"));

  const auto in = [](json selection) { return refused(file(std::move(selection))); };
  EXPECT_THAT(in({}), HasSubstr("needs one of"));
  EXPECT_THAT(in({{"ranking", {0}}, {"sets", {{0}}}}), HasSubstr("needs one of"));
  EXPECT_THAT(in({{"rankin", {0}}}), HasSubstr("selections[0].rankin: unknown key; did you mean \"ranking\""));
  EXPECT_THAT(in({{"ranking", {0, 4}}}), HasSubstr("selections[0].ranking[1]"));
  EXPECT_THAT(in({{"ranking", {0, 1, 0}}}), HasSubstr("names layer 0 twice"));
  EXPECT_THAT(in({{"ranking", {-1}}}), HasSubstr("from 0 to 3"));
  EXPECT_THAT(in({{"ranking", {18446744073709551615ULL}}}), HasSubstr("from 0 to 3"));
  EXPECT_THAT(in({{"ranking", {0.5}}}), HasSubstr("whole number"));
  EXPECT_THAT(in({{"ranking", json::array()}}), HasSubstr("1 to 4 entries"));
  EXPECT_THAT(in({{"ranking", {3, 1}}, {"scores", {1, 2}}}), HasSubstr("rise"));
  EXPECT_THAT(in({{"ranking", {3, 1}}, {"scores", {1}}}), HasSubstr("expected 2 numbers"));
  EXPECT_THAT(in({{"scores", {1, 2, 3}}}), HasSubstr("expected 4 numbers"));
  EXPECT_THAT(in({{"scores", {1, 2, 3, "4"}}}), HasSubstr("scores[3]: expected a number"));
  EXPECT_THAT(in({{"halo", {{"recall", {1, 1, 1, 1}}}}}), HasSubstr("halo.common_sense"));
  EXPECT_THAT(in({{"sets", {{0}, {1}}}}), HasSubstr("as many layers"));
  EXPECT_THAT(in({{"sets", {{0}}}, {"sliding_window", {{"layers", {0}}, {"tokens", 9}}}}), HasSubstr("full attention"));
  EXPECT_THAT(in({{"ranking", {0}}, {"sliding_window", {{"layers", {1}}, {"tokens", 9}}}}),
              HasSubstr("goes with sets"));
  EXPECT_THAT(in({{"ranking", {0}}, {"notes", "two\nlines"}}), HasSubstr("a line of text"));
  json named = file({{"ranking", {0}}});
  named["selections"][0]["name"] = "Not A Name:3";
  EXPECT_THAT(refused(named), HasSubstr("is no name"));
  named = file({{"ranking", {0}}});
  named["selections"][0]["layers"] = 1'000'000'000;
  EXPECT_THAT(refused(named), HasSubstr("selections[0].layers"));
}

// ---------------------------------------------------------------------------------------------------- on a command
// line

TEST(PublishedPlacement, IsNamedWithItsCount) {
  EXPECT_THAT(publishedPlacement("published:kl-ls-qwen2.5-3b:3", 36, Gdn).kept(), ElementsAre(20, 32, 33));
  EXPECT_EQ(publishedPlacement("published:kl-ls-qwen2.5-3b:3", 0, Gdn).layers(), 36) << "it says it itself";
  EXPECT_EQ(publishedPlacement("published:nll-guided-qwen3-4b", 36, SlidingWindow).fullCount(), 9);
  EXPECT_EQ(publishedPlacement("published:nll-guided-qwen3-4b:9", 36, SlidingWindow).fullCount(), 9);
}

TEST(PublishedPlacement, RefusesOtherModelsNamesAndCounts) {
  const auto because = [](ErrorKind kind, const std::string& text, int layers = 36) {
    return refusal(kind, [&] { publishedPlacement(text, layers, Gdn); });
  };
  EXPECT_THAT(because(ErrorKind::BadInput, "published:kl-ls-qwen2.5-3b:3", 30),
              AllOf(HasSubstr("36"), HasSubstr("30")));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b"), HasSubstr("1 to 18"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b:19"), HasSubstr("1 to 18"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b:0"), HasSubstr("1 to 18"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b:-3"), HasSubstr("1 to 18"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-smart-qwen2.5-3b:7"), HasSubstr("5, 9, 12, 18"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3"), HasSubstr("did you mean"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:"), HasSubstr("none of"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b:3x"), HasSubstr("none of"));
  EXPECT_THAT(because(ErrorKind::Usage, "published:kl-ls-qwen2.5-3b:99999999999"), HasSubstr("none of"));
}

TEST(PublishedPlacement, ReadsAFileOfTheUsers) {
  const test::TemporaryFolder folder;
  const std::string mine = folder.write("mine.json", file({{"scores", {1, 2, 3, 4}}}).dump());
  EXPECT_THAT(publishedPlacement("published:" + mine + ":2", 4, Gdn).kept(), ElementsAre(2, 3));
  EXPECT_THAT(publishedPlacement("published:" + mine + "#mine:1", 4, Gdn).kept(), ElementsAre(3));
  EXPECT_THAT(refusal(ErrorKind::Usage, [&] { publishedPlacement("published:" + mine + "#min:1", 4, Gdn); }),
              HasSubstr("did you mean \"mine\""));
  const std::string broken = folder.write("broken.json", "{\"format\": ");
  EXPECT_THAT(refusal(ErrorKind::BadInput, [&] { publishedPlacement("published:" + broken, 4, Gdn); }),
              HasSubstr("broken.json"));
}

}  // namespace
}  // namespace interleave
