// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "backend/formats/jinja/filters.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/jinja/unicode_text.h"

namespace interleave::jinja {
namespace {

constexpr std::size_t kNameBytes = 1000;

Value foldedIf(Context& context, bool folds, const Value& value) {
  if (!folds || !value.isText()) return value;
  context.lookThrough(4 * value.bytes().size());
  return context.made(Value(lower(value.bytes())));
}

/// Looks up what an argument `attribute` names: "a.b.0" step by step.
class Getter {
 public:
  explicit Getter(const Value& attribute, Value fallback = {}, bool folds = false)
      : fallback_(std::move(fallback)), folds_(folds) {
    if (attribute.isMissing() || attribute.isNone()) return;
    if (!attribute.isText()) {
      parts_.push_back(attribute);
      return;
    }
    if (attribute.bytes().size() > kNameBytes) throw tooMuch("an attribute's name is too long");
    for (const std::string_view part : splitFromLeft(attribute.bytes(), ".", -1)) {
      const bool number =
          !part.empty() && part.size() < 19 && part.find_first_not_of("0123456789") == std::string_view::npos;
      parts_.push_back(number ? Value(std::stoll(std::string(part))) : Value(part));
    }
  }

  Value operator()(Context& context, const Value& item) const {
    Value value = item;
    for (const Value& part : parts_) {
      value = itemOf(value, part);
      if (value.isUndefined() && !fallback_.isMissing() && !fallback_.isNone()) value = fallback_;
    }
    return foldedIf(context, folds_, value);
  }

 private:
  std::vector<Value> parts_;
  Value fallback_;
  bool folds_;
};

using Keyed = std::vector<std::pair<Value, Value>>;  // What is sorted by, and what is sorted.

Keyed sorted(Context& context, Keyed pairs, bool descending) {
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
    return descending ? isLess(context, b.first, a.first) : isLess(context, a.first, b.first);
  });
  return pairs;
}

Value valuesOf(const Keyed& pairs) {
  std::vector<Value> values;
  values.reserve(pairs.size());
  for (const auto& [key, value] : pairs) values.push_back(value);
  return Value::list(std::move(values));
}

bool isReversible(const Value& value) {
  if (!value.isObject()) return value.isUndefined() || lengthOf(value).has_value();
  const std::string name = value.asObject().typeName();
  return name == "range" || name.starts_with("dict_");
}

/// A generator over the elements of `call.self`; `step` gives the next, or says that there is none. `prepare` runs
/// before the first, and only if the value is not empty: what is wrong with arguments shows no earlier.
template <class Prepare>
Value lazily(const Call& call, Prepare prepare) {
  using Step = std::function<bool(const Value& element, Value& result)>;
  Context& context = call.context;
  return generator(call.self.depth(), [&context, self = call.self, arguments = call.all, prepare, step = Step(),
                                       next = std::function<bool(Value&)>()](Value& result) mutable {
    if (!step) {
      if (!truthy(self)) return false;
      step = prepare(context, arguments);
      next = stepsThrough(self);
    }
    for (Value element; next(element);) {
      context.step();
      if (step(element, result)) return true;
    }
    return false;
  });
}

/// select, reject, selectattr and rejectattr.
template <bool ByAttribute, bool Wanted>
Value chosen(Call& call) {
  return lazily(call, [](Context& context, Arguments arguments) -> std::function<bool(const Value&, Value&)> {
    auto& given = arguments.positional;
    if (ByAttribute && given.empty()) throw cannot("the attribute's name is missing");
    const Getter getter(ByAttribute ? given[0] : Value());
    if (ByAttribute) given.erase(given.begin());
    const Value test = given.empty() ? Value() : given[0];
    if (!given.empty()) given.erase(given.begin());
    return [&context, getter, test, arguments](const Value& element, Value& result) {
      const Value tested = getter(context, element);
      bool passes = false;
      if (test.isMissing()) {
        passes = truthy(tested);
      } else {
        passes = truthy(tests().call(str(test), context, tested, arguments));
      }
      if (passes == Wanted) result = element;
      return passes == Wanted;
    };
  });
}

template <bool (*Before)(Context&, const Value&, const Value&)>
Value extreme(Call& call, const char* none) {
  const Getter key(call.orElse(1, {}), {}, !call.truth(0));
  Value best, best_key;
  const auto iterator = iterate(call.self);
  for (Value element; iterator->next(element);) {
    call.context.step();
    Value own = key(call.context, element);
    if (!best.isMissing() && !Before(call.context, own, best_key)) continue;
    best = std::move(element);
    best_key = std::move(own);
  }
  return best.isMissing() ? Value(Undefined{.what = none, .owner = {}, .whole = true}) : best;
}

Undefined emptySequence(const char* which) {
  return {.what = std::string("no ") + which + " item, the sequence was empty", .owner = {}, .whole = true};
}

}  // namespace

