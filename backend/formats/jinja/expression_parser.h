// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/jinja/expressions.h"
#include "backend/formats/jinja/lexer.h"

namespace interleave::jinja {

/// Reads expressions from tokens, with Jinja's precedence. SyntaxError says what is wrong.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  enum class Conditions { Allowed, Refused };  ///< "a if b": what follows a for loop's iterable is not one.

  const Token& peek(std::size_t ahead = 0) const;
  Token take();
  bool is(Token::Kind kind, std::string_view text) const { return peek().kind == kind && peek().text == text; }
  bool isName(std::string_view text) const { return is(Token::Kind::Name, text); }
  bool isOperator(std::string_view text) const { return is(Token::Kind::Operator, text); }
  bool acceptName(std::string_view text);
  bool acceptOperator(std::string_view text);
  std::string expectName();
  void expectOperator(std::string_view text);
  void expect(Token::Kind kind);
  [[noreturn]] void fail(const std::string& reason) const { throw SyntaxError(peek().line, reason); }
  [[noreturn]] void failUnexpected() const { fail("unexpected \"" + described(peek()) + "\""); }

  ExpressionPtr expression(Conditions conditions = Conditions::Allowed);
  /// Expressions with commas between them are a tuple; one without a comma is not.
  ExpressionPtr tuple(Conditions conditions = Conditions::Allowed, bool parenthesised = false);
  bool endsTuple() const;
  /// The filters that follow, each applied to the one before; null when there are none.
  ExpressionPtr filterChain(ExpressionPtr input, bool begins_with_name);

  /// One level deeper for as long as it lives.
  struct Level {
    explicit Level(ExpressionParser& its_parser) : parser(its_parser) {
      if (++parser.level_ > kNesting) parser.fail("it nests too deeply");
    }
    ~Level() { --parser.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ExpressionParser& parser;
  };

 private:
  template <class Node, class... Parts>
  ExpressionPtr make(std::size_t line, Parts&&... parts) const;
  ExpressionPtr disjunction();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  using Operators = std::initializer_list<std::pair<std::string_view, BinaryOperator*>>;
  ExpressionPtr leftToRight(const Operators& operators, ExpressionPtr (ExpressionParser::*operand)());
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr powers();
  ExpressionPtr unary() { return unaryWith(true); }
  ExpressionPtr unaryWith(bool filters);
  ExpressionPtr primary();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr filtersAndTests(ExpressionPtr value);
  ExpressionPtr attribute(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  std::string dottedName();
  ArgumentList arguments();

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int level_ = 0;
};

}  // namespace interleave::jinja
