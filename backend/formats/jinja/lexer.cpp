// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "backend/formats/jinja/unicode_text.h"
#include "backend/formats/unicode.h"

namespace interleave::jinja {
namespace {

constexpr std::size_t kTokens = std::size_t{1} << 20, kNameBytes = 1000;

/// Jinja reads every line end as \n and drops the last.
std::string withPlainLines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    const bool pair = source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n';
    if (!pair) text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool isAsciiDigit(char c) { return c >= '0' && c <= '9'; }

std::size_t spaceAt(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto character = unicode::first(text.substr(bytes));
    if (!isPythonSpace(character.code)) break;
    bytes += character.bytes;
  }
  return bytes;
}

void trimRight(std::string_view& text) {
  while (!text.empty() && isPythonSpace(unicode::last(text).code)) text.remove_suffix(unicode::last(text).bytes);
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> all() {
    while (at_ < source_.size()) root();
    add(Token::Kind::End);
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return source_.substr(at_); }
  bool startsWith(std::string_view text) const { return rest().starts_with(text); }
  [[noreturn]] void fail(const std::string& reason) const { throw SyntaxError(line_, reason); }

  void move(std::size_t bytes) {
    const std::string_view passed = source_.substr(at_, bytes);
    line_ += static_cast<std::size_t>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_begins_ = passed.back() == '\n';
    at_ += bytes;
  }

  void add(Token::Kind kind, std::string text = {}, Value number = {}) {
    if (tokens_.size() == kTokens) fail("it has too many parts");
    tokens_.push_back({kind, line_, std::move(text), std::move(number)});
  }

  /// The bytes of "{% raw %}" or "{%- endraw -%}" at the tag's begin, 0 when it is another. Behind "raw" a new line
  /// stays.
  std::size_t rawTag(std::string_view text, std::string_view keyword) const {
    std::size_t at = 2;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    at += spaceAt(text.substr(at));
    if (!text.substr(at).starts_with(keyword)) return 0;
    at += keyword.size();
    at += spaceAt(text.substr(at));
    return tagEnd(text, at, "%}", keyword == "endraw", keyword == "endraw");
  }

  /// Where the tag is over whose end may stand at `at`, with the space that goes with it; 0 when none stands there.
  static std::size_t tagEnd(std::string_view text, std::size_t at, std::string_view mark, bool plus, bool trims) {
    const std::string_view end = text.substr(at);
    if (end.starts_with("-") && end.substr(1).starts_with(mark)) {
      return at + 3 + spaceAt(end.substr(3));
    }
    if (plus && end.starts_with("+") && end.substr(1).starts_with(mark)) return at + 3;
    if (!end.starts_with(mark)) return 0;
    return at + 2 + (trims && end.substr(2).starts_with("\n") ? 1 : 0);
  }

  /// Data before a tag: what the tag's sign, or lstrip_blocks, takes away of it is no output.
  void data(std::string_view text, char sign, bool is_output) {
    std::string_view kept = text;
    if (sign == '-') {
      trimRight(kept);
    } else if (sign != '+' && !is_output) {
      const std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
      if ((line > 0 || line_begins_) && spaceAt(text.substr(line)) == text.size() - line) kept = text.substr(0, line);
    }
    if (!kept.empty()) add(Token::Kind::Data, std::string(kept));
    move(text.size());
  }

  void root() {
    std::size_t tag = 0;
    const std::string_view text = rest();
    for (;; ++tag) {
      tag = text.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= text.size()) {
        add(Token::Kind::Data, std::string(text));
        return move(text.size());
      }
      if (text[tag + 1] == '%' || text[tag + 1] == '{' || text[tag + 1] == '#') break;
    }
    const char kind = text[tag + 1], next = tag + 2 < text.size() ? text[tag + 2] : ' ';
    const char sign = next == '-' || next == '+' ? next : ' ';
    data(text.substr(0, tag), sign, kind == '{');
    if (kind == '%') {
      if (const std::size_t raw_bytes = rawTag(rest(), "raw")) {
        move(raw_bytes);
        return raw();
      }
    }
    if (kind == '#') return comment(sign == ' ' ? 2 : 3);
    add(kind == '%' ? Token::Kind::BlockBegin : Token::Kind::OutputBegin);
    move(sign == ' ' ? 2 : 3);
    kind == '%' ? inside(Token::Kind::BlockEnd, "%}") : inside(Token::Kind::OutputEnd, "}}");
  }

