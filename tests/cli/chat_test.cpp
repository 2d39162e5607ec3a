// SPDX-License-Identifier: GPL-3.0-or-later
// In which form prompts are written: what is used, what is said of it, and what it decides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

class ChatOption : public ::testing::Test {
 protected:
  void template_(const std::string& text) const {
    writeText(std::filesystem::path(model_) / "tokenizer_config.json", nlohmann::json{{"chat_template", text}}.dump());
  }
  /// The text of the first pass key prompt.
  std::string prompt(const Words& more = {}) const {
    Words words{"model", "prompts", model_, "--prompts", "1", "--prompt-tokens", "300"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = run(words);
    log_ = result.log;
    if (result.code != 0) return "failed";
    const std::string ids = writeText(folder_ / "ids.json", result.json().at(0).dump());
    return run({"model", "detokenize", model_, "--ids", ids}).out;
  }
  CommandResult search(const std::string& bank, const Words& more = {}) const {
    Words words{"search", model_, "--bank", folder_ / bank, "--store", store_, "--json", "--budget", "2"};
    for (const char* setting : {"operators=full,gdn-window", "kinds=gdn-window", "tokens=64", "sequence_length=64",
                                "held_out_length=64", "held_out_sequences=1", "steps=2", "text_tokens=32",
                                "text_positions=8", "bank.prompt_share=0.5", "prompt_tokens=64"}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  nlohmann::json shown(const nlohmann::json& run_number) const {
    return run({"runs", "show", run_number.dump(), "--store", store_, "--json"}).json();
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model"), store_ = folder_ / "runs.sqlite";
  mutable std::string log_;
};

TEST_F(ChatOption, TheModelsOwnTemplateIsUsedAndSaid) {
  EXPECT_THAT(prompt(), StartsWith("There is an important pass key"));
  EXPECT_THAT(log_, HasSubstr("none: the model has no chat template"));
  template_("<user>{{ messages[0].content }}</user>");
  EXPECT_THAT(prompt(), AllOf(StartsWith("<user>There is"), HasSubstr("pass key?</user>The pass key is")));
  EXPECT_THAT(log_, HasSubstr("the model's own template (tokenizer_config.json)"));
  EXPECT_EQ(run({"model", "info", model_, "--json"}).json().at("tokenizer").at("chat_form"),
            "the model's own template (tokenizer_config.json)");
}

TEST_F(ChatOption, OverrulesIt) {
  template_("<user>{{ messages[0].content }}</user>");
  EXPECT_THAT(prompt({"--chat", "none"}), StartsWith("There is an important pass key"));
  EXPECT_THAT(log_, HasSubstr("none (asked for)"));
  EXPECT_THAT(prompt({"--chat", "chatml"}), StartsWith("<|im_start|>user\nThere is"));
  const std::string file = writeText(folder_ / "own.jinja", "{{ 'Q: ' + messages[0].content }}\nA: ");
  EXPECT_THAT(prompt({"--chat", file}), StartsWith("Q: There is"));
  EXPECT_THAT(log_, HasSubstr(file + " (asked for; "));
  EXPECT_EQ(prompt({"--chat", folder_ / "missing.jinja"}), "failed");
  EXPECT_THAT(log_, HasSubstr("missing.jinja"));
  EXPECT_EQ(prompt({"--chat", "chatlm"}), "failed");
  EXPECT_THAT(log_, HasSubstr("did you mean \"chatml\"?"));
}

TEST_F(ChatOption, ATemplateThatCannotBeReadIsSaidWithTheWayOut) {
  template_("{% if %}");
  EXPECT_EQ(prompt(), "failed");
  EXPECT_THAT(log_, AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("line 1"), HasSubstr("--chat none")));
  EXPECT_THAT(prompt({"--chat", "none"}), StartsWith("There is"));
  const CommandResult refused = search("bank");
  EXPECT_EQ(refused.code, 2) << refused.log;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "bank")) << "before anything is prepared";
}

TEST_F(ChatOption, ARunItsBankAndItsEvaluationSayWhatWasUsed) {
  const CommandResult plain = search("bank");
  ASSERT_EQ(plain.code, 0) << plain.log;
  EXPECT_EQ(plain.json().at("chat"), "none: the model has no chat template");
  const nlohmann::json card = run({"candidates", "show", folder_ / "bank", "--json"}).json();
  EXPECT_EQ(card.at("chat"), "none: the model has no chat template");
  EXPECT_THAT(plain.log, HasSubstr("Prompts: none: the model has no chat template"));

  const CommandResult refused = search("bank", {"--chat", "chatml"});
  EXPECT_EQ(refused.code, 2) << "the bank was aligned on other prompts";
  EXPECT_THAT(refused.log, AllOf(HasSubstr("chatml (asked for)"), HasSubstr("none: the model")));

  const std::string file = writeText(folder_ / "own.jinja", "{{ 'Q: ' + messages[0].content }}");
  const CommandResult own = search("other", {"--chat", file});
  ASSERT_EQ(own.code, 0) << own.log;
  std::filesystem::remove(file);
  const nlohmann::json run_shown = shown(own.json().at("run"));
  EXPECT_THAT(run_shown.at("chat"), StartsWith(file + " (asked for; ")) << "though the file is gone";
  EXPECT_EQ(run_shown.at("spec").at("search_settings").at("chat"), file);

  writeText(file, "{{ 'R: ' + messages[0].content }}");
  const CommandResult changed = search("other", {"--chat", file});
  EXPECT_EQ(changed.code, 2) << "its content counts";

  const auto evaluate = [&](const Words& more) {
    Words words{"evaluate", model_,      "--bank", folder_ / "bank",  "--placement", "uniform:2", "--tasks",
                "passkey",  "--prompts", "2",      "--prompt-tokens", "300",         "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const CommandResult as_found = evaluate({}), otherwise = evaluate({"--chat", "chatml"});
  ASSERT_EQ(as_found.code, 0) << as_found.log;
  EXPECT_EQ(as_found.json().at("chat"), "none: the model has no chat template");
  EXPECT_THAT(as_found.log, Not(HasSubstr("another form")));
  EXPECT_EQ(otherwise.json().at("chat"), "chatml (asked for)");
  EXPECT_THAT(otherwise.log, HasSubstr("was aligned on prompts in another form"));
  const auto samples = [](const CommandResult& of) { return of.json().at("tasks").at("passkey").at("samples_id"); };
  EXPECT_NE(samples(as_found), samples(otherwise));
}

TEST_F(ChatOption, ARunGoesOnWithThePromptsThatItBeganWith) {
  const CommandResult begun = search("bank");
  ASSERT_EQ(begun.code, 0) << begun.log;
  const std::string number = begun.json().at("run").dump();
  const Words resume{"search", "--store", store_, "--resume", number};
  Words other = resume;
  other.insert(other.end(), {"--chat", "none"});
  EXPECT_EQ(run(other).code, 2) << "it was begun with auto";
  EXPECT_EQ(run(resume).code, 0);
}

TEST_F(ChatOption, GenerationAsksInTheFormAskedFor) {
  template_("<user>{{ messages[0].content }}</user>");
  const auto answers = [&](const std::string& prompt, const Words& more) {
    Words words{"generate", model_, "--prompts", writeText(folder_ / "p.json", prompt), "--json", "--most", "4"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words).json().at("answers");
  };
  EXPECT_EQ(answers(R"(["ab"])", {"--chat", "auto"}), answers(R"(["<user>ab</user>"])", {}));
  EXPECT_EQ(answers(R"(["ab"])", {}), answers(R"(["ab"])", {"--chat", "none"}));
}

}  // namespace
}  // namespace interleave::testing
