// SPDX-License-Identifier: GPL-3.0-or-later
// Macros, call blocks, and blocks.
#include <algorithm>

#include "backend/formats/jinja/globals.h"
#include "backend/formats/jinja/lexer.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/statements.h"

namespace interleave::jinja {

class Macro : public Object {
 public:
  Macro(const Routine& routine, std::shared_ptr<Activation> outer) : routine_(routine), outer_(std::move(outer)) {}
  std::string typeName() const override { return "Macro"; }
  std::string repr() const override {
    return routine_.name.empty() ? "<Macro anonymous>" : "<Macro " + reprOf(routine_.name) + ">";
  }
  bool callable() const override { return true; }
  Value call(Context& context, Arguments&& arguments) override {
    const bool markup = context.autoescape;
    const Context::Level level(context);
    return context.made(Value(routine_.run(context, outer_, std::move(arguments)), markup));
  }
  Value attribute(const std::string& name) override {
    if (name == "name") return routine_.name.empty() ? Value(nullptr) : Value(routine_.name);
    if (name == "arguments") return Value::tuple({routine_.parameters.begin(), routine_.parameters.end()});
    if (name == "caller") return routine_.wants_caller_;
    if (name == "catch_kwargs") return routine_.wants_named_;
    if (name == "catch_varargs") return routine_.wants_positional_;
    return {};
  }

 private:
  const Routine& routine_;
  std::shared_ptr<Activation> outer_;
};

void Routine::bind(const Scope& scope, std::size_t line) {
  function_ = {scope.symbols.function().depth + 1, 0};
  Symbols symbols(function_, &scope.symbols);
  const auto declare = [&] {
    slots_.clear();
    for (const std::string& parameter : parameters) slots_.push_back(symbols.parameter(parameter));
    for (const ExpressionPtr& value : defaults) value->declare(symbols);
    body.declare(symbols);
  };
  declare();
  const auto special =
      undeclared({"caller", "kwargs", "varargs"}, [&](const NameVisitor& visit) { body.names(visit); });
  const auto place = std::find(parameters.begin(), parameters.end(), "caller");
  wants_caller_ = special.contains("caller");
  if (wants_caller_ && place == parameters.end()) caller_ = symbols.parameter("caller");
  if (wants_caller_ && place != parameters.end() &&
      parameters.end() - place > static_cast<std::ptrdiff_t>(defaults.size())) {
    throw SyntaxError(line, "the special parameter \"caller\" must be left out or have a default");
  }
  const auto own = [&](const char* word) {
    return special.contains(word) && std::find(parameters.begin(), parameters.end(), word) == parameters.end();
  };
  wants_named_ = own("kwargs");
  wants_positional_ = own("varargs");
  if (wants_named_) named_ = symbols.parameter("kwargs");
  if (wants_positional_) positional_ = symbols.parameter("varargs");
  declare();
  Scope inside = scope.inner(symbols);
  inside.loop = false;
  for (const ExpressionPtr& value : defaults) value->bind(inside);
  body.bind(inside);
  entrance_ = symbols.entrance();
}

void Routine::names(const NameVisitor& visit) const {
  for (const std::string& parameter : parameters) visit(parameter, Use::Parameter);
  for (const ExpressionPtr& value : defaults) value->names(visit);
  body.names(visit);
}

Value Routine::make(Frame& frame) const {
  if (!frame.activation->kept) {
    frame.activation->kept = true;
    frame.context.keep(frame.activation);
  }
  return std::shared_ptr<Object>(std::make_shared<Macro>(*this, frame.activation));
}

std::string Routine::run(Context& context, const std::shared_ptr<Activation>& outer, Arguments given) const {
  context.step(function_.slots);
  Frame frame{context, std::make_shared<Activation>(function_.slots, outer)};
  entrance_.enter(frame);
  const std::size_t count = parameters.size(), off = std::min(count, given.positional.size());
  bool found_caller = off == count && std::find(parameters.begin(), parameters.end(), "caller") != parameters.end();
  for (std::size_t i = 0; i < count; ++i) {
    frame.at(slots_[i]) = i < off ? given.positional[i] : given.take(parameters[i]);
    found_caller = found_caller || (i >= off && parameters[i] == "caller");
  }
  const std::string called = "macro '" + name + "'";
  if (wants_caller_ && !found_caller) {
    Value caller = given.take("caller");
    const bool none = caller.isMissing() || caller.isNone();
    frame.at(caller_) =
        none ? Value(Undefined{.what = "No caller defined", .owner = {}, .whole = true}) : std::move(caller);
  }
  if (wants_named_) {
    Dict named;
    for (auto& [key, value] : given.named) named.set(key, std::move(value));
    frame.at(named_) = std::move(named);
  } else if (!given.named.empty()) {
    throw cannot(called + " takes no keyword argument '" + given.named[0].first + "'");
  }
  if (wants_positional_) {
    frame.at(positional_) =
        Value::tuple({given.positional.begin() + static_cast<std::ptrdiff_t>(off), given.positional.end()});
  } else if (given.positional.size() > count) {
    throw cannot(called + " takes not more than " + std::to_string(count) + " argument(s)");
  }
  for (std::size_t i = 0; i < count; ++i) {
    Value& parameter = frame.at(slots_[i]);
    if (!parameter.isMissing()) continue;
    const std::size_t left = count - i;
    if (left <= defaults.size()) {
      Value value = (*defaults[defaults.size() - left])(frame);
      frame.at(slots_[i]) = std::move(value);
    } else {
      parameter = Undefined{.what = "parameter '" + parameters[i] + "' was not provided", .owner = {}, .whole = true};
    }
  }
  Output out;
  body.run(frame, out);
  return out.take();
}

Flow MacroDefinition::run(Frame& frame, Output&) const {
  frame.at(slot_) = routine.make(frame);
  if (shared_) frame.context.setVariable(routine.name, frame.at(slot_));
  return Flow::Next;
}

void MacroDefinition::bind(const Scope& scope) {
  routine.bind(scope, line);
  slot_ = scope.slotOf(routine.name, line);
  shared_ = scope.top;
}

Flow CallBlock::run(Frame& frame, Output& out) const {
  if (!call) {
    out.write(frame.context, routine.run(frame.context, frame.activation, {}));
    return Flow::Next;
  }
  const Value text = call->call(frame, routine.make(frame));
  if (!text.isText()) throw cannot("what a call block calls gives '" + typeName(text) + "', not text");
  out.write(frame.context, text.bytes());
  return Flow::Next;
}

void CallBlock::declare(Symbols& symbols) const {
  if (call) call->declare(symbols);
}

void CallBlock::bind(const Scope& scope) {
  routine.bind(scope, line);
  if (!call) return;
  call->bind(scope);
  for (const auto& [name, value] : call->arguments.named) {
    if (name == "caller") throw SyntaxError(line, "a call block's call has a caller already");
  }
}

void CallBlock::names(const NameVisitor& visit) const {
  if (call) call->names(visit);
  routine.names(visit);
}

namespace {

/// `self` in a template.
class SelfReference : public Object {
 public:
  explicit SelfReference(const std::map<std::string, Block*>& blocks) : blocks_(blocks) {}
  std::string typeName() const override { return "TemplateReference"; }
  std::string repr() const override { return "<TemplateReference None>"; }
  Value item(const Value& key) override {
    const auto found = key.isText() ? blocks_.find(key.bytes()) : blocks_.end();
    if (found == blocks_.end()) return {};
    const Block& block = *found->second;
    return function(block.name, [&block](Context& context, const Arguments&) {
      return Value(block.render(context), context.autoescape);
    });
  }

