// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/globals.h"
#include "backend/formats/jinja/lexer.h"
#include "backend/formats/jinja/statements.h"

namespace interleave::jinja {
namespace {

/// `loop`: goes through the elements, and tells where it is. Looks ahead no further than it is asked to.
class Loop : public Object {
 public:
  using Recursion = std::function<Value(Context&, const Value& list)>;
  Loop(Value elements, std::int64_t depth0, Recursion recursion)
      : Object(elements.depth() + 1),
        elements_(std::move(elements)),
        iterator_(jinja::iterate(elements_)),
        depth0_(depth0),
        recursion_(std::move(recursion)) {}

  bool next(Value& element) {
    if (!hasNext()) return false;
    before_ = std::move(current_);
    current_ = element = std::exchange(after_, Value());
    ++index0_;
    return true;
  }

  std::string typeName() const override { return "LoopContext"; }
  std::string repr() const override {
    return "<LoopContext " + std::to_string(index0_ + 1) + "/" + std::to_string(count()) + ">";
  }
  std::optional<std::int64_t> length() override { return count(); }
  bool callable() const override { return true; }

  Value call(Context& context, Arguments&& arguments) override {
    if (!recursion_) throw cannot("the loop must have the 'recursive' marker to be called recursively");
    if (arguments.positional.empty()) {
      if (Value named = arguments.take("iterable"); !named.isMissing())
        arguments.positional.push_back(std::move(named));
    }
    if (arguments.positional.size() != 1 || !arguments.named.empty()) throw cannot("loop() takes one argument");
    return recursion_(context, arguments.positional[0]);
  }

  Value attribute(const std::string& name) override {
    static const std::map<std::string, Value (*)(Loop&)> kAttributes = {
        {"index", [](Loop& l) -> Value { return l.index0_ + 1; }},
        {"index0", [](Loop& l) -> Value { return l.index0_; }},
        {"revindex", [](Loop& l) -> Value { return l.count() - l.index0_; }},
        {"revindex0", [](Loop& l) -> Value { return l.count() - l.index0_ - 1; }},
        {"first", [](Loop& l) -> Value { return l.index0_ == 0; }},
        {"last", [](Loop& l) -> Value { return !l.hasNext(); }},
        {"length", [](Loop& l) -> Value { return l.count(); }},
        {"depth", [](Loop& l) -> Value { return l.depth0_ + 1; }},
        {"depth0", [](Loop& l) -> Value { return l.depth0_; }},
        {"previtem", [](Loop& l) { return l.index0_ == 0 ? none("previous") : l.before_; }},
        {"nextitem", [](Loop& l) { return l.hasNext() ? l.after_ : none("next"); }},
        {"cycle", [](Loop& l) { return l.method("cycle", &Loop::cycle); }},
        {"changed", [](Loop& l) { return l.method("changed", &Loop::changed); }},
    };
    const auto found = kAttributes.find(name);
    return found == kAttributes.end() ? Value() : found->second(*this);
  }

 private:
  static Value none(const char* which) {
    return Undefined{.what = std::string("there is no ") + which + " item", .owner = {}, .whole = true};
  }

  bool hasNext() {
    Value ahead;
    if (after_.isMissing() && iterator_->next(ahead)) after_ = std::move(ahead);
    return !after_.isMissing();
  }

  /// How many there are. What has no length is gone through for it.
  std::int64_t count() const {
    if (length_) return *length_;
    length_ = lengthOf(elements_);
    if (length_) return *length_;
    std::vector<Value> rest;
    for (Value element; iterator_->next(element);) {
      if (rest.size() == kParts) throw tooMuch("a loop is too long");
      rest.push_back(std::move(element));
    }
    length_ = static_cast<std::int64_t>(rest.size()) + index0_ + 1 + (after_.isMissing() ? 0 : 1);
    iterator_ = jinja::iterate(Value::list(std::move(rest)));
    return *length_;
  }

  Value method(const char* name, Value (Loop::*run)(Context&, const Arguments&)) {
    auto self = std::static_pointer_cast<Loop>(shared_from_this());
    return function(
        name, [self, run](Context& context, const Arguments& arguments) { return ((*self).*run)(context, arguments); },
        depth());
  }

  Value cycle(Context&, const Arguments& arguments) {
    if (arguments.positional.empty()) throw cannot("no items for cycling given");
    return arguments.positional[static_cast<std::size_t>(index0_) % arguments.positional.size()];
  }

