// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace interleave {

/// Where a model's stream first stops being finite. Keeps one sum a layer and looks at them once at the end, so a
/// device need not wait in between: a sum is finite exactly when its terms are, short of values about to overflow.
class FiniteWatch {
 public:
  /// `first`: after which layer the first stream comes; −1: it is the embedding.
  explicit FiniteWatch(int first = -1) : first_(first) {}
  /// To be called with the first stream, then with that after each further layer.
  void add(const at::Tensor& stream);
  /// Failed, naming the first place whose values were not finite.
  void check() const;

 private:
  int first_;
  std::vector<at::Tensor> sums_;
};

}  // namespace interleave
