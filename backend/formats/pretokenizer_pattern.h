// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace interleave {

/// A regular expression in the dialect of tokenizer.json (Oniguruma's Ruby syntax over Unicode), or a literal.
/// Immutable; any thread may use it. Copies share the compiled program.
class Pattern {
 public:
  /// Where a pattern stands, for errors.
  struct Origin {
    std::string file, place;
  };

  /// std::invalid_argument, saying why, when the expression is malformed or uses what is not supported here.
  static Pattern regex(std::string_view expression, Origin origin = {});
  static Pattern literal(std::string_view text);

  /// Calls `part(begin, end, is_match)` for consecutive parts that cover `text` (valid UTF-8); nothing when it is
  /// empty. An empty match right after a match is skipped. BadInput, naming the origin, when one match, or all of
  /// them together, exceed their limits: text is never dropped.
  void parts(std::string_view text, const std::function<void(std::size_t, std::size_t, bool)>& part) const;

 private:
  struct Program;
  explicit Pattern(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace interleave
