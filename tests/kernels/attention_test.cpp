// SPDX-License-Identifier: GPL-3.0-or-later
#include "kernels/attention.h"

#include <malloc.h>

#include "kernels/reference/attention.h"
#include "tests/kernels/compare.h"

namespace interleave::kernels {
namespace {

const std::vector<std::string> kNames{"out", "dq", "dk", "dv"};

struct Case {
  std::int64_t batch, heads, key_heads, queries, keys, d, dv;
  Band band = {};
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> offsets = {};
};

Tensors randomInputs(const Case& c) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({c.batch, c.heads, c.queries, c.d}, options),
          at::randn({c.batch, c.key_heads, c.keys, c.d}, options),
          at::randn({c.batch, c.key_heads, c.keys, c.dv}, options)};
}

/// Uninitialised memory holds rubbish in these tests: NaN in tensors, huge numbers elsewhere.
class BandedAttention : public testing::Test {
 protected:
  BandedAttention() {
    at::manual_seed(1);
    at::globalContext().setDeterministicAlgorithms(true, false);
    mallopt(M_PERTURB, 1);
  }
  ~BandedAttention() override {
    at::globalContext().setDeterministicAlgorithms(false, false);
    mallopt(M_PERTURB, 0);
  }
};

TEST_F(BandedAttention, DenseReferenceEqualsLibTorchsCausalAttention) {
  const Tensors x = randomInputs({2, 4, 2, 30, 30, 8, 8});
  const at::Tensor expected =
      at::scaled_dot_product_attention(x[0], x[1].repeat_interleave(2, 1), x[2].repeat_interleave(2, 1), {}, 0.0, true);
  EXPECT_LT(largestError(reference::denseAttention(x[0], x[1], x[2]), expected), 1e-12);
}

TEST_F(BandedAttention, DenseReferenceSeesWhatTheBandSays) {
  const std::int64_t tokens = 12;
  const at::Tensor q = at::zeros({1, 1, tokens, 4}, at::kDouble),
                   v = at::eye(tokens, at::kDouble).view({1, 1, tokens, tokens});
  const at::Tensor seen = reference::denseAttention(q, at::zeros_like(q), v, {.window = 3, .sinks = 2});
  for (std::int64_t i = 0; i < tokens; ++i) {
    for (std::int64_t j = 0; j < tokens; ++j) {
      const bool visible = j <= i && (i - j < 3 || j < 2);
      EXPECT_EQ(seen[0][0][i][j].item<double>() > 0, visible) << i << ' ' << j;
    }
  }
}

void expectFusedAsExactAsPlain(const Case& c, const std::string& target) {
  const AttentionOptions options{.offsets = c.offsets};
  auto dense = [&](const Tensors& x) -> Tensors {
    return {reference::denseAttention(x[0], x[1], x[2], c.band, options)};
  };
  auto fused = [&](const Tensors& x) -> Tensors { return {attention(x[0], x[1], x[2], c.band, options)}; };
  const Tensors inputs = randomInputs(c);
  const Tensors weights{at::randn({c.batch, c.heads, c.queries, c.dv}, at::kDouble)};
  std::ostringstream what;
  what << target << ", " << c.type << ' ' << inputs[0].sizes() << ' ' << inputs[2].sizes() << " window "
       << c.band.window << " sinks " << c.band.sinks;
  expectAsExactAsPlain(outputsAndGradients(fused, leaves(inputs, c.type, c.type), weights),
                       outputsAndGradients(dense, leaves(inputs, c.type, c.type), weights),
                       outputsAndGradients(dense, leaves(inputs, c.type, at::kDouble), weights), kNames, what.str());
}

