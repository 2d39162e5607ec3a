// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

constexpr std::size_t kFewEntries = 8;
constexpr std::int64_t kMostWeight = std::int64_t{1} << 50, kKeyWeight = 1 << 12;

std::int64_t added(std::int64_t a, std::int64_t b) { return std::min(a + b, kMostWeight); }

int deeper(int depth) {
  if (depth >= kNesting) throw tooMuch("its lists nest too deeply");
  return depth + 1;
}

enum class Rank { None, Number, Text, Tuple, Object, Undefined };

Rank rankOf(const Value& key) {
  switch (key.kind()) {
    case Value::Kind::None:
      return Rank::None;
    case Value::Kind::Bool:
    case Value::Kind::Integer:
    case Value::Kind::Real:
      return Rank::Number;
    case Value::Kind::Text:
      return Rank::Text;
    case Value::Kind::Object:
      if (!isHashable(key)) throw cannot("unhashable type: '" + typeName(key) + "'");
      return Rank::Object;
    case Value::Kind::Undefined:
      return Rank::Undefined;
    case Value::Kind::Sequence:
      if (key.isTuple()) {
        if (key.weight() > kKeyWeight) throw tooMuch("a key is too large");
        for (const Value& part : key.items()) rankOf(part);
        return Rank::Tuple;
      }
      [[fallthrough]];
    default:
      throw cannot("unhashable type: '" + typeName(key) + "'");
  }
}

long double exact(const Value& number) {
  return number.isReal() ? static_cast<long double>(number.asReal()) : static_cast<long double>(number.asWhole());
}

class ItemIterator : public Iterator {
 public:
  explicit ItemIterator(Value sequence) : sequence_(std::move(sequence)) {}
  bool next(Value& element) override {
    if (next_ >= sequence_.items().size()) return false;
    element = sequence_.items()[next_++];
    return true;
  }

 private:
  Value sequence_;
  std::size_t next_ = 0;
};

class KeyIterator : public Iterator {
 public:
  explicit KeyIterator(Value dict) : dict_(std::move(dict)) {}
  bool next(Value& element) override {
    if (next_ >= dict_.asDict().size()) return false;
    element = dict_.asDict().entries()[next_++].first;
    return true;
  }

 private:
  Value dict_;
  std::size_t next_ = 0;
};

class CharacterIterator : public Iterator {
 public:
  explicit CharacterIterator(Value text) : text_(std::move(text)), rest_(text_.bytes()) {}
  bool next(Value& element) override {
    if (rest_.empty()) return false;
    const std::size_t bytes = unicode::first(rest_).bytes;
    element = Value(rest_.substr(0, bytes));  // of Markup too, as in Python
    rest_.remove_prefix(bytes);
    return true;
  }

 private:
  Value text_;
  std::string_view rest_;
};

class NoIterator : public Iterator {
 public:
  bool next(Value&) override { return false; }
};

bool sequencesEqual(const Sequence& a, const Sequence& b) {
  const bool same_type = (a.kind == SequenceKind::List) == (b.kind == SequenceKind::List);
  return same_type && a.items.size() == b.items.size() &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(),
                    [](const Value& x, const Value& y) { return x.isSame(y) || equal(x, y); });
}

bool dictsEqual(const Dict& a, const Dict& b) {
  return a.size() == b.size() && std::all_of(a.entries().begin(), a.entries().end(), [&](const Dict::Entry& entry) {
           const Value* const other = b.find(entry.first);
           return other != nullptr && (other->isSame(entry.second) || equal(entry.second, *other));
         });
}

}  // namespace

Error cannot(const std::string& reason) { return usageError("chat template", reason); }
Error tooMuch(const std::string& reason) { return badInput({}, "chat template", reason); }

std::string Undefined::reason() const {
  if (whole) return what;
  if (unsafe) return "access to attribute '" + what + "' of '" + owner + "' object is unsafe";
  return owner.empty() ? "'" + what + "' is undefined" : "'" + owner + "' object has no attribute '" + what + "'";
}

void failUndefined(const Value& value) { throw cannot(value.asUndefined().reason()); }

Value::Value(std::string text, bool markup) {
  if (text.size() > kTextBytes) throw tooMuch("it makes a text that is too long");
  const std::size_t length = unicode::length(text);
  data_ = std::make_shared<const Text>(Text{std::move(text), length, markup});
}

Value::Value(Dict dict) : data_(std::make_shared<const Dict>(std::move(dict))) {}

