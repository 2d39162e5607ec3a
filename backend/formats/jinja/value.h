// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backend/core/error.h"

namespace interleave::jinja {

class Value;
class Dict;
class Object;

/// How deep values, expressions and blocks may nest.
inline constexpr int kNesting = 100;
/// What one text may take. No prompt is longer.
inline constexpr std::size_t kTextBytes = std::size_t{1} << 24;
/// Parts that one list may have, or one text be taken apart into.
inline constexpr std::size_t kParts = std::size_t{1} << 20;

Error cannot(const std::string& reason);   ///< Usage error: what Python or Jinja would raise.
Error tooMuch(const std::string& reason);  ///< BadInput: beyond a bound that templates of conversations keep.

/// A text in UTF-8, its length in code points, and whether it is safe in HTML (Python's Markup).
struct Text {
  std::string bytes;
  std::size_t length;
  bool markup;
  bool ascii() const { return length == bytes.size(); }
};

/// A list or a tuple. A group is groupby's tuple, whose two parts have names.
enum class SequenceKind { List, Tuple, Group };
struct Sequence {
  std::vector<Value> items;
  SequenceKind kind;
  int depth;
  std::int64_t weight;
};

/// Why there is no value.
struct Undefined {
  std::string what;     ///< The name, or the whole reason.
  std::string owner;    ///< The type that has no such attribute; empty for a variable.
  bool unsafe = false;  ///< The sandbox hides it.
  bool whole = false;   ///< `what` is the reason.
  std::string reason() const;
};

/// What Jinja computes with, with Python's meaning. Immutable but for some objects; copies share. The empty Value is
/// none of them: it stands for "not given" and is never seen by a template.
class Value {
 public:
  enum class Kind { Missing, Undefined, None, Bool, Integer, Real, Text, Sequence, Dict, Object };

  Value() = default;
  Value(std::nullptr_t) : data_(None{}) {}
  template <std::same_as<bool> T>
  Value(T value) : data_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Value(T value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(std::string text, bool markup = false);
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(Dict dict);
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}
  Value(Undefined undefined) : data_(std::make_shared<const Undefined>(std::move(undefined))) {}
  /// What JSON says, in its order; invalid UTF-8 becomes U+FFFD. Usage error for whole numbers beyond 64 bits.
  explicit Value(const nlohmann::ordered_json& json);
  static Value list(std::vector<Value> items) { return sequence(std::move(items), SequenceKind::List); }
  static Value tuple(std::vector<Value> items) { return sequence(std::move(items), SequenceKind::Tuple); }
  static Value sequence(std::vector<Value> items, SequenceKind kind);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool isMissing() const { return kind() == Kind::Missing; }
  bool isUndefined() const { return kind() == Kind::Undefined; }
  bool isNone() const { return kind() == Kind::None; }
  bool isBool() const { return kind() == Kind::Bool; }
  bool isInteger() const { return kind() == Kind::Integer; }
  bool isReal() const { return kind() == Kind::Real; }
  bool isText() const { return kind() == Kind::Text; }
  bool isMarkup() const { return isText() && asText().markup; }
  bool isSequence() const { return kind() == Kind::Sequence; }
  bool isList() const { return isSequence() && asSequence().kind == SequenceKind::List; }
  bool isTuple() const { return isSequence() && asSequence().kind != SequenceKind::List; }
  bool isDict() const { return kind() == Kind::Dict; }
  bool isObject() const { return kind() == Kind::Object; }
  bool isNumber() const { return isBool() || isInteger() || isReal(); }
  bool isWhole() const { return isBool() || isInteger(); }  ///< Python's int, of which bool is a kind.

