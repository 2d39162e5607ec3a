// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/parser.h"

#include <algorithm>
#include <map>

#include "backend/formats/jinja/expression_parser.h"

namespace interleave::jinja {
namespace {

using Names = std::initializer_list<std::string_view>;
using StatementPtr = std::unique_ptr<Statement>;

class Parser : ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(tokensOf(source)) {}

  ParsedTemplate all() {
    parsed_.body = body({});
    return std::move(parsed_);
  }

 private:
  /// Statements up to the tag that begins with one of `ends`, whose name is next; or up to the end of the template.
  Body body(Names ends) {
    const Level level(*this);
    Body body;
    for (;;) {
      const Token token = take();
      if (token.kind == Token::Kind::End) {
        if (ends.size() == 0) return body;
        fail("\"" + std::string(*std::prev(ends.end())) + "\" is missing at the end of the template");
      }
      if (token.kind == Token::Kind::Data) {
        body.statements.push_back(std::make_unique<Data>(token.line, token.text));
      } else if (token.kind == Token::Kind::OutputBegin) {
        body.statements.push_back(std::make_unique<Print>(token.line, tuple()));
        expect(Token::Kind::OutputEnd);
      } else {
        if (peek().kind != Token::Kind::Name) fail("the name of a tag is missing");
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return isName(end); })) return body;
        statement(body);
        expect(Token::Kind::BlockEnd);
      }
    }
  }

  /// The end of a tag, and what follows up to one of `ends`.
  Body inside(Names ends) {
    acceptOperator(":");
    expect(Token::Kind::BlockEnd);
    return body(ends);
  }
  Body insideUpTo(std::string_view end) {
    Body inner = inside({end});
    take();
    return inner;
  }

  void statement(Body& body) {
    using Read = StatementPtr (Parser::*)(std::size_t line);
    static const std::map<std::string_view, Read> kStatements = {{"for", &Parser::forLoop},
                                                                 {"if", &Parser::ifStatement},
                                                                 {"set", &Parser::set},
                                                                 {"with", &Parser::with},
                                                                 {"macro", &Parser::macro},
                                                                 {"call", &Parser::callBlock},
                                                                 {"filter", &Parser::filterBlock},
                                                                 {"autoescape", &Parser::autoescape},
                                                                 {"block", &Parser::block},
                                                                 {"generation", &Parser::generation},
                                                                 {"break", &Parser::loopBreak},
                                                                 {"continue", &Parser::loopContinue},
                                                                 {"include", &Parser::include},
                                                                 {"extends", &Parser::extends},
                                                                 {"import", &Parser::import},
                                                                 {"from", &Parser::fromImport}};
    const std::size_t line = peek().line;
    if (acceptName("print")) return print(body);
    const auto found = kStatements.find(peek().text);
    if (found == kStatements.end()) fail("there is no tag \"" + peek().text + "\", or not here");
    take();
    body.statements.push_back((this->*found->second)(line));
  }

  void print(Body& body) {
    for (bool first = true; peek().kind != Token::Kind::BlockEnd; first = false) {
      if (!first) expectOperator(",");
      const std::size_t line = peek().line;
      body.statements.push_back(std::make_unique<Print>(line, expression()));
    }
  }

  // -- What is assigned to

  std::string assignableName() {
    std::string name = expectName();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) fail("\"" + name + "\" cannot be assigned to");
    }
    return name;
  }

  Target singleTarget(bool members) {
    const Level level(*this);
    Target target{.line = peek().line};
    if (acceptOperator("(")) {
      target = targets(false, true);
      expectOperator(")");
      return target;
    }
    if (peek().kind != Token::Kind::Name) fail("\"" + described(peek()) + "\" cannot be assigned to");
    target.name = assignableName();
    if (members && acceptOperator(".")) target.member = expectName();
    return target;
  }

  Target targets(bool members, bool parenthesised = false) {
    Target all{.line = peek().line, .tuple = false};
    while (!endsTuple()) {
      all.parts.push_back(singleTarget(members));
      if (!acceptOperator(",")) break;
      all.tuple = true;
    }
    if (!all.tuple && all.parts.size() == 1) {
      Target only = std::move(all.parts[0]);
      return only;
    }
    if (all.parts.empty() && !parenthesised)
      fail("a name to assign to is missing before \"" + described(peek()) + "\"");
    all.tuple = true;
    return all;
  }

  // -- Statements; the tag's name is taken already

  StatementPtr forLoop(std::size_t line) {
    auto loop = std::make_unique<For>(line);
    const std::size_t blocks = parsed_.blocks.size();
    loop->target = targets(false);
    if (!acceptName("in")) fail("\"in\" is missing before \"" + described(peek()) + "\"");
    loop->elements = tuple(Conditions::Refused);
    if (acceptName("if")) loop->condition = expression();
    loop->recursive = acceptName("recursive");
    loop->body = inside({"else", "endfor"});
    if (take().text == "else") loop->otherwise = insideUpTo("endfor");
    loop->has_scoped_block = std::any_of(parsed_.blocks.begin() + static_cast<std::ptrdiff_t>(blocks),
                                         parsed_.blocks.end(), [](const Block* block) { return block->scoped; });
    return loop;
  }

  StatementPtr ifStatement(std::size_t line) {
    auto choice = std::make_unique<If>(line);
    for (;;) {
      ExpressionPtr condition = tuple(Conditions::Refused);
      Body body = inside({"elif", "else", "endif"});
      choice->branches.emplace_back(std::move(condition), std::move(body));
      const std::string next = take().text;
      if (next == "elif") continue;
      if (next == "else") choice->otherwise = insideUpTo("endif");
      return choice;
    }
  }

  StatementPtr set(std::size_t line) {
    Target target = targets(true);
    if (acceptOperator("=")) {
      auto assignment = std::make_unique<Set>(line);
      assignment->target = std::move(target);
      assignment->value = tuple();
      return assignment;
    }
    auto block = std::make_unique<SetBlock>(line);
    block->target = std::move(target);
    block->filter.reset(static_cast<Application*>(filterChain(nullptr, false).release()));
    block->body = insideUpTo("endset");
    return block;
  }

  StatementPtr with(std::size_t line) {
    auto scope = std::make_unique<With>(line);
    while (peek().kind != Token::Kind::BlockEnd) {
      if (!scope->assignments.empty()) expectOperator(",");
      Target target = targets(false);
      expectOperator("=");
      scope->assignments.emplace_back(std::move(target), expression());
    }
    scope->body = insideUpTo("endwith");
    return scope;
  }

  void signature(Routine& routine) {
    expectOperator("(");
    while (!isOperator(")")) {
      if (!routine.parameters.empty()) expectOperator(",");
      std::string name = assignableName();
      if (std::find(routine.parameters.begin(), routine.parameters.end(), name) != routine.parameters.end()) {
        fail("the parameter \"" + name + "\" is there twice");
      }
      routine.parameters.push_back(std::move(name));
      if (routine.parameters.size() > 255) fail("a macro has too many parameters");
      if (acceptOperator("=")) {
        routine.defaults.push_back(expression());
      } else if (!routine.defaults.empty()) {
        fail("a parameter without a default follows one with a default");
      }
    }
    take();
  }

  StatementPtr macro(std::size_t line) {
    auto definition = std::make_unique<MacroDefinition>(line);
    definition->routine.name = assignableName();
    signature(definition->routine);
    definition->routine.body = insideUpTo("endmacro");
    return definition;
  }

  StatementPtr callBlock(std::size_t line) {
    auto block = std::make_unique<CallBlock>(line);
    if (isOperator("(")) signature(block->routine);
    ExpressionPtr called = expression();
    if (dynamic_cast<CallExpression*>(called.get()) == nullptr) throw SyntaxError(line, "a call block wants a call");
    block->call.reset(static_cast<CallExpression*>(called.release()));
    block->routine.body = insideUpTo("endcall");
    return block;
  }

  /// What the assistant says, as `transformers` marks it.
  StatementPtr generation(std::size_t line) {
    auto block = std::make_unique<CallBlock>(line);
    block->routine.body = insideUpTo("endgeneration");
    return block;
  }

  StatementPtr filterBlock(std::size_t line) {
    auto block = std::make_unique<FilterBlock>(line);
    block->filter.reset(static_cast<Application*>(filterChain(nullptr, true).release()));
    block->body = insideUpTo("endfilter");
    return block;
  }

  StatementPtr autoescape(std::size_t line) {
    auto scope = std::make_unique<Autoescape>(line);
    scope->value = expression();
    scope->body = insideUpTo("endautoescape");
    return scope;
  }

  StatementPtr block(std::size_t line) {
    auto block = std::make_unique<Block>(line);
    block->name = expectName();
    block->scoped = acceptName("scoped");
    block->required = acceptName("required");
    block->body = insideUpTo("endblock");
    const auto is_blank = [](const StatementPtr& part) {
      const auto* const data = dynamic_cast<const Data*>(part.get());
      return data != nullptr && data->text.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
    };
    const auto& parts = block->body.statements;
    if (block->required && !std::all_of(parts.begin(), parts.end(), is_blank)) {
      fail("a required block can only hold comments and white space");
    }
    acceptName(block->name);
    parsed_.blocks.push_back(block.get());
    return block;
  }

  StatementPtr loopBreak(std::size_t line) { return std::make_unique<LoopControl>(line, Flow::Break); }
  StatementPtr loopContinue(std::size_t line) { return std::make_unique<LoopControl>(line, Flow::Continue); }

  // -- What needs other templates: read, so that it fails only where it is reached

  std::unique_ptr<Unavailable> unavailable(std::size_t line, const char* what) {
    auto statement = std::make_unique<Unavailable>(line, what);
    statement->source = expression();
    return statement;
  }

  void context() {
    const bool follows = peek(1).kind == Token::Kind::Name && peek(1).text == "context";
    if (!(isName("with") || isName("without")) || !follows) return;
    take();
    take();
  }

  StatementPtr include(std::size_t line) {
    auto statement = unavailable(line, "include");
    if (isName("ignore") && peek(1).text == "missing") {
      take();
      take();
    }
    context();
    return statement;
  }

  StatementPtr extends(std::size_t line) { return unavailable(line, "extends"); }

  StatementPtr import(std::size_t line) {
    auto statement = unavailable(line, "import");
    if (!acceptName("as")) fail("\"as\" is missing");
    statement->imported.push_back(assignableName());
    context();
    return statement;
  }

  StatementPtr fromImport(std::size_t line) {
    auto statement = unavailable(line, "from");
    if (!acceptName("import")) fail("\"import\" is missing");
    do {
      context();
      if (peek().kind == Token::Kind::BlockEnd) break;
      std::string name = assignableName();
      if (name.starts_with('_')) fail("names that begin with an underscore cannot be imported");
      statement->imported.push_back(acceptName("as") ? assignableName() : std::move(name));
      context();
    } while (acceptOperator(","));
    return statement;
  }

  ParsedTemplate parsed_;
};

}  // namespace

ParsedTemplate parse(std::string_view source) { return Parser(source).all(); }

}  // namespace interleave::jinja
