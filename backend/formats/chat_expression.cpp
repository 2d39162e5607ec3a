// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat_expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "backend/core/error.h"
#include "backend/formats/chat_functions.h"
#include "backend/formats/unicode.h"

namespace interleave::chat {
namespace {

constexpr int kNesting = 100;
constexpr std::int64_t kSteps = 300'000, kStepBytes = 1 << 10;
constexpr std::int64_t kValueBytes = std::int64_t{1} << 30;
constexpr std::size_t kTokens = 2000;  // of a tag: its operators nest as deep

bool startsName(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool isDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::invalid_argument malformed(const std::string& reason) { return std::invalid_argument(reason); }

/// The literal that begins with a quote at `at`, which moves behind it. Escapes as Python's.
std::string readLiteral(std::string_view source, std::size_t& at) {
  const char quote = source[at++];
  std::string text;
  const auto hex = [&](std::size_t digits) {
    const std::string number(source.substr(at + 1, digits));
    if (number.size() != digits || number.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      throw malformed("a malformed escape");
    }
    unicode::append(text, static_cast<char32_t>(std::stoul(number, nullptr, 16)));
    at += digits;
  };
  for (; at < source.size() && source[at] != quote; ++at) {
    if (source[at] != '\\' || at + 1 == source.size()) {
      text += source[at];
      continue;
    }
    switch (source[++at]) {
      case 'n':
        text += '\n';
        break;
      case 't':
        text += '\t';
        break;
      case 'r':
        text += '\r';
        break;
      case 'x':
        hex(2);
        break;
      case 'u':
        hex(4);
        break;
      case '\\':
      case '\'':
      case '"':
        text += source[at];
        break;
      default:
        text += {'\\', source[at]};
    }
  }
  if (at == source.size()) throw malformed("a text without end");
  ++at;
  return text;
}

Value negated(const Value& value) {
  std::int64_t result = 0;
  if (value.is_number_integer() && !__builtin_sub_overflow(0, value.get<std::int64_t>(), &result)) return result;
  if (value.is_number()) return -value.get<double>();
  throw usageError("chat template", "only a number can be negated");
}

Value arithmetic(const std::string& symbol, const Value& a, const Value& b) {
  if (symbol == "~") return printed(a) + printed(b);
  if (symbol == "+" && a.is_string() && b.is_string()) return a.get<std::string>() + b.get<std::string>();
  if (symbol == "+" && a.is_array() && b.is_array()) {
    Value both = a;
    both.insert(both.end(), b.begin(), b.end());
    return both;
  }
  if (!a.is_number() || !b.is_number())
    throw usageError("chat template", "\"" + symbol + "\" does not fit its operands");
  if (a.is_number_integer() && b.is_number_integer()) {
    const auto x = a.get<std::int64_t>(), y = b.get<std::int64_t>();
    std::int64_t result = 0;
    if (symbol == "+" && !__builtin_add_overflow(x, y, &result)) return result;
    if (symbol == "-" && !__builtin_sub_overflow(x, y, &result)) return result;
    if (symbol == "*" && !__builtin_mul_overflow(x, y, &result)) return result;
    if (symbol == "%" && y > 0) return x % y + (x % y < 0 ? y : 0);
    if (symbol == "//" && y > 0) return x / y - (x % y < 0 ? 1 : 0);  // Towards minus infinity, as Python.
  }
  const double x = a.get<double>(), y = b.get<double>();
  if (symbol == "+") return x + y;
  if (symbol == "-") return x - y;
  if (symbol == "*") return x * y;
  if (symbol == "/" && y != 0) return x / y;
  throw usageError("chat template", "\"" + symbol + "\" is not supported for these numbers");
}

std::int64_t bytesAt(const Value& value, int depth) {
  if (depth > kNesting) throw tooMuch("its lists nest too deeply");
  std::int64_t bytes = 64;
  if (value.is_string()) {
    const std::size_t size = value.get_ref<const std::string&>().size();
    if (size > kTextBytes) throw tooMuch("it makes a text that is too long");
    bytes += static_cast<std::int64_t>(size);
  }
  if (value.is_structured()) {
    for (const Value& element : value) bytes += bytesAt(element, depth + 1);
  }
  return bytes;
}

bool compared(const std::string& symbol, const Value& a, const Value& b, Scope& scope) {
  if (symbol == "==") return a == b;
  if (symbol == "!=") return !(a == b);
  if (symbol == "in") return contains(b, a, scope);
  if (symbol == "not in") return !contains(b, a, scope);
  if (!(a.is_number() && b.is_number()) && !(a.is_string() && b.is_string())) {
    throw usageError("chat template", "\"" + symbol + "\" wants two numbers or two texts");
  }
  if (symbol == "<") return a < b;
  if (symbol == ">") return b < a;
  return symbol == "<=" ? !(b < a) : !(a < b);
}

}  // namespace

Error tooMuch(const std::string& reason) { return badInput({}, "chat template", reason); }

std::int64_t bytesOf(const Value& value) { return bytesAt(value, 0); }

Value undefined() { return Value(Value::value_t::discarded); }

bool truthy(const Value& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return value.is_structured() && !value.empty();
}

std::string printed(const Value& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_discarded()) return "";
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_number()) return value.dump();
  throw usageError("chat template", "a list or mapping is printed, which is not supported");
}

