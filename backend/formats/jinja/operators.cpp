// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/operators.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/format.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/search.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

Error tooLarge() { return cannot("a whole number beyond 64 bits"); }

[[noreturn]] void failOperands(const char* symbol, const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (side->isUndefined()) failUndefined(*side);
  }
  throw cannot(std::string("unsupported operand types for ") + symbol + ": '" + typeName(a) + "' and '" + typeName(b) +
               "'");
}

bool areWhole(const Value& a, const Value& b) { return a.isWhole() && b.isWhole(); }
bool areNumbers(const Value& a, const Value& b) { return a.isNumber() && b.isNumber(); }

void refuseZero(const Value& divisor) {
  if (divisor.asReal() == 0) throw cannot("division by zero");
}

/// `value` so many times.
Value repeated(Context& context, const Value& value, std::int64_t times) {
  const std::int64_t size = value.isText() ? static_cast<std::int64_t>(value.bytes().size()) : *lengthOf(value);
  const auto limit = static_cast<std::int64_t>(value.isText() ? kTextBytes : kParts);
  if (times > 0 && size > limit / times) throw tooMuch("it makes a text or a list that is too long");
  const std::int64_t count = std::max<std::int64_t>(times, 0);
  context.step(1 + size * count / 256);
  if (value.isText()) {
    std::string text;
    text.reserve(static_cast<std::size_t>(size * count));
    for (std::int64_t i = 0; i < count && size > 0; ++i) text += value.bytes();
    return {std::move(text), value.isMarkup()};
  }
  std::vector<Value> items;
  for (std::int64_t i = 0; i < count && size > 0; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return Value::sequence(std::move(items), value.isList() ? SequenceKind::List : SequenceKind::Tuple);
}

/// Python's modulo: with the sign of the divisor.
double floorModulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floorQuotient(double a, double b) {
  double quotient = (a - std::fmod(a, b)) / b;
  if (const double rest = std::fmod(a, b); rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

Value wholePower(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) throw tooLarge();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) throw tooLarge();
  }
  return result;
}

bool containsElement(Context& context, const Value& whole, const Value& part) {
  const auto iterator = iterate(whole);
  for (Value element; iterator->next(element);) {
    context.step(std::min(element.weight(), part.weight()));
    if (element.isSame(part) || equal(element, part)) return true;
  }
  return false;
}

Value noSuch(const Value& owner, const std::string& name) { return Undefined{.what = name, .owner = typeName(owner)}; }

/// What getattr() gives, and the sandbox lets through; missing when there is no such attribute.
Value ownAttribute(const Value& value, const std::string& name) {
  if (value.isUndefined()) failUndefined(value);
  if (value.isObject()) return value.asObject().attribute(name);
  return methodOf(value, name);
}

/// What value[key] gives; missing when it raises LookupError or TypeError.
Value ownItem(const Value& value, const Value& key) {
  if (value.isUndefined()) failUndefined(value);
  if (value.isDict()) {
    if (!isHashable(key)) return {};
    const Value* const found = value.asDict().find(key);
    return found != nullptr ? *found : Value();
  }
  if (value.isObject()) return value.asObject().item(key);
  if (!(value.isText() || value.isSequence()) || !key.isWhole()) return {};
  const std::int64_t length = *lengthOf(value);
  const std::int64_t index = key.asWhole() < 0 ? key.asWhole() + length : key.asWhole();
  if (index < 0 || index >= length) return {};
  const auto place = static_cast<std::size_t>(index);
  return value.isText() ? Value(std::string(characters(value.asText(), place, place + 1)), value.isMarkup())
                        : value.items()[place];
}

}  // namespace

std::int64_t checkedAdd(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) throw tooLarge();
  return sum;
}

std::int64_t wholeFrom(double number) {
  if (std::isnan(number)) throw cannot("cannot convert float NaN to integer");
  if (!(std::abs(number) < 9223372036854775808.0)) throw tooLarge();
  return static_cast<std::int64_t>(number);
}

Value negative(const Value& value) {
  if (value.isUndefined()) failUndefined(value);
  if (value.isReal()) return -value.asReal();
  std::int64_t result = 0;
  if (!value.isWhole()) throw cannot("bad operand type for unary -: '" + typeName(value) + "'");
  if (__builtin_sub_overflow(std::int64_t{0}, value.asWhole(), &result)) throw tooLarge();
  return result;
}