  void comment(std::size_t opening) {
    const std::size_t line = line_;
    move(opening);
    const std::string_view text = rest();
    for (std::size_t at = text.find("#}"); at != std::string_view::npos; at = text.find("#}", at + 1)) {
      const bool sign = at > 0 && (text[at - 1] == '-' || text[at - 1] == '+');
      return move(tagEnd(text, sign ? at - 1 : at, "#}", true, true));
    }
    if (!text.empty()) throw SyntaxError(line, "a comment without end");
  }

  void raw() {
    const std::string_view text = rest();
    for (std::size_t at = text.find("{%"); at != std::string_view::npos; at = text.find("{%", at + 1)) {
      const std::size_t bytes = rawTag(text.substr(at), "endraw");
      if (bytes == 0) continue;
      data(text.substr(0, at), text[at + 2], false);
      return move(bytes);
    }
    if (!text.empty()) fail("a raw block without end");
  }

  void inside(Token::Kind end, std::string_view mark) {
    const bool block = end == Token::Kind::BlockEnd;
    std::string open;
    for (;;) {
      const std::string_view text = rest();
      if (open.empty()) {
        if (const std::size_t bytes = tagEnd(text, 0, mark, block, block)) {
          add(end);
          return move(bytes);
        }
      }
      if (const std::size_t space = spaceAt(text)) {
        move(space);
      } else if (text.empty()) {
        return;
      } else if (isAsciiDigit(text[0])) {
        number(text);
      } else if (text[0] == '\'' || text[0] == '"') {
        literal(text);
      } else if (const std::size_t bytes = nameBytes(text)) {
        if (bytes > kNameBytes) fail("a name is too long");
        add(Token::Kind::Name, std::string(text.substr(0, bytes)));
        move(bytes);
      } else {
        symbol(text, open);
      }
    }
  }

  static std::size_t nameBytes(std::string_view text) {
    std::size_t bytes = 0;
    while (bytes < text.size()) {
      const auto character = unicode::first(text.substr(bytes));
      if (!unicode::isWord(character.code)) break;
      bytes += character.bytes;
    }
    return bytes;
  }

