// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat.h"

#include <gtest/gtest.h>

#include "backend/core/error.h"
#include "tests/formats/tokenizer/small_tokenizer.h"

namespace interleave {
namespace {

const std::vector<ChatMessage> kTalk = {
    {"system", "Be brief."}, {"user", " Hi "}, {"assistant", "Yes"}, {"user", "No"}};

/// A form without a template, told from one token.
ChatForm formOf(const std::string& token) {
  return ChatForm(
      "", [&](std::string_view asked) { return asked == token; }, "<s>", "</s>");
}

ChatForm templated(const std::string& text) {
  return ChatForm(
      text, [](std::string_view) { return false; }, "<s>", "</s>");
}

std::string complaint(const ChatForm& form, const std::vector<ChatMessage>& messages = kTalk) {
  try {
    form.render(messages, true);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return error.what();
  }
  return "";
}

TEST(ChatForm, IsToldFromSpecialTokens) {
  EXPECT_EQ(formOf("<|im_start|>").name(), "chatml");
  EXPECT_EQ(formOf("<|im_start|>").render(kTalk, true),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
            "<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nNo<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(formOf("<|start_header_id|>").name(), "llama3");
  EXPECT_EQ(
      formOf("<|start_header_id|>").render(std::span(kTalk).first(2), true),
      "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(formOf("<start_of_turn>").name(), "gemma");
  EXPECT_EQ(formOf("<start_of_turn>").render(kTalk, false),
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYes<end_of_turn>\n"
            "<start_of_turn>user\nNo<end_of_turn>\n");
  EXPECT_EQ(formOf("[INST]").name(), "mistral");
  EXPECT_EQ(formOf("[INST]").render(kTalk, true), "<s>[INST] Be brief.\n\n Hi  [/INST] Yes</s>[INST] No [/INST]");
}

TEST(ChatForm, IsToldFromTheTemplate) {
  EXPECT_EQ(templated("{{ '<|im_start|>' }}").name(), "chatml");
  EXPECT_EQ(templated("{{ messages[0].content }}").name(), "");
  EXPECT_EQ(templated("{{ messages[0].content }}{{ bos_token }}").render(kTalk, true), "Be brief.<s>");
}

TEST(ChatForm, SaysWhatItCannotWrite) {
  EXPECT_NE(complaint(formOf("nothing")).find("no known form"), std::string::npos);
  EXPECT_NE(complaint(formOf("[INST]"), {{"tool", "x"}}).find("\"tool\""), std::string::npos);
  EXPECT_NE(complaint(templated("{{ raise_exception('no system') }}")).find("no system"), std::string::npos);
  EXPECT_NE(complaint(templated("a\n{% if %}")).find("line 2"), std::string::npos);
  EXPECT_NE(complaint(templated("{% for m in messages %}")).find("endfor"), std::string::npos);
  EXPECT_NE(complaint(templated("{{ 'x' | tojson }}")).find("tojson"), std::string::npos);
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
                             "{{ messages }}",
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
  for (const char* chain : {" + 1", " or x", ".a", " | trim", " is defined", " == 1"}) {
    std::string source = "{{ x";
    for (int i = 0; i < 100'000; ++i) source += chain;
    EXPECT_NE(complaint(templated(source + " }}")), "") << chain;
  }
}

TEST(ChatForm, CountsAsPythonDoesAtTheEdges) {
  EXPECT_EQ(templated("{{ (0 - 7) % 9223372036854775 }}").render({}, false), "9223372036854768");
  EXPECT_EQ(complaint(templated("{{ -(0 - 922337203685477580 * 10 - 8) }}")), "");  // has no such integer
  EXPECT_EQ(templated("{{ 'a-b-c'.replace('-', '+-') }}").render({}, false), "a+-b+-c");
}

TEST(ChatForm, ComesWithTheTokenizer) {
  nlohmann::json metadata = test::ggufMetadata("smollm", {});
  metadata["tokenizer.chat_template"] =
      "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}";
  const Tokenizer tokenizer = Tokenizer::fromGguf(metadata, "small.gguf");
  EXPECT_EQ(tokenizer.chatForm(), "chatml");
  EXPECT_EQ(tokenizer.chat(std::vector<ChatMessage>{{"user", "a"}}), "<|im_start|>user: a<|im_end|>");
  EXPECT_EQ(tokenizer.encode(tokenizer.chat(std::vector<ChatMessage>{{"user", "a"}})).front(), tokenizer.bos());
}

}  // namespace
}  // namespace interleave
