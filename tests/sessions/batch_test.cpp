// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/batch.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <utility>

#include "tests/sessions/fake_catalog.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::errorOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class BatchTest : public ::testing::Test {
 protected:
  Batch read(const std::string& text) const { return readBatch(folder_.write("batch.json", text)); }
  /// A batch with these members beside the ones that it must have.
  Batch with(const std::string& members) const {
    std::string text = R"({"format": "interleave-batch", "version": 1, "model": "m.gguf", "bank": "bank", )";
    return read(text.append(R"("store": "s.sqlite", )").append(members).append("}"));
  }
  BatchPlan plan(const std::string& members) { return planBatch(with(members), catalog_); }
  std::string refusal(const std::string& members) {
    const Error error = errorOf([&] { plan(members); });
    EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("batch.json: "));
    return error.what();
  }
  static std::vector<std::string> titles(const BatchPlan& plan) {
    std::vector<std::string> all;
    for (const PlannedRun& run : plan.runs) all.push_back(run.spec.title);
    return all;
  }

  test::TemporaryFolder folder_;
  FakeCatalog catalog_;
};

TEST_F(BatchTest, ReadsEverythingThatAFileSays) {
  const Batch batch = with(R"("device": "cuda", "bank_settings": {"tokens": 7},
    "runs": [{"methods": ["gates", {"method": "scores", "preset": "p", "settings": {"examples": 3}}],
              "budgets": [8, "54MB@8k"], "seeds": [0, 18446744073709551615], "per_budget": true}],
    "evaluation": {"tasks": ["kl"], "tokens": 10, "sequence": 20, "prompts": 30, "prompt_tokens": 40,
                   "wording": "w", "seed": 50, "precision": "bf16"},
    "placements": ["first:3"])");
  EXPECT_EQ(batch.model, folder_ / "m.gguf");
  EXPECT_EQ(batch.bank, folder_ / "bank");
  EXPECT_EQ(batch.store, folder_ / "s.sqlite");
  EXPECT_EQ(batch.device, "cuda");
  EXPECT_EQ(batch.bank_settings, nlohmann::json({{"tokens", 7}}));
  const Batch::Grid& grid = batch.runs.at(0);
  EXPECT_EQ(grid.methods.at(0).name, "gates");
  EXPECT_EQ(grid.methods.at(1).name, "scores");
  EXPECT_EQ(grid.methods.at(1).preset, "p");
  EXPECT_EQ(grid.methods.at(1).settings, nlohmann::json({{"examples", 3}}));
  EXPECT_THAT(grid.budgets, ElementsAre(Budget::layers(8), Budget::bytes(54'000'000, 8192)));
  EXPECT_THAT(grid.seeds, ElementsAre(0, 18446744073709551615ULL));
  EXPECT_TRUE(grid.per_budget);
  ASSERT_TRUE(batch.evaluation);
  EXPECT_EQ(mannerOf(*batch.evaluation),
            "kl; 10 tokens of text in sequences of 20; 30 prompts of 40 tokens, wording w; seed 50; bf16 on cpu");
  EXPECT_THAT(batch.placements, ElementsAre("first:3"));
}

TEST_F(BatchTest, ReadsWhatLongContextTasksAreJudgedBy) {
  const Batch batch = with(R"("runs": [{"methods": ["gates"]}],
    "evaluation": {"tasks": ["qa_1"], "nll_only": true, "hay": "hay.txt", "squad": "../squad.json",
                   "hotpot": "/data/hotpot.json", "passkeys": 3, "passkey_words": 4})");
  const Workbench::EvaluationRequest& request = batch.evaluation.value();
  EXPECT_FALSE(request.generate);
  EXPECT_EQ(request.hay_file, folder_ / "hay.txt");
  EXPECT_EQ(request.squad_file, std::filesystem::path(folder_ / "../squad.json").lexically_normal());
  EXPECT_EQ(request.hotpot_file, "/data/hotpot.json");
  EXPECT_EQ(request.passkeys, 3);
  EXPECT_EQ(request.passkey_words, 4);
  Workbench::EvaluationRequest other = request;
  const auto differs = [&] { return mannerOf(std::exchange(other, request)) != mannerOf(request); };
  EXPECT_FALSE(differs());
  other.generate = true;
  EXPECT_TRUE(differs());
  other.hay_file = "another";
  EXPECT_TRUE(differs());
  other.hotpot_file = "another";
  EXPECT_TRUE(differs());
  other.passkey_words = 5;
  EXPECT_TRUE(differs());
}