Value Scope::get(const std::string& name) {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (const auto found = frame->find(name); found != frame->end()) return made(*found);
  }
  return undefined();
}

void Scope::setIn(const std::string& space, const std::string& name, Value value) {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    const auto found = frame->find(space);
    if (found == frame->end() || !found->is_object()) continue;
    (*found)[name] = std::move(value);
    return;
  }
  throw usageError("chat template", space + " is no namespace");
}

void Scope::countStep(std::int64_t bytes) {
  steps_ += 1 + bytes / kStepBytes;
  if (steps_ > kSteps) throw tooMuch("it does not come to an end");
}

Value Scope::made(Value value) {
  bytes_ += bytesOf(value);
  if (bytes_ > kValueBytes) throw tooMuch("its texts and lists grow without end");
  return value;
}

TokenReader::TokenReader(std::string_view source) {
  static constexpr std::array<std::string_view, 5> kLongSymbols = {"==", "!=", "<=", ">=", "//"};
  for (std::size_t at = 0; at < source.size();) {
    const char c = source[at];
    const std::size_t begin = at;
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
    } else if (startsName(c)) {
      while (at < source.size() && (startsName(source[at]) || isDigit(source[at]))) ++at;
      tokens_.push_back({Token::Kind::Name, std::string(source.substr(begin, at - begin))});
    } else if (isDigit(c)) {
      while (at < source.size() && isDigit(source[at])) ++at;
      bool real = at + 1 < source.size() && source[at] == '.' && isDigit(source[at + 1]);
      if (real) ++at;
      while (real && at < source.size() && isDigit(source[at])) ++at;
      if (at - begin > 18) throw malformed("a number is too long");
      tokens_.push_back(
          {real ? Token::Kind::Real : Token::Kind::Integer, std::string(source.substr(begin, at - begin))});
    } else if (c == '\'' || c == '"') {
      tokens_.push_back({Token::Kind::Text, readLiteral(source, at)});
    } else {
      const std::string_view two = source.substr(at, 2);
      const bool is_long = std::find(kLongSymbols.begin(), kLongSymbols.end(), two) != kLongSymbols.end();
      if (!is_long && std::string_view("()[]{},.:|=<>~%+-*/").find(c) == std::string_view::npos) {
        throw malformed(std::string("an unexpected \"") + c + "\"");
      }
      const std::string symbol(is_long ? two : two.substr(0, 1));
      tokens_.push_back({Token::Kind::Symbol, symbol});
      at += symbol.size();
    }
  }
  if (tokens_.size() > kTokens) throw malformed("a tag is too long");
  tokens_.push_back({Token::Kind::End, ""});
}

std::string TokenReader::expectName() {
  if (peek().kind != Token::Kind::Name) throw malformed("a name is missing before \"" + peek().text + "\"");
  return take().text;
}

void TokenReader::expectSymbol(std::string_view text) {
  if (!acceptSymbol(text)) throw malformed("\"" + std::string(text) + "\" is missing before \"" + peek().text + "\"");
}

void TokenReader::expectEnd() const {
  if (!atEnd()) throw malformed("an unexpected \"" + peek().text + "\"");
}

Expression TokenReader::expression() {
  if (++depth_ > kNesting) throw malformed("nested too deeply");
  Expression value = expressionWithoutIf();
  while (acceptName("if")) {
    Expression condition = expressionWithoutIf();
    Expression otherwise = [](Scope&) { return undefined(); };
    if (acceptName("else")) otherwise = expression();
    value = [value = std::move(value), condition = std::move(condition), otherwise = std::move(otherwise)](
                Scope& scope) { return truthy(condition(scope)) ? value(scope) : otherwise(scope); };
  }
  --depth_;
  return value;
}

