// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/pretokenizer_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr std::size_t kJitStackBytes = std::size_t{1} << 27;  // Reserved; taken only as a match needs it.
constexpr std::uint32_t kMatchLimit = 100'000'000;            // Steps of one match: seconds, not hours.
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;
// Of all matches in one text, in the thread's own time: several hundred times what a pattern that ends takes.
constexpr double kSeconds = 20, kSecondsPerByte = 20e-6;
constexpr std::size_t kMatchesBetweenLooks = 16;

// Oniguruma's classes, spelled out because PCRE2's differ: its \s has U+180E, its \w lacks marks and fractions, and a
// script there takes in what other scripts share with it.
constexpr std::string_view kSpace =
    R"(\x{09}-\x{0d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x{00}-\x{08}\x{0e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::string_view kWordInClass =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::string_view kFractions = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";  // Of \w outside brackets alone.
constexpr std::string_view kHex = "0-9A-Fa-f";

/// Its POSIX brackets, whose members are those of Unicode; where PCRE2's Unicode is older, what became a member later
/// stands beside. `others`: all but these; empty where a class cannot say that.
struct PosixBracket {
  std::string_view name, members, others;
};
constexpr auto kPosixBrackets = std::to_array<PosixBracket>({
    {"alpha", R"(\p{Alphabetic}\x{363}-\x{36f}\x{c04}\x{f82}\x{f83}\x{1dd3}-\x{1de6}\x{11080}\x{11081})", ""},
    {"alnum", R"(\p{Alphabetic}\p{Nd}\x{363}-\x{36f}\x{c04}\x{f82}\x{f83}\x{1dd3}-\x{1de6}\x{11080}\x{11081})", ""},
    {"digit", R"(\p{Nd})", R"(\P{Nd})"},
    {"space", kSpace, kNotSpace},
    {"upper", R"(\p{Uppercase})", R"(\P{Uppercase})"},
    {"lower", R"(\p{Lowercase}\x{10fc}\x{a7f2}-\x{a7f4}\x{ab69})", ""},
    {"punct", R"(\p{P}\p{S})", ""},
    {"word", kWordInClass, ""},
    {"cntrl", R"(\p{Cc})", R"(\P{Cc})"},
    {"graph", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co})", R"(\p{Z}\p{Cc}\p{Cn}\p{Cs})"},
    {"print", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs})", R"(\p{Zl}\p{Zp}\p{Cc}\p{Cn}\p{Cs})"},
    {"xdigit", kHex, ""},
    {"blank", R"(\t\p{Zs})", ""},
    {"ascii", R"(\x{00}-\x{7f})", R"(\x{80}-\x{10ffff})"},
});

std::string inBrackets(std::string_view open, std::string_view members, bool in_class) {
  return in_class ? std::string(members) : std::string(open) + std::string(members) + "]";
}

std::string wordBoundary(bool boundary) {
  const std::string word = "[" + std::string(kWordInClass) + std::string(kFractions) + "]";
  const std::string inside = boundary ? "(?!" : "(?=", outside = boundary ? "(?=" : "(?!";
  return "(?:(?<=" + word + ")" + inside + word + ")|(?<!" + word + ")" + outside + word + "))";
}

/// What the escape at `at` (the character behind the backslash) means to PCRE2; `at` moves to its last character.
std::string translatedEscape(std::string_view expression, std::size_t& at, bool in_class) {
  const char kind = expression[at];
  switch (kind) {
    case 's':
      return inBrackets("[", kSpace, in_class);
    case 'S':
      return inBrackets("[", kNotSpace, in_class);
    case 'w':
      return inBrackets("[" + std::string(kFractions), kWordInClass, in_class);
    case 'h':
      return inBrackets("[", kHex, in_class);
    case 'W':
    case 'H':
      if (in_class)
        throw std::invalid_argument(std::string("\\") + kind + " inside a character class is not supported");
      return kind == 'W' ? inBrackets("[^" + std::string(kFractions), kWordInClass, false)
                         : inBrackets("[^", kHex, false);
    case 'b':
    case 'B':
      if (!in_class) return wordBoundary(kind == 'b');
      break;
    case 'u': {
      const std::string code(expression.substr(at + 1, 4));
      at = std::min(at + 4, expression.size() - 1);
      return "\\x{" + code + "}";
    }
    case 'p':
    case 'P': {
      if (expression.substr(at + 1, 1) != "{") break;
      const std::size_t end = std::min(expression.find('}', at), expression.size() - 1);
      const std::string_view name = expression.substr(at + 2, end - at - 2);
      const bool script = name.size() > 2 && name != "Any";  // General categories have one or two letters.
      at = end;
      return std::string("\\") + kind + (script ? "{sc:" : "{") + std::string(name) + "}";
    }
    default:
      break;
  }
  return {'\\', kind};
}

/// Whether some (?i) or (?i:…) is in it; may also say so of a text that only looks like one.
bool ignoresCase(std::string_view expression) {
  for (std::size_t at = expression.find("(?"); at != std::string_view::npos; at = expression.find("(?", at + 1)) {
    const std::string_view options = expression.substr(at + 2);
    if (options.find('i') < options.find_first_not_of("imxadsuWDSPy-")) return true;
  }
  return false;
}

