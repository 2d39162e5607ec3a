// SPDX-License-Identifier: GPL-3.0-or-later
// The attributes of lists, tuples, mappings and numbers, and methods as values.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/html.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"

namespace interleave::jinja {
namespace {

constexpr std::size_t kComparedEntries = 100;

enum class View { Keys, Values, Items };

/// What items(), keys() and values() of a mapping give.
class DictView : public Object {
 public:
  DictView(Value dict, View view) : Object(dict.depth() + 1), dict_(std::move(dict)), view_(view) {}
  std::string typeName() const override {
    return view_ == View::Keys ? "dict_keys" : view_ == View::Values ? "dict_values" : "dict_items";
  }
  std::string repr() const override { return typeName() + "(" + jinja::repr(Value::list(all())) + ")"; }
  std::optional<std::int64_t> length() override { return static_cast<std::int64_t>(dict_.asDict().size()); }
  std::unique_ptr<Iterator> iterate() override { return std::make_unique<Reader>(dict_, view_); }
  bool equals(const Object& other) const override {
    const auto* const view = dynamic_cast<const DictView*>(&other);
    if (this == &other || view == nullptr || view_ == View::Values || view->view_ == View::Values)
      return this == &other;
    if (dict_.asDict().size() != view->dict_.asDict().size()) return false;
    if (dict_.asDict().size() > kComparedEntries) throw tooMuch("the mappings whose views are compared are too long");
    const std::vector<Value> own = all(), others = view->all();
    return own.size() == others.size() && std::all_of(own.begin(), own.end(), [&](const Value& value) {
             return std::any_of(others.begin(), others.end(), [&](const Value& o) { return equal(value, o); });
           });
  }

 private:
  static Value element(const Dict::Entry& entry, View view) {
    if (view == View::Items) return Value::tuple({entry.first, entry.second});
    return view == View::Keys ? entry.first : entry.second;
  }
  struct Reader : Iterator {
    Reader(Value its_dict, View its_view) : dict(std::move(its_dict)), view(its_view) {}
    bool next(Value& value) override {
      if (place >= dict.asDict().size()) return false;
      value = element(dict.asDict().entries()[place++], view);
      return true;
    }
    Value dict;
    View view;
    std::size_t place = 0;
  };
  std::vector<Value> all() const {
    std::vector<Value> values;
    for (const auto& entry : dict_.asDict().entries()) values.push_back(element(entry, view_));
    return values;
  }