Value Value::sequence(std::vector<Value> items, SequenceKind kind) {
  int depth = 0;
  std::int64_t weight = 1;
  for (const Value& item : items) {
    depth = std::max(depth, item.depth());
    weight = added(weight, item.weight());
  }
  Value value;
  value.data_ = std::make_shared<const Sequence>(Sequence{std::move(items), kind, deeper(depth), weight});
  return value;
}

Value::Value(const nlohmann::ordered_json& json) {
  using Type = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Type::null:
    case Type::discarded:
    case Type::binary:
      *this = Value(nullptr);
      break;
    case Type::boolean:
      *this = Value(json.get<bool>());
      break;
    case Type::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
        throw cannot("a whole number beyond 64 bits");
      }
      [[fallthrough]];
    case Type::number_integer:
      *this = Value(json.get<std::int64_t>());
      break;
    case Type::number_float:
      *this = Value(json.get<double>());
      break;
    case Type::string:
      *this = Value(unicode::validUtf8(json.get_ref<const std::string&>()));
      break;
    case Type::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& element : json) items.emplace_back(element);
      *this = list(std::move(items));
      break;
    }
    case Type::object: {
      Dict dict;
      for (const auto& [key, element] : json.items()) dict.set(unicode::validUtf8(key), Value(element));
      *this = Value(std::move(dict));
      break;
    }
  }
}

int Value::depth() const {
  if (isSequence()) return asSequence().depth;
  if (isDict()) return asDict().depth();
  return isObject() ? asObject().depth() : 0;
}

std::int64_t Value::weight() const {
  if (isText()) return 1 + static_cast<std::int64_t>(bytes().size() / 64);
  if (isSequence()) return asSequence().weight;
  return isDict() ? asDict().weight() : 1;
}

bool Value::isFresh() const {
  if (isText()) return std::get<std::shared_ptr<const Text>>(data_).use_count() == 1;
  if (isSequence()) return std::get<std::shared_ptr<const Sequence>>(data_).use_count() == 1;
  return isDict() && std::get<std::shared_ptr<const Dict>>(data_).use_count() == 1;
}

bool Value::isSame(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::Missing:
    case Kind::None:
      return true;
    case Kind::Text:
      return &asText() == &other.asText() || (asText().length < 2 && bytes() == other.bytes());
    case Kind::Sequence:
      return &asSequence() == &other.asSequence() ||
             (isTuple() && other.isTuple() && items().empty() && other.items().empty());
    case Kind::Dict:
      return &asDict() == &other.asDict();
    case Kind::Object:
      return &asObject() == &other.asObject();
    case Kind::Undefined:
      return &asUndefined() == &other.asUndefined();
    default:
      return equal(*this, other);
  }
}

bool KeyOrder::operator()(const Value& a, const Value& b) const {
  const Rank rank = rankOf(a);
  if (const Rank other = rankOf(b); rank != other) return rank < other;
  switch (rank) {
    case Rank::Number: {
      const long double x = exact(a), y = exact(b);
      if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
      return x < y;
    }
    case Rank::Text:
      return a.bytes() < b.bytes();
    case Rank::Tuple:
      return std::lexicographical_compare(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                                          *this);
    case Rank::Object:
      return &a.asObject() < &b.asObject();
    default:
      return false;
  }
}

std::optional<std::size_t> Dict::placeOf(const Value& key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  const KeyOrder before;
  const Rank rank = rankOf(key);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Value& other = entries_[i].first;
    if (rank == Rank::Text && other.isText()) {
      if (key.bytes() == other.bytes()) return i;
    } else if (!before(key, other) && !before(other, key)) {
      return i;
    }
  }
  return std::nullopt;
}