  Value changed(Context& context, const Arguments& arguments) {
    Value values = Value::tuple(arguments.positional);
    context.lookThrough(values);
    if (!last_changed_.isMissing() && equal(last_changed_, values)) return false;
    last_changed_ = std::move(values);
    return true;
  }

  Value elements_;
  mutable std::unique_ptr<Iterator> iterator_;
  mutable std::optional<std::int64_t> length_;
  std::int64_t index0_ = -1, depth0_;
  Value after_, current_, before_, last_changed_;
  Recursion recursion_;
};

}  // namespace

void For::bind(const Scope& scope) {
  const NameVisitor check = [&](const std::string& name, Use use) {
    if (use == Use::Store && name == "loop")
      throw SyntaxError(line, "the special name \"loop\" cannot be assigned to in a loop");
  };
  names(check);
  elements->bind(scope);
  tested = target;
  function_ = {scope.symbols.function().depth + 1, 0};
  Function& own = recursive ? function_ : scope.symbols.function();
  Symbols inside(own, &scope.symbols), testing(own, &scope.symbols), without(own, &scope.symbols);
  has_loop_ = recursive || has_scoped_block ||
              !undeclared({"loop"}, [&](const NameVisitor& visit) { body.names(visit); }).empty();
  if (has_loop_) loop_ = inside.parameter("loop");
  target.declare(inside, Use::Parameter);
  body.declare(inside);
  otherwise.declare(without);
  Scope body_scope = scope.inner(inside);
  body_scope.loop = true;
  target.bind(body_scope);
  body.bind(body_scope);
  if (condition) {
    tested.declare(testing, Use::Parameter);
    condition->declare(testing);
    const Scope test_scope = scope.inner(testing);
    tested.bind(test_scope);
    condition->bind(test_scope);
  }
  Scope else_scope = scope.inner(without);
  else_scope.loop = scope.loop && !recursive;
  otherwise.bind(else_scope);
  body_entrance_ = inside.entrance();
  test_entrance_ = testing.entrance();
  else_entrance_ = without.entrance();
}

void For::names(const NameVisitor& visit) const {
  target.names(visit, Use::Store);
  elements->names(visit);
  body.names(visit);
  otherwise.names(visit);
  if (condition) condition->names(visit);
}

Value For::chosen(const Frame& frame, const Value& list) const {
  const auto own = std::make_shared<Frame>(frame);
  test_entrance_.enter(*own);
  return generator(list.depth(), [this, own, next = stepsThrough(list)](Value& result) {
    for (Value element; next(element);) {
      own->context.step();
      tested.assign(*own, element);
      if (!truthy((*condition)(*own))) continue;
      result = tested.gathered(*own);
      return true;
    }
    return false;
  });
}

Flow For::run(Frame& frame, Output& out) const {
  const Value list = (*elements)(frame);
  if (!recursive) return go(frame, list, 0, out);
  out.write(frame.context, recurse(frame.context, frame.activation, list, 0).bytes());
  return Flow::Next;
}

Value For::recurse(Context& context, const std::shared_ptr<Activation>& outer, const Value& list, int depth) const {
  context.step(function_.slots);
  Frame frame{context, std::make_shared<Activation>(function_.slots, outer)};
  Output out;
  go(frame, list, depth, out);
  return context.made(Value(out.take(), context.autoescape));
}

Flow For::go(Frame& frame, const Value& list, int depth, Output& out) const {
  const Value elements_left = condition ? chosen(frame, list) : list;
  Loop::Recursion recursion;
  if (recursive) {
    recursion = [this, outer = frame.activation->outer, depth](Context& context, const Value& inner) {
      return recurse(context, outer, inner, depth + 1);
    };
  }
  std::shared_ptr<Loop> loop;
  std::unique_ptr<Iterator> iterator;
  if (has_loop_) {
    loop = std::make_shared<Loop>(elements_left, depth, std::move(recursion));
  } else {
    iterator = iterate(elements_left);
  }
  bool completed = false;
  for (Value element; loop ? loop->next(element) : iterator->next(element);) {
    frame.context.step();
    target.assign(frame, element);
    if (loop) frame.at(loop_) = Value(std::shared_ptr<Object>(loop));
    body_entrance_.enter(frame);
    const Flow flow = body.run(frame, out);
    completed = completed || flow == Flow::Next;
    if (flow == Flow::Break) break;
  }
  body_entrance_.leave(frame);
  if (completed) return Flow::Next;
  // As in Jinja, a loop that no round of which came to its end counts as empty.
  else_entrance_.enter(frame);
  const Flow flow = otherwise.run(frame, out);
  else_entrance_.leave(frame);
  return flow;
}

}  // namespace interleave::jinja
