// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/search.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

/// How one value is laid out, in either way.
struct Layout {
  std::string fill = " ";
  char align = 0;  ///< '<', '>', '^', '=' (between sign and digits), 0 for the type's own.
  char sign = '-';
  bool alternate = false, zero = false;
  char grouping = 0;
  std::int64_t width = 0, precision = -1;
  char type = 0;
};

std::size_t bounded(std::int64_t count) {
  if (count > static_cast<std::int64_t>(kTextBytes)) throw tooMuch("it makes a text that is too long");
  return static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
}

std::string copies(std::string_view text, std::int64_t count) {
  bounded(count * static_cast<std::int64_t>(text.size()));
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

/// `prefix` (a sign, 0x) and `body`, filled up to the width.
std::string padded(const Layout& layout, const std::string& prefix, const std::string& body, char own_align) {
  const std::int64_t missing =
      layout.width - static_cast<std::int64_t>(unicode::length(prefix) + unicode::length(body));
  const char align = layout.align != 0 ? layout.align : own_align;
  if (missing <= 0) return prefix + body;
  if (align == '<') return prefix + body + copies(layout.fill, missing);
  if (align == '=') return prefix + copies(layout.fill, missing) + body;
  const std::int64_t left = align == '^' ? missing / 2 : missing;
  return copies(layout.fill, left) + prefix + body + copies(layout.fill, missing - left);
}

/// Digits in groups from the right; as many zeros in front as the width asks for.
std::string grouped(std::string digits, const Layout& layout, std::size_t size, std::size_t taken) {
  const bool fills = layout.zero && layout.align == '=';
  if (layout.grouping == 0) return digits;
  const auto width = static_cast<std::size_t>(layout.width);
  std::string out;
  std::size_t count = 0;
  for (auto digit = digits.rbegin();; ++count) {
    const bool done = digit == digits.rend();
    if (done && !(fills && out.size() + taken < width)) break;
    if (count > 0 && count % size == 0) out += layout.grouping;
    out += done ? '0' : *digit++;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::string signOf(bool is_negative, char style) {
  if (is_negative) return "-";
  return style == '-' ? "" : std::string(1, style);
}

std::string digitsOf(std::uint64_t number, int base) {
  std::array<char, 70> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, base);
  return {buffer.data(), result.ptr};
}

std::string upperAscii(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string printedWhole(std::int64_t value, const Layout& layout) {
  const char kind = layout.type == 0 || layout.type == 'n' ? 'd' : layout.type;
  const int base = kind == 'b' ? 2 : kind == 'o' ? 8 : kind == 'x' || kind == 'X' ? 16 : 10;
  const auto magnitude =
      value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits = digitsOf(magnitude, base), prefix = signOf(value < 0, layout.sign);
  if (layout.alternate && base != 10) prefix += std::string("0") + kind;
  if (kind == 'X') digits = upperAscii(digits);
  if (layout.precision > static_cast<std::int64_t>(digits.size())) {  // Of "%.5d"; "{:.5d}" does not come here.
    digits = copies("0", layout.precision - static_cast<std::int64_t>(digits.size())) + digits;
  }
  return padded(layout, prefix, grouped(digits, layout, base == 10 ? 3 : 4, prefix.size()), '>');
}

std::string toChars(double number, std::chars_format format, std::int64_t precision) {
  std::string buffer(bounded(precision) + 400, '\0');
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, format, static_cast<int>(precision));
  buffer.resize(static_cast<std::size_t>(result.ptr - buffer.data()));
  return buffer;
}

/// "%g", where `alternate` keeps the zeros at the end.
std::string general(double number, std::int64_t precision, bool alternate) {
  precision = std::max<std::int64_t>(precision, 1);
  std::string text = toChars(number, std::chars_format::general, precision);
  if (!alternate) return text;
  const std::size_t e = std::min(text.find('e'), text.size());
  std::string digits = text.substr(0, e);
  std::int64_t count = 0;
  bool leading = true;
  for (const char c : digits) {
    leading = leading && (c == '0' || c == '.');
    if (c != '.' && !leading) ++count;
  }
  if (leading) count = 1;
  if (digits.find('.') == std::string::npos) digits += '.';
  return digits + copies("0", precision - count) + text.substr(e);
}

/// A finite number that is not negative.
std::string realDigits(double number, const Layout& layout, char type) {
  const std::int64_t precision = layout.precision < 0 ? 6 : layout.precision;
  switch (type) {
    case 'e':
    case 'f': {
      std::string text =
          toChars(number, type == 'e' ? std::chars_format::scientific : std::chars_format::fixed, precision);
      if (layout.alternate && precision == 0) text.insert(std::min(text.find('e'), text.size()), ".");
      return text;
    }
    case 'g':
      return general(number, precision, layout.alternate);
    default: {
      if (layout.precision < 0) return reprOf(number);
      // As general, but an exponent is written one digit earlier, and a whole number ends in ".0".
      const std::int64_t digits = std::max<std::int64_t>(precision, 1);
      std::string text = general(number, digits, layout.alternate);
      const std::string power = toChars(number, std::chars_format::scientific, digits - 1);
      const int exponent = std::stoi(power.substr(power.find('e') + 1));
      if (number != 0 && exponent == digits - 1 && text.find('e') == std::string::npos) {
        std::string mantissa = power.substr(0, power.find('e'));
        if (mantissa.find('.') != std::string::npos) {
          while (mantissa.back() == '0') mantissa.pop_back();
          if (mantissa.back() == '.') mantissa.pop_back();
        }
        return mantissa + power.substr(power.find('e'));
      }
      return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
  }
}

std::string printedReal(double value, const Layout& layout) {
  const char lower = layout.type >= 'A' && layout.type <= 'Z' ? static_cast<char>(layout.type | 0x20) : layout.type;
  const char type = lower == '%' ? 'f' : lower == 'n' ? 'g' : lower;
  if (lower == '%') value *= 100;
  const std::string prefix = signOf(std::signbit(value) && !std::isnan(value), layout.sign);
  Layout own = layout;
  std::string text;
  if (!std::isfinite(value)) {
    text = std::isnan(value) ? "nan" : "inf";
  } else {
    text = realDigits(std::abs(value), layout, type);
    const std::size_t whole = std::min(text.find_first_of(".e"), text.size());
    const std::string rest = text.substr(whole) + (lower == '%' ? "%" : "");
    text = grouped(text.substr(0, whole), layout, 3, prefix.size() + rest.size()) + rest;
  }
  if (!std::isfinite(value) && lower == '%') text += '%';
  if (layout.type != lower) text = upperAscii(text);
  return padded(own, prefix, text, '>');
}

std::string printedText(std::string_view text, const Layout& layout) {
  if (layout.precision >= 0) {
    std::size_t bytes = 0;
    for (std::int64_t i = 0; i < layout.precision && bytes < text.size(); ++i) {
      bytes += unicode::first(text.substr(bytes)).bytes;
    }
    text = text.substr(0, bytes);
  }
  return padded(layout, "", std::string(text), '<');
}

std::string character(const Value& value) {
  if (value.isText() && value.asText().length == 1) return value.bytes();
  if (!value.isWhole() || value.asWhole() < 0 || value.asWhole() > 0x10FFFF ||
      (value.asWhole() >= 0xD800 && value.asWhole() < 0xE000)) {
    throw cannot("%c requires int or char");
  }
  std::string text;
  unicode::append(text, static_cast<char32_t>(value.asWhole()));
  return text;
}

std::optional<std::int64_t> numberAt(std::string_view& text) {
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text[0] == '-' || result.ptr == text.data()) return std::nullopt;
  if (result.ec != std::errc()) throw cannot("too many decimal digits in format string");
  text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  return number;
}

/// "%s" % x, one conversion after another.
class PercentFormatter {
 public:
  PercentFormatter(Context& context, const Value& format, const Value& arguments)
      : context_(context), rest_(format.bytes()), markup_(format.isMarkup()), arguments_(arguments) {}

  Value result() {
    while (!rest_.empty()) {
      const std::size_t percent = std::min(rest_.find('%'), rest_.size());
      write(rest_.substr(0, percent));
      rest_.remove_prefix(percent);
      if (rest_.empty()) break;
      rest_.remove_prefix(1);
      conversion();
    }
    const bool mapping =
        arguments_.isDict() || arguments_.isList() || arguments_.isObject() || arguments_.isUndefined();
    const std::size_t count = arguments_.isTuple() ? arguments_.items().size() : 1;
    if (next_ < count && !mapping) throw cannot("not all arguments converted during string formatting");
    return {std::move(out_), markup_};
  }

 private:
  void write(std::string_view text) {
    bounded(static_cast<std::int64_t>(out_.size() + text.size()));
    context_.lookThrough(text.size());
    out_ += text;
  }

  Value next() {
    const std::size_t count = arguments_.isTuple() ? arguments_.items().size() : 1;
    if (next_ >= count) throw cannot("not enough arguments for format string");
    return arguments_.isTuple() ? arguments_.items()[next_++] : (++next_, arguments_);
  }

  std::int64_t starOrNumber(std::int64_t fallback) {
    if (!rest_.starts_with('*')) return numberAt(rest_).value_or(fallback);
    rest_.remove_prefix(1);
    const Value value = next();
    if (!value.isWhole()) throw cannot("* wants int");
    return value.asWhole();
  }

  /// The value that "(key)" names.
  Value named() {
    if (!arguments_.isDict()) throw cannot("format requires a mapping");
    std::size_t end = 1;
    for (int open = 1; open > 0; ++end) {
      if (end >= rest_.size()) throw cannot("incomplete format key");
      open += rest_[end] == '(' ? 1 : rest_[end] == ')' ? -1 : 0;
    }
    const std::string_view key = rest_.substr(1, end - 2);
    const Value* const found = arguments_.asDict().find(key);
    if (found == nullptr) throw cannot("there is no key '" + std::string(key) + "' to format");
    rest_.remove_prefix(end);
    next_ = 1;
    return *found;
  }

  void conversion() {
    if (rest_.starts_with('%')) {
      rest_.remove_prefix(1);
      return write("%");
    }
    Layout layout;
    layout.align = '>';
    Value value;
    if (rest_.starts_with('(')) value = named();
    for (; !rest_.empty() && std::string_view("-+ #0").find(rest_[0]) != std::string_view::npos;
         rest_.remove_prefix(1)) {
      if (rest_[0] == '-') layout.align = '<';
      if (rest_[0] == '+') layout.sign = '+';
      if (rest_[0] == ' ' && layout.sign != '+') layout.sign = ' ';
      if (rest_[0] == '#') layout.alternate = true;
      if (rest_[0] == '0') layout.zero = true;
    }
    layout.width = starOrNumber(0);
    if (layout.width < 0) {
      layout.align = '<';
      layout.width = layout.width == INT64_MIN ? INT64_MAX : -layout.width;
    }
    if (rest_.starts_with('.')) {
      rest_.remove_prefix(1);
      layout.precision = std::max<std::int64_t>(starOrNumber(0), 0);
    }
    bounded(layout.width);
    bounded(layout.precision);
    if (!rest_.empty() && std::string_view("hlL").find(rest_[0]) != std::string_view::npos) rest_.remove_prefix(1);
    if (rest_.empty()) throw cannot("incomplete format");
    layout.type = rest_[0];
    rest_.remove_prefix(1);
    if (value.isMissing()) value = next();
    write(converted(value, layout));
  }

  std::string safe(std::string text) const { return markup_ ? escapedForHtml(Value(std::move(text))).bytes() : text; }

  std::string cut(const std::string& text, const Layout& layout) const {
    context_.lookThrough(text.size());
    return printedText(text, layout);
  }

  std::string converted(const Value& value, Layout& layout) const {
    const char type = layout.type;
    layout.type = type == 'i' || type == 'u' ? 'd' : type;
    if (layout.zero && layout.align == '>' && std::string_view("srac").find(type) == std::string_view::npos) {
      layout.align = '=';
      layout.fill = "0";
    }
    switch (type) {
      case 's':
        return cut(markup_ ? escapedForHtml(value).bytes() : str(value), layout);
      case 'r':
        return cut(safe(repr(value)), layout);
      case 'a':
        return cut(safe(asciiOf(value)), layout);
      case 'c':
        layout.precision = -1;
        return printedText(character(value), layout);
      case 'd':
      case 'i':
      case 'u':
        if (value.isUndefined()) failUndefined(value);
        if (!value.isNumber())
          throw cannot(std::string("%") + type + " format: a real number is required, not " + typeName(value));
        return printedWhole(value.isReal() ? wholeFrom(value.asReal()) : value.asWhole(), layout);
      case 'x':
      case 'X':
      case 'o':
        if (!value.isWhole())
          throw cannot(std::string("%") + type + " format: an integer is required, not " + typeName(value));
        return printedWhole(value.asWhole(), layout);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (value.isUndefined()) failUndefined(value);
        if (!value.isNumber()) throw cannot("must be real number, not " + typeName(value));
        return printedReal(value.asReal(), layout);
      default:
        throw cannot(std::string("unsupported format character '") + type + "'");
    }
  }

  Context& context_;
  std::string_view rest_;
  bool markup_;
  const Value& arguments_;
  std::size_t next_ = 0;
  std::string out_;
};

/// "{}".format(x).
class BraceFormatter {
 public:
  BraceFormatter(Context& context, const Arguments& arguments, bool markup)
      : context_(context), arguments_(arguments), markup_(markup) {}

  std::string format(std::string_view text, int depth) {
    if (depth == 0) throw cannot("Max string recursion exceeded");
    std::string out;
    while (!text.empty()) {
      const std::size_t brace = std::min(text.find_first_of("{}"), text.size());
      write(out, text.substr(0, brace));
      text.remove_prefix(brace);
      if (text.empty()) break;
      if (text.size() > 1 && text[1] == text[0]) {
        write(out, text.substr(0, 1));
        text.remove_prefix(2);
        continue;
      }
      if (text[0] == '}') throw cannot("Single '}' encountered in format string");
      write(out, field(text, depth));
    }
    return out;
  }

 private:
  void write(std::string& out, std::string_view part) {
    bounded(static_cast<std::int64_t>(out.size() + part.size()));
    context_.lookThrough(part.size());
    out += part;
  }

  /// The field at the begin of `text`, which moves behind it.
  std::string field(std::string_view& text, int depth) {
    std::size_t end = 1;
    for (int open = 1; open > 0; ++end) {
      if (end >= text.size()) throw cannot("expected '}' before end of string");
      open += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
    }
    std::string_view inside = text.substr(1, end - 2);
    text.remove_prefix(end);
    std::size_t name_end = 0;
    for (bool bracket = false; name_end < inside.size(); ++name_end) {
      const char c = inside[name_end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && (c == ':' || c == '!')) break;
      if (c == '{') throw cannot("unexpected '{' in field name");
    }
    Value value = lookUp(inside.substr(0, name_end));
    inside.remove_prefix(name_end);
    if (inside.starts_with('!')) {
      if (inside.size() < 2 || (inside.size() > 2 && inside[2] != ':'))
        throw cannot("a malformed conversion in a format string");
      value = context_.made(convert(value, inside[1]));
      inside.remove_prefix(2);
    }
    const std::string spec = inside.empty() ? "" : format(inside.substr(1), depth - 1);
    if (!markup_) return formatted(value, spec);
    if (value.isMarkup() && !spec.empty()) throw cannot("unsupported format specification for Markup");
    return value.isMarkup() ? value.bytes() : escapedForHtml(Value(formatted(value, spec))).bytes();
  }

  static Value convert(const Value& value, char conversion) {
    switch (conversion) {
      case 's':
        return str(value);
      case 'r':
        return repr(value);
      case 'a':
        return asciiOf(value);
      default:
        throw cannot(std::string("unknown conversion specifier ") + conversion);
    }
  }

  Value lookUp(std::string_view name) {
    std::size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = first(name.substr(0, end));
    name.remove_prefix(end);
    while (!name.empty()) {
      if (name[0] == '.') {
        end = std::min(name.find_first_of(".[", 1), name.size());
        if (end == 1) throw cannot("empty attribute in format string");
        value = attributeOf(value, std::string(name.substr(1, end - 1)));
      } else if (name[0] == '[') {
        end = name.find(']');
        if (end == std::string_view::npos || end == 1) throw cannot("empty attribute in format string");
        std::string_view key = name.substr(1, end - 1);
        const std::string text(key);
        const auto index = numberAt(key);
        value = itemOf(value, index && key.empty() ? Value(*index) : Value(text));
        ++end;
      } else {
        throw cannot("only '.' or '[' may follow ']' in format field specifier");
      }
      name.remove_prefix(end);
    }
    return value;
  }

  Value first(std::string_view name) {
    const std::string text(name);
    auto index = numberAt(name);
    if (text.empty() || (index && name.empty())) {
      const bool automatic = text.empty();
      if (numbered_ && *numbered_ != automatic)
        throw cannot("cannot switch between manual and automatic field numbering");
      numbered_ = automatic;
      if (automatic) index = next_++;
      if (*index >= static_cast<std::int64_t>(arguments_.positional.size())) {
        throw cannot("Replacement index " + std::to_string(*index) + " out of range for positional args tuple");
      }
      return arguments_.positional[static_cast<std::size_t>(*index)];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == text) return value;
    }
    throw cannot("there is no '" + text + "' to format");
  }

  Context& context_;
  const Arguments& arguments_;
  bool markup_;
  std::optional<bool> numbered_;
  std::int64_t next_ = 0;
};

Layout layoutOf(std::string_view spec, bool number) {
  Layout layout;
  const auto is_align = [](std::string_view text) {
    return !text.empty() && std::string_view("<>=^").find(text[0]) != std::string_view::npos;
  };
  const std::size_t first = spec.empty() ? 0 : unicode::first(spec).bytes;
  const bool filled = is_align(spec.substr(first));
  if (filled) {
    layout.fill = spec.substr(0, first);
    layout.align = spec[first];
    spec.remove_prefix(first + 1);
  } else if (is_align(spec)) {
    layout.align = spec[0];
    spec.remove_prefix(1);
  }
  const auto accept = [&](std::string_view one_of) -> char {
    if (spec.empty() || one_of.find(spec[0]) == std::string_view::npos) return 0;
    const char found = spec[0];
    spec.remove_prefix(1);
    return found;
  };
  if (const char sign = accept("+- ")) {
    if (!number) throw cannot("Sign not allowed in string format specifier");
    layout.sign = sign;
  }
  layout.alternate = accept("#") != 0;
  if (!number && layout.alternate) throw cannot("Alternate form (#) not allowed in string format specifier");
  if (accept("0") != 0) {
    layout.zero = true;
    if (!filled) layout.fill = "0";
    if (layout.align == 0 && number) layout.align = '=';
  }
  layout.width = numberAt(spec).value_or(0);
  layout.grouping = accept(",_");
  if (!number && layout.grouping != 0) throw cannot("Cannot specify ',' with 's'.");
  if (accept(".") != 0) {
    const auto precision = numberAt(spec);
    if (!precision) throw cannot("Format specifier missing precision");
    layout.precision = *precision;
  }
  if (!spec.empty()) layout.type = spec[0];
  if (spec.size() > 1) throw cannot("Invalid format specifier");
  bounded(layout.width);
  bounded(layout.precision);
  return layout;
}

}  // namespace

