// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "backend/formats/jinja/context.h"

/// Python's two ways to format: "%s" % x and "{}".format(x).
namespace interleave::jinja {

/// `format` % `arguments`. Of Markup, what is filled in is escaped.
Value formatPercent(Context& context, const Value& format, const Value& arguments);

/// format.format(*positional, **named); `named` is what names are looked up in.
Value formatBraces(Context& context, const Value& format, const Arguments& arguments);

/// format(value, spec).
std::string formatted(const Value& value, std::string_view spec);

/// `number`, finite, with so many digits behind the point.
std::string fixedText(double number, int digits);

}  // namespace interleave::jinja
