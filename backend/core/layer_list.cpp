// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/layer_list.h"

#include <charconv>

#include "backend/core/error.h"
#include "backend/core/settings.h"

namespace interleave {

std::vector<int> layersListed(const std::string& list, const std::string& key) {
  constexpr int kMost = 1 << 16;
  std::vector<int> layers;
  for (const std::string& word : wordsOf(list)) {
    int first = 0, last = 0;
    const char* const end = word.data() + word.size();
    auto [at, problem] = std::from_chars(word.data(), end, first);
    last = first;
    if (problem == std::errc() && at != end && *at == '-') {
      const auto range = std::from_chars(at + 1, end, last);
      at = range.ptr, problem = range.ec;
    }
    if (problem != std::errc() || at != end || first < 0 || last < first || last >= kMost) {
      throw usageError(key, "\"" + word + "\" is neither a layer nor a range of layers");
    }
    for (int layer = first; layer <= last; ++layer) layers.push_back(layer);
  }
  return layers;
}

}  // namespace interleave
