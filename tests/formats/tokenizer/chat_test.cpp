// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "backend/core/error.h"
#include "backend/formats/model_files.h"
#include "tests/formats/test_files.h"
#include "tests/formats/tokenizer/small_tokenizer.h"
#include "tests/support/error_of.h"

namespace interleave {
namespace {

const std::vector<ChatMessage> kTalk = {
    {"system", "Be brief."}, {"user", " Hi "}, {"assistant", "Yes"}, {"user", "No"}};

const SpecialTokenTexts kTokens{{"bos_token", "<s>"}, {"eos_token", "</s>"}};

/// The form of a family, asked for.
ChatForm formOf(const std::string& family) { return {family, ChatTemplate(), kTokens}; }

ChatForm templated(const std::string& text) {
  return {"auto", ChatTemplate{.text = text, .file = "small.jinja", .source = "small.jinja"}, kTokens};
}

/// What earlier programs made of a model with this template and one special token.
ChatForm earlier(const std::string& text, const std::string& token) {
  return ChatForm::ofEarlierPrograms(
      ChatTemplate{.text = text, .file = "small.jinja", .source = "small.jinja"},
      [&](std::string_view asked) { return asked == token; }, "<s>", "</s>");
}

std::string complaint(const ChatForm& form, const std::vector<ChatMessage>& messages = kTalk) {
  try {
    form.render(messages, true);
  } catch (const Error& error) {
    const bool bound = error.kind() == ErrorKind::BadInput;
    EXPECT_EQ(error.kind(), bound ? ErrorKind::BadInput : ErrorKind::Usage);
    EXPECT_EQ(error.file(), bound ? "small.jinja" : "");
    return error.what();
  }
  return "";
}

TEST(ChatForm, FamiliesAreWrittenWhenTheyAreAskedFor) {
  EXPECT_EQ(formOf("chatml").words(), "chatml (asked for)");
  EXPECT_EQ(formOf("chatml").render(kTalk, true),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
            "<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nNo<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(
      formOf("llama3").render(std::span(kTalk).first(2), true),
      "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(formOf("gemma").render(kTalk, false),
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYes<end_of_turn>\n"
            "<start_of_turn>user\nNo<end_of_turn>\n");
  EXPECT_EQ(formOf("mistral").render(kTalk, true), "<s>[INST] Be brief.\n\n Hi  [/INST] Yes</s>[INST] No [/INST]");
}

TEST(ChatForm, TheModelsOwnTemplateCountsWhateverItHolds) {
  const ChatForm own = templated("{{ messages[0].content }}{{ bos_token }}{{ pad_token }}");
  EXPECT_EQ(own.words(), "the model's own template (small.jinja)");
  EXPECT_FALSE(own.isPlain());
  EXPECT_EQ(own.render(kTalk, true), "Be brief.<s>");
}

TEST(ChatForm, WithoutATemplateThereIsNoForm) {
  const ChatForm none("auto", ChatTemplate(), kTokens), asked("none", ChatTemplate{.text = "x"}, kTokens);
  EXPECT_TRUE(none.isPlain());
  EXPECT_EQ(none.words(), "none: the model has no chat template");
  EXPECT_TRUE(asked.isPlain());
  EXPECT_EQ(asked.words(), "none (asked for)");
  EXPECT_TRUE(ChatForm().isPlain());
  EXPECT_NE(complaint(none), "");
}

TEST(ChatForm, ATemplateInAFileIsToldByItsContent) {
  const test::TemporaryFolder folder;
  const std::string file = (folder / "own.jinja").string();
  EXPECT_TRUE(ChatForm::isFile(file));
  EXPECT_FALSE(ChatForm::isFile("gemma"));
  test::expectBadInput([&] { ChatForm(file, ChatTemplate(), kTokens); }, {"own.jinja", "no such file"});
  std::ofstream(file) << "";
  test::expectBadInput([&] { ChatForm(file, ChatTemplate(), kTokens); }, {"own.jinja", "empty"});
  std::ofstream(file) << "{{ messages[0].content }}\r\n\r{{ eos_token }}";
  const ChatForm form(file, ChatTemplate{.text = "{{ 'own' }}"}, kTokens);
  EXPECT_EQ(form.render(kTalk, true), "Be brief.\n\n</s>");  // line ends as Python reads them
  EXPECT_THAT(form.words(), testing::StartsWith(file + " (asked for; "));
  std::ofstream(file) << "{{ messages[0].content }}";
  EXPECT_NE(ChatForm(file, ChatTemplate(), kTokens).words(), form.words());
}

TEST(ChatForm, KnowsWhatEarlierProgramsWrote) {
  EXPECT_TRUE(earlier("{{ messages[0].content }}", "<|im_start|>").isPlain());  // no mark in the template
  EXPECT_EQ(earlier("{{ '<|im_start|>' + bos_token }}", "").render(kTalk, true), "<|im_start|><s>");
  EXPECT_TRUE(earlier("", "nothing").isPlain());
  const std::vector<ChatMessage> user{{"user", "Hi"}};
  EXPECT_EQ(earlier("", "[INST]").render(user, true), "<s>[INST] Hi [/INST]");
  EXPECT_EQ(earlier("", "<start_of_turn>").render(user, true), formOf("gemma").render(user, true));
}

TEST(ChatForm, SaysWhatItCannotWrite) {
  EXPECT_THAT(complaint(templated("a\n{% if %}")), testing::HasSubstr("--chat none"));
  EXPECT_NE(complaint(formOf("mistral"), {{"tool", "x"}}).find("\"tool\""), std::string::npos);
  EXPECT_NE(complaint(templated("{{ raise_exception('no system') }}")).find("no system"), std::string::npos);
  EXPECT_NE(complaint(templated("a\n{% if %}")).find("line 2"), std::string::npos);
  EXPECT_NE(complaint(templated("{% for m in messages %}")).find("endfor"), std::string::npos);
  EXPECT_NE(complaint(templated("{{ 'x' | nosuch }}")).find("nosuch"), std::string::npos);
  EXPECT_NE(complaint(templated("{{ missing.name }}")).find("undefined"), std::string::npos);
  for (const char* source : {"{{",
                             "{% set %}",
                             "{{ 1 + }}",
                             "{{ 'x }}",
                             "{% endif %}",
                             "{{ [1 }}",
                             "{{ {1:2 }}",
                             "{{ ) }}",
                             "{{ 99999999999999999999 }}",
                             "{% include 'x' %}",
                             "{{ '\\u12' }}",
                             "{{ 1 ! 2 }}",
                             "{{ -'x' }}",
                             "{{ 1 / 0 }}",
                             "{{ 'a' < 1 }}",
                             "{{ 1 in 2 }}",
                             "{{ range(1000000) }}",
                             "{{ 'x'[::0] }}",
                             "{{ f(1) }}",
                             "{% set a.b = 1 %}"}) {
    EXPECT_NE(complaint(templated(source)), "") << source;
  }
}

TEST(ChatForm, EndsWhateverTheTemplate) {
  std::string nested = "{{ ";
  for (int i = 0; i < 10'000; ++i) nested += "(";
  EXPECT_NE(complaint(templated(nested + "1 }}")), "");
  std::string blocks;
  for (int i = 0; i < 10'000; ++i) blocks += "{% if true %}";
  EXPECT_NE(complaint(templated(blocks)), "");
  std::string minuses(10'000, '-');
  EXPECT_NE(complaint(templated("{{ 1 " + minuses + "1 }}")), "");
  EXPECT_NE(complaint(templated("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")), "");
  EXPECT_NE(complaint(templated("{% set ns = namespace(a='x') %}{% for a in range(9999) %}"
                                "{% set ns.a = ns.a + ns.a %}{% endfor %}")),
            "");
}

TEST(ChatForm, GrowsNoFurtherThanAPromptMay) {
  const auto grown = [](const std::string& value) {
    return "{% set ns = namespace(a='x', b=[1]) %}{% for i in range(9999) %}{% set " + value + " %}{% endfor %}";
  };
  for (const std::string& source :
       {grown("ns.a = ns.a ~ ns.a"), grown("ns.b = ns.b + ns.b"), grown("ns.b = [ns.b]"),
        grown("ns.a = ns.a.replace('x', 'xxxxxxxx')"), grown("ns.a = [ns.a, ns.a] | join(ns.a)"),
        std::string("{{ range(-99999999999999999, 0) }}"), std::string("{{ range(-9, 9223372036854775807) }}"),
        std::string("{% for i in range(99999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}"),
        std::string("{{ 'a b'.split(' ', 'x') }}")}) {
    EXPECT_NE(complaint(templated(source)), "") << source;
  }
  for (const char* chain : {" + 1", " or x", ".a", " | trim", " is defined"}) {
    std::string source = "{{ x";
    for (int i = 0; i < 70'000; ++i) source += chain;
    EXPECT_NE(complaint(templated(source + " }}")), "") << chain;
  }
}

/// A template that makes `a`, 2^23 of the letter, and `b`, 2^20 of it and an x; then `rest`, which may ask for more.
std::string large(const std::string& rest) {
  return "{% set ns = namespace(a='a', b='') %}{% for i in range(23) %}{% if i == 20 %}{% set ns.b = ns.a ~ 'x' %}"
         "{% endif %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{% set a = ns.a %}{% set b = ns.b %}" +
         rest;
}

TEST(ChatForm, LooksThroughTextsInBoundedTime) {
  const auto begin = std::chrono::steady_clock::now();
  // A search that begins anew at each letter would compare a million of them there.
  EXPECT_EQ(templated(large("{{ b in a }}")).render({}, false), "False");
  EXPECT_EQ(templated(large("{{ a.split(b) | length }}")).render({}, false), "1");
  EXPECT_EQ(templated(large("{{ a.replace(b, '') | length }}")).render({}, false), "8388608");
  EXPECT_EQ(templated(large("{{ a.strip(b) }}")).render({}, false), "");
  EXPECT_NE(complaint(templated(large("{{ range(99999) | map('string') | select('in', a) | list | length }}"))), "");
  EXPECT_NE(complaint(templated("{% set a = range(99999) | list %}{{ a | reject('in', a) | list | length }}")), "");
  std::string slices = "{% set a = range(99999) | list %}{{ a";
  for (int i = 0; i < 150; ++i) slices += "[:]";
  EXPECT_NE(complaint(templated(slices + " | length }}")), "");
  EXPECT_NE(complaint(templated("{% for i in range(99999) %}{% set a %}" + std::string(1 << 19, 'x') +
                                "{% endset %}{% endfor %}")),
            "");
  std::string tags;
  for (int line = 1; line < 170'000; ++line) tags += "{{a}}\n";
  EXPECT_THAT(complaint(templated(tags + "{{")), testing::HasSubstr("line 170000"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(5));  // hours, if it were not so
}

TEST(ChatForm, ATextTooLongIsTheTemplatesFault) {
  const ChatForm form = templated(large("{{ (a ~ a ~ a) | length }}"));
  test::expectBadInput([&] { form.render({}, false); }, {"small.jinja", "chat template", "text that is too long"});
  test::expectBadInput(
      [&] {
        templated("{% for i in range(99999) %}{% for j in range(99) %}{% endfor %}{% endfor %}").render({}, false);
      },
      {"small.jinja", "does not come to an end"});
  EXPECT_EQ(test::errorOf([&] {
              form.render(std::vector<ChatMessage>{{"user", std::string(1 << 25, 'x')}}, false);
            }).kind(),
            ErrorKind::Usage);
}

TEST(ChatForm, TheDateIsTheSameOnEveryDay) {
  EXPECT_EQ(templated("{{ strftime_now('%d %b %Y, %A, %j, %H:%M %Z') }}").render({}, false),
            "26 Jul 2024, Friday, 208, 00:00 ");  // without a time zone, as Python's day
}

TEST(ChatForm, CharactersOfATextAreCountedNotItsBytes) {
  EXPECT_EQ(templated("{{ 'aé漢😀'[2] }}{{ 'aé漢😀'[-1] }}{{ 'aé漢😀'[4] }}{{ 'aé漢😀'[-5] }}").render({}, false), "漢😀");
  EXPECT_EQ(templated("{{ 'aé漢😀'[1:3] }}{{ 'aé漢😀'[::-2] }}").render({}, false), "é漢😀é");
}

TEST(ChatForm, CountsAsPythonDoesAtTheEdges) {
  EXPECT_EQ(templated("{{ (0 - 7) % 9223372036854775 }}").render({}, false), "9223372036854768");
  EXPECT_THAT(complaint(templated("{{ -(0 - 922337203685477580 * 10 - 8) }}")), testing::HasSubstr("64 bits"));
  EXPECT_EQ(templated("{{ 'a-b-c'.replace('-', '+-') }}").render({}, false), "a+-b+-c");
}

TEST(ChatForm, ATemplateTooLargeIsRefusedWhereverItComesFrom) {
  const std::string large = "{{ bos_token }}" + std::string(kTemplateBytes, 'x');
  nlohmann::json metadata = test::ggufMetadata("smollm", {});
  metadata["tokenizer.chat_template"] = large;
  test::expectBadInput([&] { Tokenizer::fromGguf(metadata, "small.gguf"); },
                       {"small.gguf", "chat template", "1048576"});

  const test::TemporaryFolder folder;
  test::writeModelFolder(folder / "m", test::tinyConfig());
  std::ofstream(folder / "m/tokenizer.json") << test::byteLevelDocument({}).dump();
  std::ofstream(folder / "m/tokenizer_config.json") << nlohmann::json{{"chat_template", large}}.dump();
  const auto open = [&] { Tokenizer::from(ModelFiles::open(folder / "m")); };
  test::expectBadInput(open, {"m/tokenizer_config.json", "chat template", "1048576"});
  std::ofstream(folder / "m/chat_template.jinja") << "{{ 'short' }}";
  EXPECT_EQ(Tokenizer::from(ModelFiles::open(folder / "m")).chatForm().render({}, false), "short");
  std::ofstream(folder / "m/chat_template.jinja") << large;
  test::expectBadInput(open, {"m/chat_template.jinja", "chat template", "1048576"});
}

}  // namespace
}  // namespace interleave
