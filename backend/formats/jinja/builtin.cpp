// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/builtin.h"

#include <algorithm>

#include "backend/formats/jinja/globals.h"

namespace interleave::jinja {
namespace {

class Generator : public Object {
 public:
  Generator(int depth, std::function<bool(Value&)> next) : Object(depth), next_(std::move(next)) {}
  std::string typeName() const override { return "generator"; }
  std::unique_ptr<Iterator> iterate() override {
    return std::make_unique<Reader>(std::static_pointer_cast<Generator>(shared_from_this()));
  }

 private:
  struct Reader : Iterator {
    explicit Reader(std::shared_ptr<Generator> its_from) : from(std::move(its_from)) {}
    bool next(Value& element) override {
      if (from->done_ || from->next_(element)) return !from->done_;
      from->done_ = true;
      return false;
    }
    std::shared_ptr<Generator> from;
  };
  std::function<bool(Value&)> next_;
  bool done_ = false;
};

class Range : public Object {
 public:
  Range(std::int64_t its_begin, std::int64_t its_end, std::int64_t its_step)
      : begin(its_begin), end(its_end), step(its_step) {
    const std::int64_t least = step > 0 ? begin : end, most = step > 0 ? end : begin;
    if (most <= least) return;
    const std::uint64_t span = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least);
    const std::uint64_t stride =
        step > 0 ? static_cast<std::uint64_t>(step) : std::uint64_t{0} - static_cast<std::uint64_t>(step);
    const std::uint64_t count = (span - 1) / stride + 1;
    if (count > 100'000) throw tooMuch("range() is too long");
    count_ = static_cast<std::int64_t>(count);
  }
  std::string typeName() const override { return "range"; }
  std::string repr() const override {
    return "range(" + std::to_string(begin) + ", " + std::to_string(end) +
           (step == 1 ? "" : ", " + std::to_string(step)) + ")";
  }
  std::optional<std::int64_t> length() override { return count_; }
  Value item(const Value& key) override {
    if (!key.isWhole()) return {};
    const std::int64_t index = key.asWhole() < 0 ? key.asWhole() + count_ : key.asWhole();
    return index < 0 || index >= count_ ? Value() : Value(begin + index * step);
  }
  Value attribute(const std::string& name) override {
    if (name == "count" || name == "index") return search(name);
    if (name == "start") return begin;
    if (name == "stop") return end;
    return name == "step" ? Value(step) : Value();
  }
  std::unique_ptr<Iterator> iterate() override {
    return std::make_unique<Reader>(std::static_pointer_cast<Range>(shared_from_this()));
  }
  bool equals(const Object& other) const override {
    const auto* const range = dynamic_cast<const Range*>(&other);
    return range != nullptr && count_ == range->count_ &&
           (count_ == 0 || (begin == range->begin && (count_ == 1 || step == range->step)));
  }

  const std::int64_t begin, end, step;

