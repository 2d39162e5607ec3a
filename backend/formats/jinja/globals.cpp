// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/globals.h"

#include <locale.h>

#include <array>
#include <ctime>

#include "backend/formats/jinja/builtin.h"
#include "backend/formats/jinja/print.h"
#include "backend/formats/jinja/text_functions.h"

namespace interleave::jinja {
namespace {

using Run = std::function<Value(Context&, Arguments)>;

class NativeFunction : public Object {
 public:
  NativeFunction(std::string name, Run run, int depth) : Object(depth), name_(std::move(name)), run_(std::move(run)) {}
  std::string typeName() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(Context& context, Arguments&& arguments) override {
    context.step();
    return context.made(run_(context, std::move(arguments)));
  }

 private:
  std::string name_;
  Run run_;
};

/// dict(): of a mapping or of pairs, and of named arguments.
Dict makeDict(Context& context, Arguments arguments) {
  if (arguments.positional.size() > 1) throw cannot("dict expected at most 1 argument");
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    if (from.isDict()) {
      context.step(static_cast<std::int64_t>(from.asDict().size()));
      dict = from.asDict();
    } else {
      for (const Value& pair : elementsOf(context, from)) {
        std::vector<Value> parts = elementsOf(context, pair);
        if (parts.size() != 2) throw cannot("dict() wants pairs");
        context.lookThrough(parts[0]);
        dict.set(std::move(parts[0]), std::move(parts[1]));
      }
    }
  }
  for (auto& [name, value] : arguments.named) dict.set(name, std::move(value));
  return dict;
}

class DictFunction : public NativeFunction {
 public:
  DictFunction() : NativeFunction("dict", makeDict, 0) {}
  Value attribute(const std::string& name) override {
    return name == "fromkeys" ? methodOf(Value(Dict()), name) : Value();
  }
};

class Namespace : public Object, public Keeper {
 public:
  explicit Namespace(Dict members) : members_(std::move(members)) {}
  std::string typeName() const override { return "Namespace"; }
  std::string repr() const override {
    if (printing_) return "<Namespace {...}>";
    printing_ = true;
    const std::shared_ptr<void> done(nullptr, [this](void*) { printing_ = false; });
    return "<Namespace " + jinja::repr(Value(members_)) + ">";
  }
  Value attribute(const std::string& name) override {
    const Value* const found = members_.find(std::string_view(name));
    return found != nullptr ? *found : Value();
  }
  void letGo() override { members_.clear(); }

  void set(const std::string& name, const Value& value) { members_.set(checked(name), value); }
  static const std::string& checked(const std::string& name) {
    if (name.starts_with('_'))
      throw cannot("a namespace cannot have the attribute '" + name + "', which begins with an underscore");
    return name;
  }

 private:
  Dict members_;
  mutable bool printing_ = false;
};

Value makeNamespace(Context& context, Arguments arguments) {
  Dict members = makeDict(context, std::move(arguments));
  for (const auto& [name, value] : members.entries()) {
    if (name.isText()) Namespace::checked(name.bytes());
  }
  auto space = std::make_shared<Namespace>(std::move(members));
  context.keep(space);
  return std::shared_ptr<Object>(std::move(space));
}

class Cycler : public Object {
 public:
  explicit Cycler(Value items) : Object(items.depth() + 1), items_(std::move(items)) {}
  std::string typeName() const override { return "Cycler"; }
  Value attribute(const std::string& name) override {
    if (name == "items") return items_;
    if (name == "pos") return place_;
    if (name == "current") return items_.items()[place_];
    if (name != "next" && name != "reset") return {};
    auto self = std::static_pointer_cast<Cycler>(shared_from_this());
    return function(
        name,
        [self, goes_on = name == "next"](Context&, const Arguments&) -> Value {
          const std::size_t now = self->place_;
          self->place_ = goes_on ? (now + 1) % self->items_.items().size() : 0;
          return goes_on ? self->items_.items()[now] : Value(nullptr);
        },
        depth());
  }

 private:
  Value items_;
  std::size_t place_ = 0;
};

Value makeCycler(Context&, Arguments arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) throw cannot("cycler() wants at least one item");
  return std::shared_ptr<Object>(std::make_shared<Cycler>(Value::tuple(std::move(arguments.positional))));
}

class Joiner : public Object {
 public:
  explicit Joiner(Value between) : Object(between.depth() + 1), between_(std::move(between)) {}
  std::string typeName() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value attribute(const std::string& name) override {
    if (name == "sep") return between_;
    return name == "used" ? Value(used_) : Value();
  }
  Value call(Context&, Arguments&&) override { return std::exchange(used_, true) ? between_ : Value(""); }

 private:
  Value between_;
  bool used_ = false;
};

