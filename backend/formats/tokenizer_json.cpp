// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_json.h"

#include "backend/formats/unicode.h"

namespace interleave {

Error JsonField::error(std::string reason) const { return badInput(file_, place_, std::move(reason)); }

bool JsonField::has(const std::string& key) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

JsonField JsonField::at(const std::string& key) const {
  if (!value_->is_object()) throw error("is not an object");
  const auto found = value_->find(key);
  if (found == value_->end()) throw error("has no \"" + key + "\"");
  return {*found, file_, place_.empty() ? key : place_ + "." + key};
}

std::vector<JsonField> JsonField::elements() const {
  if (!value_->is_array()) throw error("is not an array");
  std::vector<JsonField> fields;
  fields.reserve(value_->size());
  for (const auto& element : *value_) {
    fields.emplace_back(element, file_, place_ + "[" + std::to_string(fields.size()) + "]");
  }
  return fields;
}

std::string JsonField::text() const {
  if (!value_->is_string()) throw error("is not text");
  const auto& text = value_->get_ref<const std::string&>();
  if (!unicode::isValidUtf8(text)) throw error("is not valid UTF-8");
  return text;
}

std::int64_t JsonField::integer(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number_integer()) throw error("is not an integer");
  const bool huge = value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX;
  if (huge || value_->get<std::int64_t>() < least || value_->get<std::int64_t>() > most) {
    throw error(value_->dump() + " is not between " + std::to_string(least) + " and " + std::to_string(most));
  }
  return value_->get<std::int64_t>();
}

bool JsonField::flag() const {
  if (!value_->is_boolean()) throw error("is neither true nor false");
  return value_->get<bool>();
}

std::string JsonField::text(const std::string& key, std::string fallback) const {
  return has(key) ? at(key).text() : std::move(fallback);
}

bool JsonField::flag(const std::string& key, bool fallback) const { return has(key) ? at(key).flag() : fallback; }

}  // namespace interleave
