// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/expressions.h"

#include <algorithm>

#include "backend/formats/jinja/lexer.h"
#include "backend/formats/jinja/print.h"

namespace interleave::jinja {
namespace {

void eachOf(const std::vector<ExpressionPtr>& parts, const Expression::Visitor& visit) {
  for (const ExpressionPtr& part : parts) visit(*part);
}

std::vector<Value> valuesOf(const std::vector<ExpressionPtr>& parts, Frame& frame) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const ExpressionPtr& part : parts) values.push_back((*part)(frame));
  return values;
}

}  // namespace

void Expression::declare(Symbols& symbols) const {
  eachPart([&](Expression& part) { part.declare(symbols); });
}

void Expression::bind(const Scope& scope) {
  eachPart([&](Expression& part) { part.bind(scope); });
}

void Expression::names(const NameVisitor& visit) const {
  eachPart([&](Expression& part) { part.names(visit); });
}

int Expression::nesting() const {
  if (nesting_ == 0) {
    int parts = 0;
    eachPart([&](Expression& part) { parts = std::max(parts, part.nesting()); });
    nesting_ = parts + 1;
  }
  return nesting_;
}

void Name::bind(const Scope& scope) { slot = scope.slotOf(name, line); }

Value Name::evaluate(Frame& frame) const {
  const Value& value = frame.at(slot);
  return value.isMissing() ? Value(Undefined{.what = name, .owner = {}}) : value;
}

void SequenceLiteral::eachPart(const Visitor& visit) const { eachOf(items, visit); }

Value SequenceLiteral::evaluate(Frame& frame) const {
  return frame.context.made(Value::sequence(valuesOf(items, frame), kind));
}

void DictLiteral::eachPart(const Visitor& visit) const {
  for (const auto& [key, value] : entries) {
    visit(*key);
    visit(*value);
  }
}

Value DictLiteral::evaluate(Frame& frame) const {
  Dict dict;
  for (const auto& [key, value] : entries) {
    Value name = (*key)(frame);
    frame.context.lookThrough(name);
    dict.set(std::move(name), (*value)(frame));
  }
  return frame.context.made(std::move(dict));
}

void Conditional::bind(const Scope& scope) {
  Scope soft = scope;
  soft.soft = true;
  Expression::bind(soft);
}

void Conditional::eachPart(const Visitor& visit) const {
  visit(*test);
  visit(*then);
  if (otherwise) visit(*otherwise);
}

Value Conditional::evaluate(Frame& frame) const {
  if (truthy((*test)(frame))) return (*then)(frame);
  if (otherwise) return (*otherwise)(frame);
  return Undefined{.what = "an inline if on line " + std::to_string(line) + " has no else and its condition is false",
                   .owner = {},
                   .whole = true};
}

void Binary::eachPart(const Visitor& visit) const {
  visit(*left);
  visit(*right);
}

Value Binary::evaluate(Frame& frame) const {
  const Value a = (*left)(frame), b = (*right)(frame);
  return frame.context.made(operation(frame.context, a, b));
}

void Junction::eachPart(const Visitor& visit) const {
  visit(*left);
  visit(*right);
}

Value Junction::evaluate(Frame& frame) const {
  Value value = (*left)(frame);
  return truthy(value) == settled_by ? value : (*right)(frame);
}

void Comparison::eachPart(const Visitor& visit) const {
  visit(*first);
  for (const auto& [comparator, operand] : rest) visit(*operand);
}

