// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/jinja/context.h"

/// Functions, filters, tests and methods by name.
namespace interleave::jinja {

/// One call of a built-in: what it is applied to, and its arguments in the order of its parameters.
struct Call {
  Context& context;
  const Value& self;
  std::vector<Value> given = {};  ///< Missing where the caller gave none.
  Arguments all = {};             ///< All arguments, of built-ins that take any.

  bool has(std::size_t i) const { return i < given.size() && !given[i].isMissing(); }
  const Value& at(std::size_t i) const { return given[i]; }
  Value orElse(std::size_t i, const Value& fallback) const { return has(i) ? given[i] : fallback; }
  std::int64_t whole(std::size_t i, std::int64_t fallback = 0) const;  ///< Usage error when it is no whole number.
  const std::string& text(std::size_t i) const;                        ///< Usage error when it is no text.
  bool truth(std::size_t i) const { return has(i) && truthy(given[i]); }
};

struct Builtin {
  Value (*run)(Call& call);
  /// The parameters: "old new count?", "?" for one that may be left out, "/" at the end when they have no names for
  /// callers, "*" alone for any arguments.
  std::string_view parameters = {};
};

/// Built-ins of one kind.
class Library {
 public:
  using Entries = std::initializer_list<std::pair<std::string_view, Builtin>>;
  Library(std::string_view kind, Entries entries);

  bool has(std::string_view name) const { return entries_.contains(name); }
  std::string_view kind() const { return kind_; }
  /// Calls the one that is so named. Usage error when there is none, and when it does not take the arguments.
  Value call(std::string_view name, Context& context, const Value& self, Arguments arguments) const;

 private:
  struct Entry {
    Value (*run)(Call& call);
    std::vector<std::string_view> parameters;
    std::size_t required = 0;
    bool named = true, any = false;
  };
  std::string_view kind_;
  std::map<std::string_view, Entry> entries_;
};

const Library& filters();
const Library& tests();

/// The method or attribute of a text, number, list, tuple or mapping, as the sandbox shows it; missing when Python's
/// type has none of that name.
Value methodOf(const Value& value, const std::string& name);
const Library& textMethods();

/// Makes an iterator that is gone through once, as Python's generators are.
Value generator(int depth, std::function<bool(Value&)> next);

/// Goes through `value` and keeps it while it does.
std::function<bool(Value&)> stepsThrough(const Value& value);

Value makeRange(std::int64_t begin, std::int64_t end, std::int64_t step);
Value sliceOfRange(const Value& range, std::int64_t first, std::int64_t last, std::int64_t stride);

}  // namespace interleave::jinja
