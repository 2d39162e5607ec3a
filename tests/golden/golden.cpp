// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/golden/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

namespace interleave::golden {
namespace {

using nlohmann::json;
using testing::readText;

const std::filesystem::path kHere = GOLDEN_SOURCE, kMade = GOLDEN_MADE;
constexpr std::size_t kShown = 6;  // differences of one file

bool renewing() { return std::getenv("INTERLEAVE_GOLDEN_RENEW") != nullptr; }

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Keeps what was made; the committed bytes to hold it against, or nothing where they were just renewed.
std::optional<std::string> committed(const std::string& name, std::string_view actual) {
  write(kMade / name, actual);
  const std::filesystem::path file = kHere / "data/expected" / name;
  if (renewing()) {
    write(file, actual);
    return std::nullopt;
  }
  if (!std::filesystem::exists(file)) {
    ADD_FAILURE() << file << " is missing; tests/golden/README.md says how it is made";
    return std::nullopt;
  }
  return readText(file);
}

std::string hint(const std::string& name) {
  return "made: " + (kMade / name).string() + "; see tests/golden/README.md";
}

/// Values that are no objects. To the last bit: 0 and −0 are two numbers.
bool equal(const json& a, const json& b) {
  const bool floats = a.is_number_float() && b.is_number_float();
  return a == b && (!floats || std::signbit(a.get<double>()) == std::signbit(b.get<double>()));
}

/// Where two documents differ, and what the actual one says besides.
struct Differences {
  std::vector<std::string> wrong;
  std::set<std::string> more;

  void compare(const json& expected, const json& actual, const std::string& place) {
    if (expected.is_object() && actual.is_object()) {
      for (const auto& [key, value] : expected.items()) {
        if (!actual.contains(key)) {
          wrong.push_back(place + "/" + key + " is missing");
        } else {
          compare(value, actual.at(key), place + "/" + key);
        }
      }
      for (const auto& [key, value] : actual.items()) {
        if (!expected.contains(key)) more.insert(key);
      }
    } else if (expected.is_array() && actual.is_array() && expected.size() == actual.size()) {
      for (std::size_t i = 0; i < expected.size(); ++i)
        compare(expected[i], actual[i], place + "/" + std::to_string(i));
    } else if (!equal(expected, actual)) {
      wrong.push_back(place + " was " + expected.dump().substr(0, 160) + ", is " + actual.dump().substr(0, 160));
    }
  }
};

}  // namespace

void usePlainMode() {
  std::ifstream file(kHere / "plain.env");
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find('=');
    if (line.starts_with('#') || at == std::string::npos) continue;
    setenv(line.substr(0, at).c_str(), line.substr(at + 1).c_str(), 1);
  }
}

std::filesystem::path input(const std::string& name) { return kHere / "data" / name; }

std::string copyOf(const std::string& name, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  fs::copy(input(name), folder / name, fs::copy_options::recursive);
  fs::permissions(folder / name, fs::perms::owner_write, fs::perm_options::add);
  return folder / name;
}

json told(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const testing::CommandResult result = testing::run(arguments);
  if (result.code != 0) {
    ADD_FAILURE() << "exit code " << result.code << " of " << json(arguments).dump() << "\n" << result.log;
    return nullptr;
  }
  return result.json();
}

json steady(const json& document) {
  static const std::set<std::string> kVolatile{
      "seconds",        "tokens_per_second", "memory_bytes",   "created",
      "model_path",     "bank_dir",          "folder",         "path",
      "manner",         "prefill_seconds",   "decode_seconds", "prefill_samples",
      "decode_samples", "crossover_tokens"};
  json result = document;
  if (document.is_object()) {
    for (const auto& [key, value] : document.items()) {
      const bool place = value.is_string() && value.get_ref<const std::string&>().starts_with('/');
      if (place || kVolatile.contains(key)) {
        result.erase(key);
      } else {
        result[key] = steady(value);
      }
    }
  } else if (document.is_array()) {
    for (json& value : result) value = steady(value);
  }
  return result;
}

std::string steady(std::string text, const std::vector<std::pair<std::string, std::string>>& places) {
  for (const auto& [place, word] : places) {
    for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place, at + word.size())) {
      text.replace(at, place.size(), word);
    }
  }
  text = std::regex_replace(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"), "TIME");
  return std::regex_replace(text, std::regex(R"(interleave \d+\.\d+\.\d+)"), "interleave VERSION");
}

