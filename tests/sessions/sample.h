// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/core/events.h"

namespace interleave {

/// A folder of its own that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

RunSpec sampleSpec(const std::string& title);
/// Depends on `step` alone; every tenth has hard losses; 30 layers, two operators.
StepEvent sampleStep(std::int64_t step, std::int64_t steps);
/// A short run with an event of every kind.
std::vector<Event> sampleEvents();

Event withoutCheckpoint(Event event);
/// Equal in every bit, NaN included.
bool same(const Event& a, const Event& b);

}  // namespace interleave
