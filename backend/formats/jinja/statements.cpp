// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/statements.h"

#include <algorithm>

#include "backend/formats/jinja/globals.h"
#include "backend/formats/jinja/lexer.h"
#include "backend/formats/jinja/print.h"

namespace interleave::jinja {

void Output::write(Context& context, std::string_view part) {
  if (text_.size() + part.size() > kTextBytes) throw tooMuch("its output is too long");
  context.lookThrough(part.size());
  text_ += part;
}

Flow Body::run(Frame& frame, Output& out) const {
  const Context::Level level(frame.context);
  for (const auto& statement : statements) {
    frame.context.step();
    if (const Flow flow = statement->run(frame, out); flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

void Body::declare(Symbols& symbols) const {
  for (const auto& statement : statements) statement->declare(symbols);
}

void Body::bind(const Scope& scope) {
  for (const auto& statement : statements) statement->bind(scope);
}

void Body::names(const NameVisitor& visit) const {
  for (const auto& statement : statements) statement->names(visit);
}

void Target::declare(Symbols& symbols, Use use) const {
  if (tuple) {
    for (const Target& part : parts) part.declare(symbols, use);
  } else if (!member.empty()) {
    symbols.load(name);
  } else if (use == Use::Parameter) {
    symbols.parameter(name);
  } else {
    symbols.store(name);
  }
}

void Target::bind(const Scope& scope) {
  if (!tuple) slot = scope.slotOf(name, line);
  for (Target& part : parts) part.bind(scope);
}

void Target::names(const NameVisitor& visit, Use use) const {
  if (!tuple && member.empty()) visit(name, use);
  for (const Target& part : parts) part.names(visit, use);
}

void Target::assign(Frame& frame, const Value& value) const {
  if (!member.empty()) return setMember(frame.at(slot), member, value);
  if (!tuple) {
    frame.at(slot) = value;
    return;
  }
  frame.context.step(static_cast<std::int64_t>(parts.size()));
  const auto iterator = iterate(value);
  std::vector<Value> values;
  for (Value element; values.size() <= parts.size() && iterator->next(element);) values.push_back(std::move(element));
  if (values.size() != parts.size())
    throw cannot("not as many values to unpack as names: " + std::to_string(parts.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].assign(frame, values[i]);
}

Value Target::gathered(Frame& frame) const {
  if (!tuple) return frame.at(slot);
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const Target& part : parts) values.push_back(part.gathered(frame));
  return Value::tuple(std::move(values));
}

void Target::checkNamespaces(Frame& frame) const {
  if (!member.empty() && !isNamespace(frame.at(slot))) throw cannot("cannot assign attribute on non-namespace object");
  for (const Target& part : parts) part.checkNamespaces(frame);
}

void Target::share(Frame& frame) const {
  if (!tuple && member.empty()) frame.context.setVariable(name, frame.at(slot));
  for (const Target& part : parts) part.share(frame);
}

Flow Print::run(Frame& frame, Output& out) const {
  const Value printed = (*value)(frame);
  if (printed.isText() && !(frame.context.autoescape && !printed.isMarkup())) {
    out.write(frame.context, printed.bytes());
  } else {
    out.write(frame.context, frame.context.autoescape ? escapedForHtml(printed).bytes() : str(printed));
  }
  return Flow::Next;
}

Flow Data::run(Frame& frame, Output& out) const {
  out.write(frame.context, text);
  return Flow::Next;
}

Flow If::run(Frame& frame, Output& out) const {
  for (const auto& [condition, body] : branches) {
    if (truthy((*condition)(frame))) return body.run(frame, out);
  }
  return otherwise.run(frame, out);
}

void If::declare(Symbols& symbols) const {
  branches[0].first->declare(symbols);
  // The first branch is one, each elif (with its condition) is one, and the else is one.
  std::vector<Symbols> outcomes(3, symbols);
  branches[0].second.declare(outcomes[0]);
  for (std::size_t i = 1; i < branches.size(); ++i) {
    branches[i].first->declare(outcomes[1]);
    Symbols outcome = outcomes[1];
    branches[i].second.declare(outcome);
    outcomes[1].merge(std::span(&outcome, 1));
  }
  otherwise.declare(outcomes[2]);
  symbols.merge(outcomes);
}

void If::bind(const Scope& scope) {
  Scope soft = scope;
  soft.soft = true;
  for (auto& [condition, body] : branches) {
    condition->bind(soft);
    body.bind(soft);
  }
  otherwise.bind(soft);
}

void If::names(const NameVisitor& visit) const {
  for (const auto& [condition, body] : branches) {
    condition->names(visit);
    body.names(visit);
  }
  otherwise.names(visit);
}

Flow With::run(Frame& frame, Output& out) const {
  entrance_.enter(frame);
  for (const auto& [target, value] : assignments) target.assign(frame, (*value)(frame));
  const Flow flow = body.run(frame, out);
  entrance_.leave(frame);
  return flow;
}

void With::declare(Symbols& symbols) const {
  for (const auto& [target, value] : assignments) value->declare(symbols);
}

void With::bind(const Scope& scope) {
  Symbols symbols(scope.symbols.function(), &scope.symbols);
  for (const auto& [target, value] : assignments) target.declare(symbols, Use::Parameter);
  body.declare(symbols);
  const Scope inside = scope.inner(symbols);
  for (auto& [target, value] : assignments) {
    target.bind(inside);
    value->bind(scope);
  }
  body.bind(inside);
  entrance_ = symbols.entrance();
}

void With::names(const NameVisitor& visit) const {
  for (const auto& [target, value] : assignments) target.names(visit, Use::Parameter);
  for (const auto& [target, value] : assignments) value->names(visit);
  body.names(visit);
}

Flow Set::run(Frame& frame, Output&) const {
  target.checkNamespaces(frame);
  target.assign(frame, (*value)(frame));
  if (shared_) target.share(frame);
  return Flow::Next;
}

void Set::declare(Symbols& symbols) const {
  value->declare(symbols);
  target.declare(symbols, Use::Store);
}

void Set::bind(const Scope& scope) {
  target.bind(scope);
  value->bind(scope);
  shared_ = scope.top;
}

void Set::names(const NameVisitor& visit) const {
  target.names(visit, Use::Store);
  value->names(visit);
}

Flow SetBlock::run(Frame& frame, Output&) const {
  entrance_.enter(frame);
  Output inside;
  if (const Flow flow = body.run(frame, inside); flow != Flow::Next) return flow;
  Context& context = frame.context;
  Value text = context.made(Value(inside.take(), context.autoescape));
  if (filter) text = filter->apply(frame, text);
  target.checkNamespaces(frame);
  target.assign(frame, context.autoescape && !text.isMarkup() ? Value(str(text), true) : text);
  if (shared_) target.share(frame);
  entrance_.leave(frame);
  return Flow::Next;
}

void SetBlock::bind(const Scope& scope) {
  Symbols symbols(scope.symbols.function(), &scope.symbols);
  body.declare(symbols);
  const Scope inside = scope.inner(symbols);
  body.bind(inside);
  target.bind(scope);
  if (filter) filter->bind(inside);
  shared_ = scope.top;
  entrance_ = symbols.entrance();
}

void SetBlock::names(const NameVisitor& visit) const {
  target.names(visit, Use::Store);
  if (filter) filter->names(visit);
  body.names(visit);
}

Flow FilterBlock::run(Frame& frame, Output& out) const {
  entrance_.enter(frame);
  Output inside;
  if (const Flow flow = body.run(frame, inside); flow != Flow::Next) return flow;
  const Value text = filter->apply(frame, frame.context.made(Value(inside.take(), frame.context.autoescape)));
  if (!text.isText()) throw cannot("a filter block's filter gives '" + typeName(text) + "', not text");
  out.write(frame.context, text.bytes());
  entrance_.leave(frame);
  return Flow::Next;
}

void FilterBlock::bind(const Scope& scope) {
  Symbols symbols(scope.symbols.function(), &scope.symbols);
  body.declare(symbols);
  filter->declare(symbols);
  const Scope inside = scope.inner(symbols);
  body.bind(inside);
  filter->bind(inside);
  entrance_ = symbols.entrance();
}

void FilterBlock::names(const NameVisitor& visit) const {
  body.names(visit);
  filter->names(visit);
}

Flow Autoescape::run(Frame& frame, Output& out) const {
  entrance_.enter(frame);
  const bool before = frame.context.autoescape;
  frame.context.autoescape = truthy((*value)(frame));
  const Flow flow = body.run(frame, out);
  frame.context.autoescape = before;
  entrance_.leave(frame);
  return flow;
}

void Autoescape::bind(const Scope& scope) {
  Symbols symbols(scope.symbols.function(), &scope.symbols);
  value->declare(symbols);
  body.declare(symbols);
  const Scope inside = scope.inner(symbols);
  value->bind(inside);
  body.bind(inside);
  entrance_ = symbols.entrance();
}

void Autoescape::names(const NameVisitor& visit) const {
  value->names(visit);
  body.names(visit);
}

void LoopControl::bind(const Scope& scope) {
  if (!scope.loop) throw SyntaxError(line, "break or continue outside a loop");
}

Flow Unavailable::run(Frame&, Output&) const {
  throw cannot("\"" + what + "\" needs another template, and a chat template has none");
}

void Unavailable::declare(Symbols& symbols) const {
  source->declare(symbols);
  for (const std::string& name : imported) symbols.store(name);
}

void Unavailable::bind(const Scope& scope) {
  if (what == "extends" && !scope.top) throw SyntaxError(line, "extends outside the top level");
  source->bind(scope);
}

void Unavailable::names(const NameVisitor& visit) const { source->names(visit); }

}  // namespace interleave::jinja
