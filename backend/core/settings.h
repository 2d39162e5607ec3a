// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace interleave {

/// One editable setting of a recipe or a method: what a preset may contain, what Setup shows, what --set accepts.
struct SettingSpec {
  enum class Type { Integer, Real, Flag, Choice, Text, Path, ChoiceOrPath };  ///< Paths: made absolute when set.
  std::string key;
  Type type = Type::Real;
  nlohmann::json fallback = {};           ///< The value when nothing else says.
  std::string help = {};                  ///< One sentence: what it does, in which unit.
  double least = 0, most = 0;             ///< Range of numbers, inclusive.
  std::vector<std::string> choices = {};  ///< Of a Choice, and of a ChoiceOrPath.
  bool inferred = false;                  ///< The source gives no value: shown as such wherever the setting is shown.
  bool live = false;                      ///< May be changed while a run goes on (an intervention).

  bool isPath(const std::string& value) const;  ///< Names a file: of a ChoiceOrPath, is none of the choices.
};

/// Rows of such a table. The range of numbers is inclusive.
namespace setting {
SettingSpec integer(std::string key, std::int64_t fallback, double least, double most, std::string help);
SettingSpec real(std::string key, double fallback, double least, double most, std::string help);
SettingSpec flag(std::string key, bool fallback, std::string help);
SettingSpec choice(std::string key, std::string fallback, std::vector<std::string> choices, std::string help);
SettingSpec text(std::string key, std::string fallback, std::string help);
SettingSpec path(std::string key, std::string help);  ///< Empty unless set.
/// One of the choices, or a file: a path with a '/' or a '.' in it, so that a choice misspelt is told.
SettingSpec choiceOrPath(std::string key, std::string fallback, std::vector<std::string> choices, std::string help);
SettingSpec inferred(SettingSpec spec);
SettingSpec live(SettingSpec spec);
}  // namespace setting

/// The words of a list separated by commas, without spaces.
std::vector<std::string> wordsOf(const std::string& list);

/// Values for a list of settings, complete and checked. A value type.
class Settings {
 public:
  Settings() = default;
  /// The fallbacks of `specs`, which must outlive this object (they are tables in static storage).
  explicit Settings(std::span<const SettingSpec> specs);

  /// Takes the keys of a JSON object. An unknown key, a wrong type or a value outside its range is a BadInput error
  /// that names `file`, the key, and for an unknown one the nearest known.
  void merge(const nlohmann::json& object, const std::string& file);
  /// Takes "key=value" from a command line; the value is read as the setting's type. Usage error.
  void assign(const std::string& key_value);

  double real(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  bool flag(const std::string& key) const;
  std::string text(const std::string& key) const;

  const nlohmann::json& json() const { return values_; }
  std::span<const SettingSpec> specs() const { return specs_; }

 private:
  const SettingSpec& spec(const std::string& key, const std::string& file) const;
  void put(const SettingSpec& spec, nlohmann::json value, const std::string& file);

  std::span<const SettingSpec> specs_;
  nlohmann::json values_ = nlohmann::json::object();
};

}  // namespace interleave