Value makeJoiner(Context&, Arguments arguments) {
  Value between = arguments.take("sep");
  if (arguments.positional.size() > 1 || !arguments.named.empty()) throw cannot("joiner() takes one argument");
  if (between.isMissing()) between = arguments.positional.empty() ? Value(", ") : arguments.positional[0];
  return std::shared_ptr<Object>(std::make_shared<Joiner>(std::move(between)));
}

Value range(Context&, Arguments arguments) {
  std::array<std::int64_t, 3> numbers = {0, 0, 1};
  const std::size_t count = arguments.positional.size();
  if (count < 1 || count > 3 || !arguments.named.empty()) throw cannot("range() takes 1 to 3 arguments");
  for (std::size_t i = 0; i < count; ++i) {
    const Value& number = arguments.positional[i];
    if (!number.isWhole()) throw cannot("'" + typeName(number) + "' object cannot be interpreted as an integer");
    numbers[count == 1 ? 1 : i] = number.asWhole();
  }
  if (numbers[2] == 0) throw cannot("range() arg 3 must not be zero");
  return makeRange(numbers[0], numbers[1], numbers[2]);
}

/// One directive of strftime, of the day that every run has. In plain English: the language that a window speaks must
/// not show in a prompt.
std::string dated(const std::string& directive) {
  static const locale_t kPlain = newlocale(LC_ALL_MASK, "C", locale_t{});
  switch (directive.back()) {
    case 'f':
      return "000000";
    case 's':
      return "1721952000";
    case 'z':
    case 'Z':
      return "";  // The day has no time zone, as Python's has none.
    default:
      break;
  }
  std::tm day{};
  day.tm_year = 2024 - 1900;
  day.tm_mon = 6;
  day.tm_mday = 26;
  day.tm_wday = 5;    // A Friday,
  day.tm_yday = 207;  // after so many days.
  std::array<char, 300> buffer{};
  const std::size_t size = strftime_l(buffer.data(), buffer.size(), ("x" + directive).c_str(), &day, kPlain);
  if (size == 0) throw tooMuch("a date is too long");
  return {buffer.data() + 1, size - 1};
}

/// 26 July 2024, always: equal specs give equal runs, and the prompts of a run are written through its model's
/// template. That day is the one which Llama 3.2's template takes where there is no clock.
Value strftimeNow(Context& context, Arguments arguments) {
  Value given = arguments.take("format");
  if (given.isMissing() && !arguments.positional.empty()) given = arguments.positional[0];
  if (!given.isText()) throw cannot("strftime_now() wants a format");
  context.lookThrough(64 * given.bytes().size());
  std::string text;
  const std::string& format = given.bytes();
  for (std::size_t at = 0; at < format.size();) {
    const std::size_t percent = std::min(format.find('%', at), format.size());
    appendTo(text, std::string_view(format).substr(at, percent - at));
    const std::size_t last = format.find_first_not_of("_-0^#123456789EO", percent + 1);
    if (percent == format.size()) break;
    if (last == std::string::npos) {
      appendTo(text, std::string_view(format).substr(percent));
      break;
    }
    appendTo(text, dated(format.substr(percent, last + 1 - percent)));
    at = last + 1;
  }
  return text;
}

Value raise(Context&, Arguments arguments) {
  Value message = arguments.take("message");
  if (message.isMissing() && !arguments.positional.empty()) message = arguments.positional[0];
  throw cannot(str(message));
}

Value lipsum(Context&, const Arguments&) { throw cannot("lipsum() is random, and equal runs have equal prompts"); }

}  // namespace

Value function(std::string name, Run run, int depth) {
  return std::shared_ptr<Object>(std::make_shared<NativeFunction>(std::move(name), std::move(run), depth));
}

bool isNamespace(const Value& value) { return value.objectAs<Namespace>() != nullptr; }

void setMember(const Value& owner, const std::string& name, const Value& value) {
  auto* const space = owner.objectAs<Namespace>();
  if (space == nullptr) throw cannot("cannot assign attribute on non-namespace object");
  space->set(name, value);
}

Value globalNamed(const std::string& name) {
  static const std::map<std::string, Value> kGlobals = {
      {"range", function("range", range)},
      {"dict", std::shared_ptr<Object>(std::make_shared<DictFunction>())},
      {"cycler", function("cycler", makeCycler)},
      {"joiner", function("joiner", makeJoiner)},
      {"namespace", function("namespace", makeNamespace)},
      {"raise_exception", function("raise_exception", raise)},
      {"strftime_now", function("strftime_now", strftimeNow)},
      {"lipsum", function("lipsum", lipsum)},
  };
  const auto found = kGlobals.find(name);
  return found == kGlobals.end() ? Value() : found->second;
}

}  // namespace interleave::jinja
