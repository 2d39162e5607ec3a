// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/core/budget.h"
#include "backend/core/placement.h"
#include "backend/model/layer_input.h"

namespace interleave {

/// What an operator keeps between calls when decoding, a row a sequence: keys and values, or a recurrent state. Each
/// operator has its own. Rows are independent: calls for different ones may run at the same time.
class MixerState {
 public:
  virtual ~MixerState() = default;
  /// As held for the tokens so far, to be compared with MixerCost::cache_bytes; room for more tokens does not count.
  virtual std::int64_t bytes() const = 0;
  /// Copies of these rows, in this order; one may be named several times.
  virtual std::unique_ptr<MixerState> select(std::span<const std::int64_t> rows) const = 0;
};

/// An operator standing in a layer: of the normalised stream it makes a context for each head, and projects that to
/// what goes into the residual. Over a whole sequence, over packed sequences, and token by token from a state it gives
/// the same values.
class Mixer {
 public:
  virtual ~Mixer() = default;
  /// Of a whole sequence, or of packed ones: a context for each head [B, T, H, d]. Differentiable in the input and in
  /// parameters().
  virtual at::Tensor context(LayerInput& input) const = 0;

  /// An empty state for `batch` sequences.
  virtual std::unique_ptr<MixerState> start(std::int64_t batch) const = 0;
  /// Continues sequences, packed, each from its row of `state` by T ≥ 1 tokens (a prompt, or one token), and moves it
  /// on. No gradient.
  virtual at::Tensor context(LayerInput& input, MixerState& state) const = 0;

  /// Back to the stream, [B, T, H, d] → [B, T, D]: by the teacher's output matrix, or by its own.
  virtual at::Tensor project(const LayerInput& input, const at::Tensor& context) const;

  /// What goes into the residual [B, T, D].
  at::Tensor forward(LayerInput& input) const { return project(input, context(input)); }
  at::Tensor forward(LayerInput& input, MixerState& state) const { return project(input, context(input, state)); }

  virtual MixerCost cost(std::int64_t context_tokens) const = 0;

  /// Trained tensors by name, fp32; empty for operators that need no training.
  virtual std::vector<std::pair<std::string, at::Tensor>> parameters() const { return {}; }
};

/// The operators standing in a model, one a layer; not owned.
using MixerRow = std::vector<const Mixer*>;

}  // namespace interleave