Value positive(const Value& value) {
  if (value.isUndefined()) failUndefined(value);
  if (!value.isNumber()) throw cannot("bad operand type for unary +: '" + typeName(value) + "'");
  return value.isReal() ? value : Value(value.asWhole());
}

Value logicalNot(const Value& value) { return !truthy(value); }

Value add(Context&, const Value& a, const Value& b) {
  if (areWhole(a, b)) return checkedAdd(a.asWhole(), b.asWhole());
  if (areNumbers(a, b)) return a.asReal() + b.asReal();
  if (a.isText() && b.isText()) {
    const bool markup = a.isMarkup() || b.isMarkup();
    const Value x = markup ? escapedForHtml(a) : a, y = markup ? escapedForHtml(b) : b;
    return {x.bytes() + y.bytes(), markup};
  }
  if (!a.isSequence() || !b.isSequence() || a.isList() != b.isList()) failOperands("+", a, b);
  if (a.items().size() + b.items().size() > kParts) throw tooMuch("a list is too long");
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return Value::sequence(std::move(items), a.isList() ? SequenceKind::List : SequenceKind::Tuple);
}

Value subtract(Context&, const Value& a, const Value& b) {
  if (!areNumbers(a, b)) failOperands("-", a, b);
  std::int64_t result = 0;
  if (!areWhole(a, b)) return a.asReal() - b.asReal();
  if (__builtin_sub_overflow(a.asWhole(), b.asWhole(), &result)) throw tooLarge();
  return result;
}

Value multiply(Context& context, const Value& a, const Value& b) {
  std::int64_t result = 0;
  if (areWhole(a, b)) {
    if (__builtin_mul_overflow(a.asWhole(), b.asWhole(), &result)) throw tooLarge();
    return result;
  }
  if (areNumbers(a, b)) return a.asReal() * b.asReal();
  const auto repeats = [](const Value& x) { return x.isText() || x.isSequence(); };
  if (repeats(a) && b.isWhole()) return repeated(context, a, b.asWhole());
  if (repeats(b) && a.isWhole()) return repeated(context, b, a.asWhole());
  failOperands("*", a, b);
}

Value divide(Context&, const Value& a, const Value& b) {
  if (!areNumbers(a, b)) failOperands("/", a, b);
  refuseZero(b);
  if (!areWhole(a, b)) return a.asReal() / b.asReal();
  return static_cast<double>(static_cast<long double>(a.asWhole()) / static_cast<long double>(b.asWhole()));
}

Value floorDivide(Context&, const Value& a, const Value& b) {
  if (!areNumbers(a, b)) failOperands("//", a, b);
  refuseZero(b);
  if (!areWhole(a, b)) return floorQuotient(a.asReal(), b.asReal());
  const std::int64_t x = a.asWhole(), y = b.asWhole();
  if (y == -1) return negative(x);
  return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
}

Value remainder(Context& context, const Value& a, const Value& b) {
  if (a.isText()) return formatPercent(context, a, b);
  if (!areNumbers(a, b)) failOperands("%", a, b);
  refuseZero(b);
  if (!areWhole(a, b)) return floorModulo(a.asReal(), b.asReal());
  const std::int64_t x = a.asWhole(), y = b.asWhole();
  if (y == -1) return 0;
  const std::int64_t rest = x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

Value power(Context&, const Value& a, const Value& b) {
  if (!areNumbers(a, b)) failOperands("**", a, b);
  if (areWhole(a, b) && b.asWhole() >= 0) return wholePower(a.asWhole(), b.asWhole());
  const double base = a.asReal(), exponent = b.asReal();
  if (base == 0 && exponent < 0) throw cannot("0.0 cannot be raised to a negative power");
  if (base < 0 && std::isfinite(base) && std::isfinite(exponent) && exponent != std::floor(exponent)) {
    throw cannot("complex numbers are not supported");
  }
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) throw cannot("the result is too large");
  return result;
}

bool isEqual(Context& context, const Value& a, const Value& b) {
  context.step(std::min(a.weight(), b.weight()));
  return equal(a, b);
}
bool isUnequal(Context& context, const Value& a, const Value& b) { return !isEqual(context, a, b); }

