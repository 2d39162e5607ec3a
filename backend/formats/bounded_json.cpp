// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/bounded_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/mapped_file.h"

namespace interleave {
namespace {

using nlohmann::json;

/// nlohmann's own words without their "[json.exception.…]" tag.
std::string reasonOf(const json::exception& error) {
  const std::string text = error.what();
  const std::size_t tag = text.find("] ");
  return "is not valid JSON: " + (tag == std::string::npos ? text : text.substr(tag + 2));
}

/// By sorting: no choice of keys makes that slow, as it can make a hash table.
void refuseDuplicates(std::vector<std::string> keys, const std::string& file) {
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice != keys.end()) throw badInput(file, "key " + inQuotes(*twice), "is there twice in one object");
}

}  // namespace

json parseJson(std::string_view text, const std::string& file, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    throw badInput(file, "", "is larger than the " + std::to_string(limits.bytes) + " bytes such JSON may have");
  }
  std::size_t values = 0;
  std::vector<std::vector<std::string>> keys;  // Of the objects that are open.
  const json::parser_callback_t watch = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start || event == Event::value) {
      if (++values > limits.values) {
        throw badInput(file, "", "holds more than " + std::to_string(limits.values) + " JSON values");
      }
      if (depth >= limits.depth) {
        throw badInput(file, "", "is nested more than " + std::to_string(limits.depth) + " levels deep");
      }
    }
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::key) keys.back().push_back(parsed.get<std::string>());
    if (event == Event::object_end) {
      refuseDuplicates(std::move(keys.back()), file);
      keys.pop_back();
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::exception& error) {
    throw badInput(file, "", reasonOf(error));
  }
}

json readJson(const std::filesystem::path& path, const JsonLimits& limits) {
  const MappedFile file = MappedFile::open(path);
  return parseJson({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path, limits);
}

void requireKeys(const nlohmann::json& json, std::span<const std::string_view> keys, const std::string& file) {
  if (!json.is_object()) throw badInput(file, {}, "expected a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(keys, std::string_view(key)) != keys.end()) continue;
    const std::string near = nearestOf(key, keys);
    throw badInput(file, key, "unknown key" + (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  for (std::string_view key : keys) {
    if (!json.contains(key)) throw badInput(file, std::string(key), "the key is missing");
  }
}

}  // namespace interleave
