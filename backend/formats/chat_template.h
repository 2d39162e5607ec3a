// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/chat_expression.h"

namespace interleave::chat {

/// The part of the Jinja language that chat templates use, set as `transformers` sets it (trim_blocks, lstrip_blocks):
/// output, if, for, set, and skipped macro definitions. Immutable once made.
class Template {
 public:
  /// std::invalid_argument, with the line and the reason, when the source cannot be read.
  explicit Template(std::string_view source);

  /// Usage error when the template raises an exception, or needs what is not supported.
  std::string render(Value variables) const;

  enum class Flow { Next, Break, Continue };
  using Step = std::function<Flow(Scope&, std::string&)>;
  using Steps = std::vector<Step>;

 private:
  Steps steps_;
};

}  // namespace interleave::chat
