// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/cli/command.h"

namespace interleave::golden {

/// The programs that the tests start compute in the plain mode of plain.env from here on: alike on every x86-64.
void usePlainMode();

/// A committed file that an earlier program made: the model, the bank, the store, ….
std::filesystem::path input(const std::string& name);
/// A fresh copy of one in `folder`, for what a program may write to.
std::string copyOf(const std::string& name, const std::filesystem::path& folder);

/// The JSON that interleave-cli prints for `arguments` (--json is added). A test failure where it ends with an error.
nlohmann::json told(std::vector<std::string> arguments);

/// Without what no two runs have in common: times, speeds, memory, dates, and where files lie.
nlohmann::json steady(const nlohmann::json& document);
/// The same of a text: dates, this program's version, and what `places` names, each replaced by its word.
std::string steady(std::string text, const std::vector<std::pair<std::string, std::string>>& places);

/// A test failure unless `actual` says what data/expected/NAME says. Numbers count to their last bit. An object may
/// have keys that the committed one does not have: a later program may say more, never less or otherwise. What was made
/// lies in the build folder's golden/NAME. When renewing, that becomes the committed file.
void expectJson(const std::string& name, const nlohmann::json& actual);
/// The same of a text, byte for byte.
void expectText(const std::string& name, const std::string& actual);

/// A tensor in a file: its type, its shape, its bytes.
struct Tensor {
  std::string type;
  std::vector<std::int64_t> shape;
  std::string bytes;
  bool operator==(const Tensor&) const = default;
};
using Tensors = std::map<std::string, Tensor>;
Tensors readTensors(const std::filesystem::path& file);
/// The same names, types, shapes and bytes; their order in the file is free.
void expectTensors(const std::string& name, const Tensors& actual);
/// FNV-1a of type, shape and bytes, a tensor, in hexadecimal digits.
nlohmann::json digests(const Tensors& tensors);

/// Settings as --set takes them, one word each.
void appendSettings(std::vector<std::string>& arguments, const nlohmann::json& settings);

}  // namespace interleave::golden