Value formatPercent(Context& context, const Value& format, const Value& arguments) {
  return PercentFormatter(context, format, arguments).result();
}

Value formatBraces(Context& context, const Value& format, const Arguments& arguments) {
  return {BraceFormatter(context, arguments, format.isMarkup()).format(format.bytes(), 2), format.isMarkup()};
}

std::string formatted(const Value& value, std::string_view spec) {
  if (spec.empty()) return str(value);
  if (!value.isText() && !value.isNumber()) {
    throw cannot("unsupported format string passed to " + typeName(value) + ".__format__");
  }
  Layout layout = layoutOf(spec, value.isNumber());
  const auto is_one_of = [&](std::string_view types) {
    return layout.type == 0 || types.find(layout.type) != std::string_view::npos;
  };
  const Error unknown =
      cannot(std::string("unknown format code '") + layout.type + "' for object of type '" + typeName(value) + "'");
  if (value.isText()) {
    if (!is_one_of("s")) throw unknown;
    if (layout.align == '=') throw cannot("'=' alignment not allowed in string format specifier");
    return printedText(value.bytes(), layout);
  }
  if (value.isWhole() && is_one_of("bcdoxXn")) {
    if (layout.precision >= 0) throw cannot("Precision not allowed in integer format specifier");
    if (layout.grouping == ',' && layout.type != 0 && layout.type != 'd')
      throw cannot("Cannot specify ',' with this type");
    if (layout.type == 'c') return padded(layout, "", character(value), '<');
    return printedWhole(value.asWhole(), layout);
  }
  if (layout.type != 0 && std::string_view("eEfFgGn%").find(layout.type) == std::string_view::npos) throw unknown;
  return printedReal(value.asReal(), layout);
}

std::string fixedText(double number, int digits) { return toChars(number, std::chars_format::fixed, digits); }

}  // namespace interleave::jinja
