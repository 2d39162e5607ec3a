// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/export/tiny_bank.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <fstream>

#include "backend/candidates/bank.h"
#include "backend/candidates/tensor_file.h"
#include "backend/mixers/gated_delta_net.h"

namespace interleave::testing {

std::filesystem::path writeTinyBank(const std::filesystem::path& folder, const std::shared_ptr<const Model>& model,
                                    const nlohmann::json& changes) {
  Settings settings(bankSettings());
  settings.merge({{"kinds", "gdn,gdn-window"}}, "test");
  settings.merge(changes, "test");
  const Window window = operatorWindows(settings).gdn;
  std::filesystem::create_directories(folder);
  const nlohmann::json card{{"format", "interleave-bank"},
                            {"version", 1},
                            {"model_name", model->config().name},
                            {"layers", model->config().layers},
                            {"key", {{"model", model->fingerprint()}, {"settings", settings.json()}, {"seed", 0}}},
                            {"complete", true},
                            {"tokens", 0},
                            {"seconds", 0.0},
                            {"quality", nlohmann::json::object()}};
  std::ofstream(folder / "card.json") << card;

  for (const MixerKind kind : {MixerKind::Gdn, MixerKind::GdnWindow}) {
    const at::Generator random = at::detail::createCPUGenerator(static_cast<std::uint64_t>(kind));
    NamedTensors tensors;
    for (int layer = 0; layer < model->config().layers; ++layer) {
      const auto candidate = GatedDeltaNet::copiedFromTeacher(model, layer, kind, window);
      for (const auto& [label, tensor] : candidate->parameters()) {
        const double spread = tensor.dim() == 2 ? 0.5 / std::sqrt(static_cast<double>(tensor.size(1))) : 0.3;
        const at::Tensor moved = tensor + spread * at::randn(tensor.sizes(), random);
        tensors.emplace_back(StoredBank::tensorName(layer, label), moved.dim() == 1 ? moved : moved.to(at::kBFloat16));
      }
    }
    writeTensors(folder / (std::string(name(kind)) + ".safetensors"), tensors);
  }
  return folder;
}

}  // namespace interleave::testing
