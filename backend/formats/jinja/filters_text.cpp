// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "backend/formats/jinja/filters.h"
#include "backend/formats/jinja/format.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/search.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/jinja/wrap.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// A method of what is printed, Markup still Markup.
Value methodOfPrinted(Call& call, std::string_view method, Arguments arguments = {}) {
  const Value text = printed(call);
  const Value result = textMethods().call(method, call.context, text, std::move(arguments));
  return text.isMarkup() ? Value(result.bytes(), true) : result;
}

const std::string& textOf(const Value& value, const char* filter) {
  if (value.isUndefined()) failUndefined(value);
  if (!value.isText())
    throw cannot("the filter '" + std::string(filter) + "' wants a text, not '" + typeName(value) + "'");
  return value.bytes();
}

bool isWordCharacter(char32_t code) { return code == '_' || isAlphabetic(code) || isNumeric(code) || isDigit(code); }

/// What the filter title begins words behind.
bool beginsWords(char32_t code) {
  return isPythonSpace(code) || std::u32string_view(U"-({[<").find(code) != std::u32string_view::npos;
}

}  // namespace

Value filterUpper(Call& call) { return methodOfPrinted(call, "upper"); }
Value filterLower(Call& call) { return methodOfPrinted(call, "lower"); }
Value filterCapitalize(Call& call) { return methodOfPrinted(call, "capitalize"); }
Value filterCenter(Call& call) { return methodOfPrinted(call, "center", {{call.orElse(0, 80)}}); }
Value filterTrim(Call& call) { return methodOfPrinted(call, "strip", {{call.orElse(0, nullptr)}}); }

Value filterReplace(Call& call) {
  Context& context = call.context;
  const Value count = call.has(2) && !call.at(2).isNone() ? call.at(2) : Value(-1);
  Value text = printed(call), from = softText(call.at(0)), to = softText(call.at(1));
  const bool markup = context.autoescape && (text.isMarkup() || from.isMarkup() || to.isMarkup());
  if (markup && (from.isMarkup() || !text.isMarkup())) text = escapedForHtml(text);
  if (!context.autoescape) text = Value(text.bytes()), to = Value(to.bytes());
  const Value result = textMethods().call("replace", context, text, {{from, to, count}});
  return text.isMarkup() ? Value(result.bytes(), true) : result;
}

Value filterTitle(Call& call) {
  const std::string text = printed(call).bytes();
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const bool separates = beginsWords(unicode::first(rest).code);
    std::size_t bytes = 0;
    while (bytes < rest.size() && beginsWords(unicode::first(rest.substr(bytes)).code) == separates) {
      bytes += unicode::first(rest.substr(bytes)).bytes;
    }
    const std::size_t head = unicode::first(rest).bytes;
    out += upper(rest.substr(0, head)) + lower(rest.substr(head, bytes - head));
    rest.remove_prefix(bytes);
  }
  return out;
}

Value filterFormat(Call& call) {
  if (!call.all.positional.empty() && !call.all.named.empty()) {
    throw cannot("format cannot handle positional and keyword arguments at the same time");
  }
  if (call.all.named.empty()) return formatPercent(call.context, printed(call), Value::tuple(call.all.positional));
  Dict named;
  for (const auto& [name, value] : call.all.named) named.set(name, value);
  return formatPercent(call.context, printed(call), Value(std::move(named)));
}

Value filterIndent(Call& call) {
  const std::string text = textOf(call.self, "indent") + "\n";
  std::string indention;
  if (call.has(0) && call.at(0).isText()) {
    indention = call.text(0);
  } else {
    indention = filled("", call.whole(0, 4), " ", Sides::Left);
  }
  const bool blank_too = call.truth(2);
  std::string out = call.truth(1) ? indention : "";
  bool first = true;
  for (const std::string_view line : splitLines(text)) {
    if (!first) appendTo(out, "\n");
    if (!first && (blank_too || !line.empty())) appendTo(out, indention);
    appendTo(out, line);
    first = false;
  }
  return {std::move(out), call.self.isMarkup()};
}

Value filterTruncate(Call& call) {
  if (call.has(2) && !call.at(2).isText()) throw cannot("truncate wants a text for its end");
  const Value end = call.orElse(2, "...");
  const std::int64_t length = call.whole(0, 255), leeway = call.has(3) && call.at(3).isNone() ? 5 : call.whole(3, 5);
  const auto end_length = static_cast<std::int64_t>(end.asText().length);
  if (length < end_length)
    throw cannot("expected length >= " + std::to_string(end_length) + ", got " + std::to_string(length));
  if (leeway < 0) throw cannot("expected leeway >= 0, got " + std::to_string(leeway));
  const auto size = lengthOf(call.self);
  if (!size) throw cannot("object of type '" + typeName(call.self) + "' has no len()");
  if (*size <= checkedAdd(length, leeway)) return call.self;
  textOf(call.self, "truncate");
  std::string_view kept = characters(call.self.asText(), 0, static_cast<std::size_t>(length - end_length));
  if (!call.truth(1)) kept = kept.substr(0, kept.rfind(' '));
  return add(call.context, Value(std::string(kept), call.self.isMarkup()), end);
}

Value filterWordcount(Call& call) {
  const std::string text = printed(call).bytes();
  std::int64_t words = 0;
  bool in_word = false;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(unicode::first(rest).bytes)) {
    const bool word = isWordCharacter(unicode::first(rest).code);
    words += word && !in_word ? 1 : 0;
    in_word = word;
  }
  return words;
}

Value filterWordwrap(Call& call) {
  const WrapStyle style{.width = call.whole(0, 79),
                        .break_long_words = !call.has(1) || call.truth(1),
                        .break_on_hyphens = !call.has(3) || call.truth(3)};
  const std::string between = call.has(2) && !call.at(2).isNone() ? call.text(2) : "\n";
  Pieces lines;
  const std::string& text = textOf(call.self, "wordwrap");
  call.context.lookThrough(16 * text.size());
  for (const std::string_view line : splitLines(text)) {
    const Pieces wrapped = wrappedLines(line, style);
    if (wrapped.empty()) lines.emplace_back();
    lines.insert(lines.end(), wrapped.begin(), wrapped.end());
  }
  return joined(lines, between);
}

}  // namespace interleave::jinja