bool isLess(Context& context, const Value& a, const Value& b) {
  context.step(std::min(a.weight(), b.weight()));
  return less(a, b);
}
bool isLessOrEqual(Context& context, const Value& a, const Value& b) { return isLess(context, a, b) || equal(a, b); }
bool isGreater(Context& context, const Value& a, const Value& b) { return isLess(context, b, a); }
bool isGreaterOrEqual(Context& context, const Value& a, const Value& b) { return isLessOrEqual(context, b, a); }

bool isIn(Context& context, const Value& part, const Value& whole) {
  if (whole.isText()) {
    if (!part.isText()) throw cannot("'in <string>' requires string as left operand, not " + typeName(part));
    context.lookThrough(whole.bytes().size());
    return placeOf(part.bytes(), whole.bytes()) != std::string_view::npos;
  }
  if (whole.isDict()) {
    context.lookThrough(part);
    return whole.asDict().find(part) != nullptr;
  }
  return containsElement(context, whole, part);
}
bool isNotIn(Context& context, const Value& part, const Value& whole) { return !isIn(context, part, whole); }

Value attributeOf(const Value& value, const std::string& name) {
  Value found = ownAttribute(value, name);
  if (found.isMissing() && (value.isDict() || value.isObject())) found = ownItem(value, name);
  return found.isMissing() ? noSuch(value, name) : found;
}

Value itemOf(const Value& value, const Value& key) {
  Value found = ownItem(value, key);
  if (found.isMissing() && key.isText()) found = ownAttribute(value, key.bytes());
  return found.isMissing() ? noSuch(value, key.isText() ? key.bytes() : repr(key)) : found;
}

Value sliceOf(Context& context, const Value& value, const Value& begin, const Value& end, const Value& step) {
  if (value.isUndefined()) failUndefined(value);
  const auto number = [](const Value& given) -> std::optional<std::int64_t> {
    if (given.isNone() || given.isMissing()) return std::nullopt;
    if (!given.isWhole()) throw cannot("slice indices must be integers or None");
    return given.asWhole();
  };
  const auto length = lengthOf(value);
  if (!length || value.isDict()) throw cannot("'" + typeName(value) + "' cannot be sliced");
  const std::int64_t size = *length;
  const std::int64_t stride = std::clamp(number(step).value_or(1), -size - 1, size + 1);
  if (number(step) == 0) throw cannot("slice step cannot be zero");
  // As Python's slice.indices().
  const std::int64_t least = stride > 0 ? 0 : -1, most = stride > 0 ? size : size - 1;
  const auto bound = [&](const Value& given, std::int64_t fallback) {
    const auto index = number(given);
    if (!index) return fallback;
    return std::clamp(*index < 0 ? std::max(*index, -size - 1) + size : *index, least, most);
  };
  const std::int64_t first = bound(begin, stride > 0 ? least : most), last = bound(end, stride > 0 ? most : least);
  if (value.isObject()) return sliceOfRange(value, first, last, stride);
  if (value.isText()) {
    context.lookThrough(value.bytes().size());
    if (stride == 1) {
      const auto from = static_cast<std::size_t>(first), to = static_cast<std::size_t>(std::max(first, last));
      return {std::string(characters(value.asText(), from, to)), value.isMarkup()};
    }
    std::string text;
    const std::vector<std::string_view> all = allCharacters(value.bytes());
    for (std::int64_t i = first; stride > 0 ? i < last : i > last; i += stride)
      text += all[static_cast<std::size_t>(i)];
    return {std::move(text), value.isMarkup()};
  }
  std::vector<Value> items;
  for (std::int64_t i = first; stride > 0 ? i < last : i > last; i += stride) {
    items.push_back(value.items()[static_cast<std::size_t>(i)]);
  }
  context.step(static_cast<std::int64_t>(items.size()));
  return Value::sequence(std::move(items), value.isList() ? SequenceKind::List : SequenceKind::Tuple);
}

Value escapedForHtml(const Value& value) {
  if (value.isMarkup()) return value;
  std::string out;
  for (const char c : str(value)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return {std::move(out), true};
}

double rounded(double number, std::int64_t digits) {
  if (!std::isfinite(number)) return number;
  if (digits > 22 + 308) return number;
  if (digits < -308) return std::copysign(0.0, number);
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(number / unit) * unit;
  }
  // The decimal text of the exact value, rounded to even, is what Python takes.
  const std::string text = fixedText(number, static_cast<int>(digits));
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

}  // namespace interleave::jinja
