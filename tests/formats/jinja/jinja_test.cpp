// SPDX-License-Identifier: GPL-3.0-or-later
// Our Jinja against jinja2 as `transformers` sets it up, and what it does on its own.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "backend/core/error.h"
#include "backend/formats/chat_template.h"
#include "tests/formats/test_files.h"
#include "tests/support/error_of.h"

namespace interleave::chat {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

std::string rendered(const std::string& source, const ordered_json& variables = ordered_json::object()) {
  return Template(source).render(Value(variables));
}

/// The text, or none where the template is refused, when it is read or when it runs.
std::optional<std::string> attempt(const std::string& source, const ordered_json& variables) {
  try {
    return rendered(source, variables);
  } catch (const Error&) {
  } catch (const std::invalid_argument&) {
  }
  return std::nullopt;
}

TEST(Jinja, AgreesWithTransformers) {
  const test::TemporaryFolder folder;
  if (!test::runReference("jinja_reference.py", {folder.path().string()})) GTEST_SKIP() << "no reference Python";
  const ordered_json cases = ordered_json::parse(test::readBytes(folder / "jinja.json"));
  EXPECT_GT(cases.size(), 2000U);
  int texts = 0, refusals = 0, wrong = 0;
  for (const ordered_json& item : cases) {
    const auto got = attempt(item["template"], item["variables"]);
    const auto expected =
        item["expected"].is_null() ? std::nullopt : std::optional(item["expected"].get<std::string>());
    (expected ? texts : refusals)++;
    if (got == expected || ++wrong > 10) continue;
    ADD_FAILURE() << item["feature"] << ": " << item["template"] << "\n with " << item["variables"].dump()
                  << "\n gives " << testing::PrintToString(got) << "\n not   " << testing::PrintToString(expected);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(texts, 1200);
  EXPECT_GT(refusals, 250);
}

TEST(Jinja, RefusesByNameWhatItDoesNotSupport) {
  const auto complaint = [](const std::string& source) { return test::errorOf([&] { rendered(source); }).reason(); };
  EXPECT_THAT(complaint("{{ 2 ** 64 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(complaint("{{ 9223372036854775807 + 1 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(complaint("{{ '99999999999999999999' | int }}"), HasSubstr("64 bits"));
  EXPECT_THAT(complaint("{{ -(-9223372036854775807 - 1) }}"), HasSubstr("64 bits"));
  EXPECT_THAT(complaint("{{ (-1) ** 0.5 }}"), HasSubstr("complex"));
  EXPECT_THAT(complaint("{{ [1] | random }}"), HasSubstr("random"));
  EXPECT_THAT(complaint("{{ lipsum() }}"), HasSubstr("lipsum"));
  EXPECT_THAT(complaint("{{ 'a' | urlize }}"), HasSubstr("urlize"));
  EXPECT_THAT(complaint("{{ 'a'.encode() }}"), HasSubstr("encode"));
  EXPECT_THAT(complaint("{% include 'x' %}"), HasSubstr("include"));
  EXPECT_THAT(complaint("{{ [1].append(2) }}"), HasSubstr("append"));
  EXPECT_THAT(complaint("{{ raise_exception('no ' ~ 1) }}"), HasSubstr("no 1"));
  EXPECT_THAT(complaint("{{ a.b.c }}"), HasSubstr("'a' is undefined"));
  EXPECT_THAT(complaint("{{ 'a' | upper | map | list }}"), HasSubstr("map"));
  EXPECT_THAT(complaint("{{ range }}"), HasSubstr("function"));
}

TEST(Jinja, TellsTheLineOfWhatCannotBeRead) {
  const auto complaint = [](const std::string& source) -> std::string {
    try {
      const Template read(source);
    } catch (const std::invalid_argument& problem) {
      return problem.what();
    }
    return "";
  };
  EXPECT_THAT(complaint("a\n\n{% if %}"), HasSubstr("line 3"));
  EXPECT_THAT(complaint("{% for a in b %}\n"), HasSubstr("endfor"));
  EXPECT_THAT(complaint("a\r\n{{ 1 +\n }}"), HasSubstr("line 3"));
  EXPECT_THAT(complaint("\n{{ a | nosuch }}"), HasSubstr("line 2: there is no filter 'nosuch'"));
  EXPECT_THAT(complaint("\xFF"), HasSubstr("UTF-8"));
  EXPECT_THAT(complaint("{{ 99999999999999999999 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(complaint("{{ '\\ud83d' }}"), HasSubstr("surrogate"));
}

TEST(Jinja, KeepsWhatJsonSays) {
  const ordered_json variables = ordered_json::parse(R"({"z": {"b": 1, "a": [1.0, -0.0, true, null, "é"]}})");
  EXPECT_EQ(rendered("{{ z }}", variables), "{'b': 1, 'a': [1.0, -0.0, True, None, 'é']}");
  EXPECT_EQ(rendered("{{ a }}", {{"a", "x\xFFy"}}), "x\xEF\xBF\xBDy");
  EXPECT_EQ(test::errorOf([] { Value(ordered_json(UINT64_MAX)); }).kind(), ErrorKind::Usage);
}

TEST(Jinja, ManyThreadsRenderOneTemplate) {
  const Template shared(
      "{% macro f(a) %}{{ a | upper }}{% endmacro %}{% for i in range(50) %}{{ f('x' ~ i) }}{{ [i, 'é'] }}{% endfor "
      "%}");
  const std::string expected = shared.render(Value(ordered_json::object()));
  std::vector<std::jthread> threads;
  std::array<std::string, 4> texts;
  for (std::string& text : texts) {
    threads.emplace_back([&] { text = shared.render(Value(ordered_json::object())); });
  }
  threads.clear();
  EXPECT_THAT(texts, testing::Each(expected));
}

TEST(Jinja, AMegabyteOfConversationIsQuick) {
  ordered_json messages = ordered_json::array();
  for (int i = 0; i < 2000; ++i) {
    messages.push_back(
        {{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(500, 'x') + "</think> é"}});
  }
  const std::string source =
      "{% set ns = namespace(last=0) %}{% for m in messages[::-1] %}{% if m.role == 'user' %}"
      "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
      "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('x') }}{% "
      "endif %}"
      "{{ '<|' + m.role + '|>' }}{{ m.content.split('</think>')[-1].strip() }}{{ m.content | trim | upper }}"
      "{{ m | tojson }}{% if not loop.last %}{{ loop.nextitem.role }}{% endif %}{% endfor %}";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_GT(rendered(source, {{"messages", messages}}).size(), 2'000'000U);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", static_cast<int>(taken.count() * 1000));
  EXPECT_LT(taken.count(), 20);  // A tenth of a second; sanitizers and busy machines take longer.
}

}  // namespace
}  // namespace interleave::chat