  const Undefined& asUndefined() const { return *std::get<std::shared_ptr<const Undefined>>(data_); }
  bool asBool() const { return std::get<bool>(data_); }
  std::int64_t asWhole() const {
    return isBool() ? static_cast<std::int64_t>(asBool()) : std::get<std::int64_t>(data_);
  }
  double asReal() const { return isReal() ? std::get<double>(data_) : static_cast<double>(asWhole()); }
  const Text& asText() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const std::string& bytes() const { return asText().bytes; }
  const Sequence& asSequence() const { return *std::get<std::shared_ptr<const Sequence>>(data_); }
  const std::vector<Value>& items() const { return asSequence().items; }
  const Dict& asDict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  Object& asObject() const { return *std::get<std::shared_ptr<Object>>(data_); }
  const std::shared_ptr<Object>& objectPointer() const { return std::get<std::shared_ptr<Object>>(data_); }
  /// As T, where it is an object of that class.
  template <class T>
  T* objectAs() const {
    return isObject() ? dynamic_cast<T*>(&asObject()) : nullptr;
  }

  int depth() const;
  /// What going through all of it costs, about: parts, and a 64th of the bytes. Never overflows.
  std::int64_t weight() const;
  /// Whether nothing else shares it: it was made just now.
  bool isFresh() const;
  bool isSame(const Value& other) const;  ///< Python's "is", as far as values have an identity.

 private:
  struct None {};
  std::variant<std::monostate, std::shared_ptr<const Undefined>, None, bool, std::int64_t, double,
               std::shared_ptr<const Text>, std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
               std::shared_ptr<Object>>
      data_;
};

/// The order in which a Dict's index keeps its keys: total, and equal where Python's keys are.
struct KeyOrder {
  bool operator()(const Value& a, const Value& b) const;
};

/// A mapping in the order of insertion.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  const Value* find(const Value& key) const;  ///< Usage error for a key that Python cannot hash.
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
  void clear();
  int depth() const { return depth_; }
  std::int64_t weight() const { return weight_; }

 private:
  std::optional<std::size_t> placeOf(const Value& key) const;
  std::vector<Entry> entries_;
  std::map<Value, std::size_t, KeyOrder> index_;  ///< Empty while there are few entries.
  int depth_ = 1;
  std::int64_t weight_ = 1;
};

/// Goes through elements one by one.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool next(Value& element) = 0;  ///< False at the end.
};

class Context;

struct Arguments {
  std::vector<Value> positional = {};
  std::vector<std::pair<std::string, Value>> named = {};
  Value take(std::string_view name);  ///< A named one, which is gone then; missing when there is none.
};

/// Anything else: ranges, iterators, macros, functions, loops, namespaces.
class Object : public std::enable_shared_from_this<Object> {
 public:
  explicit Object(int depth = 0);
  virtual ~Object() = default;
  virtual std::string typeName() const = 0;
  virtual std::string repr() const;                                ///< Usage error where Python would tell an address.
  virtual Value attribute(const std::string& name);                ///< Missing when there is none.
  virtual Value item(const Value& key);                            ///< Missing when there is none.
  virtual std::unique_ptr<Iterator> iterate() { return nullptr; }  ///< Null when there is nothing to go through.
  virtual std::optional<std::int64_t> length() { return std::nullopt; }  ///< Python's len().
  virtual bool callable() const { return false; }
  virtual Value call(Context& context, Arguments&& arguments);
  virtual bool equals(const Object& other) const { return this == &other; }
  int depth() const { return depth_; }

 protected:
  int depth_;
};

std::string typeName(const Value& value);
bool truthy(const Value& value);
bool equal(const Value& a, const Value& b);             ///< Python's ==. Costs the lesser weight.
bool less(const Value& a, const Value& b);              ///< Python's <. Usage error where there is no order.
std::unique_ptr<Iterator> iterate(const Value& value);  ///< Usage error when it cannot be gone through.
bool isIterable(const Value& value);
bool isHashable(const Value& value);                       ///< Can be a key.
std::optional<std::int64_t> lengthOf(const Value& value);  ///< Python's len(); none where there is none.

/// Raises what using something undefined raises.
[[noreturn]] void failUndefined(const Value& value);

}  // namespace interleave::jinja
