// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/scope.h"

namespace interleave::jinja {

/// What has a value.
class Expression {
 public:
  explicit Expression(std::size_t its_line) : line(its_line) {}
  virtual ~Expression() = default;
  Value operator()(Frame& frame) const {
    const Context::Level level(frame.context);
    return evaluate(frame);
  }

  virtual void declare(Symbols& symbols) const;  ///< Tells the names it uses.
  virtual void bind(const Scope& scope);         ///< Settles where they are. SyntaxError.
  virtual void names(const NameVisitor& visit) const;
  using Visitor = std::function<void(Expression&)>;
  virtual void eachPart(const Visitor&) const {}
  int nesting() const;  ///< How deep its parts nest: one more than theirs.

  const std::size_t line;

 protected:
  virtual Value evaluate(Frame& frame) const = 0;

 private:
  mutable int nesting_ = 0;  // Counted once, while the template is read.
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct Literal : Expression {
  Literal(std::size_t its_line, Value its_value) : Expression(its_line), value(std::move(its_value)) {}
  Value evaluate(Frame&) const override { return value; }
  Value value;
};

struct Name : Expression {
  Name(std::size_t its_line, std::string its_name) : Expression(its_line), name(std::move(its_name)) {}
  void declare(Symbols& symbols) const override { symbols.load(name); }
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override { visit(name, Use::Load); }
  Value evaluate(Frame& frame) const override;
  std::string name;
  Slot slot = {};
};

/// A list or a tuple.
struct SequenceLiteral : Expression {
  SequenceLiteral(std::size_t its_line, std::vector<ExpressionPtr> its_items, SequenceKind its_kind)
      : Expression(its_line), items(std::move(its_items)), kind(its_kind) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  std::vector<ExpressionPtr> items;
  SequenceKind kind;
};

struct DictLiteral : Expression {
  using Entries = std::vector<std::pair<ExpressionPtr, ExpressionPtr>>;
  DictLiteral(std::size_t its_line, Entries its_entries) : Expression(its_line), entries(std::move(its_entries)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  Entries entries;
};

struct Conditional : Expression {
  Conditional(std::size_t its_line, ExpressionPtr its_test, ExpressionPtr its_then, ExpressionPtr its_otherwise)
      : Expression(its_line),
        test(std::move(its_test)),
        then(std::move(its_then)),
        otherwise(std::move(its_otherwise)) {}
  void bind(const Scope& scope) override;
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  ExpressionPtr test, then, otherwise;  ///< `otherwise` may be null.
};

struct Unary : Expression {
  Unary(std::size_t its_line, UnaryOperator* its_operation, ExpressionPtr its_operand)
      : Expression(its_line), operation(its_operation), operand(std::move(its_operand)) {}
  void eachPart(const Visitor& visit) const override { visit(*operand); }
  Value evaluate(Frame& frame) const override { return operation((*operand)(frame)); }
  UnaryOperator* operation;
  ExpressionPtr operand;
};

struct Binary : Expression {
  Binary(std::size_t its_line, BinaryOperator* its_operation, ExpressionPtr its_left, ExpressionPtr its_right)
      : Expression(its_line), operation(its_operation), left(std::move(its_left)), right(std::move(its_right)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  BinaryOperator* operation;
  ExpressionPtr left, right;
};

/// "and", "or": the second only where the first does not settle it.
struct Junction : Expression {
  Junction(std::size_t its_line, bool its_settled_by, ExpressionPtr its_left, ExpressionPtr its_right)
      : Expression(its_line), settled_by(its_settled_by), left(std::move(its_left)), right(std::move(its_right)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  bool settled_by;
  ExpressionPtr left, right;
};

/// a < b <= c: each operand once.
struct Comparison : Expression {
  using Rest = std::vector<std::pair<Comparator*, ExpressionPtr>>;
  Comparison(std::size_t its_line, ExpressionPtr its_first, Rest its_rest)
      : Expression(its_line), first(std::move(its_first)), rest(std::move(its_rest)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  ExpressionPtr first;
  Rest rest;
};

/// a ~ b ~ c.
struct Concatenation : Expression {
  Concatenation(std::size_t its_line, std::vector<ExpressionPtr> its_parts)
      : Expression(its_line), parts(std::move(its_parts)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  std::vector<ExpressionPtr> parts;
};

/// value.name
struct Attribute : Expression {
  Attribute(std::size_t its_line, ExpressionPtr its_owner, std::string its_name)
      : Expression(its_line), owner(std::move(its_owner)), name(std::move(its_name)) {}
  void eachPart(const Visitor& visit) const override { visit(*owner); }
  Value evaluate(Frame& frame) const override;
  ExpressionPtr owner;
  std::string name;
};

/// value[key]
struct Item : Expression {
  Item(std::size_t its_line, ExpressionPtr its_owner, ExpressionPtr its_key)
      : Expression(its_line), owner(std::move(its_owner)), key(std::move(its_key)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  ExpressionPtr owner, key;
};

/// value[begin:end:step]; what is not given is null.
struct Slice : Expression {
  Slice(std::size_t its_line, ExpressionPtr its_owner, ExpressionPtr its_begin, ExpressionPtr its_end,
        ExpressionPtr its_step)
      : Expression(its_line),
        owner(std::move(its_owner)),
        begin(std::move(its_begin)),
        end(std::move(its_end)),
        step(std::move(its_step)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  ExpressionPtr owner, begin, end, step;
};

/// What stands between the parentheses of a call.
struct ArgumentList {
  std::vector<ExpressionPtr> positional = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  ExpressionPtr more_positional = {}, more_named = {};  ///< *args and **kwargs; null where there are none.
  void eachPart(const Expression::Visitor& visit) const;
  Arguments evaluate(Frame& frame) const;
};

struct CallExpression : Expression {
  CallExpression(std::size_t its_line, ExpressionPtr its_callee, ArgumentList its_arguments)
      : Expression(its_line), callee(std::move(its_callee)), arguments(std::move(its_arguments)) {}
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override { return call(frame, {}); }
  Value call(Frame& frame, Value caller) const;  ///< With the call block's `caller`, where it is of one.
  ExpressionPtr callee;
  ArgumentList arguments;
};

/// value | name(arguments), or "value is name arguments". In a filter block there is no value: the block's text is.
struct Application : Expression {
  Application(std::size_t its_line, const Library& its_library, ExpressionPtr its_input, std::string its_name,
              ArgumentList its_arguments)
      : Expression(its_line),
        library(its_library),
        input(std::move(its_input)),
        name(std::move(its_name)),
        arguments(std::move(its_arguments)) {}
  void bind(const Scope& scope) override;
  void eachPart(const Visitor& visit) const override;
  Value evaluate(Frame& frame) const override;
  Value apply(Frame& frame, const Value& text) const;  ///< To the block's text.
  const Library& library;
  ExpressionPtr input;
  std::string name;
  ArgumentList arguments;

 private:
  Value applied(Frame& frame, const Value& value) const;
};

}  // namespace interleave::jinja
