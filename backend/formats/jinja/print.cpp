// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

std::string hex(char32_t code, int digits) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, code >>= 4) *digit = kDigits[code & 15U];
  return text;
}

std::string escaped(char32_t code) {
  if (code < 0x100) return "\\x" + hex(code, 2);
  return code < 0x10000 ? "\\u" + hex(code, 4) : "\\U" + hex(code, 8);
}

/// Writes values one behind another, within the bound.
class Writer {
 public:
  std::string text;

  void write(std::string_view part) {
    if (text.size() + part.size() > kTextBytes) throw tooMuch("it makes a text that is too long");
    text += part;
  }

 protected:
  /// One level deeper for as long as it lives: what a namespace holds may hold it again.
  struct Level {
    explicit Level(int& its_count) : count(its_count) {
      if (++count <= 2 * kNesting) return;
      --count;
      throw tooMuch("what is printed nests too deeply");
    }
    ~Level() { --count; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    int& count;
  };
  /// Of this thread, not of one writer: what objects hold is written by a writer of its own.
  static thread_local int levels;
};
thread_local int Writer::levels = 0;

class ReprWriter : public Writer {
 public:
  void value(const Value& value) {
    const Level level(levels);
    switch (value.kind()) {
      case Value::Kind::Missing:
      case Value::Kind::Undefined:
        return write("Undefined");
      case Value::Kind::None:
        return write("None");
      case Value::Kind::Bool:
        return write(value.asBool() ? "True" : "False");
      case Value::Kind::Integer:
        return write(std::to_string(value.asWhole()));
      case Value::Kind::Real:
        return write(reprOf(value.asReal()));
      case Value::Kind::Text:
        return write(value.isMarkup() ? "Markup(" + reprOf(value.bytes()) + ")" : reprOf(value.bytes()));
      case Value::Kind::Sequence:
        return sequence(value);
      case Value::Kind::Dict:
        return dict(value.asDict());
      case Value::Kind::Object:
        return write(value.asObject().repr());
    }
  }

 private:
  void sequence(const Value& value) {
    write(value.isList() ? "[" : "(");
    bool first = true;
    for (const Value& item : value.items()) {
      if (!first) write(", ");
      this->value(item);
      first = false;
    }
    if (value.isTuple() && value.items().size() == 1) write(",");
    write(value.isList() ? "]" : ")");
  }

  void dict(const Dict& dict) {
    write("{");
    bool first = true;
    for (const auto& [key, item] : dict.entries()) {
      if (!first) write(", ");
      value(key);
      write(": ");
      value(item);
      first = false;
    }
    write("}");
  }
};

class JsonWriter : public Writer {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  void value(const Value& value) {
    const Level level(levels);
    switch (value.kind()) {
      case Value::Kind::None:
        return write("null");
      case Value::Kind::Bool:
        return write(value.asBool() ? "true" : "false");
      case Value::Kind::Integer:
        return write(std::to_string(value.asWhole()));
      case Value::Kind::Real:
        return write(number(value.asReal()));
      case Value::Kind::Text:
        return string(value.bytes());
      case Value::Kind::Sequence:
        return array(value.items());
      case Value::Kind::Dict:
        return object(value.asDict());
      default:
        throw cannot("Object of type " + typeName(value) + " is not JSON serializable");
    }
  }

 private:
  static std::string number(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return reprOf(number);
  }

  static std::string keyText(const Value& key) {
    switch (key.kind()) {
      case Value::Kind::Text:
        return key.bytes();
      case Value::Kind::None:
        return "null";
      case Value::Kind::Bool:
        return key.asBool() ? "true" : "false";
      case Value::Kind::Integer:
        return std::to_string(key.asWhole());
      case Value::Kind::Real:
        return number(key.asReal());
      default:
        throw cannot("keys must be str, int, float, bool or None, not " + typeName(key));
    }
  }

  void string(std::string_view bytes) {
    static constexpr std::string_view kShort = "\b\f\n\r\t\"\\", kNames = "bfnrt\"\\";
    std::string out = "\"";
    while (!bytes.empty()) {
      const auto [code, size] = unicode::first(bytes);
      const std::size_t place = size == 1 ? kShort.find(bytes[0]) : std::string_view::npos;
      if (place != std::string_view::npos) {
        out += {'\\', kNames[place]};
      } else if (style_.ascii && code >= 0x10000) {
        out += "\\u" + hex(0xD800 + ((code - 0x10000) >> 10), 4) + "\\u" + hex(0xDC00 + ((code - 0x10000) & 0x3FFU), 4);
      } else if (code < 0x20 || (style_.ascii && code > 0x7E)) {
        out += "\\u" + hex(code, 4);
      } else {
        out += bytes.substr(0, size);
      }
      bytes.remove_prefix(size);
    }
    write(out + '"');
  }

  void newLine() {
    if (!style_.indent) return;
    write("\n");
    for (int i = 0; i < indent_; ++i) write(*style_.indent);
  }

  template <class Parts, class WritePart>
  void parts(std::string_view begin, std::string_view end, const Parts& list, WritePart write_part) {
    write(begin);
    if (!list.empty()) {
      ++indent_;
      bool first = true;
      for (const auto& part : list) {
        if (!first) write(style_.between_items);
        newLine();
        write_part(part);
        first = false;
      }
      --indent_;
      newLine();
    }
    write(end);
  }

  void array(const std::vector<Value>& items) {
    parts("[", "]", items, [&](const Value& item) { value(item); });
  }

  void object(const Dict& dict) {
    std::vector<Dict::Entry> entries = dict.entries();
    if (style_.sorted) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return less(a.first, b.first); });
    }
    parts("{", "}", entries, [&](const Dict::Entry& entry) {
      string(keyText(entry.first));
      write(style_.between_key_and_value);
      value(entry.second);
    });
  }

  const JsonStyle& style_;
  int indent_ = 0;
};

}  // namespace

Digits shortestDigits(double number) {
  std::array<char, 40> buffer{};
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  Digits digits{std::string(text.substr(0, e)), std::stoi(std::string(text.substr(e + 1)))};
  std::erase(digits.digits, '.');
  return digits;
}

std::string reprOf(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  auto [digits, exponent] = shortestDigits(std::abs(number));
  std::string text = std::signbit(number) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    text += digits[0];
    if (count > 1) text += '.' + digits.substr(1);
    const std::string power = std::to_string(std::abs(exponent));
    return text + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return text + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1)
    return text + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return text + digits.substr(0, point) + '.' + digits.substr(point);
}

std::string reprOf(std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const auto [code, size] = unicode::first(text);
    if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (code == '\\' || code == static_cast<char32_t>(quote)) {
      out += {'\\', text[0]};
    } else {
      out += isPrintable(code) ? std::string(text.substr(0, size)) : escaped(code);
    }
    text.remove_prefix(size);
  }
  return out + quote;
}

std::string repr(const Value& value) {
  ReprWriter writer;
  writer.value(value);
  return std::move(writer.text);
}

std::string str(const Value& value) {
  if (value.isText()) return value.bytes();
  return value.isUndefined() ? "" : repr(value);
}

std::string asciiOf(const Value& value) {
  std::string out;
  const std::string text = repr(value);
  for (std::string_view rest = text; !rest.empty();) {
    const auto [code, size] = unicode::first(rest);
    out += size == 1 ? std::string(rest.substr(0, 1)) : escaped(code);
    rest.remove_prefix(size);
  }
  return out;
}

Value softText(const Value& value) { return value.isText() ? value : Value(str(value)); }

std::string json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.value(value);
  return std::move(writer.text);
}

}  // namespace interleave::jinja
