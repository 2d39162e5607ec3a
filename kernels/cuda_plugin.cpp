// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/cuda_plugin.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cmath>
#include <filesystem>

#include "kernels/cuda/abi.h"
#include "kernels/shapes.h"

namespace interleave::kernels {
namespace {

struct Plugin {
  InterleaveDeltaRuleFunction forward = nullptr, step = nullptr;
  int (*fits)(std::int64_t dk) = nullptr;
};

/// Its functions, or nulls. The library stays loaded for good: it holds no state of its own.
Plugin loadPlugin() {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const char* folder : {"../lib", "../lib/interleave", "."}) {
    const std::filesystem::path file = program / folder / "libinterleave_cuda_kernels.so";
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    const auto version = reinterpret_cast<int (*)()>(dlsym(library, "interleaveCudaAbiVersion"));
    if (!version || version() != INTERLEAVE_CUDA_ABI_VERSION) continue;
    const Plugin found{reinterpret_cast<InterleaveDeltaRuleFunction>(dlsym(library, "interleaveDeltaRuleForward")),
                       reinterpret_cast<InterleaveDeltaRuleFunction>(dlsym(library, "interleaveDeltaRuleStep")),
                       reinterpret_cast<int (*)(std::int64_t)>(dlsym(library, "interleaveDeltaRuleFits"))};
    if (found.forward && found.step && found.fits) return found;
  }
  return {};
}

const Plugin& plugin() {
  static const Plugin loaded = loadPlugin();
  return loaded;
}

InterleaveTensor describe(const at::Tensor& x) { return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)}; }

at::Tensor run(InterleaveDeltaRuleFunction function, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
               const at::Tensor& g, const at::Tensor& beta, const at::Tensor& state, const DeltaRuleOptions& options) {
  const c10::DeviceGuard guard(q.device());
  const at::Tensor q_rows = rowContiguous(q), k_rows = rowContiguous(k), v_rows = rowContiguous(v);
  const at::Tensor decay = g.to(at::kFloat).contiguous(), strength = beta.to(at::kFloat).contiguous();
  const at::Tensor out = at::empty(v.sizes(), v.options());
  at::Tensor offsets;
  if (!options.offsets.empty()) offsets = at::tensor(options.offsets, at::kLong).to(q.device());
  const InterleaveDeltaRule call{.q = describe(q_rows),
                                 .k = describe(k_rows),
                                 .v = describe(v_rows),
                                 .out = describe(out),
                                 .g = decay.data_ptr<float>(),
                                 .beta = strength.data_ptr<float>(),
                                 .state = state.data_ptr<float>(),
                                 .offsets = offsets.defined() ? offsets.data_ptr<std::int64_t>() : nullptr,
                                 .sequences = state.size(0),
                                 .tokens = q.size(1),
                                 .heads = q.size(2),
                                 .dk = q.size(3),
                                 .dv = v.size(3),
                                 .scale = readOutScale(q, options.scale),
                                 .l2_normalise = options.l2_normalise,
                                 .bf16 = q.scalar_type() == at::kBFloat16,
                                 .stream = nullptr};  // the default stream, the only one cudaPluginTakes() lets pass
  const char* trouble = function(&call);
  TORCH_CHECK(!trouble, "the CUDA kernel of the gated delta rule failed: ", trouble);
  return out;
}

}  // namespace

bool hasCudaPlugin() { return plugin().forward != nullptr; }

bool cudaPluginTakes(const at::Tensor& q, const at::Tensor& v) {
  if (!q.is_cuda() || !hasCudaPlugin()) return false;
  if (q.scalar_type() != at::kFloat && q.scalar_type() != at::kBFloat16) return false;
  if (q.size(3) > INTERLEAVE_CUDA_MAX_DK || q.numel() == 0 || v.numel() == 0) return false;
  const c10::DeviceGuard guard(q.device());
  if (plugin().fits(q.size(3)) == 0) return false;
  const c10::impl::VirtualGuardImpl device(c10::kCUDA);
  return device.getStream(q.device()) == device.getDefaultStream(q.device());
}

at::Tensor cudaDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& beta, const at::Tensor& state, const DeltaRuleOptions& options) {
  return run(plugin().forward, q, k, v, g, beta, state, options);
}

at::Tensor cudaDeltaStep(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& beta, const at::Tensor& state, const DeltaRuleOptions& options) {
  return run(plugin().step, q, k, v, g, beta, state, options);
}

}  // namespace interleave::kernels
