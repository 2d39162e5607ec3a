// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/expression_parser.h"

#include <algorithm>

namespace interleave::jinja {
namespace {

/// How deep expressions may nest; Python, which Jinja translates to, has such a bound too.
constexpr int kExpressionNesting = 2 * kNesting;

}  // namespace

const Token& ExpressionParser::peek(std::size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

Token ExpressionParser::take() {
  Token token = peek();
  if (token.kind != Token::Kind::End) ++next_;
  return token;
}

bool ExpressionParser::acceptName(std::string_view text) { return isName(text) && (++next_, true); }
bool ExpressionParser::acceptOperator(std::string_view text) { return isOperator(text) && (++next_, true); }

std::string ExpressionParser::expectName() {
  if (peek().kind != Token::Kind::Name) fail("a name is missing before \"" + described(peek()) + "\"");
  return take().text;
}

void ExpressionParser::expectOperator(std::string_view text) {
  if (!acceptOperator(text)) fail("\"" + std::string(text) + "\" is missing before \"" + described(peek()) + "\"");
}

void ExpressionParser::expect(Token::Kind kind) {
  if (peek().kind != kind) failUnexpected();
  take();
}

template <class Node, class... Parts>
ExpressionPtr ExpressionParser::make(std::size_t line, Parts&&... parts) const {
  ExpressionPtr node = std::make_unique<Node>(line, std::forward<Parts>(parts)...);
  if (node->nesting() > kExpressionNesting) throw SyntaxError(line, "an expression nests too deeply");
  return node;
}

ExpressionPtr ExpressionParser::expression(Conditions conditions) {
  const Level level(*this);
  const std::size_t line = peek().line;
  ExpressionPtr value = disjunction();
  if (conditions == Conditions::Refused) return value;
  while (acceptName("if")) {
    ExpressionPtr condition = disjunction();
    ExpressionPtr otherwise = acceptName("else") ? expression() : nullptr;
    value = make<Conditional>(line, std::move(condition), std::move(value), std::move(otherwise));
  }
  return value;
}

ExpressionPtr ExpressionParser::disjunction() {
  ExpressionPtr left = conjunction();
  while (isName("or")) {
    const std::size_t line = take().line;
    left = make<Junction>(line, true, std::move(left), conjunction());
  }
  return left;
}

ExpressionPtr ExpressionParser::conjunction() {
  ExpressionPtr left = negation();
  while (isName("and")) {
    const std::size_t line = take().line;
    left = make<Junction>(line, false, std::move(left), negation());
  }
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  if (!isName("not")) return comparison();
  const Level level(*this);
  const std::size_t line = take().line;
  return make<Unary>(line, &logicalNot, negation());
}

ExpressionPtr ExpressionParser::comparison() {
  static constexpr auto kComparators =
      std::to_array<std::pair<std::string_view, Comparator*>>({{"==", isEqual},
                                                               {"!=", isUnequal},
                                                               {"<", isLess},
                                                               {"<=", isLessOrEqual},
                                                               {">", isGreater},
                                                               {">=", isGreaterOrEqual}});
  const std::size_t line = peek().line;
  ExpressionPtr first = sum();
  Comparison::Rest rest;
  for (;;) {
    const auto* const symbol =
        std::find_if(kComparators.begin(), kComparators.end(), [&](const auto& c) { return isOperator(c.first); });
    Comparator* comparator = nullptr;
    if (symbol != kComparators.end()) {
      comparator = symbol->second;
    } else if (isName("in")) {
      comparator = isIn;
    } else if (isName("not") && peek(1).kind == Token::Kind::Name && peek(1).text == "in") {
      take();
      comparator = isNotIn;
    } else {
      break;
    }
    take();
    rest.emplace_back(comparator, sum());
  }
  return rest.empty() ? std::move(first) : make<Comparison>(line, std::move(first), std::move(rest));
}

ExpressionPtr ExpressionParser::leftToRight(const Operators& operators, ExpressionPtr (ExpressionParser::*operand)()) {
  ExpressionPtr left = (this->*operand)();
  for (;;) {
    const auto* const found =
        std::find_if(operators.begin(), operators.end(), [&](const auto& o) { return isOperator(o.first); });
    if (found == operators.end()) return left;
    const std::size_t line = take().line;
    left = make<Binary>(line, found->second, std::move(left), (this->*operand)());
  }
}

ExpressionPtr ExpressionParser::sum() {
  return leftToRight({{"+", add}, {"-", subtract}}, &ExpressionParser::concatenation);
}

ExpressionPtr ExpressionParser::concatenation() {
  const std::size_t line = peek().line;
  ExpressionPtr first = product();
  if (!isOperator("~")) return first;
  std::vector<ExpressionPtr> parts;
  parts.push_back(std::move(first));
  while (acceptOperator("~")) parts.push_back(product());
  return make<Concatenation>(line, std::move(parts));
}

ExpressionPtr ExpressionParser::product() {
  return leftToRight({{"*", multiply}, {"/", divide}, {"//", floorDivide}, {"%", remainder}},
                     &ExpressionParser::powers);
}

ExpressionPtr ExpressionParser::powers() { return leftToRight({{"**", power}}, &ExpressionParser::unary); }

ExpressionPtr ExpressionParser::unaryWith(bool filters) {
  ExpressionPtr value;
  if (isOperator("-") || isOperator("+")) {
    const Level level(*this);
    const Token sign = take();
    value = make<Unary>(sign.line, sign.text == "-" ? &negative : &positive, unaryWith(false));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return filters ? filtersAndTests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  const std::size_t line = peek().line;
  if (isOperator("[")) return list();
  if (isOperator("{")) return dict();
  if (acceptOperator("(")) {
    ExpressionPtr value = tuple(Conditions::Allowed, true);
    expectOperator(")");
    return value;
  }
  switch (peek().kind) {
    case Token::Kind::Text: {
      std::string text = take().text;
      while (peek().kind == Token::Kind::Text) text += take().text;  // Neighbours are one text.
      return make<Literal>(line, Value(std::move(text)));
    }
    case Token::Kind::Integer:
    case Token::Kind::Real:
      return make<Literal>(line, take().number);
    case Token::Kind::Name: {
      std::string name = take().text;
      if (name == "true" || name == "True") return make<Literal>(line, Value(true));
      if (name == "false" || name == "False") return make<Literal>(line, Value(false));
      if (name == "none" || name == "None") return make<Literal>(line, Value(nullptr));
      return make<Name>(line, std::move(name));
    }
    default:
      failUnexpected();
  }
}

bool ExpressionParser::endsTuple() const {
  return peek().kind == Token::Kind::OutputEnd || peek().kind == Token::Kind::BlockEnd || isOperator(")");
}

ExpressionPtr ExpressionParser::tuple(Conditions conditions, bool parenthesised) {
  const std::size_t line = peek().line;
  std::vector<ExpressionPtr> parts;
  bool is_tuple = false;
  while (!endsTuple()) {
    parts.push_back(expression(conditions));
    if (!acceptOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !parts.empty()) return std::move(parts[0]);
  if (!is_tuple && !parenthesised) fail("an expression is missing before \"" + described(peek()) + "\"");
  return make<SequenceLiteral>(line, std::move(parts), SequenceKind::Tuple);
}

ExpressionPtr ExpressionParser::list() {
  const std::size_t line = take().line;
  std::vector<ExpressionPtr> items;
  while (!isOperator("]")) {
    if (!items.empty()) expectOperator(",");
    if (isOperator("]")) break;
    items.push_back(expression());
  }
  take();
  return make<SequenceLiteral>(line, std::move(items), SequenceKind::List);
}

ExpressionPtr ExpressionParser::dict() {
  const std::size_t line = take().line;
  DictLiteral::Entries entries;
  while (!isOperator("}")) {
    if (!entries.empty()) expectOperator(",");
    if (isOperator("}")) break;
    ExpressionPtr key = expression();
    expectOperator(":");
    entries.emplace_back(std::move(key), expression());
  }
  take();
  return make<DictLiteral>(line, std::move(entries));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  for (;;) {
    const std::size_t line = peek().line;
    if (isOperator(".")) {
      value = attribute(std::move(value));
    } else if (isOperator("[")) {
      value = subscript(std::move(value));
    } else if (isOperator("(")) {
      value = make<CallExpression>(line, std::move(value), arguments());
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::filtersAndTests(ExpressionPtr value) {
  for (;;) {
    const std::size_t line = peek().line;
    if (isOperator("|")) {
      value = filterChain(std::move(value), false);
    } else if (isName("is")) {
      value = test(std::move(value));
    } else if (isOperator("(")) {
      value = make<CallExpression>(line, std::move(value), arguments());
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr value) {
  const std::size_t line = take().line;
  if (peek().kind == Token::Kind::Name) return make<Attribute>(line, std::move(value), take().text);
  if (peek().kind != Token::Kind::Integer) fail("a name or a number is missing behind \".\"");
  return make<Item>(line, std::move(value), make<Literal>(line, take().number));
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const std::size_t line = take().line;
  const auto part = [&] { return isOperator(":") || isOperator("]") ? nullptr : expression(); };
  if (isOperator("]")) {
    take();
    return make<Item>(line, std::move(value),
                      make<SequenceLiteral>(line, std::vector<ExpressionPtr>(), SequenceKind::Tuple));
  }
  ExpressionPtr begin = part();
  if (acceptOperator(":")) {
    ExpressionPtr end = part();
    ExpressionPtr step = acceptOperator(":") ? part() : nullptr;
    expectOperator("]");
    return make<Slice>(line, std::move(value), std::move(begin), std::move(end), std::move(step));
  }
  if (acceptOperator("]")) return make<Item>(line, std::move(value), std::move(begin));
  std::vector<ExpressionPtr> keys;
  keys.push_back(std::move(begin));
  while (!isOperator("]")) {
    expectOperator(",");
    keys.push_back(expression());
  }
  take();
  return make<Item>(line, std::move(value), make<SequenceLiteral>(line, std::move(keys), SequenceKind::Tuple));
}

std::string ExpressionParser::dottedName() {
  std::string name = expectName();
  while (acceptOperator(".")) name += "." + expectName();
  return name;
}

ExpressionPtr ExpressionParser::filterChain(ExpressionPtr input, bool begins_with_name) {
  while (begins_with_name || isOperator("|")) {
    if (!begins_with_name) take();
    begins_with_name = false;
    const std::size_t line = peek().line;
    std::string name = dottedName();
    ArgumentList given = isOperator("(") ? arguments() : ArgumentList();
    input = make<Application>(line, filters(), std::move(input), std::move(name), std::move(given));
  }
  return input;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  const std::size_t line = take().line;
  const bool negated = acceptName("not");
  std::string name = dottedName();
  ArgumentList given;
  if (isOperator("(")) {
    given = arguments();
  } else if (isName("is")) {
    fail("tests with \"is\" cannot be chained");
  } else {
    const Token::Kind kind = peek().kind;
    const bool literal = kind == Token::Kind::Text || kind == Token::Kind::Integer || kind == Token::Kind::Real;
    const bool word = kind == Token::Kind::Name && !isName("else") && !isName("or") && !isName("and");
    if (literal || word || isOperator("[") || isOperator("{")) given.positional.push_back(postfix(primary()));
  }
  ExpressionPtr result = make<Application>(line, tests(), std::move(value), std::move(name), std::move(given));
  return negated ? make<Unary>(line, &logicalNot, std::move(result)) : std::move(result);
}

ArgumentList ExpressionParser::arguments() {
  ArgumentList given;
  expectOperator("(");
  const auto ensure = [&](bool in_order) {
    if (!in_order) fail("the arguments of a call are out of order");
  };
  for (bool first = true; !isOperator(")"); first = false) {
    if (!first) {
      expectOperator(",");
      if (isOperator(")")) break;
    }
    if (acceptOperator("*")) {
      ensure(!given.more_positional && !given.more_named);
      given.more_positional = expression();
    } else if (acceptOperator("**")) {
      ensure(!given.more_named);
      given.more_named = expression();
    } else if (peek().kind == Token::Kind::Name && peek(1).kind == Token::Kind::Operator && peek(1).text == "=") {
      ensure(!given.more_named);
      std::string name = take().text;
      const auto same = [&](const auto& argument) { return argument.first == name; };
      if (std::any_of(given.named.begin(), given.named.end(), same))
        fail("the argument \"" + name + "\" is given twice");
      if (given.named.size() > 255) fail("a call has too many arguments");
      take();
      given.named.emplace_back(std::move(name), expression());
    } else {
      ensure(!given.more_positional && !given.more_named && given.named.empty());
      given.positional.push_back(expression());
    }
  }
  take();
  return given;
}

}  // namespace interleave::jinja
