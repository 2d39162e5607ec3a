// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>

#include "backend/formats/jinja/context.h"

namespace interleave::jinja {

/// What every template can use: range, dict, cycler, joiner, namespace, raise_exception, strftime_now, lipsum. Missing
/// when there is no such thing.
Value globalNamed(const std::string& name);

bool isNamespace(const Value& value);
void setMember(const Value& owner, const std::string& name, const Value& value);  ///< Of a namespace; else usage error.

/// A function as a value. `depth` is that of the values that it holds.
Value function(std::string name, std::function<Value(Context&, Arguments)> run, int depth = 0);

}  // namespace interleave::jinja