TEST_F(BandedAttention, FusedIsAsExactAsPlainATen) {
  eachVectorTarget([](const std::string& target) {
    for (const std::int64_t tokens : {1, 5, 63, 64, 65, 75, 200}) {
      expectFusedAsExactAsPlain({1, 4, 2, tokens, tokens, 64, 64}, target);
      expectFusedAsExactAsPlain({1, 4, 2, tokens, tokens, 64, 64, {.window = 32, .sinks = 4}}, target);
    }
    for (const std::int64_t d : {1, 7, 60, 100, 128}) expectFusedAsExactAsPlain({2, 3, 3, 75, 75, d, d}, target);
    for (const Band& band : {Band{1, 0}, Band{1, 3}, Band{64, 0}, Band{65, 1}, Band{33, 70}, Band{500, 4}}) {
      expectFusedAsExactAsPlain({1, 2, 1, 200, 200, 32, 48, band}, target);
    }
    for (const std::int64_t queries : {1, 5, 70}) {
      expectFusedAsExactAsPlain({2, 3, 1, queries, 150, 64, 64}, target);
      expectFusedAsExactAsPlain({2, 3, 1, queries, 150, 64, 64, {.window = 40, .sinks = 2}}, target);
    }
    expectFusedAsExactAsPlain({2, 6, 2, 130, 130, 64, 64, {}, at::kBFloat16}, target);
    expectFusedAsExactAsPlain({1, 2, 2, 130, 130, 64, 64, {.window = 16, .sinks = 4}, at::kBFloat16}, target);
    expectFusedAsExactAsPlain({1, 2, 1, 150, 150, 32, 32, {}, at::kFloat, {0, 1, 70, 150}}, target);
    expectFusedAsExactAsPlain({1, 2, 1, 150, 150, 32, 32, {.window = 20, .sinks = 4}, at::kFloat, {0, 70, 71, 150}},
                              target);
  });
}

TEST_F(BandedAttention, AWindowOverEverythingIsFullAttention) {
  const Tensors x = leaves(randomInputs({1, 4, 2, 130, 130, 64, 64}), at::kFloat, at::kFloat);
  const at::Tensor full = attention(x[0], x[1], x[2]);
  EXPECT_TRUE(at::equal(attention(x[0], x[1], x[2], {.window = 130}), full));
  EXPECT_TRUE(at::equal(attention(x[0], x[1], x[2], {.window = 1, .sinks = 130}), full));
  EXPECT_FALSE(at::equal(attention(x[0], x[1], x[2], {.window = 129}), full));
}

TEST_F(BandedAttention, PackedSequencesAreSeparateSequences) {
  const Tensors x = leaves(randomInputs({1, 4, 2, 150, 150, 64, 64}), at::kFloat, at::kFloat);
  const std::vector<std::int64_t> offsets{0, 70, 71, 150};
  for (const Band& band : {Band{}, Band{16, 4}}) {
    const at::Tensor packed = attention(x[0], x[1], x[2], band, {.offsets = offsets});
    for (std::size_t i = 0; i < 3; ++i) {
      auto part = [&](const at::Tensor& t) { return t.slice(2, offsets[i], offsets[i + 1]); };
      EXPECT_TRUE(at::equal(part(packed), attention(part(x[0]), part(x[1]), part(x[2]), band))) << i;
    }
  }
}

TEST_F(BandedAttention, StridesDoNotMatterAndTheResultLiesTokenByToken) {
  const Tensors x = leaves(randomInputs({2, 4, 2, 70, 70, 64, 64}), at::kFloat, at::kFloat);
  const at::Tensor expected = attention(x[0], x[1], x[2]);
  EXPECT_TRUE(expected.transpose(1, 2).is_contiguous());
  for (const auto& [a, b] : {std::pair{1, 2}, std::pair{2, 3}, std::pair{0, 1}}) {
    auto strided = [&](const at::Tensor& t) { return t.transpose(a, b).contiguous().transpose(a, b); };
    EXPECT_TRUE(at::equal(attention(strided(x[0]), strided(x[1]), strided(x[2])), expected));
  }
}