Expression TokenReader::expressionWithoutIf() {
  Expression left = conjunction();
  while (acceptName("or")) {
    left = [left = std::move(left), right = conjunction()](Scope& scope) {
      Value value = left(scope);
      return truthy(value) ? value : right(scope);
    };
  }
  return left;
}

Expression TokenReader::conjunction() {
  Expression left = negation();
  while (acceptName("and")) {
    left = [left = std::move(left), right = negation()](Scope& scope) {
      Value value = left(scope);
      return truthy(value) ? right(scope) : value;
    };
  }
  return left;
}

Expression TokenReader::negation() {
  int nots = 0;
  while (acceptName("not")) ++nots;
  Expression value = comparison();
  if (nots == 0) return value;
  return [value = std::move(value), odd = nots % 2 != 0](Scope& scope) -> Value { return truthy(value(scope)) != odd; };
}

Expression TokenReader::comparison() {
  Expression left = sum();
  std::string symbol;
  for (;;) {
    if (isSymbol("==") || isSymbol("!=") || isSymbol("<") || isSymbol(">") || isSymbol("<=") || isSymbol(">=")) {
      symbol = take().text;
    } else if (acceptName("in")) {
      symbol = "in";
    } else if (isName("not")) {
      take();
      if (!acceptName("in")) throw malformed("\"in\" is missing after \"not\"");
      symbol = "not in";
    } else {
      return left;
    }
    left = [left = std::move(left), right = sum(), symbol](Scope& scope) -> Value {
      const Value a = left(scope);
      return scope.made(compared(symbol, a, right(scope), scope));
    };
  }
}

namespace {

Expression combined(std::string symbol, Expression left, Expression right) {
  return [symbol = std::move(symbol), left = std::move(left), right = std::move(right)](Scope& scope) {
    const Value a = left(scope);
    return scope.made(arithmetic(symbol, a, right(scope)));
  };
}

}  // namespace

Expression TokenReader::sum() {
  Expression left = concatenation();
  while (isSymbol("+") || isSymbol("-")) {
    std::string symbol = take().text;
    left = combined(std::move(symbol), std::move(left), concatenation());
  }
  return left;
}

Expression TokenReader::concatenation() {
  Expression left = product();
  while (acceptSymbol("~")) left = combined("~", std::move(left), product());
  return left;
}

Expression TokenReader::product() {
  Expression left = unary();
  while (isSymbol("*") || isSymbol("/") || isSymbol("//") || isSymbol("%")) {
    std::string symbol = take().text;
    left = combined(std::move(symbol), std::move(left), unary());
  }
  return left;
}

Expression TokenReader::unary() {
  if (!acceptSymbol("-")) return filtersAndTests(postfix(primary()));
  if (++depth_ > kNesting) throw malformed("nested too deeply");
  Expression value = unary();
  --depth_;
  return [value = std::move(value)](Scope& scope) { return scope.made(negated(value(scope))); };
}

Expression TokenReader::primary() {
  const Token token = take();
  const auto constant = [](Value value) {
    return [value = std::move(value)](Scope& scope) { return scope.made(value); };
  };
  switch (token.kind) {
    case Token::Kind::Text: {
      std::string text = token.text;
      while (peek().kind == Token::Kind::Text) text += take().text;  // Neighbours are one text.
      return constant(text);
    }
    case Token::Kind::Integer:
      return constant(std::stoll(token.text));
    case Token::Kind::Real:
      return constant(std::stod(token.text));
    case Token::Kind::Name:
      if (token.text == "true" || token.text == "True") return constant(true);
      if (token.text == "false" || token.text == "False") return constant(false);
      if (token.text == "none" || token.text == "None") return constant(nullptr);
      if (isSymbol("(")) {
        return [name = token.text, given = arguments()](Scope& scope) {
          Call call{scope};
          for (const Expression& value : given.positional) call.positional.push_back(value(scope));
          for (const auto& [key, value] : given.named) call.named[key] = value(scope);
          return scope.made(callFunction(name, call));
        };
      }
      return [name = token.text](Scope& scope) { return scope.get(name); };
    case Token::Kind::Symbol:
      break;
    case Token::Kind::End:
      throw malformed("an expression is missing");
  }
  if (token.text == "(") {
    Expression value = expression();
    expectSymbol(")");
    return value;
  }
  if (token.text == "[") {
    std::vector<Expression> elements;
    while (!acceptSymbol("]")) {
      elements.push_back(expression());
      if (!acceptSymbol(",") && !isSymbol("]")) throw malformed("\"]\" is missing");
    }
    return [elements = std::move(elements)](Scope& scope) {
      Value list = Value::array();
      for (const Expression& element : elements) list.push_back(element(scope));
      return scope.made(std::move(list));
    };
  }
  if (token.text == "{") {
    std::vector<std::pair<Expression, Expression>> entries;
    while (!acceptSymbol("}")) {
      Expression key = expression();
      expectSymbol(":");
      entries.emplace_back(std::move(key), expression());
      if (!acceptSymbol(",") && !isSymbol("}")) throw malformed("\"}\" is missing");
    }
    return [entries = std::move(entries)](Scope& scope) {
      Value object = Value::object();
      for (const auto& [key, value] : entries) object[printed(key(scope))] = value(scope);
      return scope.made(std::move(object));
    };
  }
  throw malformed("an unexpected \"" + token.text + "\"");
}

