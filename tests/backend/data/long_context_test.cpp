// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/long_context.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "backend/data/text_source.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/formats/tokenizer/small_tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::errorOf;
using test::tokenizerOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::size_t kLongestItem = 402;  ///< Bytes of a sentence of the essay; all other items here are shorter.

std::size_t times(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return count;
}

/// What the groups of `pattern` match, one match after another.
std::vector<std::vector<std::string>> matches(const std::string& text, const std::string& pattern) {
  std::vector<std::vector<std::string>> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator found(text.begin(), text.end(), regex), end; found != end; ++found) {
    all.emplace_back(std::next(found->begin()), found->end());
  }
  return all;
}

QuestionSet someQuestions() {
  QuestionSet set;
  for (std::size_t i = 0; i < 7; ++i) {
    const std::string name = "place " + std::to_string(i);
    set.paragraphs.push_back("About " + name + ".\nIts founder was person " + std::to_string(i) + "x.");
    set.questions.push_back({"Who founded " + name + "?", {"person " + std::to_string(i) + "x", "No. " + name}, {i}});
  }
  return set;
}

class LongContextTest : public ::testing::Test {
 protected:
  LongContextTest() {
    tokenizers_["bytes"] = std::make_shared<const Tokenizer>(tokenizerOf(test::byteLevelDocument({})));
    nlohmann::json metadata =
        test::ggufMetadata("smollm", {"i n", "t h", "a n", "th e", "an d", "Ġ a", "Ġ the", "Ġ in", "1 2"});
    metadata["tokenizer.chat_template"] =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    tokenizers_["merges, in chat form"] =
        std::make_shared<const Tokenizer>(Tokenizer::fromGguf(std::move(metadata), "small"));
    tokenizers_["characters and bytes"] = std::make_shared<const Tokenizer>(
        tokenizerOf(test::sentencePieceDocument({"▁", "a", "e", "t", "h"}, {"t h", "th e", "▁ the"})));
    materials_.hay = std::make_shared<const Hay>(heldOutText({}));
    materials_.passkeys = 3;
    materials_.passkey_words = 4;
  }

  LongContextTask task(const LongContextInfo& info, std::int64_t tokens = 2500, std::uint64_t seed = 5,
                       const std::string& tokenizer = "bytes") const {
    LongContextTask::Materials materials = materials_;
    if (info.file) materials.questions = std::make_shared<const QuestionSet>(someQuestions());
    return {tokenizers_.at(tokenizer), info.name, tokens, seed, materials};
  }

  LongContextTask task(std::string_view name, std::int64_t tokens = 2500) const {
    const std::vector<LongContextInfo> all = LongContextTask::all();
    return task(*std::ranges::find(all, name, &LongContextInfo::name), tokens);
  }

  std::string before(const LongContextPrompt& prompt, const std::string& tokenizer = "bytes") const {
    return tokenizers_.at(tokenizer)->decode(
        std::span(prompt.ids).first(static_cast<std::size_t>(prompt.answer_begin)));
  }
  std::string answer(const LongContextPrompt& prompt, const std::string& tokenizer = "bytes") const {
    return tokenizers_.at(tokenizer)->decode(
        std::span(prompt.ids).subspan(static_cast<std::size_t>(prompt.answer_begin)));
  }

  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers_;
  LongContextTask::Materials materials_;
};

TEST_F(LongContextTest, ThereAreThirteenTasksOfRulerAndFlashMorphs) {
  std::size_t ruler = 0;
  std::set<std::string_view> names;
  for (const LongContextInfo& info : LongContextTask::all()) {
    ruler += info.label == "RULER-style" ? 1 : 0;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(info.match == Match::Any, info.file.has_value()) << info.name;
  }
  EXPECT_EQ(ruler, 13U);
  EXPECT_THAT(names, SizeIs(14));
}

TEST_F(LongContextTest, PromptsDependOnTheArgumentsAlone) {
  for (const LongContextInfo& info : LongContextTask::all()) {
    const LongContextTask one = task(info), same = task(info), other = task(info, 2500, 6);
    const LongContextPrompt prompt = one.prompt(3);
    one.prompt(4);
    EXPECT_EQ(prompt.ids, same.prompt(3).ids) << info.name;
    EXPECT_EQ(prompt.references, same.prompt(3).references) << info.name;
    EXPECT_NE(prompt.ids, one.prompt(4).ids) << info.name;
    EXPECT_NE(prompt.ids, other.prompt(3).ids) << info.name;
  }
}

