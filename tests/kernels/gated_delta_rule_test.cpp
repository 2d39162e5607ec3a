// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/gated_delta_rule.h"

#include <malloc.h>

#include "kernels/reference/gated_delta_rule.h"
#include "tests/kernels/compare.h"

namespace interleave::kernels {
namespace {

const std::vector<std::string> kNames{"out", "state", "dq", "dk", "dv", "dg", "dbeta", "dstate"};

/// q, k, v, g, beta and the initial state, in fp64, for `sequences` states. Gates are spread over [gate/10, gate].
Tensors randomInputs(std::int64_t batch, std::int64_t tokens, std::int64_t heads, std::int64_t dk, std::int64_t dv,
                     double gate, std::int64_t sequences) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({batch, tokens, heads, dk}, options),
          at::randn({batch, tokens, heads, dk}, options),
          at::randn({batch, tokens, heads, dv}, options),
          -gate * (0.1 + 0.9 * at::rand({batch, tokens, heads}, options)),
          at::sigmoid(at::randn({batch, tokens, heads}, options)),
          at::randn({sequences, heads, dk, dv}, options)};
}

Tensors results(const DeltaRuleResult& result) { return {result.out, result.final_state}; }

auto recurrent(const DeltaRuleOptions& options) {
  return [=](const Tensors& x) {
    return results(reference::recurrentDeltaRule(x[0], x[1], x[2], x[3], x[4], x[5], options));
  };
}
auto chunkwise(const DeltaRuleOptions& options) {
  return [=](const Tensors& x) {
    return results(reference::chunkwiseDeltaRule(x[0], x[1], x[2], x[3], x[4], x[5], options));
  };
}
auto kernel(const DeltaRuleOptions& options) {
  return [=](const Tensors& x) { return results(gatedDeltaRule(x[0], x[1], x[2], x[3], x[4], x[5], options)); };
}

/// Uninitialised memory holds rubbish in these tests: NaN in tensors, huge numbers elsewhere.
class GatedDeltaRule : public testing::Test {
 protected:
  GatedDeltaRule() {
    at::manual_seed(1);
    at::globalContext().setDeterministicAlgorithms(true, false);
    mallopt(M_PERTURB, 1);
  }
  ~GatedDeltaRule() override {
    at::globalContext().setDeterministicAlgorithms(false, false);
    mallopt(M_PERTURB, 0);
  }
};

TEST_F(GatedDeltaRule, ChunkwiseReferenceEqualsTheRecurrenceInDouble) {
  for (const std::int64_t tokens : {1, 63, 64, 65, 130}) {
    for (const double gate : {1e-3, 0.1, 10.0}) {
      const DeltaRuleOptions options{.l2_normalise = true};
      const Tensors inputs = randomInputs(2, tokens, 2, 20, 12, gate, 2);
      const Tensors weights{at::randn({2, tokens, 2, 12}, at::kDouble), at::randn({2, 2, 20, 12}, at::kDouble)};
      const auto a = outputsAndGradients(recurrent(options), leaves(inputs, at::kDouble, at::kDouble), weights);
      const auto b = outputsAndGradients(chunkwise(options), leaves(inputs, at::kDouble, at::kDouble), weights);
      for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_LE(largestError(b[i], a[i]), 1e-12 * std::max(1.0, a[i].abs().max().item<double>()))
            << kNames[i] << ", " << tokens << " tokens, gate " << gate;
      }
    }
  }
}

TEST_F(GatedDeltaRule, ReferenceGradientsAreFiniteDifferences) {
  const DeltaRuleOptions options{.l2_normalise = true};
  const Tensors inputs = randomInputs(1, 70, 2, 8, 6, 0.3, 1);
  const Tensors weights{at::randn({1, 70, 2, 6}, at::kDouble), at::randn({1, 2, 8, 6}, at::kDouble)};
  auto objective = [&](const Tensors& x) {
    const Tensors outputs = recurrent(options)(x);
    return ((outputs[0] * weights[0]).sum() + (outputs[1] * weights[1]).sum()).item<double>();
  };
  const auto found = outputsAndGradients(chunkwise(options), leaves(inputs, at::kDouble, at::kDouble), weights);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor direction = at::randn_like(inputs[i]);
    auto moved = [&](double by) {
      Tensors x = inputs;
      x[i] = x[i] + by * direction;
      return objective(x);
    };
    const double expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    EXPECT_NEAR((found[2 + i] * direction).sum().item<double>(), expected, 1e-6 * std::max(1.0, std::abs(expected)))
        << kNames[2 + i];
  }
}

