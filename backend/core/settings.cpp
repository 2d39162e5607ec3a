// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/settings.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

using Type = SettingSpec::Type;

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Error wrong(const std::string& file, const std::string& key, const std::string& reason) {
  return {file.empty() ? ErrorKind::Usage : ErrorKind::BadInput, file, key, reason};
}

}  // namespace

namespace setting {

SettingSpec integer(std::string key, std::int64_t fallback, double least, double most, std::string help) {
  return {std::move(key), Type::Integer, fallback, std::move(help), least, most};
}

SettingSpec real(std::string key, double fallback, double least, double most, std::string help) {
  return {std::move(key), Type::Real, fallback, std::move(help), least, most};
}

SettingSpec flag(std::string key, bool fallback, std::string help) {
  return {std::move(key), Type::Flag, fallback, std::move(help)};
}

SettingSpec choice(std::string key, std::string fallback, std::vector<std::string> choices, std::string help) {
  return {std::move(key), Type::Choice, std::move(fallback), std::move(help), 0, 0, std::move(choices)};
}

SettingSpec text(std::string key, std::string fallback, std::string help) {
  return {std::move(key), Type::Text, std::move(fallback), std::move(help)};
}

SettingSpec path(std::string key, std::string help) { return {std::move(key), Type::Path, "", std::move(help)}; }

SettingSpec choiceOrPath(std::string key, std::string fallback, std::vector<std::string> choices, std::string help) {
  SettingSpec spec = choice(std::move(key), std::move(fallback), std::move(choices), std::move(help));
  spec.type = Type::ChoiceOrPath;
  return spec;
}

SettingSpec inferred(SettingSpec spec) {
  spec.inferred = true;
  return spec;
}

SettingSpec live(SettingSpec spec) {
  spec.live = true;
  return spec;
}

}  // namespace setting

bool SettingSpec::isPath(const std::string& value) const {
  if (type == Type::Path) return !value.empty();
  return type == Type::ChoiceOrPath && std::ranges::find(choices, value) == choices.end();
}

std::vector<std::string> wordsOf(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream rest(list);
  for (std::string word; std::getline(rest, word, ',');) {
    std::erase(word, ' ');
    words.push_back(std::move(word));
  }
  return words;
}

Settings::Settings(std::span<const SettingSpec> specs) : specs_(specs) {
  for (const SettingSpec& entry : specs) values_[entry.key] = entry.fallback;
}

const SettingSpec& Settings::spec(const std::string& key, const std::string& file) const {
  const auto found = std::ranges::find(specs_, key, &SettingSpec::key);
  if (found != specs_.end()) return *found;
  std::vector<std::string> known;
  for (const SettingSpec& entry : specs_) known.push_back(entry.key);
  throw wrong(file, key, "unknown setting" + didYouMean(key, known));
}

void Settings::put(const SettingSpec& entry, nlohmann::json value, const std::string& file) {
  switch (entry.type) {
    case Type::Integer:
    case Type::Real: {
      if (!value.is_number()) throw wrong(file, entry.key, "expected a number, found " + value.dump());
      const double number = value.get<double>();
      if (!std::isfinite(number)) throw wrong(file, entry.key, "the number is not finite");
      if (entry.type == Type::Integer && number != std::floor(number)) {
        throw wrong(file, entry.key, "expected a whole number, found " + value.dump());
      }
      if (number < entry.least || number > entry.most) {
        const nlohmann::json least = entry.least, most = entry.most;
        throw wrong(file, entry.key, value.dump() + " is outside " + least.dump() + " to " + most.dump());
      }
      if (entry.type == Type::Integer) value = static_cast<std::int64_t>(number);
      break;
    }
    case Type::Flag:
      if (!value.is_boolean()) throw wrong(file, entry.key, "expected true or false, found " + value.dump());
      break;
    case Type::Choice:
      if (!value.is_string() || std::ranges::find(entry.choices, value.get<std::string>()) == entry.choices.end()) {
        throw wrong(file, entry.key, value.dump() + " is not one of " + listed(entry.choices));
      }
      break;
    case Type::Text:
    case Type::Path:
    case Type::ChoiceOrPath: {
      if (!value.is_string()) throw wrong(file, entry.key, "expected text, found " + value.dump());
      const auto text = value.get<std::string>();
      if (!entry.isPath(text)) break;
      if (entry.type == Type::ChoiceOrPath && text.find_first_of("/.") == std::string::npos) {
        throw wrong(file, entry.key,
                    value.dump() + " is not one of " + listed(entry.choices) + ", nor the path of a file" +
                        didYouMean(text, entry.choices));
      }
      // A run may be resumed from another working folder.
      value = std::filesystem::absolute(text).lexically_normal().string();
      break;
    }
  }
  values_[entry.key] = std::move(value);
}

void Settings::merge(const nlohmann::json& object, const std::string& file) {
  if (!object.is_object()) throw wrong(file, "settings", "expected a JSON object");
  for (const auto& [key, value] : object.items()) put(spec(key, file), value, file);
}

void Settings::assign(const std::string& key_value) {
  const std::size_t equals = key_value.find('=');
  if (equals == std::string::npos) throw usageError("--set", "\"" + key_value + "\" is not key=value");
  const std::string key = key_value.substr(0, equals), text = key_value.substr(equals + 1);
  const SettingSpec& entry = spec(key, {});
  const bool number = entry.type == Type::Integer || entry.type == Type::Real || entry.type == Type::Flag;
  if (!number) return put(entry, text, {});
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) throw usageError(key, "cannot read \"" + text + "\"");
  put(entry, value, {});
}

double Settings::real(const std::string& key) const { return values_.at(key).get<double>(); }
std::int64_t Settings::integer(const std::string& key) const { return values_.at(key).get<std::int64_t>(); }
bool Settings::flag(const std::string& key) const { return values_.at(key).get<bool>(); }
std::string Settings::text(const std::string& key) const { return values_.at(key).get<std::string>(); }

}  // namespace interleave