TEST_F(BatchTest, NamesWhatIsWrongAndWhere) {
  const std::string runs = R"("runs": [{"methods": ["gates"]}])";
  EXPECT_THAT(refusal(runs + R"(, "devise": "cpu")"), HasSubstr("devise: unknown key; did you mean \"device\"?"));
  EXPECT_THAT(refusal(runs + R"(, "device": "tpu")"), HasSubstr("device"));
  EXPECT_THAT(refusal(R"("placements": ["all"])"), HasSubstr("runs: is missing"));
  EXPECT_THAT(refusal(R"("runs": [])"), HasSubstr("runs: expected a list with at least one entry"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates"], "seed": [1]}])"),
              HasSubstr("runs[0].seed: unknown key; did you mean \"seeds\"?"));
  EXPECT_THAT(refusal(R"("runs": [{"budgets": [8]}])"), HasSubstr("runs[0].methods: is missing"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates"], "seeds": [-1]}])"), HasSubstr("runs[0].seeds[0]"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates"], "seeds": [1.5]}])"), HasSubstr("runs[0].seeds[0]"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates"], "budgets": ["many"]}])"), HasSubstr("runs[0].budgets[0]"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates"], "per_budget": 1}])"), HasSubstr("runs[0].per_budget"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": [{"method": "gates", "presett": "x"}]}])"),
              HasSubstr("runs[0].methods[0].presett: unknown key; did you mean \"preset\"?"));
  EXPECT_THAT(refusal(runs + R"(, "placements": ["first:3"])"), HasSubstr("\"evaluation\", which says how"));
  EXPECT_THAT(refusal(runs + R"(, "evaluation": {"tokens": 0})"), HasSubstr("evaluation.tokens"));
  EXPECT_THAT(refusal(runs + R"(, "evaluation": {"promts": 3})"), HasSubstr("did you mean \"prompts\"?"));
  EXPECT_THAT(errorOf([&] { read(R"({"format": "interleave-preset"})"); }).what(), HasSubstr("this is no batch"));
  EXPECT_THAT(errorOf([&] { read(R"({"format": "interleave-batch", "version": 2})"); }).what(),
              HasSubstr("version: 2 is not supported"));
  EXPECT_THAT(errorOf([&] { read("{"); }).what(), HasSubstr("is not valid JSON"));
  EXPECT_EQ(errorOf([&] { readBatch(folder_ / "absent.json"); }).kind(), ErrorKind::BadInput);
}