 private:
  const std::map<std::string, Block*>& blocks_;
};

}  // namespace

Value selfReference(const std::map<std::string, Block*>& blocks) {
  return std::shared_ptr<Object>(std::make_shared<SelfReference>(blocks));
}

void Block::bind(const Scope& scope) {
  if (!scoped) return;
  for (const std::string& stored : scope.symbols.stored()) visible_.emplace_back(stored, scope.slotOf(stored, line));
}

void Block::bindInside(std::map<std::string, Block*>& blocks) {
  blocks_ = &blocks;
  function_ = {};
  Symbols symbols(function_, nullptr);
  const auto special = undeclared({"self", "super"}, [&](const NameVisitor& visit) { body.names(visit); });
  wants_self_ = special.contains("self");
  wants_super_ = special.contains("super");
  if (wants_self_) self_ = symbols.parameter("self");
  if (wants_super_) super_ = symbols.parameter("super");
  body.declare(symbols);
  body.bind({symbols, blocks});
  entrance_ = symbols.entrance();
}

Flow Block::run(Frame& frame, Output& out) const {
  if (required) throw cannot("the required block '" + name + "' is not found");
  std::map<std::string, Value> variables;
  for (const auto& [stored, slot] : visible_) {
    if (const Value& value = frame.at(slot); !value.isMissing()) variables.emplace(stored, value);
  }
  frame.context.pushVariables(std::move(variables));
  out.write(frame.context, render(frame.context));
  frame.context.popVariables();
  return Flow::Next;
}

std::string Block::render(Context& context) const {
  const Context::Level level(context);
  context.step(function_.slots);
  Frame frame{context, std::make_shared<Activation>(function_.slots, nullptr)};
  if (wants_self_) frame.at(self_) = selfReference(*blocks_);
  if (wants_super_)
    frame.at(super_) = Undefined{.what = "there is no parent block called '" + name + "'", .owner = {}, .whole = true};
  entrance_.enter(frame);
  Output out;
  body.run(frame, out);
  return out.take();
}

}  // namespace interleave::jinja
