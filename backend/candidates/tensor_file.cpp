// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/candidates/tensor_file.h"

#include <span>

#include "backend/core/error.h"

namespace interleave {

void writeTensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) {
    const DType type = tensor.scalar_type() == at::kBFloat16 ? DType::BF16 : DType::F32;
    specs.push_back({name, type, tensor.sizes().vec()});
  }
  SafetensorsWriter writer(path, specs, metadata);
  for (const auto& [name, tensor] : tensors) {
    const at::ScalarType type = tensor.scalar_type() == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
    const at::Tensor plain = tensor.detach().to(at::kCPU, type).contiguous();
    writer.put(name, std::as_bytes(std::span(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes())));
  }
  writer.commit();
}

at::Tensor readTensor(const SafetensorsFile& file, const std::string& name) {
  const TensorView view = file.view(name);
  at::Tensor tensor = at::empty(view.shape, at::kFloat);
  dequantise(view.dtype, view.bytes,
             std::span(tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())));
  if (!at::isfinite(tensor).all().item<bool>()) {
    throw badInput(file.path().string(), name, "it holds a value that is not finite");
  }
  return tensor;
}

}  // namespace interleave
