// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace interleave {

/// The files of resources/ that are part of the program, by their path below that folder: "schema/001.sql",
/// "presets/laptop.json". The bytes live as long as the program.
std::optional<std::string_view> findResource(std::string_view name);
std::string_view resource(std::string_view name);  ///< One that must be there: std::bad_optional_access otherwise.
std::vector<std::string_view> resourceNames(std::string_view prefix);  ///< Sorted: resourceNames("presets/").

}  // namespace interleave
