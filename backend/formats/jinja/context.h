// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/formats/jinja/value.h"

namespace interleave::jinja {

/// What can hold values that hold it again: namespaces, and the variables that macros see. The context lets go of what
/// they hold when the rendering ends, one after another, however they are linked.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual void letGo() = 0;
};

/// One rendering: the variables that everything sees, and what it may cost.
class Context {
 public:
  explicit Context(const Value& variables);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Ends what would not end: BadInput after very many steps.
  void step(std::int64_t count = 1);
  void lookThrough(std::size_t bytes) { step(1 + static_cast<std::int64_t>(bytes / kStepBytes)); }
  void lookThrough(const Value& value) { step(value.weight()); }
  /// `value`; ends what would grow without end. Counts what was made just now and nothing shares yet.
  Value made(Value value);

  Value variable(const std::string& name) const;  ///< Missing when there is none.
  void setVariable(const std::string& name, Value value) { layers_.front()[name] = std::move(value); }
  void pushVariables(std::map<std::string, Value> variables) { layers_.push_back(std::move(variables)); }
  void popVariables() { layers_.pop_back(); }
  void keep(std::shared_ptr<Keeper> keeper) { keepers_.push_back(std::move(keeper)); }

  bool autoescape = false;

  /// One level deeper for as long as it lives. BadInput when it is too deep.
  class Level {
   public:
    explicit Level(Context& context);
    ~Level() { --context_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Context& context_;
  };

 private:
  static constexpr std::size_t kStepBytes = 256;
  std::int64_t weigh(const Value& value) const;
  Value variables_;
  std::vector<std::map<std::string, Value>> layers_{1};  ///< What top-level assignments set, and scoped blocks see.
  std::vector<std::shared_ptr<Keeper>> keepers_;
  std::int64_t steps_ = 0, bytes_ = 0;
  int level_ = 0;
};

/// All elements. Counts them as steps. Usage error when it cannot be gone through.
std::vector<Value> elementsOf(Context& context, const Value& value);

}  // namespace interleave::jinja