  void symbol(std::string_view text, std::string& open) {
    static constexpr auto kSymbols =
        std::to_array<std::string_view>({"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                         "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"});
    const auto* const found =
        std::find_if(kSymbols.begin(), kSymbols.end(), [&](std::string_view s) { return text.starts_with(s); });
    if (found == kSymbols.end()) {
      fail("unexpected character '" + std::string(text.substr(0, unicode::first(text).bytes)) + "'");
    }
    static constexpr std::string_view kOpening = "([{", kClosing = ")]}";
    if (const std::size_t kind = kOpening.find((*found)[0]); kind != std::string_view::npos) open += kClosing[kind];
    if (kClosing.find((*found)[0]) != std::string_view::npos) {
      if (open.empty() || open.back() != (*found)[0]) fail("unexpected '" + std::string(*found) + "'");
      open.pop_back();
    }
    add(Token::Kind::Operator, std::string(*found));
    move(found->size());
  }

  /// Digits of a base, single underscores between them. The bytes they take.
  static std::size_t digitsAt(std::string_view text, std::string_view digits) {
    std::size_t bytes = 0;
    while (bytes < text.size()) {
      const std::size_t underscore = text[bytes] == '_' && bytes > 0 ? 1 : 0;
      if (bytes + underscore >= text.size() || digits.find(text[bytes + underscore]) == std::string_view::npos) break;
      bytes += underscore + 1;
    }
    return bytes;
  }

  void number(std::string_view text) {
    static constexpr std::string_view kDecimal = "0123456789";
    const bool behind_point = at_ > 0 && source_[at_ - 1] == '.';
    const std::size_t whole = digitsAt(text, kDecimal);
    std::size_t bytes = whole;
    if (!behind_point) {
      if (text.substr(bytes).starts_with('.')) {
        const std::size_t fraction = digitsAt(text.substr(bytes + 1), kDecimal);
        if (fraction > 0) bytes += 1 + fraction;
      }
      if (bytes < text.size() && (text[bytes] == 'e' || text[bytes] == 'E')) {
        const std::size_t sign =
            text.substr(bytes + 1).starts_with('+') || text.substr(bytes + 1).starts_with('-') ? 1 : 0;
        const std::size_t power = digitsAt(text.substr(std::min(text.size(), bytes + 1 + sign)), kDecimal);
        if (power > 0) bytes += 1 + sign + power;
      }
    }
    if (bytes > whole) return real(text, bytes);
    const char mark = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : ' ';
    if (mark == 'x' || mark == 'o' || mark == 'b') {
      const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
      const std::string_view digits = std::string_view("0123456789abcdefABCDEF").substr(0, base == 16 ? 22 : base);
      const std::size_t skipped = text.substr(2).starts_with('_') ? 3 : 2;
      const std::size_t count = digitsAt(text.substr(std::min(text.size(), skipped)), digits);
      if (count > 0) return integer(text, skipped, skipped + count, base);
    }
    integer(text, 0, text[0] == '0' ? digitsAt(text, "0") : whole, 10);
  }

  void integer(std::string_view text, std::size_t skipped, std::size_t bytes, int base) {
    std::string digits(text.substr(skipped, bytes - skipped));
    std::erase(digits, '_');
    std::int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (result.ec != std::errc()) fail("a whole number beyond 64 bits");
    add(Token::Kind::Integer, std::string(text.substr(0, bytes)), value);
    move(bytes);
  }

  void real(std::string_view text, std::size_t bytes) {
    std::string digits(text.substr(0, bytes));
    std::erase(digits, '_');
    double value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc()) fail("a number too large, or too small");
    add(Token::Kind::Real, std::string(text.substr(0, bytes)), value);
    move(bytes);
  }

  /// A text in quotes, with Python's escapes.
  void literal(std::string_view text) {
    std::string out;
    std::size_t at = 1;
    while (at < text.size() && text[at] != text[0]) {
      if (text[at] != '\\') {
        out += text[at++];
        continue;
      }
      if (at + 1 >= text.size()) break;
      at += escape(text.substr(at), out);
    }
    if (at >= text.size()) fail("a text without end");
    add(Token::Kind::Text, std::move(out));
    move(at + 1);
  }

  /// Undoes the escape that begins with the backslash; the bytes it takes.
  std::size_t escape(std::string_view text, std::string& out) const {
    static constexpr std::string_view kNames = "abfnrtv\\'\"", kMeant = "\a\b\f\n\r\t\v\\'\"";
    const char name = text[1];
    if (const std::size_t place = kNames.find(name); place != std::string_view::npos) {
      out += kMeant[place];
      return 2;
    }
    switch (name) {
      case '\n':
        return 2;
      case 'x':
        return 2 + coded(text.substr(2), 2, out);
      case 'u':
        return 2 + coded(text.substr(2), 4, out);
      case 'U':
        return 2 + coded(text.substr(2), 8, out);
      case 'N':
        fail("characters by their names (\\N) are not supported");
      default:
        break;
    }
    std::size_t digits = 0;
    char32_t code = 0;
    while (digits < 3 && 1 + digits < text.size() && text[1 + digits] >= '0' && text[1 + digits] <= '7') {
      code = code * 8 + static_cast<char32_t>(text[1 + digits++] - '0');
    }
    if (digits == 0) {
      out += '\\';
      return 1;
    }
    unicode::append(out, code);
    return 1 + digits;
  }

  std::size_t coded(std::string_view text, std::size_t digits, std::string& out) const {
    std::uint32_t code = 0;
    const char* const end = text.data() + std::min(digits, text.size());
    const auto result = std::from_chars(text.data(), end, code, 16);
    if (result.ptr != text.data() + digits || text.size() < digits) fail("a malformed escape");
    if (code > 0x10FFFF) fail("an escape beyond Unicode");
    if (code >= 0xD800 && code < 0xE000) fail("half of a surrogate pair is no character");
    unicode::append(out, code);
    return digits;
  }

  std::string_view source_;
  std::size_t at_ = 0, line_ = 1;
  bool line_begins_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokensOf(std::string_view source) {
  if (!unicode::isValidUtf8(source)) throw SyntaxError(1, "it is not valid UTF-8");
  const std::string text = withPlainLines(source);
  return Lexer(text).all();
}

std::string described(const Token& token) {
  switch (token.kind) {
    case Token::Kind::Data:
      return "text";
    case Token::Kind::OutputBegin:
      return "{{";
    case Token::Kind::OutputEnd:
      return "}}";
    case Token::Kind::BlockBegin:
      return "{%";
    case Token::Kind::BlockEnd:
      return "%}";
    case Token::Kind::End:
      return "the end of the template";
    default:
      return token.text;
  }
}

}  // namespace interleave::jinja