void expectJson(const std::string& name, const json& actual) {
  const std::optional<std::string> before = committed(name, actual.dump(1) + "\n");
  if (!before) return;
  Differences differences;
  differences.compare(json::parse(*before), actual, "");
  for (const std::string& key : differences.more) std::cout << name << " says more than it did: " << key << "\n";
  if (differences.wrong.empty()) return;
  std::ostringstream shown;
  for (std::size_t i = 0; i < std::min(kShown, differences.wrong.size()); ++i) shown << "\n  " << differences.wrong[i];
  ADD_FAILURE() << name << " differs in " << differences.wrong.size() << " places:" << shown.str() << "\n"
                << hint(name);
}

void expectText(const std::string& name, const std::string& actual) {
  const std::optional<std::string> before = committed(name, actual);
  if (!before || *before == actual) return;
  std::istringstream was(*before), is(actual);
  std::string old_line, new_line;
  int line = 0;
  do {
    ++line;
    if (!std::getline(was, old_line)) old_line = "(end)";
    if (!std::getline(is, new_line)) new_line = "(end)";
  } while (old_line == new_line && (was || is));
  ADD_FAILURE() << name << " differs, first in line " << line << ":\n  was " << old_line << "\n  is  " << new_line
                << "\n"
                << hint(name);
}

Tensors readTensors(const std::filesystem::path& file) {
  const std::string bytes = readText(file);
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length)) {
    ADD_FAILURE() << file << " is no safetensors file";
    return {};
  }
  std::memcpy(&length, bytes.data(), sizeof(length));
  const std::string_view data = std::string_view(bytes).substr(sizeof(length) + length);
  Tensors tensors;
  const json header = json::parse(bytes.substr(sizeof(length), length));
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::size_t begin = entry.at("data_offsets").at(0), end = entry.at("data_offsets").at(1);
    tensors[name] = {entry.at("dtype"), entry.at("shape"), std::string(data.substr(begin, end - begin))};
  }
  return tensors;
}

void expectTensors(const std::string& name, const Tensors& actual) {
  json header = json::object();
  std::string bytes;
  for (const auto& [key, tensor] : actual) {
    header[key] = {{"dtype", tensor.type},
                   {"shape", tensor.shape},
                   {"data_offsets", {bytes.size(), bytes.size() + tensor.bytes.size()}}};
    bytes += tensor.bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  const std::string file = std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text + bytes;
  if (!committed(name, file)) return;
  const Tensors expected = readTensors(kHere / "data/expected" / name);
  for (const auto& [key, tensor] : expected) {
    const auto found = actual.find(key);
    if (found == actual.end()) {
      ADD_FAILURE() << name << ": " << key << " is missing";
    } else if (found->second.type != tensor.type || found->second.shape != tensor.shape) {
      ADD_FAILURE() << name << ": " << key << " has another type or shape";
    } else if (found->second.bytes != tensor.bytes) {
      std::size_t at = 0;
      while (found->second.bytes[at] == tensor.bytes[at]) ++at;
      ADD_FAILURE() << name << ": " << key << " has other values, from byte " << at << " of " << tensor.bytes.size()
                    << " on; " << hint(name);
    }
  }
  for (const auto& [key, tensor] : actual) EXPECT_TRUE(expected.contains(key)) << name << ": " << key << " is new";
}

json digests(const Tensors& tensors) {
  json result = json::object();
  for (const auto& [name, tensor] : tensors) {
    std::uint64_t digest = 0xcbf29ce484222325ULL;
    for (const char byte : tensor.type + json(tensor.shape).dump() + tensor.bytes) {
      digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    }
    std::ostringstream text;
    text << std::hex << digest;
    result[name] = text.str();
  }
  return result;
}

void appendSettings(std::vector<std::string>& arguments, const json& settings) {
  for (const auto& [key, value] : settings.items()) {
    arguments.insert(arguments.end(),
                     {"--set", key + "=" + (value.is_string() ? value.get<std::string>() : value.dump())});
  }
}

}  // namespace interleave::golden

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  interleave::golden::usePlainMode();
  return RUN_ALL_TESTS();
}
