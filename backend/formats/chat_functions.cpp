// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat_functions.h"

#include <locale.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "backend/core/error.h"
#include "backend/formats/unicode.h"

namespace interleave::chat {
namespace {

constexpr std::size_t kPieces = std::size_t{1} << 20;  // That a text is taken apart into.
constexpr std::size_t kStripBytes = 64;                // Of the characters that strip() takes away.

Error cannot(const std::string& what) { return usageError("chat template", what); }

const std::string& textOf(const Value& value, const std::string& user) {
  if (!value.is_string()) throw cannot(user + " wants text");
  return value.get_ref<const std::string&>();
}

/// Where `part` begins in `text` at or after `from`, or npos. In linear time: find() may compare a long part anew at
/// each letter. (A short one is left to it, for under sanitizers each memmem() looks through the whole text.)
std::size_t placeOf(std::string_view part, std::string_view text, std::size_t from = 0) {
  constexpr std::size_t kShort = 64;
  if (part.size() <= kShort) return text.find(part, from);
  const void* const at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return at == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

/// White space as Python's str.strip() sees it: White_Space and the separators 1C to 1F.
bool isPythonSpace(char32_t code) { return unicode::isSpace(code) || (code >= 0x1C && code <= 0x1F); }

std::string stripped(std::string_view text, const Call& call, bool left, bool right, const std::string& user) {
  const bool any_space = call.positional.empty() || call.at(0).is_null();
  const std::string members = any_space ? "" : textOf(call.at(0), user);
  if (members.size() > kStripBytes) throw tooMuch(user + "() takes too many characters away");
  const auto strips = [&](const unicode::Decoded& character) {
    if (any_space) return isPythonSpace(character.code);
    std::string spelled;
    unicode::append(spelled, character.code);
    return members.find(spelled) != std::string::npos;
  };
  while (left && !text.empty() && strips(unicode::first(text))) text.remove_prefix(unicode::first(text).bytes);
  while (right && !text.empty() && strips(unicode::last(text))) text.remove_suffix(unicode::last(text).bytes);
  return std::string(text);
}

Value split(const std::string& text, const Call& call) {
  Value parts = Value::array();
  if (call.positional.empty()) throw cannot("split() without a separator is not supported");
  const std::string& separator = textOf(call.at(0), "split()");
  if (separator.empty()) throw cannot("split() wants a separator");
  if (call.positional.size() > 1 && !call.at(1).is_number_integer()) throw cannot("split() wants a whole number");
  std::int64_t left = call.positional.size() > 1 ? call.at(1).get<std::int64_t>() : -1;
  std::size_t begin = 0;
  for (std::size_t end; left != 0 && (end = placeOf(separator, text, begin)) != std::string::npos; --left) {
    if (parts.size() == kPieces) throw tooMuch("split() gives too many parts");
    parts.push_back(text.substr(begin, end - begin));
    begin = end + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// `text` with `part` behind it, within the bound.
void append(std::string& text, std::string_view part) {
  if (text.size() + part.size() > kTextBytes) throw tooMuch("it makes a text that is too long");
  text += part;
}

std::string replaced(std::string_view text, const Call& call) {
  const std::string &from = textOf(call.at(0), "replace"), &to = textOf(call.at(1), "replace");
  if (from.empty()) throw cannot("replace() wants something to replace");
  std::string result;
  for (std::size_t at; (at = placeOf(from, text)) != std::string_view::npos; text.remove_prefix(at + from.size())) {
    append(result, text.substr(0, at));
    append(result, to);
  }
  append(result, text);
  return result;
}

/// ASCII only: templates change the case of role names.
std::string upperCase(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string capitalised(const std::string& text) {
  const std::string lower = unicode::lowercase(text);
  return upperCase(lower.substr(0, 1)) + lower.substr(std::min<std::size_t>(1, lower.size()));
}

std::vector<std::string_view> charactersOf(std::string_view text) {
  if (text.size() > kPieces) throw tooMuch("a text is too long to be taken apart");
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    characters.push_back(text.substr(0, unicode::first(text).bytes));
    text.remove_prefix(characters.back().size());
  }
  return characters;
}

Value items(const Value& value) {
  if (!value.is_object()) throw cannot("items() wants a mapping");
  Value list = Value::array();
  for (const auto& [key, element] : value.items()) list.push_back(Value::array({key, element}));
  return list;
}

Value listOf(const Value& value, Scope& scope) {
  if (value.is_array()) return value;
  if (value.is_string()) {
    Value list = Value::array();
    for (const std::string_view character : charactersOf(value.get_ref<const std::string&>())) {
      list.push_back(std::string(character));
    }
    return scope.made(std::move(list));  // Many times the text, and perhaps soon thrown away.
  }
  if (value.is_object()) {
    Value keys = Value::array();
    for (const auto& [key, element] : value.items()) keys.push_back(key);
    return keys;
  }
  throw cannot("what should be a list is none");
}

std::int64_t lengthOf(const Value& value) {
  if (value.is_discarded()) return 0;
  if (value.is_string()) return static_cast<std::int64_t>(unicode::length(value.get_ref<const std::string&>()));
  if (!value.is_structured()) throw cannot("length wants text, a list or a mapping");
  return static_cast<std::int64_t>(value.size());
}

std::string join(const Value& list, const Call& call) {
  const std::string between = call.positional.empty() ? "" : textOf(call.at(0), "join");
  std::string text;
  bool first = true;
  for (const Value& element : listOf(list, call.scope)) {
    if (!first) append(text, between);
    append(text, printed(element));
    first = false;
  }
  return text;
}

/// select, reject, selectattr and rejectattr: the elements that pass a test, or do not.
Value chosen(const Value& list, const Call& call, bool by_attribute, bool wanted) {
  Value out = Value::array();
  const std::size_t test = by_attribute ? 1 : 0;
  Call rest{call.scope};
  if (call.positional.size() > test) {
    rest.positional.assign(call.positional.begin() + static_cast<std::ptrdiff_t>(test) + 1, call.positional.end());
  }
  for (const Value& element : listOf(list, call.scope)) {
    const Value tested = by_attribute ? attributeOf(element, call.at(0)) : element;
    const bool passes =
        call.positional.size() > test ? applyTest(textOf(call.at(test), "select"), tested, rest) : truthy(tested);
    if (passes == wanted) out.push_back(element);
  }
  return out;
}

Value mapped(const Value& list, const Call& call) {
  Value out = Value::array();
  for (const Value& element : listOf(list, call.scope)) {
    out.push_back(call.named.contains("attribute") ? attributeOf(element, call.named["attribute"])
                                                   : applyFilter(textOf(call.at(0), "map"), element, {call.scope}));
  }
  return out;
}

/// 26 July 2024, always: equal specs give equal runs, and the prompts of a run are written through its model's
/// template. That day is the one which Llama 3.2's template takes where there is no clock. In plain English for the
/// same reason: the language that a window speaks must not show in a prompt.
std::string today(const std::string& format) {
  static const locale_t kPlain = newlocale(LC_ALL_MASK, "C", locale_t{});
  std::tm day{};
  day.tm_year = 2024 - 1900;
  day.tm_mon = 6;
  day.tm_mday = 26;
  day.tm_wday = 5;    // A Friday,
  day.tm_yday = 207;  // after so many days.
  day.tm_zone = "UTC";
  std::string text(256, '\0');
  text.resize(strftime_l(text.data(), text.size(), format.c_str(), &day, kPlain));
  return text;
}

Value range(const Call& call) {
  const auto number = [&](std::size_t i) {
    if (!call.at(i).is_number_integer()) throw cannot("range() wants integers");
    return call.at(i).get<std::int64_t>();
  };
  const bool from_zero = call.positional.size() == 1;
  const std::int64_t begin = from_zero ? 0 : number(0), end = number(from_zero ? 0 : 1);
  if (call.positional.size() > 2) throw cannot("range() with a step is not supported");
  if (end > begin && static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin) > 100'000) {
    throw tooMuch("range() is too long");
  }
  Value list = Value::array();
  for (std::int64_t i = begin; i < end; ++i) list.push_back(i);
  return list;
}

}  // namespace

const Value& Call::at(std::size_t i) const {
  if (i >= positional.size()) throw cannot("a call lacks an argument");
  return positional[i];
}

Value callFunction(const std::string& name, const Call& call) {
  if (name == "raise_exception") throw cannot(printed(call.at(0)));
  if (name == "strftime_now") return today(textOf(call.at(0), name));
  if (name == "namespace" || name == "dict") return call.named;
  if (name == "range") return range(call);
  throw cannot("the function " + name + "() is not supported");
}

Value callMethod(const Value& self, const std::string& name, const Call& call) {
  if (self.is_string()) {
    const auto& text = self.get_ref<const std::string&>();
    call.scope.countStep(static_cast<std::int64_t>(text.size()));
    if (name == "strip") return stripped(text, call, true, true, name);
    if (name == "lstrip") return stripped(text, call, true, false, name);
    if (name == "rstrip") return stripped(text, call, false, true, name);
    if (name == "startswith") return text.starts_with(textOf(call.at(0), name));
    if (name == "endswith") return text.ends_with(textOf(call.at(0), name));
    if (name == "split") return split(text, call);
    if (name == "replace") return replaced(text, call);
    if (name == "upper") return upperCase(text);
    if (name == "lower") return unicode::lowercase(text);
    if (name == "capitalize" || name == "title") return capitalised(text);
  }
  if (self.is_object()) {
    if (name == "items") return items(self);
    if (name == "keys") return listOf(self, call.scope);
    if (name == "get") {
      Value found = attributeOf(self, call.at(0));
      if (!found.is_discarded()) return found;
      return call.positional.size() > 1 ? call.at(1) : Value();
    }
  }
  throw cannot("the method " + name + "() is not supported here");
}

Value applyFilter(const std::string& name, const Value& input, const Call& call) {
  if (input.is_string()) call.scope.countStep(static_cast<std::int64_t>(input.get_ref<const std::string&>().size()));
  if (name == "trim") return stripped(printed(input), call, true, true, name);
  if (name == "upper") return upperCase(printed(input));
  if (name == "lower") return unicode::lowercase(printed(input));
  if (name == "capitalize") return capitalised(printed(input));
  if (name == "string") return printed(input);
  if (name == "safe") return input;
  if (name == "length" || name == "count") return lengthOf(input);
  if (name == "list") return listOf(input, call.scope);
  if (name == "join") return join(input, call);
  if (name == "items") return items(input);
  if (name == "replace") return replaced(printed(input), call);
  if (name == "first" || name == "last") {
    const Value list = listOf(input, call.scope);
    if (list.empty()) return undefined();
    return name == "first" ? list.front() : list.back();
  }
  if (name == "default" || name == "d") {
    const bool empty_too = call.positional.size() > 1 && truthy(call.at(1));
    return input.is_discarded() || (empty_too && !truthy(input)) ? call.at(0) : input;
  }
  if (name == "map") return mapped(input, call);
  if (name == "select" || name == "reject") return chosen(input, call, false, name == "select");
  if (name == "selectattr" || name == "rejectattr") return chosen(input, call, true, name == "selectattr");
  throw cannot("the filter \"" + name + "\" is not supported");
}

bool applyTest(const std::string& name, const Value& input, const Call& call) {
  if (name == "defined") return !input.is_discarded();
  if (name == "undefined") return input.is_discarded();
  if (name == "none") return input.is_null();
  if (name == "string") return input.is_string();
  if (name == "mapping") return input.is_object();
  if (name == "sequence" || name == "iterable") return input.is_structured() || input.is_string();
  if (name == "number") return input.is_number() || input.is_boolean();
  if (name == "integer") return input.is_number_integer();
  if (name == "boolean") return input.is_boolean();
  if (name == "true") return input == Value(true);
  if (name == "false") return input == Value(false);
  if (name == "equalto" || name == "eq" || name == "==") return input == call.at(0);
  if (name == "ne" || name == "!=") return !(input == call.at(0));
  if (name == "in") return contains(call.at(0), input, call.scope);
  if ((name == "odd" || name == "even") && input.is_number_integer()) {
    return (input.get<std::int64_t>() % 2 != 0) == (name == "odd");
  }
  throw cannot("the test \"" + name + "\" is not supported here");
}

Value attributeOf(const Value& value, const Value& key) {
  if (value.is_discarded()) throw cannot(printed(key) + " is asked of something undefined");
  if (value.is_object() && key.is_string()) {
    const auto found = value.find(key.get_ref<const std::string&>());
    return found == value.end() ? undefined() : *found;
  }
  if ((value.is_array() || value.is_string()) && key.is_number_integer()) {
    const std::int64_t size = lengthOf(value);
    auto index = key.get<std::int64_t>();
    if (index < 0) index += size;
    if (index < 0 || index >= size) return undefined();
    if (value.is_array()) return value[static_cast<std::size_t>(index)];
    std::string_view rest = value.get_ref<const std::string&>();
    for (; index > 0; --index) rest.remove_prefix(unicode::first(rest).bytes);
    return std::string(rest.substr(0, unicode::first(rest).bytes));
  }
  return undefined();
}

Value sliceOf(const Value& value, const Value& begin, const Value& end, const Value& step, Scope& scope) {
  std::vector<std::string_view> characters;
  if (value.is_string()) characters = charactersOf(value.get_ref<const std::string&>());
  scope.countStep(static_cast<std::int64_t>(characters.size()));
  const Value list = value.is_string() ? Value() : listOf(value, scope);
  const auto size = static_cast<std::int64_t>(value.is_string() ? characters.size() : list.size());
  const std::int64_t stride = step.is_number_integer() ? std::clamp(step.get<std::int64_t>(), -size - 1, size + 1) : 1;
  if (stride == 0) throw cannot("a slice's step is 0");
  // As Python's slice.indices().
  const std::int64_t least = stride > 0 ? 0 : -1, most = stride > 0 ? size : size - 1;
  const auto bound = [&](const Value& given, std::int64_t fallback) {
    if (!given.is_number_integer()) return fallback;
    const auto index = given.get<std::int64_t>();
    return std::clamp(index < 0 ? std::max(index, -size - 1) + size : index, least, most);
  };
  const std::int64_t first = bound(begin, stride > 0 ? least : most), last = bound(end, stride > 0 ? most : least);
  Value out = Value::array();
  std::string text;
  for (std::int64_t i = first; stride > 0 ? i < last : i > last; i += stride) {
    if (value.is_string()) {
      text += characters[static_cast<std::size_t>(i)];
    } else {
      out.push_back(list[static_cast<std::size_t>(i)]);
    }
  }
  return value.is_string() ? Value(std::move(text)) : out;
}

bool contains(const Value& whole, const Value& part, Scope& scope) {
  if (whole.is_object()) return part.is_string() && whole.contains(part.get_ref<const std::string&>());
  scope.countStep(bytesOf(whole));
  if (whole.is_string() && part.is_string()) {
    return placeOf(part.get_ref<const std::string&>(), whole.get_ref<const std::string&>()) != std::string::npos;
  }
  if (whole.is_array()) return std::find(whole.begin(), whole.end(), part) != whole.end();
  throw cannot("\"in\" wants text, a list or a mapping");
}

}  // namespace interleave::chat
