// SPDX-License-Identifier: GPL-3.0-or-later
// The filter pprint: Python's pprint.pformat(), 80 columns wide.
#include <algorithm>

#include "backend/formats/jinja/filters.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

constexpr int kWidth = 80;

int width(std::string_view text) { return static_cast<int>(unicode::length(text)); }

/// `value` with the keys of all its mappings in order.
Value ordered(Context& context, const Value& value) {
  context.step();
  if (value.isSequence()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(ordered(context, item));
    return Value::sequence(std::move(items), value.asSequence().kind);
  }
  if (!value.isDict()) return value;
  std::vector<Dict::Entry> entries = value.asDict().entries();
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const bool numbers = a.first.isNumber() && b.first.isNumber(), texts = a.first.isText() && b.first.isText();
    return numbers || texts ? less(a.first, b.first) : typeName(a.first) < typeName(b.first);
  });
  Dict dict;
  for (auto& [key, item] : entries) dict.set(std::move(key), ordered(context, item));
  return dict;
}

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Context& context) : context_(context) {}
  std::string text;

  void print(const Value& value, int indent, int allowance, int level) {
    const std::string line = repr(value);
    context_.lookThrough(line.size());
    if (width(line) <= kWidth - indent - allowance) return appendTo(text, line);
    if (value.isDict()) return dict(value.asDict(), indent, allowance, level);
    if (value.isSequence()) return sequence(value, indent, allowance, level);
    if (value.isText() && !value.isMarkup()) return string(value.bytes(), indent, allowance, level);
    appendTo(text, line);
  }

 private:
  void newLine(int indent) { appendTo(text, "\n" + std::string(static_cast<std::size_t>(indent), ' ')); }

  void dict(const Dict& dict, int indent, int allowance, int level) {
    appendTo(text, "{");
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto& [key, item] = dict.entries()[i];
      const bool last = i + 1 == dict.size();
      const std::string name = repr(key);
      appendTo(text, name + ": ");
      print(item, indent + 1 + width(name) + 2, last ? allowance + 1 : 1, level + 1);
      if (last) break;
      appendTo(text, ",");
      newLine(indent + 1);
    }
    appendTo(text, "}");
  }

  void sequence(const Value& value, int indent, int allowance, int level) {
    const auto& items = value.items();
    const std::string end = value.isList() ? "]" : items.size() == 1 ? ",)" : ")";
    appendTo(text, value.isList() ? "[" : "(");
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool last = i + 1 == items.size();
      print(items[i], indent + 1, last ? allowance + static_cast<int>(end.size()) : 1, level + 1);
      if (last) break;
      appendTo(text, ",");
      newLine(indent + 1);
    }
    appendTo(text, end);
  }

  /// Words, each with the space behind it.
  static Pieces words(std::string_view line) {
    Pieces words;
    while (!line.empty()) {
      std::size_t bytes = 0;
      for (const bool space : {false, true}) {
        while (bytes < line.size() && isPythonSpace(unicode::first(line.substr(bytes)).code) == space) {
          bytes += unicode::first(line.substr(bytes)).bytes;
        }
      }
      words.push_back(line.substr(0, bytes));
      line.remove_prefix(bytes);
    }
    return words;
  }

  void string(std::string_view whole, int indent, int allowance, int level) {
    if (level == 1) ++indent, ++allowance;
    std::vector<std::string> chunks;
    const Pieces lines = splitLines(whole, true);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool last_line = i + 1 == lines.size();
      const std::string line = reprOf(lines[i]);
      if (width(line) <= kWidth - indent - (last_line ? allowance : 0)) {
        chunks.push_back(line);
        continue;
      }
      const Pieces parts = words(lines[i]);
      std::string current;
      for (std::size_t j = 0; j < parts.size(); ++j) {
        const bool last = last_line && j + 1 == parts.size();
        const std::string candidate = current + std::string(parts[j]);
        context_.lookThrough(candidate.size());
        if (width(reprOf(candidate)) > kWidth - indent - (last ? allowance : 0)) {
          if (!current.empty()) chunks.push_back(reprOf(current));
          current = parts[j];
        } else {
          current = candidate;
        }
      }
      if (!current.empty()) chunks.push_back(reprOf(current));
    }
    if (chunks.size() == 1) return appendTo(text, chunks[0]);
    if (level == 1) appendTo(text, "(");
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (i > 0) newLine(indent);
      appendTo(text, chunks[i]);
    }
    if (level == 1) appendTo(text, ")");
  }

  Context& context_;
};

}  // namespace

Value filterPprint(Call& call) {
  call.context.lookThrough(call.self);
  PrettyPrinter printer(call.context);
  printer.print(ordered(call.context, call.self), 0, 0, 1);
  return std::move(printer.text);
}

}  // namespace interleave::jinja