TEST_F(BandedAttention, GradientsAreOnlyThoseAskedFor) {
  const Case c{1, 4, 2, 70, 70, 32, 32, {.window = 20, .sinks = 2}};
  Tensors all = leaves(randomInputs(c), at::kFloat, at::kFloat);
  attention(all[0], all[1], all[2], c.band).sum().backward();
  for (std::size_t asked = 0; asked < 3; ++asked) {
    Tensors x;
    for (const at::Tensor& t : all) x.push_back(t.detach());
    x[asked].requires_grad_();
    attention(x[0], x[1], x[2], c.band).sum().backward();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(x[i].grad().defined(), i == asked);
    EXPECT_TRUE(at::equal(x[asked].grad(), all[asked].grad())) << asked;
  }
}

TEST_F(BandedAttention, LogitsFarBelowZeroHaveFiniteGradients) {
  for (const std::int64_t tokens : {65, 66, 67, 70, 129, 130}) {  // the last block is shorter than the one before
    Tensors inputs = randomInputs({1, 2, 1, tokens, tokens, 8, 8});
    inputs[0] = 0.1 * inputs[0] - 6;
    inputs[1] = 0.1 * inputs[1] + 6;  // logits near -100
    const Tensors weights{at::randn({1, 2, tokens, 8}, at::kDouble)};
    const auto all = [&](auto function, at::ScalarType type) {
      return outputsAndGradients([&](const Tensors& x) -> Tensors { return {function(x[0], x[1], x[2])}; },
                                 leaves(inputs, at::kFloat, type), weights);
    };
    const Tensors found = all([](auto& q, auto& k, auto& v) { return attention(q, k, v); }, at::kFloat);
    const Tensors exact =
        all([](auto& q, auto& k, auto& v) { return reference::denseAttention(q, k, v, {}, {}); }, at::kDouble);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_LT(largestError(found[i], exact[i]), 1e-3 * exact[i].abs().max().item<double>()) << kNames[i];
    }
  }
}

struct Step {
  at::Tensor q, k, v;
  std::vector<KeyValueCache> caches;
};

/// A token of each of some sequences whose caches hold `held`, the new token among them in some slot, with room beyond.
Step randomStep(const std::vector<std::int64_t>& held, std::int64_t heads, std::int64_t key_heads, std::int64_t d) {
  const auto count = static_cast<std::int64_t>(held.size());
  const auto random = [](at::IntArrayRef shape) { return at::randn(shape, at::kDouble); };
  Step step{random({count, heads, d}), random({count, key_heads, d}), random({count, key_heads, d}), {}};
  for (const std::int64_t tokens : held) {
    step.caches.push_back(
        {random({key_heads, tokens + 3, d}), random({key_heads, tokens + 3, d}), tokens * 2 / 3, tokens});
  }
  return step;
}

Step rounded(const Step& step, at::ScalarType rounding, at::ScalarType type) {
  const auto as = [&](const at::Tensor& x) { return x.to(rounding).to(type, false, true); };
  Step result{as(step.q), as(step.k), as(step.v), step.caches};
  for (KeyValueCache& cache : result.caches) {
    cache.keys = as(cache.keys);
    cache.values = as(cache.values);
  }
  return result;
}

/// The step's result, with attention over the cache into which the new token has been put.
at::Tensor plainStep(const Step& step) {
  Tensors rows;
  for (std::size_t n = 0; n < step.caches.size(); ++n) {
    const auto& [keys, values, slot, held] = step.caches[n];
    const auto with = [&, at_slot = slot, count = held](const at::Tensor& cached, const at::Tensor& x) {
      const at::Tensor whole = cached.narrow(1, 0, count).clone();
      whole.select(1, at_slot).copy_(x[static_cast<std::int64_t>(n)]);
      return whole.unsqueeze(0);
    };
    rows.push_back(reference::denseAttention(step.q.narrow(0, static_cast<std::int64_t>(n), 1).unsqueeze(2),
                                             with(keys, step.k), with(values, step.v)));
  }
  return at::cat(rows).squeeze(2);
}

