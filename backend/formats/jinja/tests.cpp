// SPDX-License-Identifier: GPL-3.0-or-later
// What may follow "is".
#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"

namespace interleave::jinja {
namespace {

template <Comparator* Compare>
Value compared(Call& call) {
  return Compare(call.context, call.self, call.at(0));
}

Value hasRest(Call& call, const Value& divisor, std::int64_t rest) {
  return equal(remainder(call.context, call.self, divisor), Value(rest));
}

template <const Library& (*Known)()>
Value isKnown(Call& call) {
  return call.self.isText() && Known().has(call.self.bytes());
}

/// islower() or isupper() of what is printed.
Value caseTest(Call& call, const char* method) {
  const Value text = call.context.made(Value(str(call.self)));
  return textMethods().call(method, call.context, text, {});
}

bool isSequenceLike(const Value& value) {
  if (!value.isObject()) return lengthOf(value).has_value();
  return value.asObject().typeName() == "range";
}

bool isCallable(const Value& value) { return value.isUndefined() || (value.isObject() && value.asObject().callable()); }

}  // namespace

const Library& tests() {
  static const Library library(
      "test", {{"odd", {[](Call& call) { return hasRest(call, 2, 1); }}},
               {"even", {[](Call& call) { return hasRest(call, 2, 0); }}},
               {"divisibleby", {[](Call& call) { return hasRest(call, call.at(0), 0); }, "num"}},
               {"defined", {[](Call& call) -> Value { return !call.self.isUndefined(); }}},
               {"undefined", {[](Call& call) -> Value { return call.self.isUndefined(); }}},
               {"filter", {isKnown<filters>}},
               {"test", {isKnown<tests>}},
               {"none", {[](Call& call) -> Value { return call.self.isNone(); }}},
               {"boolean", {[](Call& call) -> Value { return call.self.isBool(); }}},
               {"false", {[](Call& call) -> Value { return call.self.isBool() && !call.self.asBool(); }}},
               {"true", {[](Call& call) -> Value { return call.self.isBool() && call.self.asBool(); }}},
               {"integer", {[](Call& call) -> Value { return call.self.isInteger(); }}},
               {"float", {[](Call& call) -> Value { return call.self.isReal(); }}},
               {"lower", {[](Call& call) { return caseTest(call, "islower"); }}},
               {"upper", {[](Call& call) { return caseTest(call, "isupper"); }}},
               {"string", {[](Call& call) -> Value { return call.self.isText(); }}},
               {"mapping", {[](Call& call) -> Value { return call.self.isDict(); }}},
               {"number", {[](Call& call) -> Value { return call.self.isNumber(); }}},
               {"sequence", {[](Call& call) -> Value { return isSequenceLike(call.self); }}},
               {"iterable", {[](Call& call) -> Value { return isIterable(call.self); }}},
               {"callable", {[](Call& call) -> Value { return isCallable(call.self); }}},
               {"sameas", {[](Call& call) -> Value { return call.self.isSame(call.at(0)); }, "other"}},
               {"escaped", {[](Call& call) -> Value { return call.self.isMarkup(); }}},
               {"in", {compared<isIn>, "seq"}},
               {"==", {compared<isEqual>, "b /"}},
               {"eq", {compared<isEqual>, "b /"}},
               {"equalto", {compared<isEqual>, "b /"}},
               {"!=", {compared<isUnequal>, "b /"}},
               {"ne", {compared<isUnequal>, "b /"}},
               {">", {compared<isGreater>, "b /"}},
               {"gt", {compared<isGreater>, "b /"}},
               {"greaterthan", {compared<isGreater>, "b /"}},
               {">=", {compared<isGreaterOrEqual>, "b /"}},
               {"ge", {compared<isGreaterOrEqual>, "b /"}},
               {"<", {compared<isLess>, "b /"}},
               {"lt", {compared<isLess>, "b /"}},
               {"lessthan", {compared<isLess>, "b /"}},
               {"<=", {compared<isLessOrEqual>, "b /"}},
               {"le", {compared<isLessOrEqual>, "b /"}}});
  return library;
}

}  // namespace interleave::jinja
