// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/process.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace interleave {
namespace {

/// Before MKL's first use.
void keepThreadCount() { setenv("MKL_DYNAMIC", "FALSE", 0); }

void waitPassively(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("GOMP_SPINCOUNT", "5000", 0);  // some tens of microseconds: the gap between two of a layer's parallel loops
  // By its own name, which is what top shows; through the link where the file has been replaced meanwhile.
  std::error_code unreadable;
  execv(std::filesystem::read_symlink("/proc/self/exe", unreadable).c_str(), argv);
  execv("/proc/self/exe", argv);
}

void keepFreedMemory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_ARENA_MAX, 1);  // the others are made of pieces of 64 MiB, too small for a step's tensors
#endif
}

}  // namespace

void prepareProcess(char** argv) {
  keepThreadCount();
  waitPassively(argv);
  keepFreedMemory();
}

}  // namespace interleave
