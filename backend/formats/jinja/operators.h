// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "backend/formats/jinja/context.h"

/// Python's operators. Usage error for what they do not take, and for whole numbers beyond 64 bits.
namespace interleave::jinja {

using UnaryOperator = Value(const Value&);
using BinaryOperator = Value(Context&, const Value&, const Value&);
using Comparator = bool(Context&, const Value&, const Value&);

UnaryOperator negative, positive, logicalNot;
BinaryOperator add, subtract, multiply, divide, floorDivide, remainder, power;
Comparator isEqual, isUnequal, isLess, isLessOrEqual, isGreater, isGreaterOrEqual, isIn, isNotIn;

/// value.name, and value[key]: what the sandbox lets see. Undefined when it has none.
Value attributeOf(const Value& value, const std::string& name);
Value itemOf(const Value& value, const Value& key);
/// value[begin:end:step]; None or missing where one is not given.
Value sliceOf(Context& context, const Value& value, const Value& begin, const Value& end, const Value& step);

/// As Markup's methods do: escaped unless it is safe already.
Value escapedForHtml(const Value& value);

/// Python's round(number, digits).
double rounded(double number, std::int64_t digits);

std::int64_t checkedAdd(std::int64_t a, std::int64_t b);
std::int64_t wholeFrom(double number);  ///< Towards zero.

}  // namespace interleave::jinja
