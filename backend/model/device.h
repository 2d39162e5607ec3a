// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace interleave {

/// The device to compute on, of "cpu" and "cuda" (Usage error otherwise). LibTorch's CUDA half is loaded when first
/// asked for; where it or a GPU is missing the answer is the CPU, and `note` says why. Thread-safe.
c10::Device resolveDevice(const std::string& wanted, std::string& note);

}  // namespace interleave
