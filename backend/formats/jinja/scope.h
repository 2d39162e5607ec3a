// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backend/formats/jinja/context.h"

/// Which variable a name means. As Jinja does, this is settled before anything runs: each loop, macro or block has
/// variables of its own for the names that it assigns, which begin as those outside are.
namespace interleave::jinja {

/// The variables of one run of the template, a macro, a recursive loop or a block; missing ones are the empty Value.
struct Activation : Keeper {
  Activation(int count, std::shared_ptr<Activation> outer_one)
      : slots(static_cast<std::size_t>(count)), outer(std::move(outer_one)) {}
  void letGo() override { slots.clear(); }
  std::vector<Value> slots;
  std::shared_ptr<Activation> outer;
  bool kept = false;  ///< A macro sees it: the context lets go of it.
};

/// Where a variable is found at run time: in the activation so many functions further out.
struct Slot {
  int hops = 0, index = -1;
};

/// What runs.
struct Frame {
  Context& context;
  std::shared_ptr<Activation> activation;
  Value& at(const Slot& slot) const;
};

/// What runs with an activation of its own, while it is read.
struct Function {
  int depth = 0, slots = 0;
};

struct Place {
  int function = 0, index = 0;
};

/// What happens to a scope's variables when it is entered and left.
class Entrance {
 public:
  enum class Kind { Parameter, Resolve, Alias, Undefined };
  struct Load {
    Kind kind;
    int index;
    std::string name;  ///< To resolve.
    Slot source;       ///< To begin as.
  };
  std::vector<Load> loads;
  void enter(Frame& frame) const;
  void leave(Frame& frame) const;
};

/// The names of one scope.
class Symbols {
 public:
  Symbols(Function& function, const Symbols* parent)
      : function_(&function), parent_(parent), own_(std::make_shared<std::map<std::string, int>>()) {}

  void load(const std::string& name);
  void store(const std::string& name);
  Slot parameter(const std::string& name);
  void merge(std::span<const Symbols> branches);  ///< What the branches of an if, copies of these symbols, did.

  std::optional<Place> find(const std::string& name) const;
  Entrance entrance() const;
  std::set<std::string> stored() const;  ///< All names assigned here and outside.
  Function& function() const { return *function_; }

 private:
  struct Load {
    Entrance::Kind kind;
    std::string name;
    Place source;
  };
  Place define(const std::string& name, Load load);

  Function* function_;
  const Symbols* parent_;
  std::shared_ptr<std::map<std::string, int>> own_;  ///< Slots by name; branches share them.
  std::map<std::string, Place> refs_;
  std::map<int, Load> loads_;
  std::set<std::string> stores_;
};

struct Block;

/// Where a statement stands, when its names are settled.
struct Scope {
  Symbols& symbols;
  std::map<std::string, Block*>& blocks;
  bool top = false;   ///< Assignments are seen by everything.
  bool soft = false;  ///< In an if: filters and tests may be unknown until they are used.
  bool loop = false;  ///< break and continue mean something.

  Scope inner(Symbols& inside) const { return {inside, blocks, false, false, loop}; }
  Slot slotOf(const std::string& name, std::size_t line) const;  ///< SyntaxError when it is unknown.
};

enum class Use { Load, Store, Parameter };
using NameVisitor = std::function<void(const std::string& name, Use use)>;

/// Those of `names` that are used before they are assigned by what `visit` goes through.
std::set<std::string> undeclared(std::set<std::string> names, const std::function<void(const NameVisitor&)>& visit);

}  // namespace interleave::jinja
