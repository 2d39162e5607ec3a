// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backend/formats/jinja/value.h"

namespace interleave::chat {

using jinja::kTextBytes;
using jinja::Value;

/// A Jinja template, with the meaning that jinja2 3.1 gives it as `transformers` sets it up for chat templates: trimmed
/// blocks, loop controls, {% generation %}, tojson, raise_exception, strftime_now, and no mutable lists or mappings.
/// Immutable once made; any thread may render.
class Template {
 public:
  /// std::invalid_argument, with the line and the reason, when the source cannot be read.
  explicit Template(std::string_view source);
  ~Template();

  /// `variables` is a mapping: what the template sees beside Jinja's own globals. Usage error when the template raises
  /// an exception, with its reason, or needs what is not supported. BadInput when it does not end, or makes too much.
  std::string render(const Value& variables) const;

 private:
  class Implementation;
  std::unique_ptr<const Implementation> implementation_;
};

}  // namespace interleave::chat
