// SPDX-License-Identifier: GPL-3.0-or-later
// Hostile templates: they end, in bounded time and memory, whatever they ask for.
#include <gmock/gmock.h>

#include <chrono>

#include "backend/core/error.h"
#include "backend/formats/chat_template.h"

namespace interleave::chat {
namespace {

/// How the template is refused: by BadInput, by another error, or "" when it is not.
std::string refusal(const std::string& source) {
  try {
    Template(source).render(Value(nlohmann::ordered_json::object()));
  } catch (const Error& error) {
    return std::string(error.kind() == ErrorKind::BadInput ? "bound: " : "error: ") + error.reason();
  } catch (const std::invalid_argument& problem) {
    return std::string("syntax: ") + problem.what();
  }
  return "";
}

/// A template that makes what `first` says in ns.a, and 9999 times what `step` makes of it.
std::string grown(const std::string& first, const std::string& step) {
  return "{% set ns = namespace(a=" + first + ") %}{% for i in range(9999) %}{% set ns.a = " + step + " %}{% endfor %}";
}

TEST(JinjaBounds, WhatGrowsOrNeverEndsIsRefused) {
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& source : std::vector<std::string>{
           "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
           "{{ range(10**9) }}",
           "{{ 'x' * 10**9 }}",
           "{{ [1] * 10**9 }}",
           "{{ ('x' * 10**7) * 10 }}",
           "{{ '%1000000000d' % 1 }}",
           "{{ '%.1000000000f' % 1 }}",
           "{{ '%*d' % (10**9, 1) }}",
           "{{ '{:1000000000}'.format(1) }}",
           "{{ '{:.1000000000f}'.format(1.0) }}",
           "{{ 'a'.center(10**9) }}",
           "{{ 'a'.ljust(10**9) }}",
           "{{ 'a'.zfill(10**9) }}",
           "{{ 'a' | center(10**9) }}",
           "{{ 'a\tb'.expandtabs(10**9) }}",
           "{{ 'a\nb' | indent(10**9) }}",
           "{{ strftime_now('%1000000000d') }}",
           "{{ [1] | batch(10**9, 0) | list }}",
           "{{ [1] | slice(10**9) | list }}",
           "{{ 1 | tojson(indent=10**9) }}",
           "{{ ('x' * 10**6).replace('', 'y' * 10**6) }}",
           "{{ ('x,' * 10**6 * 2).split(',') | length }}",
           "{{ ('x' * 10**7) | list | length }}",
           "{{ ('<' * 10**7) | e }}",
           "{{ ('x' * 10**6) | map('replace', 'x', 'y' * 10**4) | join }}",
           grown("'x'", "ns.a ~ ns.a"),
           grown("'x'", "ns.a | replace('x', 'xx')"),
           grown("'x'", "'%s%s' % (ns.a, ns.a)"),
           grown("'x'", "'{0}{0}'.format(ns.a)"),
           grown("'x'", "ns.a.join([ns.a, ns.a])"),
           grown("[1]", "ns.a + ns.a"),
           grown("[1]", "[ns.a]"),
           grown("[1]", "(ns.a, ns.a) | tojson"),
           grown("[1]", "{'a': ns.a}"),
           grown("[1]", "ns.a | map('abs')"),
           grown("range(9)", "ns.a[::1]") + "{{ range(10**6) }}",
           "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
           "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | "
           "tojson }}",
           "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
           "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
           "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}"
           "{% set ns.b = (ns.b, ns.b) %}{% endfor %}{{ {ns.a: 1}[ns.b] }}",
           "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}"
           "{% set ns.b = (ns.b, ns.b) %}{% endfor %}{{ [ns.a, ns.b] | sort }}",
           "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | "
           "pprint }}",
           "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
           "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
           "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
           "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
           "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
           "{% block a %}{{ self.a() }}{% endblock %}",
           "{% set a = range(99999) | list %}{{ a | reject('in', a) | list | length }}",
           "{% set a = range(99999) | list %}{{ a | map('string') | select('in', 'x' * 10**6) | list | length }}",
           "{% set a = ['x' * 10**6] * 99999 %}{{ a | sort | length }}",
           "{% set a = range(99999) | list %}{% for i in a %}{% set b = a + a %}{% endfor %}",
           "{% set t = 'é' * 10**6 %}{% for i in range(99999) %}{{ t[9**5] }}{% endfor %}",
           "{% set t = 'e' * 10**6 %}{% for i in range(99999) %}{{ t | upper | length }}{% endfor %}",
           "{% for i in range(99999) %}{{ dict(range(9999) | map('string') | map('list') | list) }}{% endfor %}",
           "{% for i in range(99999) %}{% set a = range(99999) | sum %}{% endfor %}",
           "{{ range(99999) | map('default') | map('list') | list }}{% for i in range(99999) %}{% for j in range(999) "
           "%}{% endfor %}{% endfor %}",
       }) {
    EXPECT_NE(refusal(source), "") << source;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", static_cast<int>(taken.count() * 1000));
  EXPECT_LT(taken.count(), 600);  // hours, if a bound were missing
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JinjaBounds, WhatNestsTooDeeplyIsRefused) {
  constexpr int kMany = 50'000;
  for (const char* opening : {"(", "[", "{1:", "-", "not ", "x[", "x(", "x|f(", "x.y(", "1 if x else ", "x is in ("}) {
    EXPECT_NE(refusal("{{ " + repeated(opening, kMany) + "1"), "") << opening;
    EXPECT_NE(refusal("{{ " + repeated(opening, 150) + "1 }}"), "") << opening;
  }
  for (const char* link : {" + 1", ".a", "[0]", "()", " | list", " and x", " ** 1", "[:]", " if x"}) {
    EXPECT_NE(refusal("{{ x" + repeated(link, kMany) + " }}"), "") << link;
  }
  for (const char* tag : {"{% if x %}", "{% for a in b %}", "{% with %}", "{% macro a() %}", "{% filter trim %}",
                          "{% set a %}", "{% block a %}", "{% generation %}", "{% call f() %}", "{% autoescape x %}"}) {
    EXPECT_NE(refusal(repeated(tag, kMany)), "") << tag;
  }
  EXPECT_NE(refusal("{% for " + repeated("(", kMany) + "a"), "");
  EXPECT_NE(refusal("{% set " + repeated("(a,", kMany)), "");
}

TEST(JinjaBounds, WhatIsNestedAsDeepAsAllowedWorks) {
  EXPECT_EQ(refusal("{{ " + repeated("(", 40) + "1" + repeated(")", 40) + " }}"), "");
  EXPECT_EQ(refusal("{{ 1" + repeated(" + 1", 150) + " }}"), "");
  EXPECT_EQ(refusal("{{ 'a'" + repeated(" ~ 'a'", 5000) + " }}"), "");
  EXPECT_EQ(refusal("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"), "");
  EXPECT_EQ(refusal(repeated("{% if true %}", 50) + repeated("{% endif %}", 50)), "");
}

TEST(JinjaBounds, WhatHoldsItselfIsLetGo) {
  EXPECT_EQ(
      refusal("{% set ns = namespace() %}{% set ns.a = [ns] %}{% macro f() %}{{ ns }}{% endmacro %}{% set ns.f = f %}"),
      "");
  EXPECT_EQ(refusal("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}"), "");
  // A chain of a hundred thousand namespaces, each held by the one before.
  EXPECT_EQ(refusal("{% set ns = namespace() %}{% set ns.end = ns %}{% for i in range(99999) %}{% set c = ns.end %}"
                    "{% set n = namespace() %}{% set c.next = n %}{% set ns.end = n %}{% endfor %}"),
            "");
  EXPECT_NE(refusal("{% set ns = namespace() %}{% set ns.end = ns %}{% for i in range(999) %}{% set c = ns.end %}"
                    "{% set n = namespace() %}{% set c.next = n %}{% set ns.end = n %}{% endfor %}{{ ns }}"),
            "");
  EXPECT_NE(refusal("{% set ns = namespace(l=1) %}{% for i in range(99999) %}{% for x in [ns.l] %}{% set ns.l = loop %}"
                    "{% endfor %}{% endfor %}"),
            "");
  EXPECT_EQ(refusal("{% set ns = namespace(m=1) %}{% macro outer(old) %}{% macro inner() %}{{ old }}{% endmacro %}"
                    "{% set ns.m = inner %}{% endmacro %}{% for i in range(9999) %}{{ outer(ns.m) }}{% endfor %}"),
            "");
}

}  // namespace
}  // namespace interleave::chat