Value filterLength(Call& call) {
  const auto length = lengthOf(call.self);
  if (!length) throw cannot("object of type '" + typeName(call.self) + "' has no len()");
  return *length;
}

Value filterList(Call& call) { return Value::list(elementsOf(call.context, call.self)); }

Value filterFirst(Call& call) {
  Value first;
  return iterate(call.self)->next(first) ? first : Value(emptySequence("first"));
}

Value filterLast(Call& call) {
  if (!isReversible(call.self)) throw cannot("'" + typeName(call.self) + "' object is not reversible");
  if (call.self.isSequence())
    return call.self.items().empty() ? Value(emptySequence("last")) : call.self.items().back();
  const std::vector<Value> all = elementsOf(call.context, call.self);
  return all.empty() ? Value(emptySequence("last")) : all.back();
}

Value filterReverse(Call& call) {
  if (call.self.isText()) return sliceOf(call.context, call.self, {}, {}, -1);
  std::vector<Value> all = elementsOf(call.context, call.self);
  std::reverse(all.begin(), all.end());
  Value list = Value::list(std::move(all));
  return isReversible(call.self) ? generator(list.depth(), stepsThrough(list)) : list;
}

Value filterItems(Call& call) {
  if (!call.self.isUndefined() && !call.self.isDict()) throw cannot("can only get item pairs from a mapping");
  if (call.self.isUndefined()) return generator(0, [](Value&) { return false; });
  const Value view = methodOf(call.self, "items").asObject().call(call.context, {});
  return generator(view.depth(), stepsThrough(view));
}

Value filterJoin(Call& call) {
  const Getter getter(call.orElse(1, {}));
  const Value between = call.orElse(0, "");
  std::vector<Value> parts = elementsOf(call.context, call.self);
  for (Value& part : parts) part = getter(call.context, part);
  const auto is_markup = [](const Value& value) { return value.isMarkup(); };
  const bool markup =
      call.context.autoescape && (between.isMarkup() || std::any_of(parts.begin(), parts.end(), is_markup));
  const auto as_text = [&](const Value& value) { return markup ? escapedForHtml(value).bytes() : str(value); };
  const std::string separator = as_text(between);
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) appendTo(text, separator);
    const std::string part = as_text(parts[i]);
    call.context.lookThrough(part.size());
    appendTo(text, part);
  }
  return {std::move(text), markup};
}

Value filterMap(Call& call) {
  return lazily(call, [](Context& context, Arguments arguments) -> std::function<bool(const Value&, Value&)> {
    Value attribute = arguments.positional.empty() ? arguments.take("attribute") : Value();
    if (!attribute.isMissing()) {
      Value fallback = arguments.take("default");
      if (!arguments.named.empty()) throw cannot("unexpected keyword argument '" + arguments.named[0].first + "'");
      return [&context, getter = Getter(attribute, std::move(fallback))](const Value& element, Value& result) {
        result = getter(context, element);
        return true;
      };
    }
    if (arguments.positional.empty()) throw cannot("map requires a filter argument");
    const std::string name = str(arguments.positional[0]);
    arguments.positional.erase(arguments.positional.begin());
    return [&context, name, arguments](const Value& element, Value& result) {
      result = filters().call(name, context, element, arguments);
      return true;
    };
  });
}

Value filterSelect(Call& call) { return chosen<false, true>(call); }
Value filterReject(Call& call) { return chosen<false, false>(call); }
Value filterSelectattr(Call& call) { return chosen<true, true>(call); }
Value filterRejectattr(Call& call) { return chosen<true, false>(call); }

Value filterBatch(Call& call) {
  const Value count = call.at(0), fill = call.orElse(1, nullptr);
  const Value source = call.self;
  // Python compares the number of elements with it, whatever it is.
  return generator(source.depth() + 1, [&context = call.context, count, fill, next = stepsThrough(source),
                                        ahead = Value()](Value& result) mutable {
    std::vector<Value> items;
    const auto full = [&] { return equal(Value(items.size()), count); };
    if (!ahead.isMissing()) items.push_back(std::exchange(ahead, Value()));
    for (Value element; next(element);) {
      context.step();
      if (full()) {
        ahead = std::move(element);
        result = context.made(Value::list(std::move(items)));
        return true;
      }
      items.push_back(std::move(element));
    }
    if (items.empty()) return false;
    if (!fill.isNone()) {
      const std::int64_t missing = isLess(context, Value(items.size()), count)
                                       ? wholeFrom(count.asReal()) - static_cast<std::int64_t>(items.size())
                                       : 0;
      if (missing > static_cast<std::int64_t>(kParts)) throw tooMuch("a list is too long");
      context.step(std::max<std::int64_t>(missing, 0));
      items.insert(items.end(), static_cast<std::size_t>(std::max<std::int64_t>(missing, 0)), fill);
    }
    result = context.made(Value::list(std::move(items)));
    return true;
  });
}