struct Case {
  std::int64_t batch, tokens, heads, dk, dv;
  double gate;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> offsets = {};
  bool l2_normalise = true;
};

void expectFusedAsExactAsPlain(const Case& c, const std::string& target) {
  const DeltaRuleOptions options{.l2_normalise = c.l2_normalise, .offsets = c.offsets};
  const std::int64_t sequences = c.offsets.empty() ? c.batch : std::ssize(c.offsets) - 1;
  Tensors inputs = randomInputs(c.batch, c.tokens, c.heads, c.dk, c.dv, c.gate, sequences);
  if (!c.l2_normalise) inputs[1] = inputs[1] / inputs[1].norm(2, -1, true);  // else the rule itself diverges
  const Tensors weights{at::randn(inputs[2].sizes(), at::kDouble), at::randn(inputs[5].sizes(), at::kDouble)};
  const auto exact = outputsAndGradients(chunkwise(options), leaves(inputs, c.type, at::kDouble), weights);
  const auto plain = outputsAndGradients(chunkwise(options), leaves(inputs, c.type, c.type), weights);
  const auto fused = outputsAndGradients(kernel(options), leaves(inputs, c.type, c.type), weights);
  std::ostringstream what;
  what << target << ", " << c.type << ' ' << inputs[0].sizes() << " dv " << c.dv << " gate " << c.gate;
  expectAsExactAsPlain(fused, plain, exact, kNames, what.str());
}

TEST_F(GatedDeltaRule, FusedIsAsExactAsPlainATen) {
  eachVectorTarget([](const std::string& target) {
    for (const std::int64_t tokens : {1, 3, 63, 64, 65, 75, 200}) {
      const std::int64_t heads = tokens < 10 ? 12 : 8;  // errors are alike within a head: enough to compare by
      for (const double gate : {1e-3, 0.1, 10.0}) expectFusedAsExactAsPlain({1, tokens, heads, 64, 64, gate}, target);
    }
    for (const std::int64_t d : {7, 60, 100, 128}) expectFusedAsExactAsPlain({1, 75, 2, d, d, 0.1}, target);
    expectFusedAsExactAsPlain({2, 70, 3, 48, 80, 0.5}, target);
    expectFusedAsExactAsPlain({1, 70, 1, 80, 36, 0.5}, target);
    expectFusedAsExactAsPlain({2, 75, 2, 64, 64, 0.1, at::kBFloat16}, target);
    for (const std::int64_t d : {1, 60}) {
      expectFusedAsExactAsPlain({4, 75, d == 1 ? 8 : 1, d, d, 0.1, at::kFloat, {}, false}, target);
    }
    expectFusedAsExactAsPlain({1, 200, 2, 32, 32, 0.1, at::kFloat, {0, 1, 65, 129, 200}}, target);
  });
}

TEST_F(GatedDeltaRule, FusedIsAsExactAsPlainATenOnLongAndWideInputs) {
  expectFusedAsExactAsPlain({1, 500, 3, 64, 64, 0.02}, "best");
  expectFusedAsExactAsPlain({1, 100, 1, 256, 256, 0.1}, "best");
}

TEST_F(GatedDeltaRule, PackedSequencesAreSeparateSequences) {
  const Tensors x = leaves(randomInputs(1, 150, 2, 32, 32, 0.1, 3), at::kFloat, at::kFloat);
  const std::vector<std::int64_t> offsets{0, 70, 71, 150};
  const c10::NoGradGuard no_gradient;
  const DeltaRuleResult packed = gatedDeltaRule(x[0], x[1], x[2], x[3], x[4], x[5], {.offsets = offsets});
  for (std::int64_t i = 0; i < 3; ++i) {
    auto part = [&](const at::Tensor& t) { return t.slice(1, offsets[i], offsets[i + 1]); };
    const DeltaRuleResult alone =
        gatedDeltaRule(part(x[0]), part(x[1]), part(x[2]), part(x[3]), part(x[4]), x[5].slice(0, i, i + 1));
    EXPECT_TRUE(at::equal(part(packed.out), alone.out)) << i;
    EXPECT_TRUE(at::equal(packed.final_state[i], alone.final_state[0])) << i;
  }
}

