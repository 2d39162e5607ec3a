// SPDX-License-Identifier: GPL-3.0-or-later
#include <cuda_runtime.h>

#include <climits>
#include <cstddef>

#include "kernels/cuda/delta_rule_block.h"

namespace interleave::kernels::cuda {
namespace {

constexpr int kThreads = 256;

struct ThreadBlock {
  template <class Work>
  __device__ void forEach(int count, const Work& work) const {
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) work(i);
    __syncthreads();
  }
};

extern __shared__ float shared_memory[];

__global__ void __launch_bounds__(kThreads) forwardKernel(InterleaveDeltaRule p) {
  deltaRuleBlock(ThreadBlock{}, p, blockIdx.x, static_cast<std::int64_t>(blockIdx.y) * kColumns, shared_memory);
}

__global__ void __launch_bounds__(kThreads) stepKernel(InterleaveDeltaRule p) {
  deltaStepBlock(ThreadBlock{}, p, blockIdx.x, static_cast<std::int64_t>(blockIdx.y) * kColumns, shared_memory);
}

const char* launch(void (*kernel)(InterleaveDeltaRule), const InterleaveDeltaRule& p, std::size_t shared_floats) {
  const std::int64_t heads = p.sequences * p.heads, slices = (p.dv + kColumns - 1) / kColumns;
  if (p.dk < 1 || p.dk > INTERLEAVE_CUDA_MAX_DK) return "the key dimension is outside 1 to 128";
  if (heads < 1 || heads > INT_MAX || slices < 1 || slices > 65535) return "the problem does not fit a CUDA grid";
  const std::size_t bytes = shared_floats * sizeof(float);
  cudaError_t status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                            cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  if (status == cudaSuccess) {
    const dim3 grid(static_cast<unsigned>(heads), static_cast<unsigned>(slices));
    kernel<<<grid, kThreads, bytes, static_cast<cudaStream_t>(p.stream)>>>(p);
    status = cudaGetLastError();
  }
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

}  // namespace
}  // namespace interleave::kernels::cuda

#define INTERLEAVE_EXPORT extern "C" __attribute__((visibility("default")))

INTERLEAVE_EXPORT int interleaveCudaAbiVersion() { return INTERLEAVE_CUDA_ABI_VERSION; }

INTERLEAVE_EXPORT int interleaveDeltaRuleFits(std::int64_t dk) {
  using namespace interleave::kernels::cuda;
  if (dk < 1 || dk > INTERLEAVE_CUDA_MAX_DK) return 0;
  int device = 0, most = 0;
  cudaFuncAttributes code{};
  const bool known = cudaGetDevice(&device) == cudaSuccess &&
                     cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) == cudaSuccess &&
                     cudaFuncGetAttributes(&code, reinterpret_cast<const void*>(forwardKernel)) == cudaSuccess;
  if (!known) cudaGetLastError();  // Forgotten: the next caller must not find it.
  return known && chunkedFloats(dk) * sizeof(float) <= static_cast<std::size_t>(most);
}

INTERLEAVE_EXPORT const char* interleaveDeltaRuleForward(const InterleaveDeltaRule* p) {
  using namespace interleave::kernels::cuda;
  return launch(forwardKernel, *p, chunkedFloats(p->dk));
}

INTERLEAVE_EXPORT const char* interleaveDeltaRuleStep(const InterleaveDeltaRule* p) {
  using namespace interleave::kernels::cuda;
  return launch(stepKernel, *p, stepFloats(p->dk));
}
