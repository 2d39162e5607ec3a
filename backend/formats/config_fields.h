// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace interleave {

/// Typed, bounded reading of a JSON object from a file. A value that is null counts as absent; one that is absent and
/// has no fallback, of another type or out of range is a BadInput error that names the file and the key.
class ConfigFields {
 public:
  /// `object` must outlive this; `prefix` is put before keys in messages ("rope_scaling.").
  ConfigFields(const nlohmann::json& object, std::string file, std::string prefix = "")
      : object_(&object), file_(std::move(file)), prefix_(std::move(prefix)) {}

  bool has(const std::string& key) const { return find(key) != nullptr; }
  bool isNull(const std::string& key) const;                 ///< Present, as null.
  const nlohmann::json* find(const std::string& key) const;  ///< Null pointer when absent or null.

  int integer(const std::string& key, int least, int most, std::optional<int> fallback = {}) const;
  /// The same for a key that may also hold a list of `count` equal integers, one a layer.
  int uniformInteger(const std::string& key, int count, int least, int most, std::optional<int> fallback = {}) const;
  double real(const std::string& key, double least, double most, std::optional<double> fallback = {}) const;
  bool flag(const std::string& key, std::optional<bool> fallback = {}) const;
  std::string text(const std::string& key, std::optional<std::string> fallback = {}) const;
  /// A list of `count` rotary factors.
  std::vector<float> factors(const std::string& key, int count) const;
  /// The object under `key`; an empty one when absent.
  ConfigFields object(const std::string& key) const;
  bool empty() const { return object_->empty(); }

  [[noreturn]] void refuse(const std::string& key, const std::string& reason) const;

 private:
  const nlohmann::json& required(const std::string& key) const;
  int toInteger(const nlohmann::json& value, const std::string& key, int least, int most) const;

  const nlohmann::json* object_;
  std::string file_, prefix_;
};

}  // namespace interleave
