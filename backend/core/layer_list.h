// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace interleave {

/// "0,4,8-11" as layers, ascending or not. Usage error naming `key`, where the list stands.
std::vector<int> layersListed(const std::string& list, const std::string& key);

}  // namespace interleave
