// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/setting_differences.h"

namespace interleave {

std::string settingDifferences(const nlohmann::json& is, const nlohmann::json& asked) {
  std::string text;
  for (const auto& [key, value] : asked.items()) {
    const nlohmann::json old = is.value(key, nlohmann::json());
    if (old != value) text += (text.empty() ? "" : "; ") + key + " is " + old.dump() + " and not " + value.dump();
  }
  return text;
}

}  // namespace interleave
