// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/question_file.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using nlohmann::json;
using test::errorOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

json squadQuestion(const std::string& question, const std::vector<std::string>& answers) {
  json entry{{"id", "1"}, {"question", question}, {"answers", json::array()}};
  for (const std::string& answer : answers) entry["answers"].push_back({{"text", answer}, {"answer_start", 0}});
  return entry;
}

json squad() {
  json impossible = squadQuestion("Why?", {"no reason"});
  impossible["is_impossible"] = true;
  const json first{{"context", "Rome was founded by Romulus."},
                   {"qas", {squadQuestion("Who founded Rome?", {"Romulus", "by Romulus", "Romulus"}), impossible}}};
  const json second{{"context", "Paris is in France."},
                    {"qas", {squadQuestion("Where is Paris?", {"France"}), squadQuestion("When?", {})}}};
  return {{"version", "v2.0"}, {"data", {{{"title", "Cities"}, {"paragraphs", {first, second}}}}}};
}

json hotpot() {
  return json::parse(R"([
    {"_id": "a", "question": "Where is Rome?", "answer": "Italy",
     "context": [["Rome", ["Rome is old.", " It is in Italy."]]]},
    {"_id": "b", "question": "Is it old?", "answer": "yes", "context": [["Paris", ["", "Paris is in France."]]]}])");
}

class QuestionFileTest : public ::testing::Test {
 protected:
  QuestionSet read(const json& document, QuestionFile kind) const {
    return readQuestions(folder_.write("questions.json", document.dump()), kind);
  }
  Error refused(const std::string& bytes, QuestionFile kind) const {
    const std::filesystem::path file = folder_.write("bad.json", bytes);
    Error error = errorOf([&] { readQuestions(file, kind); });
    EXPECT_EQ(error.kind(), ErrorKind::BadInput);
    EXPECT_EQ(error.file(), file.string());
    EXPECT_FALSE(error.reason().empty());
    return error;
  }
  Error refused(const json& document, QuestionFile kind) const { return refused(document.dump(), kind); }

  test::TemporaryFolder folder_;
};

TEST_F(QuestionFileTest, SquadIsRead) {
  const QuestionSet set = read(squad(), QuestionFile::Squad);
  EXPECT_THAT(set.paragraphs, ElementsAre("Rome was founded by Romulus.", "Paris is in France."));
  ASSERT_THAT(set.questions, SizeIs(2)) << "those that cannot be answered are left out";
  EXPECT_EQ(set.questions[0].text, "Who founded Rome?");
  EXPECT_THAT(set.questions[0].answers, ElementsAre("Romulus", "by Romulus"));
  EXPECT_THAT(set.questions[0].paragraphs, ElementsAre(0));
  EXPECT_THAT(set.questions[1].paragraphs, ElementsAre(1));
}

TEST_F(QuestionFileTest, HotpotIsRead) {
  const QuestionSet set = read(hotpot(), QuestionFile::HotpotQa);
  EXPECT_THAT(set.paragraphs, ElementsAre("Rome\nRome is old. It is in Italy.", "Paris\nParis is in France."));
  ASSERT_THAT(set.questions, SizeIs(2));
  EXPECT_THAT(set.questions[0].answers, ElementsAre("Italy"));
  EXPECT_THAT(set.questions[1].paragraphs, ElementsAre(1));
}

TEST_F(QuestionFileTest, AParagraphThatComesTwiceIsOne) {
  json document = hotpot();
  document[1]["context"].push_back(document[0]["context"][0]);
  document.push_back(json::parse(R"({"question": "Else?", "answer": "no", "context": [["Else", ["Another."]]]})"));
  const QuestionSet set = read(document, QuestionFile::HotpotQa);
  EXPECT_THAT(set.paragraphs, SizeIs(3));
  EXPECT_THAT(set.questions[1].paragraphs, ElementsAre(0, 1));
}

TEST_F(QuestionFileTest, DamagedFilesAreNamed) {
  const std::string whole = squad().dump();
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) refused(whole.substr(0, cut), QuestionFile::Squad);
  refused(std::string(100'000, '['), QuestionFile::HotpotQa);
  refused(std::string("{\"data\": \xff}"), QuestionFile::Squad);
  EXPECT_EQ(errorOf([&] { readQuestions(folder_ / "missing.json", QuestionFile::Squad); }).kind(), ErrorKind::BadInput);
  EXPECT_EQ(errorOf([&] { readQuestions(folder_.path(), QuestionFile::Squad); }).kind(), ErrorKind::BadInput);
}

TEST_F(QuestionFileTest, AnotherFormIsNamedWithItsPlace) {
  EXPECT_EQ(refused(hotpot(), QuestionFile::Squad).reason(), "is not an object");
  EXPECT_EQ(refused(squad(), QuestionFile::HotpotQa).reason(), "is not a list");
  struct Change {
    const char *pointer, *place;
    json value;
  };
  for (const Change& change :
       {Change{"/data", "data", 3},
        {"/data/0/paragraphs", "data[0].paragraphs", nullptr},
        {"/data/0/paragraphs/1", "data[0].paragraphs[1]", "text"},
        {"/data/0/paragraphs/1/context", "data[0].paragraphs[1].context", " "},
        {"/data/0/paragraphs/0/qas/0/question", "data[0].paragraphs[0].qas[0].question", 1},
        {"/data/0/paragraphs/0/qas/0/answers/1/text", "data[0].paragraphs[0].qas[0].answers[1].text", ""}}) {
    json document = squad();
    document[json::json_pointer(change.pointer)] = change.value;
    EXPECT_EQ(refused(document, QuestionFile::Squad).place(), change.place);
  }
  for (const Change& change : {Change{"/1/answer", "[1].answer", false},
                               {"/0/context", "[0].context", "Rome"},
                               {"/0/context/0", "[0].context[0][1]", json::array({"Rome"})},
                               {"/0/context/0/1/1", "[0].context[0][1][1]", 7}}) {
    json document = hotpot();
    document[json::json_pointer(change.pointer)] = change.value;
    EXPECT_EQ(refused(document, QuestionFile::HotpotQa).place(), change.place);
  }
  json document = hotpot();
  document[1].erase("answer");
  EXPECT_EQ(refused(document, QuestionFile::HotpotQa).reason(), "is missing");
}

TEST_F(QuestionFileTest, NothingToAskIsTold) {
  EXPECT_THAT(refused(json{{"data", json::array()}}, QuestionFile::Squad).reason(), HasSubstr("no question"));
  EXPECT_THAT(refused(json::array(), QuestionFile::HotpotQa).reason(), HasSubstr("no question"));
  json document = hotpot();
  document.erase(1);
  EXPECT_THAT(refused(document, QuestionFile::HotpotQa).reason(), HasSubstr("to hide"));
}

}  // namespace
}  // namespace interleave