/// What stands for [:name:] or [:^name:] inside a class.
std::string_view posixBracket(std::string_view expression, std::string_view name) {
  const auto refused = [&](const std::string& reason) {
    return std::invalid_argument("[:" + std::string(name) + ":] " + reason);
  };
  const bool inverted = name.starts_with('^');
  const std::string_view plain = name.substr(inverted ? 1 : 0);
  const auto* const found = std::ranges::find(kPosixBrackets, plain, &PosixBracket::name);
  if (found == kPosixBrackets.end()) throw refused("is not a known class of characters");
  if (inverted && found->others.empty()) throw refused("is not supported");
  // There the two take in the other case by rules of their own.
  if ((plain == "upper" || plain == "lower") && ignoresCase(expression)) throw refused("beside (?i) is not supported");
  return inverted ? found->others : found->members;
}

/// The PCRE2 expression that means the same as `expression` does to Oniguruma.
std::string translated(std::string_view expression) {
  std::string out;
  bool in_class = false;
  bool class_is_fresh = false;  // Just opened: a ']' here is a member.
  for (std::size_t at = 0; at < expression.size(); ++at) {
    const bool was_fresh = std::exchange(class_is_fresh, false);
    const char c = expression[at];
    if (c == '\\' && at + 1 < expression.size()) {
      out += translatedEscape(expression, ++at, in_class);
      continue;
    }
    if (in_class && c == '[') {
      const std::size_t end = expression.find(":]", at + 2);
      if (expression.substr(at, 2) != "[:" || end == std::string_view::npos) {
        throw std::invalid_argument("a character class inside another is not supported");
      }
      out += posixBracket(expression, expression.substr(at + 2, end - at - 2));
      at = end + 1;
      continue;
    }
    out += c;
    if (!in_class && c == '[') {
      in_class = class_is_fresh = true;
      if (expression.substr(at + 1, 1) == "^") out += expression[++at];
    } else if (in_class && c == ']' && !was_fresh) {
      in_class = false;
    } else if (in_class && expression.substr(at, 2) == "&&") {
      throw std::invalid_argument("the intersection of character classes (&&) is not supported");
    }
  }
  return out;
}

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Code = std::unique_ptr<pcre2_code, Freed<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Freed<pcre2_compile_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freed<pcre2_jit_stack_free>>;

double threadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string messageOf(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

/// What one thread needs to match with any pattern.
struct Scratch {
  MatchData data{pcre2_match_data_create(1, nullptr)};
  JitStack stack{pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr)};
  MatchContext context{pcre2_match_context_create(nullptr)};
  Scratch() {
    if (!data || !stack || !context) throw std::bad_alloc();
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  }
};

}  // namespace

struct Pattern::Program {
  std::string source;
  Origin origin;
  Code code;

  Error endless(const std::string& reason) const {
    return badInput(origin.file, origin.place,
                    "the pattern " + inQuotes(source) + " does not come to an end: " + reason);
  }
};

namespace {

Code compiled(const std::string& expression, std::uint32_t options) {
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE where = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), options, &error, &where,
                          context.get()));
  if (!code) throw std::invalid_argument(messageOf(error) + " at offset " + std::to_string(where));
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // Where there is no JIT, the interpreter serves.
  return code;
}

}  // namespace

Pattern Pattern::regex(std::string_view expression, Origin origin) {
  // Ruby's ^ and $ stand at every line.
  Code code = compiled(translated(expression), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
  return Pattern(std::make_shared<Program>(Program{std::string(expression), std::move(origin), std::move(code)}));
}

Pattern Pattern::literal(std::string_view text) {
  Code code = compiled(std::string(text), PCRE2_UTF | PCRE2_LITERAL);
  return Pattern(std::make_shared<Program>(Program{std::string(text), {}, std::move(code)}));
}

void Pattern::parts(std::string_view text, const std::function<void(std::size_t, std::size_t, bool)>& part) const {
  thread_local Scratch scratch;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  std::size_t covered = 0;  // Parts up to here were reported.
  bool matched = false;     // The last of them was a match.
  std::size_t matches = 0;
  const double deadline = threadSeconds() + kSeconds + kSecondsPerByte * static_cast<double>(text.size());
  for (std::size_t from = 0; !text.empty() && from <= text.size();) {
    const int found = pcre2_match(program_->code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                                  scratch.data.get(), scratch.context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) throw program_->endless(messageOf(found));
    if (++matches % kMatchesBetweenLooks == 0 && threadSeconds() > deadline)
      throw program_->endless("it takes too long");
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(scratch.data.get());
    const std::size_t begin = bounds[0], end = bounds[1];
    if (begin == end && matched && begin == covered) {
      from = begin == text.size() ? begin + 1 : begin + unicode::first(text.substr(begin)).bytes;
      continue;
    }
    if (covered < begin) part(covered, begin, false);
    part(begin, end, true);
    matched = true;
    covered = from = end;
  }
  if (covered < text.size()) part(covered, text.size(), false);
}

}  // namespace interleave
