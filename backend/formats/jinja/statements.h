// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/formats/jinja/expressions.h"

namespace interleave::jinja {

/// What has been rendered, within the bound.
class Output {
 public:
  void write(Context& context, std::string_view part);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

enum class Flow { Next, Break, Continue };

class Statement {
 public:
  explicit Statement(std::size_t its_line) : line(its_line) {}
  virtual ~Statement() = default;
  virtual Flow run(Frame& frame, Output& out) const = 0;
  virtual void declare(Symbols& symbols) const = 0;  ///< What it means for the names of the scope that it stands in.
  virtual void bind(const Scope& scope) = 0;         ///< Settles names, in it and inside. SyntaxError.
  virtual void names(const NameVisitor& visit) const = 0;
  const std::size_t line;
};

struct Body {
  std::vector<std::unique_ptr<Statement>> statements = {};
  Flow run(Frame& frame, Output& out) const;
  void declare(Symbols& symbols) const;
  void bind(const Scope& scope);
  void names(const NameVisitor& visit) const;
};

/// What is assigned to: a name, a member of a namespace, or a tuple of targets.
struct Target {
  std::size_t line = 0;
  std::string name = {}, member = {};
  std::vector<Target> parts = {};
  bool tuple = false;
  Slot slot = {};

  void declare(Symbols& symbols, Use use) const;
  void bind(const Scope& scope);
  void names(const NameVisitor& visit, Use use) const;
  void assign(Frame& frame, const Value& value) const;
  Value gathered(Frame& frame) const;        ///< What was assigned; of a tuple of targets a tuple.
  void checkNamespaces(Frame& frame) const;  ///< Usage error when a member's owner is none.
  void share(Frame& frame) const;            ///< Lets everything see the names.
};

/// Text between tags, and what stands in {{ }}.
struct Print : Statement {
  Print(std::size_t its_line, ExpressionPtr its_value) : Statement(its_line), value(std::move(its_value)) {}
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override { value->declare(symbols); }
  void bind(const Scope& scope) override { value->bind(scope); }
  void names(const NameVisitor& visit) const override { value->names(visit); }
  ExpressionPtr value;
};

struct Data : Statement {
  Data(std::size_t its_line, std::string its_text) : Statement(its_line), text(std::move(its_text)) {}
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols&) const override {}
  void bind(const Scope&) override {}
  void names(const NameVisitor&) const override {}
  std::string text;
};

struct If : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override;
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  std::vector<std::pair<ExpressionPtr, Body>> branches = {};
  Body otherwise = {};
};

struct For : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override { elements->declare(symbols); }
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  /// Goes through `list`; of a recursive loop with an activation of its own, below that of `outer`.
  Flow go(Frame& frame, const Value& list, int depth, Output& out) const;
  Value recurse(Context& context, const std::shared_ptr<Activation>& outer, const Value& list, int depth) const;
  Target target = {}, tested = {};  ///< The second is the same, for the condition alone.
  ExpressionPtr elements = {}, condition = {};
  bool recursive = false, has_scoped_block = false;  ///< Such a block sees `loop`.
  Body body = {}, otherwise = {};

 private:
  Value chosen(const Frame& frame, const Value& list) const;
  bool has_loop_ = false;
  Slot loop_ = {};
  Function function_ = {};
  Entrance body_entrance_, test_entrance_, else_entrance_;
};

struct With : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override;
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  std::vector<std::pair<Target, ExpressionPtr>> assignments = {};
  Body body = {};

 private:
  Entrance entrance_;
};

struct Set : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override;
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  Target target = {};
  ExpressionPtr value = {};

 private:
  bool shared_ = false;
};

/// {% set name | filter %}...{% endset %}
struct SetBlock : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override { target.declare(symbols, Use::Store); }
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  Target target = {};
  std::unique_ptr<Application> filter = {};  ///< Null when there is none.
  Body body = {};

 private:
  bool shared_ = false;
  Entrance entrance_;
};

struct FilterBlock : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override { filter->declare(symbols); }
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  std::unique_ptr<Application> filter = {};
  Body body = {};

 private:
  Entrance entrance_;
};

struct Autoescape : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols&) const override {}
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  ExpressionPtr value = {};
  Body body = {};

 private:
  Entrance entrance_;
};

struct LoopControl : Statement {
  LoopControl(std::size_t its_line, Flow its_flow) : Statement(its_line), flow(its_flow) {}
  Flow run(Frame&, Output&) const override { return flow; }
  void declare(Symbols&) const override {}
  void bind(const Scope& scope) override;
  void names(const NameVisitor&) const override {}
  Flow flow;
};

/// What would need other templates: fails where it is reached.
struct Unavailable : Statement {
  Unavailable(std::size_t its_line, std::string its_what) : Statement(its_line), what(std::move(its_what)) {}
  Flow run(Frame&, Output&) const override;
  void declare(Symbols& symbols) const override;
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  std::string what;  ///< The statement.
  ExpressionPtr source = {};
  std::vector<std::string> imported = {};
};

/// What a macro and a call block share: parameters and a body that is run when it is called.
struct Routine {
  std::string name = {};
  std::vector<std::string> parameters = {};
  std::vector<ExpressionPtr> defaults = {};  ///< Of the last parameters.
  Body body = {};

  void bind(const Scope& scope, std::size_t line);
  void names(const NameVisitor& visit) const;
  Value make(Frame& frame) const;  ///< The macro, with the variables that it sees.
  std::string run(Context& context, const std::shared_ptr<Activation>& outer, Arguments arguments) const;

 private:
  friend class Macro;
  bool wants_caller_ = false, wants_named_ = false, wants_positional_ = false;
  std::vector<Slot> slots_;
  Slot caller_, named_, positional_;
  Function function_;
  Entrance entrance_;
};

struct MacroDefinition : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override { symbols.store(routine.name); }
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override { routine.names(visit); }
  Routine routine = {};

 private:
  Slot slot_ = {};
  bool shared_ = false;
};

struct CallBlock : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols& symbols) const override;
  void bind(const Scope& scope) override;
  void names(const NameVisitor& visit) const override;
  std::unique_ptr<CallExpression> call = {};  ///< Null for {% generation %}, which writes its body.
  Routine routine = {};
};

struct Block : Statement {
  using Statement::Statement;
  Flow run(Frame& frame, Output& out) const override;
  void declare(Symbols&) const override {}
  void bind(const Scope& scope) override;
  void names(const NameVisitor&) const override {}
  void bindInside(std::map<std::string, Block*>& blocks);  ///< Once all blocks are known.
  std::string render(Context& context) const;
  std::string name = {};
  bool scoped = false, required = false;
  Body body = {};

 private:
  Function function_;
  Entrance entrance_;
  std::vector<std::pair<std::string, Slot>> visible_;  ///< What a scoped block sees of where it stands.
  bool wants_self_ = false, wants_super_ = false;
  Slot self_, super_;
  std::map<std::string, Block*>* blocks_ = nullptr;
};

/// `self` in a template: its blocks as functions.
Value selfReference(const std::map<std::string, Block*>& blocks);

}  // namespace interleave::jinja
