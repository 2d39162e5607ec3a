// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/error.h"

namespace interleave::chat {

/// A Jinja value; `discarded` stands for undefined.
using Value = nlohmann::json;
Value undefined();
bool truthy(const Value& value);
std::string printed(const Value& value);
std::int64_t bytesOf(
    const Value& value);  ///< What it takes, roughly. BadInput where a text or list is too long or deep.

/// What a template may make. No prompt is longer than one text.
inline constexpr std::size_t kTextBytes = std::size_t{1} << 24;

/// BadInput: the template goes beyond a bound that templates of conversations keep.
Error tooMuch(const std::string& reason);

/// The variables in sight. The innermost frame takes assignments.
class Scope {
 public:
  explicit Scope(Value variables) { frames_.push_back(std::move(variables)); }
  void push() { frames_.push_back(Value::object()); }
  void pop() { frames_.pop_back(); }
  Value get(const std::string& name);  ///< Undefined when there is none.
  void set(const std::string& name, Value value) { frames_.back()[name] = std::move(value); }
  void setIn(const std::string& space, const std::string& name, Value value);  ///< Of a namespace().
  /// Ends what would not end: BadInput after very many steps. Looking through so many bytes counts as steps too.
  void countStep(std::int64_t bytes = 0);
  Value made(Value value);  ///< `value`; ends what would grow without end, or copy for ever: counts all bytes made.

 private:
  std::vector<Value> frames_;
  std::int64_t steps_ = 0, bytes_ = 0;
};

using Expression = std::function<Value(Scope&)>;

/// What stands between the braces of a tag, cut into tokens.
struct Token {
  enum class Kind { Name, Text, Integer, Real, Symbol, End };
  Kind kind;
  std::string text;  ///< A literal's value, its escapes undone.
};

/// Reads tokens in order. std::invalid_argument says what is wrong.
class TokenReader {
 public:
  explicit TokenReader(std::string_view source);

  const Token& peek() const { return tokens_[next_]; }
  bool atEnd() const { return peek().kind == Token::Kind::End; }
  Token take() { return atEnd() ? tokens_[next_] : tokens_[next_++]; }
  bool isSymbol(std::string_view text) const { return is(Token::Kind::Symbol, text); }
  bool isName(std::string_view text) const { return is(Token::Kind::Name, text); }
  bool acceptSymbol(std::string_view text) { return isSymbol(text) && (++next_, true); }
  bool acceptName(std::string_view text) { return isName(text) && (++next_, true); }
  std::string expectName();
  void expectSymbol(std::string_view text);
  void expectEnd() const;

  Expression expression();           ///< With "a if b else c".
  Expression expressionWithoutIf();  ///< As the iterable of a for loop.

 private:
  struct Arguments {
    std::vector<Expression> positional;
    std::vector<std::pair<std::string, Expression>> named;
  };
  bool is(Token::Kind kind, std::string_view text) const { return peek().kind == kind && peek().text == text; }

  Expression conjunction();
  Expression negation();
  Expression comparison();
  Expression sum();
  Expression concatenation();
  Expression product();
  Expression unary();
  Expression primary();
  Expression postfix(Expression value);
  Expression subscript(Expression value);
  Expression filtersAndTests(Expression value);
  Expression test(Expression value);
  Arguments arguments();

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;
};

}  // namespace interleave::chat
