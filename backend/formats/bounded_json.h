// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// How much a JSON text may cost. The defaults suit configurations; files that hold vocabularies ask for more.
struct JsonLimits {
  std::size_t bytes = 16 << 20;
  std::size_t values = 1'000'000;  ///< Of any kind, keys not counted.
  int depth = 64;
};
inline constexpr JsonLimits kTokenizerJson{.bytes = 512 << 20, .values = 20'000'000, .depth = 64};

/// Keys that one object may hold several times, of which the last counts: where other readers take such a file, too.
struct JsonRepeats {
  std::string object;             ///< Where it is, from the root: "model.vocab".
  std::vector<std::string> keys;  ///< Those that came again.
};

/// Parses strictly: one document, UTF-8, no comments, no key twice in one object, within the limits. BadInput names
/// `file` and where in it. `repeats`, where given, is the exception.
nlohmann::json parseJson(std::string_view text, const std::string& file, const JsonLimits& limits = {},
                         JsonRepeats* repeats = nullptr);

/// The same for a whole file.
nlohmann::json readJson(const std::filesystem::path& path, const JsonLimits& limits = {},
                        JsonRepeats* repeats = nullptr);

/// For our own documents: `json` must be an object with all of `keys`, and no others but `optional`. BadInput names the
/// key, below `place` in the file, and for an unknown one the nearest known.
void requireKeys(const nlohmann::json& json, std::span<const std::string_view> keys, const std::string& file,
                 std::span<const std::string_view> optional = {}, const std::string& place = {});

}  // namespace interleave
