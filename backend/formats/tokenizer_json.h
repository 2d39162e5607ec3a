// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/core/error.h"

namespace interleave {

/// A value inside a JSON file that knows where it stands, so that every complaint names file, place and reason. Refers
/// to the document, which must outlive it.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string file, std::string place)
      : value_(&value), file_(std::move(file)), place_(std::move(place)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& file() const { return file_; }
  const std::string& place() const { return place_; }
  Error error(std::string reason) const;  ///< BadInput about this value.

  bool has(const std::string& key) const;  ///< An object with that key, whose value is not null.
  JsonField at(const std::string& key) const;
  std::vector<JsonField> elements() const;

  std::string text() const;  ///< Valid UTF-8.
  std::int64_t integer(std::int64_t least, std::int64_t most) const;
  bool flag() const;
  std::string text(const std::string& key, std::string fallback) const;  ///< Absent or null: the fallback.
  bool flag(const std::string& key, bool fallback) const;

 private:
  const nlohmann::json* value_;
  std::string file_, place_;
};

}  // namespace interleave