TEST_F(BatchTest, RefusesBeforeAnythingBeginsWhatWouldFailLater) {
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["gates", "gate"]}])"),
              HasSubstr("runs[0].methods[1]: method: unknown method \"gate\""));
  EXPECT_THAT(refusal(R"("runs": [{"methods": [{"method": "gates", "settings": {"step": 3}}]}])"),
              HasSubstr("did you mean \"steps\"?"));
  EXPECT_THAT(refusal(R"("runs": [{"methods": ["scores"], "budgets": [8, 31]}])"), HasSubstr("too many layers"));
  const std::string runs = R"("runs": [{"methods": ["gates"]}], )";
  EXPECT_THAT(refusal(runs + R"("evaluation": {"wording": "none"})"), HasSubstr("evaluation: wording"));
  EXPECT_THAT(refusal(runs + R"("evaluation": {}, "placements": ["first:2", "none.json"])"),
              HasSubstr("none.json: there is no such file"));
  EXPECT_THAT(refusal(runs + R"("evaluation": {}, "placements": ["first:2", "nonsense"])"),
              HasSubstr("placements[1]: placement: \"nonsense\" is none"));
  EXPECT_THAT(refusal(runs + R"("bank_settings": {"token": 3})"), HasSubstr("did you mean \"tokens\"?"));
  catalog_.bank = Settings(FakeCatalog::bankSpecs());
  EXPECT_THAT(refusal(runs + R"("bank_settings": {"tokens": 101})"), HasSubstr("was made otherwise"));
  EXPECT_NO_THROW(plan(runs + R"("bank_settings": {"tokens": 100})"));
  std::string many = R"("runs": [{"methods": ["gates"], "seeds": [0)";
  for (int seed = 1; seed <= 4096; ++seed) many.append(",").append(std::to_string(seed));
  EXPECT_THAT(refusal(many.append("]}]")), HasSubstr("more than 4096"));
}

TEST_F(BatchTest, ExpandsMethodsBudgetsAndSeeds) {
  const BatchPlan expanded = plan(R"("runs": [{"methods": ["gates", "scores"], "budgets": [8, 4], "seeds": [0, 1]}])");
  EXPECT_THAT(titles(expanded),
              ElementsAre("gates-k8-s0", "gates-k4-s0", "scores-k8-s0", "gates-k8-s1", "gates-k4-s1", "scores-k8-s1"));
  EXPECT_TRUE(expanded.prepares_bank);
  const PlannedRun& scores = expanded.runs.at(2);
  EXPECT_THAT(scores.budgets, ElementsAre(Budget::layers(8), Budget::layers(4)));
  EXPECT_EQ(scores.spec.search_settings.at("extract"), "4") << "its one run answers both";
  EXPECT_EQ(scores.spec.model_path, (folder_ / "m.gguf").string());
  EXPECT_EQ(scores.spec.model_fingerprint, "fake");
  EXPECT_EQ(scores.spec.bank_settings.at("tokens"), 100);

  EXPECT_THAT(titles(plan(R"("runs": [{"methods": ["scores"], "budgets": [8, 4], "per_budget": true}])")),
              ElementsAre("scores-k8-s0", "scores-k4-s0"));
  EXPECT_THAT(titles(plan(R"("runs": [{"methods": ["gates"]}])")), ElementsAre("gates-k8-s0")) << "the preset's budget";
}

TEST_F(BatchTest, AnEntryIsAProductOfOneAndEqualRunsAreOne) {
  const BatchPlan list = plan(R"("runs": [{"methods": ["gates"], "budgets": [8], "seeds": [3]},
                                          {"methods": ["scores"], "budgets": [8]},
                                          {"methods": ["gates"], "budgets": [8], "seeds": [3]},
                                          {"methods": ["scores"], "budgets": [8, 12]}])");
  EXPECT_THAT(titles(list), ElementsAre("gates-k8-s3", "scores-k8-s0"));
  EXPECT_THAT(list.runs.at(1).budgets, ElementsAre(Budget::layers(8), Budget::layers(12)));
  EXPECT_EQ(list.runs.at(1).spec.search_settings.at("extract"), "12");
}

TEST_F(BatchTest, RunsOfOneMethodWithOtherSettingsHaveTitlesOfTheirOwn) {
  EXPECT_THAT(titles(plan(R"("runs": [{"methods": ["gates", {"method": "gates", "settings": {"steps": 9}}]}])")),
              ElementsAre("gates-k8-s0", "gates-k8-s0-2"));
}

