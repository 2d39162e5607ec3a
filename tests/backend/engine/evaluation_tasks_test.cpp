// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include <set>

#include "backend/core/tasks.h"
#include "backend/engine/workbench.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const Placement kFull(6, MixerKind::Full);
constexpr const char* kSquad = R"({"data": [{"paragraphs": [
  {"context": "Rome was founded by Romulus.", "qas": [{"question": "Who?", "answers": [{"text": "Romulus"}]}]},
  {"context": "Paris is in France.", "qas": [{"question": "Where?", "answers": [{"text": "France"}]}]}]}]})";
constexpr const char* kHotpot = R"([
  {"question": "Where is Rome?", "answer": "Italy", "context": [["Rome", ["Rome is old.", "It is in Italy."]]]},
  {"question": "Is it old?", "answer": "yes", "context": [["Paris", ["Paris is old."]]]}])";

class EvaluationTasksTest : public ::testing::Test {
 protected:
  EvaluationTasksTest() {
    request_.model = testing::writePlantedModel(folder_ / "model", {1, 4});
    request_.prompts = 1;
    request_.prompt_tokens = 1700;
    request_.candidates.bank_settings = {{"sliding_window", 4}, {"sliding_sinks", 0}};
  }

  std::vector<Score> scores(const std::vector<std::string>& tasks, const Placement& placement = kFull) {
    request_.tasks = tasks;
    return bench_.evaluate(request_, placement, progress_);
  }
  Error refused(const std::vector<std::string>& tasks) {
    return test::errorOf([&] { scores(tasks); });
  }

  test::TemporaryFolder folder_;
  Workbench::EvaluationRequest request_;
  Workbench bench_;
  NoProgress progress_;
};

std::vector<std::string> namesOf(const std::vector<Score>& scores) {
  std::vector<std::string> names;
  for (const Score& score : scores) names.push_back(score.task);
  return names;
}

TEST(EvaluationTasks, AreNamedOnce) {
  std::set<std::string> tasks, scores;
  for (const TaskInfo& task : evaluationTasks()) {
    EXPECT_TRUE(tasks.insert(task.name).second) << task.name;
    EXPECT_THAT(task.title, Not(IsEmpty()));
    for (const TaskInfo::ScoreInfo& score : task.scores) {
      EXPECT_TRUE(scores.insert(score.name).second) << score.name;
      EXPECT_THAT(score.title, HasSubstr(task.label));
      EXPECT_THAT(taskFacts(score.name).title, HasSubstr(task.label)) << "where a store alone tells of it";
    }
  }
  EXPECT_THAT(tasks, SizeIs(3 + 1 + 13 + 1));
}

TEST_F(EvaluationTasksTest, RulerIsElevenTasksInPairsOfScores) {
  const std::vector<Score> full = scores({"ruler"});
  ASSERT_THAT(full, SizeIs(22));
  for (std::size_t i = 0; i < full.size(); i += 2) {
    EXPECT_EQ(full[i].unit, "match");
    EXPECT_GE(full[i].value, 0);
    EXPECT_LE(full[i].value, 1);
    EXPECT_EQ(full[i + 1].task, full[i].task + "_nll");
    EXPECT_EQ(full[i + 1].unit, "nats");
    EXPECT_GT(full[i + 1].value, 0);
    EXPECT_EQ(full[i].samples, 1);
  }
  request_.generate = false;
  const std::vector<Score> hybrid = scores({"ruler"}, Placement(6, MixerKind::SlidingWindow));
  ASSERT_THAT(hybrid, SizeIs(11));
  for (std::size_t i = 0; i < hybrid.size(); ++i) {
    EXPECT_EQ(hybrid[i].task, full[2 * i + 1].task);
    EXPECT_NE(hybrid[i].value, full[2 * i + 1].value);
  }
}

TEST_F(EvaluationTasksTest, ComeOnceAndInTheTablesOrder) {
  request_.generate = false;
  request_.passkeys = 2;
  request_.passkey_words = 3;
  request_.text_tokens = request_.sequence_length = 64;
  EXPECT_THAT(namesOf(scores({"flashmorph_passkey", "vt", "passkey", "vt", "nll", "kl"})),
              ElementsAre("kl", "nll", "passkey", "passkey_nll", "vt_nll", "flashmorph_passkey_nll"));
  EXPECT_THAT(namesOf(scores({"nll"})), ElementsAre("nll"));
}

TEST_F(EvaluationTasksTest, AreTheSameInAnotherProcess) {
  request_.generate = false;
  request_.prompts = 2;
  const std::vector<Score> first = scores({"niah_multikey_1", "fwe"});
  const std::vector<Score> again = Workbench().evaluate(request_, kFull, progress_);
  request_.seed += 1;
  const std::vector<Score> other = scores({"niah_multikey_1", "fwe"});
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].per_sample, again[i].per_sample);
    EXPECT_NE(first[i].per_sample, other[i].per_sample);
  }
}

TEST_F(EvaluationTasksTest, ReadTheUsersFiles) {
  request_.squad_file = folder_.write("squad.json", kSquad);
  request_.hotpot_file = folder_.write("hotpot.json", kHotpot);
  request_.prompts = 9;
  const std::vector<Score> questions = scores({"qa_2", "qa_1"});
  EXPECT_THAT(namesOf(questions), ElementsAre("qa_1", "qa_1_nll", "qa_2", "qa_2_nll"));
  for (const Score& score : questions) EXPECT_EQ(score.samples, 2) << "as many as the file has";

  request_.prompts = 1;
  request_.generate = false;
  const double bundled = scores({"niah_single_2"})[0].value;
  request_.hay_file = folder_.write("hay.txt", "All work and no play. Nothing else happens here. ").string();
  const double own = scores({"niah_single_2"})[0].value;
  EXPECT_NE(own, bundled);
  folder_.write("hay.txt", "Another text under the same name. It is longer, too, and not the same at all. ");
  EXPECT_NE(scores({"niah_single_2"})[0].value, own) << "a file is told by what it is, not by its name";
}

TEST_F(EvaluationTasksTest, WhatCannotBeAskedForIsTold) {
  EXPECT_THAT(refused({"niah_single"}).what(), HasSubstr("did you mean \"niah_single_1\"?"));
  EXPECT_EQ(refused({"mmlu"}).kind(), ErrorKind::Usage);
  EXPECT_EQ(refused({"qa_1"}).kind(), ErrorKind::Usage);
  EXPECT_THAT(refused({"vt", "qa_2"}).what(), HasSubstr("HotpotQA"));
  request_.squad_file = folder_.write("squad.json", kHotpot);
  EXPECT_EQ(refused({"qa_1"}).kind(), ErrorKind::BadInput);
  request_.hay_file = (folder_ / "missing.txt").string();
  EXPECT_EQ(refused({"vt"}).kind(), ErrorKind::BadInput);
  request_.hay_file.clear();
  request_.prompt_tokens = 60;
  EXPECT_THAT(refused({"ruler"}).what(), HasSubstr("prompt_tokens"));
  request_.prompt_tokens = 1 << 30;
  EXPECT_THAT(refused({"ruler"}).what(), HasSubstr("prompt_tokens"));
  request_.prompt_tokens = 900;
  request_.passkeys = 5000;
  EXPECT_THAT(refused({"flashmorph_passkey"}).what(), HasSubstr("passkeys"));
}

}  // namespace
}  // namespace interleave