Value Comparison::evaluate(Frame& frame) const {
  Value left = (*first)(frame);
  for (const auto& [comparator, operand] : rest) {
    Value right = (*operand)(frame);
    if (!comparator(frame.context, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

void Concatenation::eachPart(const Visitor& visit) const { eachOf(parts, visit); }

Value Concatenation::evaluate(Frame& frame) const {
  const std::vector<Value> values = valuesOf(parts, frame);
  const bool markup = frame.context.autoescape &&
                      std::any_of(values.begin(), values.end(), [](const Value& v) { return v.isMarkup(); });
  std::string text;
  for (const Value& value : values) {
    text += markup ? escapedForHtml(value).bytes() : str(value);
    if (text.size() > kTextBytes) throw tooMuch("it makes a text that is too long");
  }
  return frame.context.made(Value(std::move(text), markup));
}

Value Attribute::evaluate(Frame& frame) const { return attributeOf((*owner)(frame), name); }

void Item::eachPart(const Visitor& visit) const {
  visit(*owner);
  visit(*key);
}

Value Item::evaluate(Frame& frame) const {
  const Value value = (*owner)(frame), name = (*key)(frame);
  if (value.isText() && !value.asText().ascii()) frame.context.lookThrough(value.bytes().size());
  frame.context.lookThrough(name);
  return itemOf(value, name);
}

void Slice::eachPart(const Visitor& visit) const {
  visit(*owner);
  for (const ExpressionPtr* part : {&begin, &end, &step}) {
    if (*part) visit(**part);
  }
}

Value Slice::evaluate(Frame& frame) const {
  const auto given = [&](const ExpressionPtr& part) { return part ? (*part)(frame) : Value(); };
  const Value value = (*owner)(frame), from = given(begin), to = given(end), stride = given(step);
  return frame.context.made(sliceOf(frame.context, value, from, to, stride));
}

void ArgumentList::eachPart(const Expression::Visitor& visit) const {
  eachOf(positional, visit);
  for (const auto& [name, value] : named) visit(*value);
  if (more_positional) visit(*more_positional);
  if (more_named) visit(*more_named);
}

Arguments ArgumentList::evaluate(Frame& frame) const {
  Arguments arguments;
  arguments.positional = valuesOf(positional, frame);
  for (const auto& [name, value] : named) arguments.named.emplace_back(name, (*value)(frame));
  if (more_positional) {
    for (Value& value : elementsOf(frame.context, (*more_positional)(frame))) {
      arguments.positional.push_back(std::move(value));
    }
  }
  if (!more_named) return arguments;
  const Value more = (*more_named)(frame);
  if (more.isUndefined()) failUndefined(more);
  if (!more.isDict()) throw cannot("argument after ** must be a mapping, not " + typeName(more));
  for (const auto& [name, value] : more.asDict().entries()) {
    if (!name.isText()) throw cannot("keywords must be strings");
    frame.context.step();
    const auto& keyword = name.bytes();
    const auto same = [&](const auto& argument) { return argument.first == keyword; };
    if (std::any_of(arguments.named.begin(), arguments.named.end(), same))
      throw cannot("the argument '" + keyword + "' is given twice");
    arguments.named.emplace_back(keyword, value);
    if (arguments.named.size() > 1000) throw tooMuch("a call has too many arguments");
  }
  return arguments;
}

void CallExpression::eachPart(const Visitor& visit) const {
  visit(*callee);
  arguments.eachPart(visit);
}

Value CallExpression::call(Frame& frame, Value caller) const {
  const Value function = (*callee)(frame);
  Arguments given = arguments.evaluate(frame);
  if (!caller.isMissing()) given.named.emplace_back("caller", std::move(caller));
  if (function.isUndefined()) failUndefined(function);
  if (!function.isObject()) throw cannot("'" + typeName(function) + "' object is not callable");
  return function.asObject().call(frame.context, std::move(given));
}

void Application::bind(const Scope& scope) {
  if (!scope.soft && !library.has(name)) {
    throw SyntaxError(line, "there is no " + std::string(library.kind()) + " '" + name + "'");
  }
  Expression::bind(scope);
}

void Application::eachPart(const Visitor& visit) const {
  if (input) visit(*input);
  arguments.eachPart(visit);
}

Value Application::evaluate(Frame& frame) const { return applied(frame, (*input)(frame)); }

Value Application::apply(Frame& frame, const Value& text) const {
  if (!input) return applied(frame, text);
  return applied(frame, static_cast<const Application&>(*input).apply(frame, text));
}

Value Application::applied(Frame& frame, const Value& value) const {
  return library.call(name, frame.context, value, arguments.evaluate(frame));
}

}  // namespace interleave::jinja
