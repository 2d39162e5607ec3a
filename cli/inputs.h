// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/engine/workbench.h"
#include "backend/formats/model_files.h"

namespace interleave::cli {

/// Token ids in a file: a JSON list of whole numbers below `vocabulary`. BadInput otherwise.
std::vector<std::int32_t> readIds(const std::filesystem::path& file, std::int64_t vocabulary);

/// The bytes of a file.
std::string readText(const std::filesystem::path& file);

/// --device and --precision.
void addExecutionOptions(CLI::App& command, Execution& execution);

/// --preset and --set.
struct PresetOptions {
  std::string method = "dash", preset = "laptop";
  std::vector<std::string> changes;

  void addTo(CLI::App& command);
};

/// Assigns "key=value" to the method's settings, or to the bank's recipe where only that has the key, or the key is
/// "bank.KEY". Usage error naming the nearest key of both.
void assignSetting(Settings& search, Settings& bank, const std::string& key_value);

/// The same where only the bank's recipe is at hand.
void assignSetting(Settings& bank, const std::string& key_value);

/// The operator that stands where a placement on the command line keeps no full attention: `named`, or the best that
/// the bank holds (GDN with window, GDN, sliding window).
MixerKind restOperator(const std::optional<std::string>& named, const std::filesystem::path& bank);

/// The names that --operator takes.
std::vector<std::string> restOperatorNames();

/// What a placement's file says of its origin; an empty object where it, or the file, says nothing.
nlohmann::json provenanceOf(const std::string& text);

/// placementFrom(), and for a file that says of which model it is, a check that it is this one (BadInput).
Placement placementFor(const std::string& text, const ModelFiles& model, MixerKind rest);

}  // namespace interleave::cli
