// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/config_fields.h"

#include <cmath>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_limits.h"

namespace interleave {
namespace {

/// A value as it may stand in a message.
std::string shown(const nlohmann::json& value) {
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  return value.is_string() ? inQuotes(value.get_ref<const std::string&>()) : value.dump();
}

template <class T>
std::string range(T least, T most) {
  return "from " + nlohmann::json(least).dump() + " to " + nlohmann::json(most).dump();
}

}  // namespace

const nlohmann::json* ConfigFields::find(const std::string& key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool ConfigFields::isNull(const std::string& key) const {
  const auto found = object_->find(key);
  return found != object_->end() && found->is_null();
}

const nlohmann::json& ConfigFields::required(const std::string& key) const {
  const nlohmann::json* const value = find(key);
  if (!value) refuse(key, "is missing");
  return *value;
}

int ConfigFields::toInteger(const nlohmann::json& value, const std::string& key, int least, int most) const {
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= 0x7fffffffULL
                        : value.is_number_integer() && value.get<std::int64_t>() >= -0x7fffffffLL;
  if (!fits || value.get<int>() < least || value.get<int>() > most) {
    refuse(key, "is " + shown(value) + ", where an integer " + range(least, most) + " is needed");
  }
  return value.get<int>();
}

int ConfigFields::integer(const std::string& key, int least, int most, std::optional<int> fallback) const {
  return fallback && !has(key) ? *fallback : toInteger(required(key), key, least, most);
}

int ConfigFields::uniformInteger(const std::string& key, int count, int least, int most,
                                 std::optional<int> fallback) const {
  const nlohmann::json* const list = find(key);
  if (!list || !list->is_array()) return integer(key, least, most, fallback);
  if (list->size() != static_cast<std::size_t>(count)) {
    refuse(key, "is a list of " + std::to_string(list->size()) + " entries, where " + std::to_string(count) +
                    " are needed, one a layer");
  }
  for (const nlohmann::json& entry : *list) {
    if (entry != list->front()) refuse(key, "differs between layers, which is not supported");
  }
  return toInteger(list->front(), key, least, most);
}

double ConfigFields::real(const std::string& key, double least, double most, std::optional<double> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const nlohmann::json& value = required(key);
  if (!value.is_number() || !(value.get<double>() >= least && value.get<double>() <= most)) {
    refuse(key, "is " + shown(value) + ", where a number " + range(least, most) + " is needed");
  }
  return value.get<double>();
}

bool ConfigFields::flag(const std::string& key, std::optional<bool> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const nlohmann::json& value = required(key);
  if (!value.is_boolean()) refuse(key, "is " + shown(value) + ", where true or false is needed");
  return value.get<bool>();
}

std::string ConfigFields::text(const std::string& key, std::optional<std::string> fallback) const {
  if (fallback && !has(key)) return *fallback;
  const nlohmann::json& value = required(key);
  if (!value.is_string()) refuse(key, "is " + shown(value) + ", where a string is needed");
  return value.get<std::string>();
}

std::vector<float> ConfigFields::factors(const std::string& key, int count) const {
  const nlohmann::json& list = required(key);
  if (!list.is_array() || list.size() != static_cast<std::size_t>(count)) {
    refuse(key, "is not a list of " + std::to_string(count) + " numbers");
  }
  std::vector<float> values;
  for (const nlohmann::json& value : list) {
    const double factor = value.is_number() ? value.get<double>() : 0;
    if (!(factor >= kLeastFactor && factor <= kMostFactor)) {
      refuse(key, "holds " + shown(value) + ", which is no rotary factor");
    }
    values.push_back(static_cast<float>(factor));
  }
  return values;
}

ConfigFields ConfigFields::object(const std::string& key) const {
  static const nlohmann::json kEmpty = nlohmann::json::object();
  const nlohmann::json* const value = find(key);
  if (value && !value->is_object()) refuse(key, "is " + shown(*value) + ", where an object is needed");
  return {value ? *value : kEmpty, file_, prefix_ + key + "."};
}

void ConfigFields::refuse(const std::string& key, const std::string& reason) const {
  throw badInput(file_, prefix_ + key, reason);
}

}  // namespace interleave
