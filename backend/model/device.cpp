// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include "backend/core/error.h"

namespace interleave {
namespace {

/// Why there is no CUDA here; empty when there is. Loading registers the CUDA half with LibTorch, which must happen
/// before LibTorch is first asked about it.
std::string whyNoCuda() {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return std::string("LibTorch's CUDA library cannot be loaded (") + dlerror() + ")";
  }
  return at::hasCUDA() ? "" : "no CUDA device was found";
}

}  // namespace

c10::Device resolveDevice(const std::string& wanted, std::string& note) {
  note.clear();
  if (wanted == "cpu") return c10::kCPU;
  if (wanted != "cuda") throw usageError("device", "\"" + wanted + "\" is neither cpu nor cuda");
  static const std::string why = whyNoCuda();
  if (why.empty()) return {c10::kCUDA, 0};
  note = why + "; computing on the CPU";
  return c10::kCPU;
}

}  // namespace interleave