 private:
  struct Reader : Iterator {
    explicit Reader(std::shared_ptr<Range> its_range) : range(std::move(its_range)) {}
    bool next(Value& element) override {
      if (index >= range->count_) return false;
      element = range->begin + index++ * range->step;
      return true;
    }
    std::shared_ptr<Range> range;
    std::int64_t index = 0;
  };
  /// count() and index(), as functions.
  Value search(const std::string& name) {
    const Value self = shared_from_this();
    return function(name, [self, counts = name == "count"](Context& context, const Arguments& arguments) -> Value {
      if (arguments.positional.size() != 1) throw cannot("count() and index() of a range take one argument");
      const std::vector<Value> all = elementsOf(context, self);
      const auto is_it = [&](const Value& element) { return equal(element, arguments.positional[0]); };
      const auto found = std::find_if(all.begin(), all.end(), is_it);
      if (counts) return found != all.end() ? 1 : 0;
      if (found == all.end()) throw cannot("the value is not in the range");
      return found - all.begin();
    });
  }
  std::int64_t count_ = 0;
};

}  // namespace

std::int64_t Call::whole(std::size_t i, std::int64_t fallback) const {
  if (!has(i)) return fallback;
  if (given[i].isUndefined()) failUndefined(given[i]);
  if (!given[i].isWhole()) throw cannot("'" + typeName(given[i]) + "' object cannot be interpreted as an integer");
  return given[i].asWhole();
}

const std::string& Call::text(std::size_t i) const {
  if (!has(i) || !given[i].isText()) throw cannot("a text is wanted, not '" + typeName(given[i]) + "'");
  return given[i].bytes();
}

Library::Library(std::string_view kind, Entries entries) : kind_(kind) {
  for (const auto& [name, builtin] : entries) {
    Entry entry{builtin.run, {}};
    std::string_view rest = builtin.parameters;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      std::string_view parameter = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (parameter == "*" || parameter == "/") {
        (parameter == "*" ? entry.any : entry.named) = parameter == "*";
        continue;
      }
      const bool optional = parameter.ends_with('?');
      if (optional) parameter.remove_suffix(1);
      entry.parameters.push_back(parameter);
      if (!optional) entry.required = entry.parameters.size();
    }
    entries_.emplace(name, std::move(entry));
  }
}

Value Library::call(std::string_view name, Context& context, const Value& self, Arguments arguments) const {
  const auto found = entries_.find(name);
  const auto called = [&] { return "the " + std::string(kind_) + " '" + std::string(name) + "'"; };
  if (found == entries_.end()) throw cannot("there is no " + called().substr(4));
  const Entry& entry = found->second;
  Call call{context, self};
  for (const Value& argument : arguments.positional) {
    if (argument.isText()) context.lookThrough(16 * argument.bytes().size());
  }
  for (const auto& [key, argument] : arguments.named) {
    if (argument.isText()) context.lookThrough(16 * argument.bytes().size());
  }
  if (entry.any) {
    call.all = std::move(arguments);
  } else {
    if (arguments.positional.size() > entry.parameters.size()) throw cannot(called() + " is given too many arguments");
    call.given = std::move(arguments.positional);
    call.given.resize(entry.parameters.size());
    for (auto& [key, value] : arguments.named) {
      const auto place = std::find(entry.parameters.begin(), entry.parameters.end(), key);
      if (place == entry.parameters.end() || !entry.named) throw cannot(called() + " takes no argument '" + key + "'");
      Value& parameter = call.given[static_cast<std::size_t>(place - entry.parameters.begin())];
      if (!parameter.isMissing()) throw cannot(called() + " is given '" + key + "' twice");
      parameter = std::move(value);
    }
    for (std::size_t i = 0; i < entry.required; ++i) {
      if (call.given[i].isMissing())
        throw cannot(called() + " lacks its argument '" + std::string(entry.parameters[i]) + "'");
    }
  }
  if (self.isText()) context.lookThrough(4 * self.bytes().size());
  return context.made(entry.run(call));
}

Value generator(int depth, std::function<bool(Value&)> next) {
  return std::shared_ptr<Object>(std::make_shared<Generator>(depth + 1, std::move(next)));
}

std::function<bool(Value&)> stepsThrough(const Value& value) {
  return [iterator = std::shared_ptr<Iterator>(iterate(value))](Value& element) { return iterator->next(element); };
}

Value makeRange(std::int64_t begin, std::int64_t end, std::int64_t step) {
  return std::shared_ptr<Object>(std::make_shared<Range>(begin, end, step));
}

Value sliceOfRange(const Value& range, std::int64_t first, std::int64_t last, std::int64_t stride) {
  const auto* const whole = range.objectAs<Range>();
  if (whole == nullptr) throw cannot("'" + typeName(range) + "' cannot be sliced");
  return makeRange(whole->begin + first * whole->step, whole->begin + last * whole->step, whole->step * stride);
}

}  // namespace interleave::jinja