TEST_F(BandedAttention, AStepIsAsExactAsPlainATen) {
  eachVectorTarget([](const std::string& target) {
    for (const auto& [heads, key_heads, d] : {std::tuple{9, 3, 64}, {4, 4, 8}, {70, 1, 20}, {6, 2, 100}}) {
      for (const std::vector<std::int64_t>& held : {std::vector<std::int64_t>{1}, {513}, {1, 64, 65, 700, 30, 1500}}) {
        const Step step = randomStep(held, heads, key_heads, d);
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
          const Step mine = rounded(step, type, type);
          const std::string what = target + ", " + std::to_string(heads) + " heads, " + std::to_string(held.size());
          expectAsExactAsPlain({attentionStep(mine.q, mine.k, mine.v, mine.caches)},
                               {plainStep(rounded(step, type, type))}, {plainStep(rounded(step, type, at::kDouble))},
                               kNames, what);
          for (std::size_t n = 0; n < held.size(); ++n) {
            const auto row = static_cast<std::int64_t>(n);
            EXPECT_TRUE(at::equal(mine.caches[n].keys.select(1, mine.caches[n].slot), mine.k[row]));
            EXPECT_TRUE(at::equal(mine.caches[n].values.select(1, mine.caches[n].slot), mine.v[row]));
          }
        }
      }
    }
  });
}

TEST_F(BandedAttention, AStepOfOtherTypesAndOfAnyStridesIsTheSame) {
  const Step step = randomStep({5, 600}, 4, 2, 8);
  const at::Tensor expected = plainStep(step);
  const Step wide = rounded(step, at::kDouble, at::kDouble), narrow = rounded(step, at::kFloat, at::kFloat);
  EXPECT_LT(largestError(attentionStep(wide.q, wide.k, wide.v, wide.caches), expected), 1e-12);
  const auto strided = [](const at::Tensor& x) { return x.transpose(0, 1).contiguous().transpose(0, 1); };
  EXPECT_LT(
      largestError(attentionStep(strided(narrow.q), strided(narrow.k), strided(narrow.v), narrow.caches), expected),
      1e-5);
}

TEST_F(BandedAttention, AStepRefusesWhatDoesNotFit) {
  const Step step = rounded(randomStep({5, 6}, 4, 2, 8), at::kFloat, at::kFloat);
  const auto with = [&](const auto& change) {
    Step changed = step;
    change(changed);
    attentionStep(changed.q, changed.k, changed.v, changed.caches);
  };
  EXPECT_NO_THROW(with([](Step&) {}));
  EXPECT_THROW(with([](Step& x) { x.caches.pop_back(); }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.caches[1].slot = 6; }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.caches[1].held = 10; }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.caches[1].keys = x.caches[1].keys.to(at::kDouble); }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.caches[0].values = x.caches[0].values.slice(0, 0, 1); }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.k = x.k.slice(2, 0, 7); }), c10::Error);
  EXPECT_THROW(with([](Step& x) { x.q = x.q.slice(1, 0, 3); }), c10::Error);
}

TEST_F(BandedAttention, RefusesShapesThatDoNotFit) {
  const Tensors x = leaves(randomInputs({1, 4, 2, 10, 10, 8, 8}), at::kFloat, at::kFloat);
  EXPECT_THROW(attention(x[0][0], x[1], x[2]), c10::Error);
  EXPECT_THROW(attention(x[0].slice(1, 0, 3), x[1], x[2]), c10::Error);
  EXPECT_THROW(attention(x[0], x[1].slice(2, 0, 9), x[2]), c10::Error);
  EXPECT_THROW(attention(x[0], x[1].slice(3, 0, 7), x[2]), c10::Error);
  EXPECT_THROW(attention(x[0], x[1].slice(2, 0, 9), x[2].slice(2, 0, 9)), c10::Error);
  EXPECT_THROW(attention(x[0], x[1].to(at::kDouble), x[2]), c10::Error);
  EXPECT_THROW(attention(x[0], x[1], x[2], {.window = 0}), c10::Error);
  EXPECT_THROW(attention(x[0], x[1], x[2], {}, {.offsets = {0, 5, 5, 10}}), c10::Error);
}

}  // namespace
}  // namespace interleave::kernels
