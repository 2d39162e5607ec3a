// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <mutex>

#include "backend/formats/model_config.h"

namespace interleave {

/// cos and sin of rotary angles, [T, d/2] in fp32.
struct Rotary {
  at::Tensor cos, sin;
};

/// Rotary embedding of one base, with its scaling (linear, llama3, YaRN: arXiv 2309.00071, and a file's own factors),
/// computed operation by operation as `transformers` does, so that angles far out agree. Safe to use from several
/// threads.
class RotaryTable {
 public:
  /// Of the model's base, or, where `local`, of the one that Gemma's sliding-window layers have: that takes no scaling.
  RotaryTable(const ModelConfig& config, bool local, at::Device device);
  /// For positions first … first+count-1. Views of a table that grows as asked.
  Rotary slice(std::int64_t first, std::int64_t count) const;

 private:
  at::Tensor inverse_frequencies_;  // [d/2]
  double attention_factor_ = 1;     // YaRN's scale on cos and sin
  mutable std::mutex mutex_;
  mutable Rotary table_;  // guarded by mutex_
};

}  // namespace interleave