TEST_F(LongContextTest, LengthsAreMetToWithinAnItem) {
  for (const LongContextInfo& info : LongContextTask::all()) {
    for (const auto& [name, tokenizer] : tokenizers_) {
      for (const std::int64_t tokens : {1700, 2500, 6000}) {
        const LongContextPrompt prompt = task(info, tokens, 1, name).prompt(0);
        const auto size = static_cast<std::int64_t>(prompt.ids.size());
        EXPECT_FALSE(prompt.overlong) << info.name << ", " << name;
        EXPECT_LE(size, tokens) << info.name << ", " << name;
        EXPECT_GT(size, tokens - static_cast<std::int64_t>(kLongestItem)) << info.name << ", " << name;
      }
    }
  }
}

TEST_F(LongContextTest, TheAnswerFollowsItsPrefixInTheModelsChatForm) {
  for (const LongContextInfo& info : LongContextTask::all()) {
    for (const auto& [name, tokenizer] : tokenizers_) {
      const LongContextPrompt prompt = task(info, 2500, 1, name).prompt(0);
      std::string expected = " " + prompt.references.front();
      for (std::size_t i = 1; i < prompt.references.size() && info.match == Match::All; ++i) {
        expected += ", " + prompt.references[i];
      }
      const std::string text = before(prompt, name);
      const std::string said = answer(prompt, name);  // Decoders of this kind drop the first space.
      EXPECT_TRUE(said == expected || said == expected.substr(1)) << info.name << ": " << said;
      EXPECT_NE(text.back(), ' ') << info.name;
      EXPECT_EQ(text.find("<|im_start|>assistant\n") != std::string::npos, !tokenizer->chatForm().isPlain());
      EXPECT_GT(prompt.most_new, 0);
    }
  }
}

TEST_F(LongContextTest, NewTokensAreThoseOfRuler) {
  for (const auto& [name, most] : std::map<std::string, std::int64_t>{
           {"niah_single_1", 128}, {"niah_multiquery", 128}, {"vt", 30}, {"cwe", 120}, {"fwe", 50}, {"qa_1", 32}}) {
    EXPECT_EQ(task(name).prompt(0).most_new, most) << name;
  }
}

TEST_F(LongContextTest, WhatIsAskedForStandsInThePromptOnce) {
  for (const LongContextInfo& info : LongContextTask::all()) {
    if (!info.name.starts_with("niah") && info.name != "flashmorph_passkey") continue;
    for (std::int64_t i = 0; i < 20; ++i) {
      const LongContextPrompt prompt = task(info).prompt(i);
      const std::string text = before(prompt);
      for (const std::string& reference : prompt.references) EXPECT_EQ(times(text, reference), 1U) << info.name;
    }
  }
}

TEST_F(LongContextTest, NeedlesHaveTheKeysAndValuesOfTheirTask) {
  struct Expected {
    std::string name, value;
    std::size_t needles, keys, references, asked;  ///< needles 0: as many as fit.
  };
  const std::string number = "\\d{7}", uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
  for (const Expected& expected : {Expected{"niah_single_1", number, 1, 1, 1, 1},
                                   {"niah_single_2", number, 1, 1, 1, 1},
                                   {"niah_single_3", uuid, 1, 1, 1, 1},
                                   {"niah_multikey_1", number, 4, 4, 1, 1},
                                   {"niah_multikey_2", number, 0, 0, 1, 1},
                                   {"niah_multikey_3", uuid, 0, 0, 1, 1},
                                   {"niah_multivalue", number, 4, 1, 4, 1},
                                   {"niah_multiquery", number, 4, 4, 4, 4}}) {
    for (std::int64_t i = 0; i < 10; ++i) {
      const LongContextPrompt prompt = task(expected.name).prompt(i);
      const std::string text = before(prompt);
      const auto needles = matches(text, "for (\\S+) is: (" + expected.value + ")\\.");
      std::map<std::string, std::vector<std::string>> values;
      for (const auto& needle : needles) values[needle[0]].push_back(needle[1]);
      if (expected.needles == 0) {
        EXPECT_GT(needles.size(), 10U);
        EXPECT_EQ(values.size(), needles.size()) << "keys differ";
      } else {
        EXPECT_THAT(needles, SizeIs(expected.needles)) << expected.name;
        EXPECT_THAT(values, SizeIs(expected.keys)) << expected.name;
      }
      ASSERT_THAT(prompt.references, SizeIs(expected.references));
      const auto question = matches(text, "\n\nWhat (?:is|are all) the special magic \\w+ for ([^?]+) given");
      ASSERT_THAT(question, SizeIs(1)) << text.substr(text.size() - 300);
      std::vector<std::string> answers;
      std::size_t asked = 0;
      for (const auto& key : matches(question[0][0], "([^, ]+)")) {
        ++asked;
        answers.insert(answers.end(), values[key[0]].begin(), values[key[0]].end());
      }
      EXPECT_EQ(asked, expected.asked);
      EXPECT_EQ(answers, prompt.references) << expected.name;
    }
  }
}

