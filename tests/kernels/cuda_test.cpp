// SPDX-License-Identifier: GPL-3.0-or-later
// The CUDA kernels of the gated delta rule: the algorithm of a thread block, run by one thread of this machine, and,
// where there is a CUDA device and the plug-in is built, the plug-in itself.
#include <dlfcn.h>

#include "kernels/cuda/delta_rule_block.h"
#include "kernels/cuda_plugin.h"
#include "kernels/reference/gated_delta_rule.h"
#include "kernels/shapes.h"
#include "tests/kernels/compare.h"

namespace interleave::kernels {
namespace {

struct OneThread {
  template <class Work>
  void forEach(int count, const Work& work) const {
    for (int i = count - 1; i >= 0; --i) work(i);  // backwards: the order within a phase must not matter
  }
};

InterleaveTensor describe(const at::Tensor& x) { return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)}; }

DeltaRuleResult onThisMachine(const Tensors& x, const DeltaRuleOptions& options, bool step) {
  const at::Tensor out = at::empty_like(x[2]), state = x[5].to(at::kFloat).clone();
  const at::Tensor g = x[3].to(at::kFloat), beta = x[4].to(at::kFloat);
  const InterleaveDeltaRule call{.q = describe(x[0]),
                                 .k = describe(x[1]),
                                 .v = describe(x[2]),
                                 .out = describe(out),
                                 .g = g.data_ptr<float>(),
                                 .beta = beta.data_ptr<float>(),
                                 .state = state.data_ptr<float>(),
                                 .offsets = options.offsets.empty() ? nullptr : options.offsets.data(),
                                 .sequences = state.size(0),
                                 .tokens = x[0].size(1),
                                 .heads = x[0].size(2),
                                 .dk = x[0].size(3),
                                 .dv = x[2].size(3),
                                 .scale = readOutScale(x[0], {}),
                                 .l2_normalise = options.l2_normalise,
                                 .bf16 = x[0].scalar_type() == at::kBFloat16,
                                 .stream = nullptr};
  const std::size_t floats = step ? cuda::stepFloats(call.dk) : cuda::chunkedFloats(call.dk);
  std::vector<float> shared(floats + 1, std::numeric_limits<float>::quiet_NaN());
  shared.back() = 1234.0f;
  for (std::int64_t head = 0; head < call.sequences * call.heads; ++head) {
    for (std::int64_t column = 0; column < call.dv; column += cuda::kColumns) {
      if (step) {
        cuda::deltaStepBlock(OneThread{}, call, head, column, shared.data());
      } else {
        cuda::deltaRuleBlock(OneThread{}, call, head, column, shared.data());
      }
    }
  }
  EXPECT_EQ(shared.back(), 1234.0f) << "the block wrote beyond its shared memory";
  return {out, state};
}

struct Case {
  std::int64_t batch, tokens, heads, dk, dv;
  double gate = 0.1;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> offsets = {};
};

/// Compares `rule` with the references in every case.
void expectAsExactAsPlain(const std::function<DeltaRuleResult(const Tensors&, const DeltaRuleOptions&)>& rule,
                          bool step) {
  at::manual_seed(1);
  const c10::NoGradGuard no_gradient;
  for (const Case& c : std::vector<Case>{{1, 1, 12, 64, 64},
                                         {1, 63, 2, 64, 64, 1e-3},
                                         {2, 64, 2, 64, 64, 10.0},
                                         {1, 65, 2, 60, 100},
                                         {1, 200, 2, 128, 128},
                                         {2, 75, 3, 7, 33},
                                         {2, 130, 2, 64, 64, 0.1, at::kBFloat16},
                                         {1, 150, 2, 32, 32, 0.1, at::kFloat, {0, 70, 71, 150}}}) {
    if (step && !c.offsets.empty()) continue;
    const std::int64_t tokens = step ? 1 : c.tokens;
    const std::int64_t sequences = c.offsets.empty() ? c.batch : std::ssize(c.offsets) - 1;
    const Tensors inputs{at::randn({c.batch, tokens, c.heads, c.dk}), at::randn({c.batch, tokens, c.heads, c.dk}),
                         at::randn({c.batch, tokens, c.heads, c.dv}), -c.gate * at::rand({c.batch, tokens, c.heads}),
                         at::rand({c.batch, tokens, c.heads}),        at::randn({sequences, c.heads, c.dk, c.dv})};
    Tensors x, exact;
    for (const at::Tensor& t : inputs) {
      x.push_back(t.to(c.type));
      exact.push_back(x.back().to(at::kDouble));
    }
    const DeltaRuleOptions options{.l2_normalise = true, .offsets = c.offsets};
    auto reference = [&](const Tensors& y) -> Tensors {
      const DeltaRuleResult r = reference::chunkwiseDeltaRule(y[0], y[1], y[2], y[3], y[4], y[5], options);
      return {r.out, r.final_state};
    };
    const DeltaRuleResult found = rule(x, options);
    std::ostringstream what;
    what << c.type << ' ' << x[0].sizes() << " dv " << c.dv << " gate " << c.gate;
    kernels::expectAsExactAsPlain({found.out, found.final_state}, reference(x), reference(exact), {"out", "state"},
                                  what.str());
  }
}

TEST(CudaBlock, ChunkwiseRuleIsAsExactAsPlainATen) {
  expectAsExactAsPlain([](const Tensors& x, const DeltaRuleOptions& o) { return onThisMachine(x, o, false); }, false);
}

TEST(CudaBlock, StepIsAsExactAsPlainATen) {
  expectAsExactAsPlain([](const Tensors& x, const DeltaRuleOptions& o) { return onThisMachine(x, o, true); }, true);
}

/// Skips where the plug-in cannot run.
class CudaPlugin : public testing::Test {
 protected:
  void SetUp() override {
    if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) || !at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
    if (!hasCudaPlugin()) GTEST_SKIP() << "the CUDA plug-in is not built";
  }
  static Tensors toGpu(Tensors x) {
    for (at::Tensor& t : x) t = t.to(at::kCUDA);
    return x;
  }
};

TEST_F(CudaPlugin, ChunkwiseRuleIsAsExactAsPlainATen) {
  EXPECT_EQ(activeKernelName(at::kCUDA), "CUDA GDN");
  expectAsExactAsPlain(
      [](const Tensors& x, const DeltaRuleOptions& options) -> DeltaRuleResult {
        const Tensors y = toGpu(x);
        EXPECT_TRUE(cudaPluginTakes(y[0], y[2]));
        const DeltaRuleResult result = gatedDeltaRule(y[0], y[1], y[2], y[3], y[4], y[5], options);
        return {result.out.cpu(), result.final_state.cpu()};
      },
      false);
}

TEST_F(CudaPlugin, StepIsAsExactAsPlainATen) {
  expectAsExactAsPlain(
      [](const Tensors& x, const DeltaRuleOptions& options) -> DeltaRuleResult {
        Tensors y = toGpu(x);
        y[5] = y[5].to(at::kFloat);
        auto token = [&](std::size_t i) { return y[i].select(1, 0); };
        const at::Tensor out = gatedDeltaStep(token(0), token(1), token(2), token(3), token(4), y[5], options);
        return {out.unsqueeze(1).cpu(), y[5].cpu()};
      },
      true);
}

}  // namespace
}  // namespace interleave::kernels