TokenReader::Arguments TokenReader::arguments() {
  Arguments given;
  expectSymbol("(");
  while (!acceptSymbol(")")) {
    if (peek().kind == Token::Kind::Name && tokens_[next_ + 1].kind == Token::Kind::Symbol &&
        tokens_[next_ + 1].text == "=") {
      std::string name = take().text;
      take();
      given.named.emplace_back(std::move(name), expression());
    } else {
      given.positional.push_back(expression());
    }
    if (!acceptSymbol(",") && !isSymbol(")")) throw malformed("\")\" is missing");
  }
  return given;
}

Expression TokenReader::subscript(Expression value) {
  const auto part = [&] {
    return isSymbol(":") || isSymbol("]") ? Expression([](Scope&) { return Value(); }) : expression();
  };
  Expression begin = part();
  if (acceptSymbol("]")) {
    return [value = std::move(value), begin = std::move(begin)](Scope& scope) {
      const Value self = value(scope);
      if (self.is_string()) scope.countStep(bytesOf(self));  // its characters are counted
      return scope.made(attributeOf(self, begin(scope)));
    };
  }
  expectSymbol(":");
  Expression end = part();
  Expression step = acceptSymbol(":") ? part() : [](Scope&) { return Value(); };
  expectSymbol("]");
  return
      [value = std::move(value), begin = std::move(begin), end = std::move(end), step = std::move(step)](Scope& scope) {
        const Value self = value(scope);
        return scope.made(sliceOf(self, begin(scope), end(scope), step(scope), scope));
      };
}

Expression TokenReader::postfix(Expression value) {
  for (;;) {
    if (acceptSymbol("[")) {
      value = subscript(std::move(value));
    } else if (acceptSymbol(".")) {
      std::string name = peek().kind == Token::Kind::Integer ? take().text : expectName();
      if (isSymbol("(")) {
        value = [value = std::move(value), name, given = arguments()](Scope& scope) {
          Call call{scope};
          const Value self = value(scope);
          for (const Expression& argument : given.positional) call.positional.push_back(argument(scope));
          return scope.made(callMethod(self, name, call));
        };
      } else {
        value = [value = std::move(value), name](Scope& scope) { return scope.made(attributeOf(value(scope), name)); };
      }
    } else {
      return value;
    }
  }
}

Expression TokenReader::filtersAndTests(Expression value) {
  for (;;) {
    if (acceptSymbol("|")) {
      std::string name = expectName();
      Arguments given = isSymbol("(") ? arguments() : Arguments{};
      value = [value = std::move(value), name, given = std::move(given)](Scope& scope) {
        Call call{scope};
        const Value input = value(scope);
        for (const Expression& argument : given.positional) call.positional.push_back(argument(scope));
        for (const auto& [key, argument] : given.named) call.named[key] = argument(scope);
        return scope.made(applyFilter(name, input, call));
      };
      value = postfix(std::move(value));
    } else if (acceptName("is")) {
      value = test(std::move(value));
    } else {
      return value;
    }
  }
}

Expression TokenReader::test(Expression value) {
  const bool wanted = !acceptName("not");
  const std::string name = expectName();
  std::vector<Expression> given;
  if (isSymbol("(")) {
    given = arguments().positional;
  } else if (peek().kind == Token::Kind::Text || peek().kind == Token::Kind::Integer) {
    given.push_back(primary());
  }
  return [value = std::move(value), wanted, name, given = std::move(given)](Scope& scope) -> Value {
    Call call{scope};
    const Value input = value(scope);
    for (const Expression& argument : given) call.positional.push_back(argument(scope));
    return scope.made(applyTest(name, input, call) == wanted);
  };
}

}  // namespace interleave::chat