TEST_F(LongContextTest, NeedlesStandAtAllDepths) {
  std::set<int> tenths;
  const LongContextTask hidden = task("niah_single_1");
  for (std::int64_t i = 0; i < 100; ++i) {
    const std::string text = before(hidden.prompt(i));
    const double depth = static_cast<double>(text.find("One of the special")) / static_cast<double>(text.size());
    tenths.insert(static_cast<int>(10 * depth));
  }
  EXPECT_GE(tenths.size(), 9U);
}

TEST_F(LongContextTest, ChainsOfVariablesLeadToTheValue) {
  for (std::int64_t i = 0; i < 20; ++i) {
    const LongContextPrompt prompt = task("vt").prompt(i);
    const std::string text = before(prompt);
    std::map<std::string, std::string> values;
    std::vector<std::string> order;
    for (const auto& assignment : matches(text, "VAR ([A-Z]{5}) = (?:VAR )?([A-Z]{5}|\\d{5})\\.")) {
      const auto known = values.find(assignment[1]);
      values[assignment[0]] = known == values.end() ? assignment[1] : known->second;
      order.push_back(assignment[0]);
    }
    EXPECT_THAT(order, SizeIs(5));
    EXPECT_EQ(order, prompt.references);
    const auto question = matches(text, "Which variables have the value (\\d{5}) at");
    ASSERT_THAT(question, SizeIs(1));
    for (const auto& [variable, value] : values) EXPECT_EQ(value, question[0][0]);
  }
}

TEST_F(LongContextTest, CommonWordsAreTheMostCommonOnes) {
  for (const auto& [tokens, common, uncommon] : {std::tuple{1700, 6, 1}, {3500, 6, 1}, {8000, 30, 3}, {60000, 30, 3}}) {
    const LongContextPrompt prompt = task("cwe", tokens).prompt(1);
    std::map<std::string, int> counts;
    for (const auto& entry : matches(before(prompt), "\\d+\\. ([a-z-]+)")) ++counts[entry[0]];
    EXPECT_GT(counts.size(), 10U);
    EXPECT_THAT(prompt.references, SizeIs(10));
    for (const std::string& word : prompt.references) {
      EXPECT_EQ(counts[word], common) << word;
      counts.erase(word);
    }
    for (const auto& [word, count] : counts) EXPECT_EQ(count, uncommon) << word;
  }
}

TEST_F(LongContextTest, FrequentWordsAreTheMostFrequentOnes) {
  for (const std::int64_t tokens : {800, 1000, 1700, 8000}) {
    const LongContextPrompt prompt = task("fwe", tokens).prompt(1);
    const std::string text = before(prompt);
    const std::size_t from = text.find("\n\n") + 2, to = text.find("\n\nQuestion");
    std::map<std::string, int> counts;
    for (const auto& word : matches(text.substr(from, to - from), "(\\S+)")) ++counts[word[0]];
    std::vector<std::pair<int, std::string>> ranks;
    for (const auto& [word, count] : counts) ranks.emplace_back(-count, word);
    std::ranges::sort(ranks);
    ASSERT_GT(ranks.size(), 4U);
    EXPECT_EQ(ranks[0].second, "...");
    const std::set<std::string> frequent{ranks[1].second, ranks[2].second, ranks[3].second};
    EXPECT_EQ(frequent, std::set<std::string>(prompt.references.begin(), prompt.references.end()));
    EXPECT_LT(ranks[3].first, ranks[4].first) << "the third is clearly before the fourth";
    // n k^-2 / zeta(2): the second comes a quarter as often as the first.
    EXPECT_NEAR(ranks[1].first, ranks[0].first / 4.0, 1);
  }
}

TEST_F(LongContextTest, QuestionsComeWithTheirParagraphAmongOthers) {
  const LongContextTask questions = task("qa_1", 1200);
  EXPECT_EQ(questions.count(), 7);
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < 7; ++i) {
    const LongContextPrompt prompt = questions.prompt(i);
    const std::string text = before(prompt);
    EXPECT_THAT(prompt.references, SizeIs(2));
    const std::string own = "Its founder was " + prompt.references[0] + ".";
    EXPECT_EQ(times(text, own), 1U) << "never among those that come round again";
    EXPECT_GT(times(text, "Document "), 7U) << "the others do";
    seen.insert(text.substr(text.rfind("Question:")));
    EXPECT_EQ(answer(prompt).substr(1), prompt.references[0]);
  }
  EXPECT_THAT(seen, SizeIs(7));
  EXPECT_EQ(task("niah_single_1").count(), std::numeric_limits<std::int64_t>::max());
}

