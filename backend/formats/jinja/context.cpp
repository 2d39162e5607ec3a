// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/context.h"

#include "backend/formats/jinja/globals.h"

namespace interleave::jinja {
namespace {

constexpr std::int64_t kSteps = std::int64_t{1} << 23, kBytes = std::int64_t{1} << 30;
constexpr std::int64_t kPartBytes = 64;  // Of a value in a list, with what belongs to it.
constexpr int kLevels = 1200;

}  // namespace

Context::Context(const Value& variables) : variables_(variables) {}

Context::~Context() {
  for (const auto& keeper : keepers_) keeper->letGo();
}

void Context::step(std::int64_t count) {
  steps_ += count;
  if (steps_ > kSteps) throw tooMuch("it does not come to an end");
}

std::int64_t Context::weigh(const Value& value) const {
  if (!value.isFresh()) return 0;
  if (value.isText()) return kPartBytes + static_cast<std::int64_t>(value.bytes().size());
  std::int64_t bytes = kPartBytes;
  if (value.isSequence()) {
    for (const Value& item : value.items()) bytes += kPartBytes / 2 + weigh(item);
  } else {
    for (const auto& [key, item] : value.asDict().entries()) bytes += 2 * kPartBytes + weigh(key) + weigh(item);
  }
  return bytes;
}

Value Context::made(Value value) {
  const std::int64_t bytes = weigh(value);
  if (bytes == 0) return value;
  bytes_ += bytes;
  lookThrough(static_cast<std::size_t>(bytes));
  if (bytes_ > kBytes) throw tooMuch("its texts and lists grow without end");
  return value;
}

Value Context::variable(const std::string& name) const {
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    if (const auto found = layer->find(name); found != layer->end() && !found->second.isMissing()) return found->second;
  }
  if (const Value* const found = variables_.asDict().find(std::string_view(name))) return *found;
  return globalNamed(name);
}

Context::Level::Level(Context& context) : context_(context) {
  if (++context_.level_ > kLevels) {
    --context_.level_;
    throw tooMuch("it calls itself too deeply");
  }
  context_.step();
}

std::vector<Value> elementsOf(Context& context, const Value& value) {
  std::vector<Value> elements;
  const auto iterator = iterate(value);
  for (Value element; iterator->next(element);) {
    if (elements.size() == kParts) throw tooMuch("a list is too long");
    context.step();
    elements.push_back(std::move(element));
  }
  return elements;
}

}  // namespace interleave::jinja