TEST_F(GatedDeltaRule, StridesDoNotMatter) {
  const Tensors x = leaves(randomInputs(2, 70, 3, 32, 32, 0.1, 2), at::kFloat, at::kFloat);
  const c10::NoGradGuard no_gradient;
  const DeltaRuleOptions options{.l2_normalise = true};
  const DeltaRuleResult expected = gatedDeltaRule(x[0], x[1], x[2], x[3], x[4], x[5], options);
  for (const auto& [a, b] : {std::pair{1, 2}, std::pair{2, 3}, std::pair{0, 1}}) {
    auto strided = [&](const at::Tensor& t) {
      const int last = static_cast<int>(t.dim()) - 1;
      return t.transpose(std::min(a, last), std::min(b, last))
          .contiguous()
          .transpose(std::min(a, last), std::min(b, last));
    };
    const DeltaRuleResult found = gatedDeltaRule(strided(x[0]), strided(x[1]), strided(x[2]), strided(x[3]),
                                                 strided(x[4]), strided(x[5]), options);
    EXPECT_TRUE(at::equal(found.out, expected.out));
    EXPECT_TRUE(at::equal(found.final_state, expected.final_state));
  }
}

TEST_F(GatedDeltaRule, StepByStepIsTheWholeSequence) {
  eachVectorTarget([](const std::string& target) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      const Tensors x = leaves(randomInputs(2, 70, 2, 40, 24, 0.1, 2), type, type);
      const c10::NoGradGuard no_gradient;
      const DeltaRuleOptions options{.l2_normalise = true};
      at::Tensor state = x[5].to(type == at::kDouble ? at::kDouble : at::kFloat);
      const DeltaRuleResult whole = gatedDeltaRule(x[0], x[1], x[2], x[3], x[4], state, options);
      const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 2e-5 : 2e-2;
      state = state.clone();
      for (std::int64_t t = 0; t < 70; ++t) {
        auto token = [&](std::size_t i) { return x[i].select(1, t); };
        const at::Tensor out = gatedDeltaStep(token(0), token(1), token(2), token(3), token(4), state, options);
        EXPECT_EQ(out.scalar_type(), type);
        EXPECT_LE(largestError(out, whole.out.select(1, t).to(at::kDouble)), tolerance) << target << ' ' << type;
      }
      EXPECT_LE(largestError(state, whole.final_state.to(at::kDouble)), tolerance) << target << ' ' << type;
    }
  });
}

TEST_F(GatedDeltaRule, AStateCarriesASequenceAcrossCalls) {
  const Tensors x = leaves(randomInputs(1, 100, 2, 32, 32, 0.1, 1), at::kFloat, at::kFloat);
  const c10::NoGradGuard no_gradient;
  auto part = [&](std::size_t i, std::int64_t from, std::int64_t to) { return x[i].slice(1, from, to); };
  auto run = [&](std::int64_t from, std::int64_t to, const std::optional<at::Tensor>& state) {
    return gatedDeltaRule(part(0, from, to), part(1, from, to) * 0.1, part(2, from, to), part(3, from, to),
                          part(4, from, to), state);
  };
  const DeltaRuleResult whole = run(0, 100, {}), first = run(0, 37, {}), second = run(37, 100, first.final_state);
  EXPECT_LE(largestError(at::cat({first.out, second.out}, 1), whole.out.to(at::kDouble)), 1e-4);
  EXPECT_LE(largestError(second.final_state, whole.final_state.to(at::kDouble)), 1e-4);
}

TEST_F(GatedDeltaRule, RefusesShapesThatDoNotFit) {
  const Tensors x = leaves(randomInputs(2, 10, 3, 8, 4, 0.1, 2), at::kFloat, at::kFloat);
  auto run = [&](std::size_t replaced, const at::Tensor& by, const DeltaRuleOptions& options = {}) {
    Tensors y = x;
    y[replaced] = by;
    gatedDeltaRule(y[0], y[1], y[2], y[3], y[4], y[5], options);
  };
  EXPECT_NO_THROW(run(0, x[0]));
  EXPECT_THROW(run(0, x[0][0]), c10::Error);
  EXPECT_THROW(run(1, x[1].slice(3, 0, 7)), c10::Error);
  EXPECT_THROW(run(2, x[2].slice(1, 0, 9)), c10::Error);
  EXPECT_THROW(run(3, x[3].slice(2, 0, 2)), c10::Error);
  EXPECT_THROW(run(4, x[4].unsqueeze(-1)), c10::Error);
  EXPECT_THROW(run(5, x[5].slice(0, 0, 1)), c10::Error);
  EXPECT_THROW(run(1, x[1].to(at::kDouble)), c10::Error);
  EXPECT_THROW(run(0, x[0], {.offsets = {0, 10}}), c10::Error);
}

}  // namespace
}  // namespace interleave::kernels