TEST_F(LongContextTest, FlashMorphsPassKeysAreSequencesOfWords) {
  const LongContextPrompt prompt = task("flashmorph_passkey").prompt(2);
  const std::string text = before(prompt);
  ASSERT_THAT(prompt.references, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::ranges::count(prompt.references[i], ' '), 3);
    const std::string ordinal = std::array{"1st", "2nd", "3rd"}[i];
    EXPECT_THAT(text, HasSubstr("the " + ordinal + " passkey to the vault is: " + prompt.references[i] + "."));
  }
  EXPECT_GE(prompt.most_new, static_cast<std::int64_t>(prompt.ids.size()) - prompt.answer_begin);

  materials_.passkeys = 12;
  materials_.passkey_words = 32;
  const LongContextPrompt full = task("flashmorph_passkey", 12000).prompt(0);
  EXPECT_FALSE(full.overlong);
  EXPECT_THAT(before(full), HasSubstr("the 11th passkey to the vault is: "));
  EXPECT_THAT(full.references, SizeIs(12));
}

TEST_F(LongContextTest, TooShortALengthIsTold) {
  for (const LongContextInfo& info : LongContextTask::all()) {
    EXPECT_TRUE(task(info, 50).prompt(0).overlong) << info.name;
    EXPECT_TRUE(task(info, 1).prompt(0).overlong) << info.name;
  }
}

TEST_F(LongContextTest, WhatCannotBeIsRefused) {
  const auto refused = [&](const LongContextTask::Materials& materials, std::string_view name, std::int64_t tokens) {
    const Error error = errorOf([&] { LongContextTask(tokenizers_.at("bytes"), name, tokens, 1, materials); });
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return std::string(error.what());
  };
  EXPECT_THAT(refused(materials_, "niah", 900), HasSubstr("niah"));
  EXPECT_THAT(refused(materials_, "vt", LongContextTask::kMostTokens + 1), HasSubstr("prompt_tokens"));
  EXPECT_THAT(refused(materials_, "qa_1", 900), HasSubstr("qa_1"));
  EXPECT_THAT(refused({}, "vt", 900), HasSubstr("vt"));
  materials_.passkeys = 0;
  EXPECT_THAT(refused(materials_, "flashmorph_passkey", 900), HasSubstr("passkeys"));
  materials_.passkeys = 1001;
  EXPECT_THAT(refused(materials_, "flashmorph_passkey", 900), HasSubstr("passkeys"));
}

TEST_F(LongContextTest, ATokenizerThatKnowsNoWordIsNoTrap) {
  nlohmann::json document = test::sentencePieceDocument({"▁"}, {});
  document["model"]["byte_fallback"] = false;  // Everything is one <unk> after another, and those become one.
  tokenizers_["none"] = std::make_shared<const Tokenizer>(tokenizerOf(document));
  for (const LongContextInfo& info : LongContextTask::all()) {
    EXPECT_LE(task(info, 2000, 1, "none").prompt(0).ids.size(), 2000U) << info.name;
  }
}

TEST_F(LongContextTest, AnyTextIsHay) {
  const auto prompt = [&](const std::string& text) {
    materials_.hay = std::make_shared<const Hay>(text);
    const LongContextPrompt made = task("niah_single_2").prompt(0);
    EXPECT_FALSE(made.overlong);
    EXPECT_LE(made.ids.size(), 2500U);
    EXPECT_GT(made.ids.size(), 2500 - kLongestItem);
    return before(made);
  };
  EXPECT_GT(times(prompt("One short sentence. "), "One short sentence."), 50U) << "it comes round again";
  EXPECT_THAT(prompt("Pi is 3.14.\n\n  \"Yes?\" he said."), HasSubstr("Pi is 3.14.\n\n\"Yes?\" he said.\nPi"))
      << "as it is written, but for wide gaps";
  EXPECT_THAT(prompt(std::string(5000, 'a')), HasSubstr("aaaa"));
  EXPECT_THAT(prompt(std::string(5000, '!')), HasSubstr("!!!!"));
  std::string chinese;
  for (int i = 0; i < 2000; ++i) chinese += "雨";
  EXPECT_THAT(prompt(chinese), Not(HasSubstr("\uFFFD"))) << "cut between characters";
  prompt(std::string("\xff\xfe\0 zeros and bytes", 19));
  for (const char* none : {"", " \n\t "}) {
    EXPECT_EQ(errorOf([&] { Hay{none}; }).kind(), ErrorKind::Usage);
  }
}

TEST(Sentences, EndWhereTheyDo) {
  EXPECT_THAT(sentences("One. Two?  \"Three!\" Four\n\nFive"),
              ::testing::ElementsAre("One.", "Two?", "\"Three!\"", "Four", "Five"));
  EXPECT_THAT(sentences("aaa bbb ccc. dd", 9), ::testing::ElementsAre("aaa bbb", "ccc.", "dd"));
  EXPECT_THAT(sentences("  \n"), IsEmpty());
}

}  // namespace
}  // namespace interleave
