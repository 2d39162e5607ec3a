// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// Element types of tensors in files: plain ones, and GGML's block formats.
enum class DType : std::uint8_t { F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K };

std::string_view name(DType type);
/// Elements and bytes of one block (1 element for the plain types).
struct BlockSize {
  std::int64_t elements, bytes;
};
BlockSize blockSize(DType type);

/// A tensor inside a mapped file; row-major, the last dimension is contiguous (safetensors' order, GGUF's reversed).
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::int64_t elements() const;
};

/// The values in fp32, bit for bit what the format defines. `out` holds exactly the elements of `bytes`.
void dequantise(DType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace interleave
