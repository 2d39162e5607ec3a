// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "backend/formats/chat_expression.h"

namespace interleave::chat {

/// The values of a call: positional ones, and an object of named ones; and the scope, where what it costs is counted.
struct Call {
  Scope& scope;
  std::vector<Value> positional = {};
  Value named = Value::object();
  const Value& at(std::size_t i) const;  ///< Usage error when there are fewer.
};

/// Jinja's functions, filters and tests, and the methods of Python's values, as far as chat templates use them. Usage
/// error, by name, for others, and for arguments they cannot take. BadInput for what costs too much.
Value callFunction(const std::string& name, const Call& call);
Value callMethod(const Value& self, const std::string& name, const Call& call);
Value applyFilter(const std::string& name, const Value& input, const Call& call);
bool applyTest(const std::string& name, const Value& input, const Call& call);

Value attributeOf(const Value& value, const Value& key);  ///< value.key and value[key]; undefined when it has none.
Value sliceOf(const Value& value, const Value& begin, const Value& end, const Value& step, Scope& scope);
bool contains(const Value& whole, const Value& part, Scope& scope);

}  // namespace interleave::chat
