// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "backend/formats/jinja/filters.h"
#include "backend/formats/jinja/format.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/text_functions.h"
#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// A text as Python's int() and float() see it: without space around it, other scripts' digits as ASCII's, and without
/// the underscores between digits. None when an underscore is elsewhere.
std::optional<std::string> plainDigits(std::string_view text) {
  std::string plain;
  bool digit = false, underscore = false;
  for (std::string_view rest = stripped(text, Sides::Both); !rest.empty();) {
    const auto [code, bytes] = unicode::first(rest);
    const int value = decimalValue(code);
    if (code == '_' && digit) {
      underscore = true;
    } else {
      const bool in_number = value >= 0 || (bytes == 1 && std::isalnum(static_cast<unsigned char>(rest[0])) != 0);
      if (code == '_' || (underscore && !in_number)) return std::nullopt;
      plain += value >= 0 ? std::string(1, static_cast<char>('0' + value)) : std::string(rest.substr(0, bytes));
      underscore = false;
    }
    digit = code != '_' && (value >= 0 || (bytes == 1 && std::isalnum(static_cast<unsigned char>(rest[0])) != 0));
    rest.remove_prefix(bytes);
  }
  return underscore ? std::nullopt : std::optional(plain);
}

/// int(text, base); none for what is no such number.
std::optional<std::int64_t> parsedWhole(std::string_view text, std::int64_t base) {
  const auto plain = plainDigits(text);
  if (!plain || base < 0 || base == 1 || base > 36) return std::nullopt;
  std::string_view rest = *plain;
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  static constexpr auto kPrefixes = std::to_array<std::pair<char, std::int64_t>>({{'x', 16}, {'o', 8}, {'b', 2}});
  bool prefixed = false;
  for (const auto& [mark, its_base] : kPrefixes) {
    if (rest.size() < 3 || rest[0] != '0' || (rest[1] | 0x20) != mark || (base != its_base && base != 0)) continue;
    base = its_base;
    rest.remove_prefix(2);
    prefixed = true;
    break;
  }
  if (base == 0) {
    if (!prefixed && rest.size() > 1 && rest[0] == '0' && rest.find_first_not_of('0') != std::string_view::npos)
      return std::nullopt;
    base = 10;
  }
  std::uint64_t number = 0;
  const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), number, static_cast<int>(base));
  if (rest.empty() || result.ptr != rest.data() + rest.size()) return std::nullopt;
  const std::uint64_t most = static_cast<std::uint64_t>(INT64_MAX) + (is_negative ? 1 : 0);
  if (result.ec != std::errc() || number > most) throw cannot("a whole number beyond 64 bits");
  return is_negative ? static_cast<std::int64_t>(std::uint64_t{0} - number) : static_cast<std::int64_t>(number);
}

/// float(text); none for what is no number.
std::optional<double> parsedReal(std::string_view text) {
  const auto plain = plainDigits(text);
  if (!plain) return std::nullopt;
  const std::string lowered = lower(*plain);
  std::string_view rest = lowered;
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  const double sign = is_negative ? -1 : 1;
  if (rest == "inf" || rest == "infinity") return sign * INFINITY;
  if (rest == "nan") return NAN;
  if (rest.find_first_not_of("0123456789.e+-") != std::string_view::npos || rest.starts_with('-')) return std::nullopt;
  double number = 0;
  const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (rest.empty() || result.ptr != rest.data() + rest.size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    const std::size_t e = rest.find('e');
    const bool small = e != std::string_view::npos && rest.substr(e + 1).starts_with('-');
    number = small ? 0 : INFINITY;
  }
  return sign * number;
}

/// float(value); none where Python raises TypeError or ValueError.
std::optional<double> realOf(const Value& value) {
  if (value.isUndefined()) failUndefined(value);
  if (value.isText()) return parsedReal(value.bytes());
  return value.isNumber() ? std::optional(value.asReal()) : std::nullopt;
}

/// round(number, digits) of a whole number, half to even.
std::int64_t roundedWhole(std::int64_t number, std::int64_t digits) {
  if (digits >= 0) return number;
  if (digits < -18) return 0;
  std::int64_t unit = 1;
  for (; digits < 0; ++digits) unit *= 10;
  const std::int64_t rest = ((number % unit) + unit) % unit, floor = number - rest;
  const bool up = rest > unit / 2 || (rest == unit / 2 && (floor / unit) % 2 != 0);
  return up ? checkedAdd(floor, unit) : floor;
}

}  // namespace

Value filterAbs(Call& call) {
  if (!call.self.isNumber()) throw cannot("bad operand type for abs(): '" + typeName(call.self) + "'");
  if (call.self.isReal()) return std::abs(call.self.asReal());
  return call.self.asWhole() < 0 ? negative(call.self) : Value(call.self.asWhole());
}

Value filterInt(Call& call) {
  const Value& value = call.self;
  if (value.isUndefined()) failUndefined(value);
  if (value.isWhole()) return value.asWhole();
  if (value.isReal()) {
    if (std::isnan(value.asReal())) return call.orElse(0, 0);
    if (std::isinf(value.asReal())) throw cannot("cannot convert float infinity to integer");
    return wholeFrom(value.asReal());
  }
  if (!value.isText()) return call.orElse(0, 0);
  if (const auto number = parsedWhole(value.bytes(), call.whole(1, 10))) return *number;
  const auto real = parsedReal(value.bytes());
  if (!real || !std::isfinite(*real)) return call.orElse(0, 0);
  return wholeFrom(*real);
}

Value filterFloat(Call& call) {
  const auto number = realOf(call.self);
  return number ? Value(*number) : call.orElse(0, 0.0);
}

Value filterRound(Call& call) {
  const Value& value = call.self;
  const std::int64_t precision = call.whole(0);
  const std::string method = call.has(1) && call.at(1).isText() ? call.text(1) : call.has(1) ? "" : "common";
  if (method != "common" && method != "ceil" && method != "floor") throw cannot("method must be common, ceil or floor");
  if (value.isUndefined()) failUndefined(value);
  if (!value.isNumber()) throw cannot("type " + typeName(value) + " cannot be rounded");
  if (method == "common") {
    if (value.isReal()) return rounded(value.asReal(), precision);
    return roundedWhole(value.asWhole(), precision);
  }
  const Value unit = power(call.context, 10, precision), scaled = multiply(call.context, value, unit);
  const double whole = method == "ceil" ? std::ceil(scaled.asReal()) : std::floor(scaled.asReal());
  return divide(call.context, wholeFrom(whole), unit);
}

Value filterFilesizeformat(Call& call) {
  const auto number = realOf(call.self);
  if (!number) throw cannot("filesizeformat wants a number, not '" + typeName(call.self) + "'");
  const double bytes = *number, base = call.truth(0) ? 1024 : 1000;
  static constexpr std::string_view kPrefixes = "kMGTPEZY";
  if (bytes == 1) return "1 Byte";
  if (bytes < base) return std::to_string(wholeFrom(bytes)) + " Bytes";
  double unit = base * base;
  std::size_t prefix = 0;
  for (; prefix + 1 < kPrefixes.size() && !(bytes < unit); ++prefix) unit *= base;
  const std::string first = call.truth(0) && prefix == 0 ? "K" : std::string(1, kPrefixes[prefix]);
  return formatted(Value(base * bytes / unit), ".1f") + " " + first + (call.truth(0) ? "iB" : "B");
}

}  // namespace interleave::jinja
