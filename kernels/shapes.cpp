// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/shapes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace interleave::kernels {

std::vector<Span> sequences(std::int64_t batch, std::int64_t tokens, const std::vector<std::int64_t>& offsets) {
  std::vector<Span> spans;
  if (offsets.empty()) {
    for (std::int64_t b = 0; b < batch; ++b) spans.push_back({b, 0, tokens});
    return spans;
  }
  TORCH_CHECK(batch == 1, "packed sequences need a batch of 1, not of ", batch);
  TORCH_CHECK(offsets.size() >= 2 && offsets.front() == 0 && offsets.back() == tokens,
              "the offsets of packed sequences must run from 0 to their ", tokens, " tokens");
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    TORCH_CHECK(offsets[i] < offsets[i + 1], "the offsets of packed sequences must ascend: ", offsets[i], ", then ",
                offsets[i + 1]);
    spans.push_back({0, offsets[i], offsets[i + 1] - offsets[i]});
  }
  return spans;
}

at::Tensor rowContiguous(const at::Tensor& x) { return x.size(-1) == 1 || x.stride(-1) == 1 ? x : x.contiguous(); }

cpu::Rows headRows(const at::Tensor& x, const Span& span, std::int64_t head, int token_dim, int head_dim) {
  const std::int64_t first = span.batch * x.stride(0) + span.first * x.stride(token_dim) + head * x.stride(head_dim);
  return {static_cast<char*>(x.data_ptr()) + first * static_cast<std::int64_t>(x.element_size()), x.stride(token_dim),
          x.scalar_type() == at::kBFloat16};
}

float readOutScale(const at::Tensor& q, const std::optional<double>& scale) {
  return static_cast<float>(scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(-1)))));
}

bool needsGradient(std::initializer_list<at::Tensor> tensors) {
  return c10::GradMode::is_enabled() &&
         std::ranges::any_of(tensors, [](const at::Tensor& x) { return x.defined() && x.requires_grad(); });
}

}  // namespace interleave::kernels