TEST_F(BatchTest, SettingsOfAProductAreEveryMethodsBeforeItsOwn) {
  const BatchPlan planned = plan(R"("runs": [{"settings": {"operators": "full,swa"},
    "methods": ["gates", {"method": "scores", "settings": {"operators": "full,gdn"}}]}])");
  EXPECT_EQ(planned.runs.at(0).spec.search_settings.at("operators"), "full,swa");
  EXPECT_EQ(planned.runs.at(1).spec.search_settings.at("operators"), "full,gdn");
  EXPECT_THAT(refusal(R"("runs": [{"settings": {"examples": 3}, "methods": ["scores", "gates"]}])"),
              HasSubstr("runs[0].methods[1]"));
}

TEST_F(BatchTest, FilesAreSeenFromTheBatchsFolder) {
  const BatchPlan planned = plan(R"("runs": [{"methods": [{"method": "gates", "settings": {"text_file": "t.txt"}}]}])");
  EXPECT_EQ(planned.runs.at(0).spec.search_settings.at("text_file"), (folder_ / "t.txt").string());
}

TEST_F(BatchTest, HealedPlacementsAreRefusedAndThoseOfFilesSeenFromTheFolder) {
  const std::string judged = R"("runs": [{"methods": ["gates"]}], "evaluation": {}, "placements": [")";
  EXPECT_THAT(refusal(judged + "healed:there\"]"), HasSubstr("the bank's operators alone"));
  EXPECT_THAT(refusal(judged + "published:mine/own.json#two:3\"]"),
              HasSubstr("published:" + (folder_ / "mine/own.json").string() + "#two:3"));
}

TEST_F(BatchTest, BaselinesStandWithTheBestOperatorOfTheRuns) {
  const BatchPlan both =
      plan(R"("runs": [{"methods": ["scores", "gates"]}], "evaluation": {}, "placements": ["first:3"])");
  ASSERT_TRUE(both.judging);
  EXPECT_EQ(both.judging->references.at(0).label, "first:3");
  EXPECT_EQ(both.judging->references.at(0).placement, Placement::first(30, 3, MixerKind::GdnWindow));
  EXPECT_EQ(both.judging->request.model, folder_ / "m.gguf");
  EXPECT_EQ(both.judging->request.candidates.bank, folder_ / "bank");
  const BatchPlan windows = plan(R"("runs": [{"methods": ["scores"]}], "evaluation": {}, "placements": ["first:3"])");
  EXPECT_EQ(windows.judging->references.at(0).placement, Placement::first(30, 3, MixerKind::SlidingWindow));
  EXPECT_FALSE(windows.prepares_bank);
}

TEST_F(BatchTest, TheFormOfPromptsCounts) {
  const PlannedRun planned = plan(R"("runs": [{"methods": ["gates"]}])").runs.at(0);
  EXPECT_EQ(planned.spec.prompt_form, "auto");  // so called by the catalogue
  const auto changed = [&](auto change) {
    RunSpec stored = planned.spec;
    change(stored);
    return answers(stored, planned);
  };
  EXPECT_FALSE(changed([](RunSpec& run) { run.prompt_form = "another"; })) << "the model's template was another";
  EXPECT_TRUE(changed([](RunSpec& run) { run.prompt_form.clear(); })) << "cut off before it had loaded its model";
  const auto old = [](RunSpec& run) {
    run.search_settings.erase("chat");
    run.prompt_form.clear();
  };
  EXPECT_TRUE(changed(old)) << "what earlier programs wrote is the same here";
  catalog_.earlier = "otherwise";
  const PlannedRun anew = plan(R"("runs": [{"methods": ["gates"]}])").runs.at(0);
  RunSpec stored = anew.spec;
  old(stored);
  EXPECT_FALSE(answers(stored, anew));
  const PlannedRun none = plan(R"("runs": [{"methods": ["gates"], "settings": {"chat": "none"}}])").runs.at(0);
  EXPECT_FALSE(answers(planned.spec, none));
}