const Value* Dict::find(const Value& key) const {
  const auto place = placeOf(key);
  return place ? &entries_[*place].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (!index_.empty()) return find(Value(key));
  for (const auto& [name, value] : entries_) {
    if (name.isText() && name.bytes() == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  depth_ = std::max(depth_, deeper(std::max(key.depth(), value.depth())));
  weight_ = added(weight_, added(key.weight(), value.weight()));
  if (const auto place = placeOf(key)) {
    entries_[*place].second = std::move(value);
    return;
  }
  if (entries_.size() == kParts) throw tooMuch("a mapping is too long");
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() <= kFewEntries) return;
  for (std::size_t i = index_.size(); i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
}

void Dict::clear() { *this = Dict(); }

Value Arguments::take(std::string_view name) {
  for (auto argument = named.begin(); argument != named.end(); ++argument) {
    if (argument->first != name) continue;
    Value value = std::exchange(argument->second, Value());
    named.erase(argument);
    return value;
  }
  return {};
}

Object::Object(int depth) : depth_(depth == 0 ? 0 : deeper(depth)) {}
std::string Object::repr() const {
  throw cannot("what is printed is a " + typeName() + ", which differs from run to run");
}
Value Object::attribute(const std::string&) { return {}; }
Value Object::item(const Value&) { return {}; }
Value Object::call(Context&, Arguments&&) { throw cannot("'" + typeName() + "' object is not callable"); }

std::string typeName(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Missing:
      return "missing";
    case Value::Kind::Undefined:
      return "Undefined";
    case Value::Kind::None:
      return "NoneType";
    case Value::Kind::Bool:
      return "bool";
    case Value::Kind::Integer:
      return "int";
    case Value::Kind::Real:
      return "float";
    case Value::Kind::Text:
      return value.isMarkup() ? "Markup" : "str";
    case Value::Kind::Sequence:
      return value.isList() ? "list" : "tuple";
    case Value::Kind::Dict:
      return "dict";
    case Value::Kind::Object:
      return value.asObject().typeName();
  }
  return {};
}

std::optional<std::int64_t> lengthOf(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Undefined:
      return 0;
    case Value::Kind::Text:
      return static_cast<std::int64_t>(value.asText().length);
    case Value::Kind::Sequence:
      return static_cast<std::int64_t>(value.items().size());
    case Value::Kind::Dict:
      return static_cast<std::int64_t>(value.asDict().size());
    case Value::Kind::Object:
      return value.asObject().length();
    default:
      return std::nullopt;
  }
}

bool truthy(const Value& value) {
  if (value.isBool()) return value.asBool();
  if (value.isNone() || value.isMissing()) return false;
  if (value.isNumber()) return value.asReal() != 0;
  return lengthOf(value) != std::optional<std::int64_t>(0);
}

bool equal(const Value& a, const Value& b) {
  if (a.isNumber() && b.isNumber()) return exact(a) == exact(b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::Text:
      return a.bytes() == b.bytes();
    case Value::Kind::Sequence:
      return &a.asSequence() == &b.asSequence() || sequencesEqual(a.asSequence(), b.asSequence());
    case Value::Kind::Dict:
      return &a.asDict() == &b.asDict() || dictsEqual(a.asDict(), b.asDict());
    case Value::Kind::Object:
      return a.asObject().equals(b.asObject());
    default:
      return true;
  }
}

bool less(const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (side->isUndefined()) failUndefined(*side);
  }
  if (a.isNumber() && b.isNumber()) return exact(a) < exact(b);
  if (a.isText() && b.isText()) return a.bytes() < b.bytes();  // UTF-8 keeps the order of code points.
  if (a.isSequence() && b.isSequence() && a.isList() == b.isList()) {
    const auto& x = a.items();
    const auto& y = b.items();
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!x[i].isSame(y[i]) && !equal(x[i], y[i])) return less(x[i], y[i]);
    }
    return x.size() < y.size();
  }
  throw cannot("'" + typeName(a) + "' and '" + typeName(b) + "' have no order");
}

std::unique_ptr<Iterator> iterate(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Undefined:
      return std::make_unique<NoIterator>();
    case Value::Kind::Text:
      return std::make_unique<CharacterIterator>(value);
    case Value::Kind::Sequence:
      return std::make_unique<ItemIterator>(value);
    case Value::Kind::Dict:
      return std::make_unique<KeyIterator>(value);
    case Value::Kind::Object:
      if (auto iterator = value.asObject().iterate()) return iterator;
      [[fallthrough]];
    default:
      throw cannot("'" + typeName(value) + "' object is not iterable");
  }
}

bool isIterable(const Value& value) {
  return value.isUndefined() || value.isText() || value.isSequence() || value.isDict() ||
         (value.isObject() && value.asObject().iterate() != nullptr);
}

bool isHashable(const Value& value) {
  if (value.isTuple()) return std::all_of(value.items().begin(), value.items().end(), isHashable);
  if (!value.isObject()) return !value.isList() && !value.isDict();
  const std::string type = value.asObject().typeName();
  return type != "dict_keys" && type != "dict_items";
}

}  // namespace interleave::jinja