Value filterSlice(Call& call) {
  const std::int64_t slices = call.whole(0);
  if (slices > static_cast<std::int64_t>(kParts)) throw tooMuch("a list is too long");
  const Value fill = call.orElse(1, nullptr), source = call.self;
  return generator(source.depth() + 2, [&context = call.context, slices, fill, source, all = std::vector<Value>(),
                                        number = std::int64_t{0}, begin = std::size_t{0}](Value& result) mutable {
    if (number == 0) {
      all = elementsOf(context, source);
      if (slices == 0) throw cannot("integer division or modulo by zero");
    }
    if (number >= slices) return false;
    const auto size = static_cast<std::int64_t>(all.size());
    const bool longer = number < size % slices;
    const std::size_t end = begin + static_cast<std::size_t>(size / slices + (longer ? 1 : 0));
    std::vector<Value> items(all.begin() + static_cast<std::ptrdiff_t>(begin),
                             all.begin() + static_cast<std::ptrdiff_t>(end));
    if (!fill.isNone() && !longer) items.push_back(fill);
    begin = end;
    ++number;
    context.step();
    result = context.made(Value::list(std::move(items)));
    return true;
  });
}

Value filterUnique(Call& call) {
  const Getter key(call.orElse(1, {}), {}, !call.truth(0));
  return generator(call.self.depth(), [&context = call.context, key, seen = Dict(),
                                       next = stepsThrough(call.self)](Value& result) mutable {
    for (Value element; next(element);) {
      context.step();
      Value own = key(context, element);
      context.lookThrough(own);
      if (seen.find(own) != nullptr) continue;
      seen.set(std::move(own), nullptr);
      result = std::move(element);
      return true;
    }
    return false;
  });
}

Value filterMin(Call& call) { return extreme<isLess>(call, "no aggregated item, the sequence was empty"); }
Value filterMax(Call& call) { return extreme<isGreater>(call, "no aggregated item, the sequence was empty"); }

Value filterSort(Call& call) {
  const Value attribute = call.orElse(2, nullptr);
  std::vector<Getter> getters;
  if (attribute.isText()) {
    for (const std::string_view part : splitFromLeft(attribute.bytes(), ",", -1)) {
      getters.emplace_back(Value(part), Value(), !call.truth(1));
    }
  } else {
    getters.emplace_back(attribute, Value(), !call.truth(1));
  }
  Keyed pairs;
  for (Value& element : elementsOf(call.context, call.self)) {
    std::vector<Value> keys;
    for (const Getter& getter : getters) keys.push_back(getter(call.context, element));
    pairs.emplace_back(Value::list(std::move(keys)), std::move(element));
  }
  return valuesOf(sorted(call.context, std::move(pairs), call.truth(0)));
}

Value filterDictsort(Call& call) {
  const Value by = call.orElse(1, "key");
  if (call.self.isUndefined()) failUndefined(call.self);
  if (!by.isText() || (by.bytes() != "key" && by.bytes() != "value"))
    throw cannot("you can only sort by either 'key' or 'value'");
  if (!call.self.isDict()) throw cannot("'" + typeName(call.self) + "' object has no attribute 'items'");
  Keyed pairs;
  for (const auto& [key, value] : call.self.asDict().entries()) {
    call.context.step();
    pairs.emplace_back(foldedIf(call.context, !call.truth(0), by.bytes() == "key" ? key : value),
                       Value::tuple({key, value}));
  }
  return valuesOf(sorted(call.context, std::move(pairs), call.truth(2)));
}

Value filterGroupby(Call& call) {
  const bool folds = !call.truth(2);
  const Getter key(call.at(0), call.orElse(1, {}), folds), output(call.at(0), call.orElse(1, {}));
  Keyed pairs;
  for (Value& element : elementsOf(call.context, call.self)) {
    Value own = key(call.context, element);
    pairs.emplace_back(std::move(own), std::move(element));
  }
  pairs = sorted(call.context, std::move(pairs), false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < pairs.size();) {
    const Value first_key = pairs[i].first;
    std::vector<Value> members;
    for (; i < pairs.size() && isEqual(call.context, first_key, pairs[i].first); ++i)
      members.push_back(pairs[i].second);
    if (members.empty()) members.push_back(pairs[i++].second);  // Not equal to itself.
    const Value grouper = output(call.context, members[0]);
    groups.push_back(Value::sequence({grouper, Value::list(std::move(members))}, SequenceKind::Group));
  }
  return Value::list(std::move(groups));
}

Value filterSum(Call& call) {
  const Getter getter(call.orElse(0, {}));
  Value sum = call.orElse(1, 0);
  if (sum.isText()) throw cannot("sum() can't sum strings");
  const auto iterator = iterate(call.self);
  for (Value element; iterator->next(element);) {
    call.context.step();
    const Value part = getter(call.context, element);
    sum = call.context.made(add(call.context, sum, part));
  }
  return sum;
}

}  // namespace interleave::jinja
