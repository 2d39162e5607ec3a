// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/method.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/search/dash.h"

namespace interleave {

std::span<const Method> methods() {
  static const std::vector<Method> table{
      {"dash", "DASH", "re-implementation from a published outline", dashSettings(), checkDash, runDash},
  };
  return table;
}

const Method& methodNamed(const std::string& name) {
  const auto found = std::ranges::find(methods(), name, &Method::name);
  if (found != methods().end()) return *found;
  std::vector<std::string> known;
  for (const Method& method : methods()) known.push_back(method.name);
  throw usageError("method", "unknown method \"" + name + "\"" + didYouMean(name, known));
}

}  // namespace interleave