TEST_F(BatchTest, ATemplateInAFileCountsByItsContent) {
  const PlannedRun planned = plan(R"("runs": [{"methods": ["gates"], "settings": {"chat": "own.jinja"}}])").runs.at(0);
  EXPECT_EQ(planned.spec.chat(), folder_ / "own.jinja");
  RunSpec moved = planned.spec;
  moved.search_settings["chat"] = "/elsewhere/other.jinja";
  EXPECT_TRUE(answers(moved, planned));
  moved.prompt_form = "other";
  EXPECT_FALSE(answers(moved, planned));
}

TEST_F(BatchTest, ResultsAreJudgedInTheFormThatTheyWereFoundIn) {
  const auto judged = [&](const std::string& members) { return plan(members).judging->request.chat; };
  EXPECT_EQ(judged(R"("runs": [{"methods": ["gates"]}], "evaluation": {})"), "auto");
  const std::string none = R"("runs": [{"methods": ["gates"], "settings": {"chat": "none"}}], )";
  EXPECT_EQ(judged(none + R"("evaluation": {})"), "none");
  EXPECT_EQ(judged(none + R"("evaluation": {"chat": "auto"})"), "auto");
  EXPECT_EQ(judged(none + R"("evaluation": {"chat": "own.jinja"})"), folder_ / "own.jinja");
  EXPECT_EQ(judged(R"("runs": [{"methods": ["gates"]}, {"methods": ["gates"], "settings": {"chat": "none"}}], )"
                   R"("evaluation": {})"),
            "auto");
  Workbench::EvaluationRequest request;
  const std::string usual = mannerOf(request);
  request.chat = folder_.write("own.jinja", "{{ 1 }}").string();
  const std::string first = mannerOf(request);
  EXPECT_THAT(first, HasSubstr("chat own.jinja "));
  folder_.write("own.jinja", "{{ 2 }}");
  EXPECT_NE(mannerOf(request), first);
  EXPECT_THAT(usual, Not(HasSubstr("chat")));
}

TEST_F(BatchTest, ARunAnswersWhereAllThatCountsIsEqual) {
  const PlannedRun planned = plan(R"("runs": [{"methods": ["scores"], "budgets": [8, 4]}])").runs.at(0);
  EXPECT_TRUE(answers(planned.spec, planned));
  const auto changed = [&](auto change) {
    RunSpec stored = planned.spec;
    change(stored);
    return answers(stored, planned);
  };
  EXPECT_TRUE(changed([](RunSpec& run) { run.title = "another name"; }));
  EXPECT_TRUE(changed([](RunSpec& run) { run.model_path = "/moved/m.gguf"; })) << "the fingerprint counts";
  EXPECT_TRUE(changed([](RunSpec& run) { run.bank_dir = "/moved/bank"; }));
  EXPECT_TRUE(changed([](RunSpec& run) { run.search_settings["extract"] = "12,4"; }));
  EXPECT_TRUE(changed([](RunSpec& run) { run.search_settings["examples"] = 16.0; })) << "the same number";
  EXPECT_TRUE(changed([](RunSpec& run) { run.search_settings.erase("examples"); }))
      << "from before there was that setting";
  EXPECT_TRUE(changed([](RunSpec& run) { run.model_fingerprint.clear(); })) << "cut off before it had loaded its model";
  EXPECT_FALSE(changed([](RunSpec& run) {
    run.model_fingerprint.clear();
    run.model_path = "/another.gguf";
  }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.model_fingerprint = "other"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.bank_dir = "/another"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.bank_settings["tokens"] = 99; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.search_settings["examples"] = 17; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.search_settings["extract"] = "12"; })) << "nothing for budget 4";
  EXPECT_FALSE(changed([](RunSpec& run) { run.search_settings["extract"] = "four"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.search_settings = "no object"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.seed = 1; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.method = "gates"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.device = "cuda"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.budget = Budget::layers(4); }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.forked_from = "1@3"; }));
  EXPECT_FALSE(changed([](RunSpec& run) { run.interventions.emplace_back(); })) << "someone changed it by hand";
}

}  // namespace
}  // namespace interleave
