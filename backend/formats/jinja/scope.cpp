// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/scope.h"

#include "backend/formats/jinja/lexer.h"

namespace interleave::jinja {
namespace {

constexpr int kVariables = 4096;

}  // namespace

Value& Frame::at(const Slot& slot) const {
  Activation* from = activation.get();
  for (int hop = 0; hop < slot.hops; ++hop) from = from->outer.get();
  return from->slots[static_cast<std::size_t>(slot.index)];
}

void Entrance::enter(Frame& frame) const {
  frame.context.step(static_cast<std::int64_t>(loads.size()));
  for (const Load& load : loads) {
    if (load.kind == Kind::Parameter) continue;
    Value value;
    if (load.kind == Kind::Resolve) value = frame.context.variable(load.name);
    if (load.kind == Kind::Alias) value = frame.at(load.source);
    frame.at({0, load.index}) = std::move(value);
  }
}

void Entrance::leave(Frame& frame) const {
  for (const Load& load : loads) frame.at({0, load.index}) = Value();
}

Place Symbols::define(const std::string& name, Load load) {
  const auto [own, is_new] = own_->emplace(name, function_->slots);
  if (is_new && ++function_->slots > kVariables) throw SyntaxError(1, "it has too many variables");
  const Place place{function_->depth, own->second};
  refs_[name] = place;
  loads_[place.index] = std::move(load);
  return place;
}

void Symbols::load(const std::string& name) {
  if (!find(name)) define(name, {Entrance::Kind::Resolve, name, {}});
}

void Symbols::store(const std::string& name) {
  stores_.insert(name);
  if (refs_.contains(name)) return;
  const auto outer = parent_ != nullptr ? parent_->find(name) : std::nullopt;
  define(name, outer ? Load{Entrance::Kind::Alias, {}, *outer} : Load{Entrance::Kind::Undefined, {}, {}});
}

Slot Symbols::parameter(const std::string& name) {
  stores_.insert(name);
  return {0, define(name, {Entrance::Kind::Parameter, {}, {}}).index};
}

void Symbols::merge(std::span<const Symbols> branches) {
  std::set<std::string> stores;
  for (const Symbols& branch : branches) stores.insert(branch.stores_.begin(), branch.stores_.end());
  for (const std::string& name : stores_) stores.erase(name);
  for (const Symbols& branch : branches) {
    for (const auto& [name, place] : branch.refs_) refs_[name] = place;
    for (const auto& [index, load] : branch.loads_) loads_[index] = load;
    stores_.insert(branch.stores_.begin(), branch.stores_.end());
  }
  for (const std::string& name : stores) {
    const auto outer = parent_ != nullptr ? parent_->find(name) : std::nullopt;
    loads_[refs_.at(name).index] =
        outer ? Load{Entrance::Kind::Alias, {}, *outer} : Load{Entrance::Kind::Resolve, name, {}};
  }
}

std::optional<Place> Symbols::find(const std::string& name) const {
  for (const Symbols* scope = this; scope != nullptr; scope = scope->parent_) {
    if (const auto found = scope->refs_.find(name); found != scope->refs_.end()) return found->second;
  }
  return std::nullopt;
}

Slot Scope::slotOf(const std::string& name, std::size_t line) const {
  const auto place = symbols.find(name);
  if (!place) throw SyntaxError(line, "the name \"" + name + "\" is not known where it is used");
  return {symbols.function().depth - place->function, place->index};
}

Entrance Symbols::entrance() const {
  Entrance entrance;
  for (const auto& [index, load] : loads_) {
    const Slot source{function_->depth - load.source.function, load.source.index};
    entrance.loads.push_back({load.kind, index, load.name, source});
  }
  return entrance;
}

std::set<std::string> Symbols::stored() const {
  std::set<std::string> names;
  for (const Symbols* scope = this; scope != nullptr; scope = scope->parent_) {
    names.insert(scope->stores_.begin(), scope->stores_.end());
  }
  return names;
}

std::set<std::string> undeclared(std::set<std::string> names, const std::function<void(const NameVisitor&)>& visit) {
  std::set<std::string> found;
  visit([&](const std::string& name, Use use) {
    if (!names.contains(name)) return;
    use == Use::Load ? (void)found.insert(name) : (void)names.erase(name);
  });
  return found;
}

}  // namespace interleave::jinja