  Value dict_;
  View view_;
};

template <View V>
Value view(Call& call) {
  return std::shared_ptr<Object>(std::make_shared<DictView>(call.self, V));
}

Value get(Call& call) {
  const Value* const found = call.self.asDict().find(call.at(0));
  return found != nullptr ? *found : call.orElse(1, nullptr);
}

Value itself(Call& call) { return call.self; }

Value dictFromKeys(Call& call) {
  Dict dict;
  for (Value& key : elementsOf(call.context, call.at(0))) {
    call.context.lookThrough(key);
    dict.set(std::move(key), call.orElse(1, nullptr));
  }
  return dict;
}

Value count(Call& call) {
  std::int64_t found = 0;
  for (const Value& item : call.self.items()) {
    call.context.step(std::min(item.weight(), call.at(0).weight()));
    found += item.isSame(call.at(0)) || equal(item, call.at(0)) ? 1 : 0;
  }
  return found;
}

Value index(Call& call) {
  const auto size = static_cast<std::int64_t>(call.self.items().size());
  const auto bound = [&](std::size_t i, std::int64_t fallback) {
    const std::int64_t given = call.whole(i, fallback);
    return std::clamp<std::int64_t>(given < 0 ? std::max<std::int64_t>(given, -size) + size : given, 0, size);
  };
  for (std::int64_t i = bound(1, 0), end = bound(2, size); i < end; ++i) {
    const Value& item = call.self.items()[static_cast<std::size_t>(i)];
    call.context.step(std::min(item.weight(), call.at(0).weight()));
    if (item.isSame(call.at(0)) || equal(item, call.at(0))) return i;
  }
  throw cannot("the value is not in the list");
}

Value isInteger(Call& call) {
  return std::isfinite(call.self.asReal()) && std::floor(call.self.asReal()) == call.self.asReal();
}

std::uint64_t magnitude(const Value& whole) {
  const std::int64_t value = whole.asWhole();
  return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

const Library& dictMethods() {
  static const Library library("method", {{"copy", {itself}},
                                          {"fromkeys", {dictFromKeys, "iterable value? /"}},
                                          {"get", {get, "key default? /"}},
                                          {"items", {view<View::Items>}},
                                          {"keys", {view<View::Keys>}},
                                          {"values", {view<View::Values>}}});
  return library;
}

const Library& listMethods() {
  static const Library library(
      "method", {{"copy", {itself}}, {"count", {count, "value /"}}, {"index", {index, "value start? stop? /"}}});
  return library;
}

const Library& tupleMethods() {
  static const Library library("method", {{"count", {count, "value /"}}, {"index", {index, "value start? stop? /"}}});
  return library;
}

const Library& markupMethods() {
  static const Library library("method",
                               {{"escape", {[](Call& call) { return escapedForHtml(call.at(0)); }, "s /"}},
                                {"striptags", {[](Call& call) -> Value { return withoutTags(call.self.bytes()); }}},
                                {"unescape", {[](Call& call) -> Value { return unescaped(call.self.bytes()); }}}});
  return library;
}

const Library& wholeMethods() {
  static const Library library(
      "method", {{"as_integer_ratio", {[](Call& call) {
                    return Value::tuple({call.self.asWhole(), 1});
                  }}},
                 {"bit_count", {[](Call& call) -> Value { return std::popcount(magnitude(call.self)); }}},
                 {"bit_length", {[](Call& call) -> Value { return std::bit_width(magnitude(call.self)); }}},
                 {"conjugate", {[](Call& call) -> Value { return call.self.asWhole(); }}}});
  return library;
}

const Library& realMethods() {
  static const Library library("method", {{"conjugate", {itself}}, {"is_integer", {isInteger}}});
  return library;
}

const Library* libraryOf(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Text:
      return &textMethods();
    case Value::Kind::Sequence:
      return value.isList() ? &listMethods() : &tupleMethods();
    case Value::Kind::Dict:
      return &dictMethods();
    case Value::Kind::Bool:
    case Value::Kind::Integer:
      return &wholeMethods();
    case Value::Kind::Real:
      return &realMethods();
    default:
      return nullptr;
  }
}

/// What would change a list or a mapping: the sandbox hides it.
bool changes(const Value& value, std::string_view name) {
  static constexpr auto kOfLists =
      std::to_array<std::string_view>({"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"});
  static constexpr auto kOfDicts = std::to_array<std::string_view>({"clear", "pop", "popitem", "setdefault", "update"});
  if (value.isList()) return std::find(kOfLists.begin(), kOfLists.end(), name) != kOfLists.end();
  return value.isDict() && std::find(kOfDicts.begin(), kOfDicts.end(), name) != kOfDicts.end();
}

/// `value`, the texts in it safe in HTML.
Value asMarkup(const Value& value) {
  if (value.isText()) return {value.bytes(), true};
  if (!value.isSequence()) return value;
  std::vector<Value> items;
  for (const Value& item : value.items()) items.push_back(asMarkup(item));
  return Value::sequence(std::move(items), value.asSequence().kind);
}

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, const Library& library, std::string name)
      : Object(self.depth() + 1), self_(std::move(self)), library_(library), name_(std::move(name)) {}
  std::string typeName() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  Value call(Context& context, Arguments&& arguments) override {
    Value result = library_.call(name_, context, self_, std::move(arguments));
    return self_.isMarkup() && &library_ == &textMethods() ? asMarkup(result) : result;
  }

 private:
  Value self_;
  const Library& library_;
  std::string name_;
};

Value propertyOf(const Value& value, std::string_view name) {
  if (value.isSequence() && value.asSequence().kind == SequenceKind::Group) {
    if (name == "grouper") return value.items()[0];
    if (name == "list") return value.items()[1];
  }
  if (!value.isNumber()) return {};
  if (name == "real") return value.isReal() ? value : Value(value.asWhole());
  if (name == "imag") return value.isReal() ? Value(0.0) : Value(0);
  if (!value.isWhole()) return {};
  if (name == "numerator") return value.asWhole();
  return name == "denominator" ? Value(1) : Value();
}

}  // namespace

Value methodOf(const Value& value, const std::string& name) {
  if (Value property = propertyOf(value, name); !property.isMissing()) return property;
  if (changes(value, name)) return Undefined{.what = name, .owner = typeName(value), .unsafe = true};
  const Library* library = libraryOf(value);
  if (value.isMarkup() && markupMethods().has(name)) library = &markupMethods();
  if (library == nullptr || !library->has(name)) return {};
  return std::shared_ptr<Object>(std::make_shared<BoundMethod>(value, *library, name));
}

}  // namespace interleave::jinja
