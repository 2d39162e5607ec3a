// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/passive_waiting.h"

#include <unistd.h>

#include <cstdlib>

namespace interleave {

void waitPassively(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("GOMP_SPINCOUNT", "5000", 0);  // some tens of microseconds: the gap between two of a layer's parallel loops
  execv("/proc/self/exe", argv);
}

}  // namespace interleave
