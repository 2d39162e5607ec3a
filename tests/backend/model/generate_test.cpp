// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/generate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/mixers/gated_delta_net.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

using Tokens = std::vector<std::int32_t>;

/// Models that differ in what decoding has to get right: heads in groups, biases, norms of q and k, native windows.
const std::vector<nlohmann::json>& configs() {
  static const std::vector<nlohmann::json> all{
      tinyConfig("llama", {{"num_hidden_layers", 4}}), tinyConfig("mistral", {{"sliding_window", 7}}),
      tinyConfig("qwen2", {{"num_key_value_heads", 4}}), tinyConfig("qwen3", {{"num_key_value_heads", 1}}),
      tinyConfig("gemma3_text")};
  return all;
}

/// Every operator by itself, and rows of several.
const std::vector<std::string> kRows{"F", "S", "G", "W", "FG", "WFS", "GWSF"};

Tokens randomTokens(std::size_t count, Random& random) {
  Tokens ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(random.below(61)));
  return ids;
}

std::vector<Tokens> randomPrompts(const std::vector<std::size_t>& lengths) {
  Random random(4);
  std::vector<Tokens> prompts;
  for (const std::size_t length : lengths) prompts.push_back(randomTokens(length, random));
  return prompts;
}

class Generation : public ::testing::TestWithParam<std::tuple<std::size_t, std::string>> {
 protected:
  explicit Generation(at::ScalarType precision = at::kDouble)  // in which near ties do not tip over
      : teacher_(writeTinyModel(folder_ / "model", configs()[std::get<0>(GetParam())]), {"cpu", precision}) {
    at::manual_seed(7);
    const std::string& letters = std::get<1>(GetParam());
    for (int layer = 0; layer < teacher_.model->config().layers; ++layer) {
      mixers_.push_back(make(letters[static_cast<std::size_t>(layer) % letters.size()], layer));
      row_.push_back(mixers_.back().get());
    }
  }

  std::unique_ptr<Mixer> make(char letter, int layer) const {
    if (letter == 'F') return SoftmaxAttention::full(teacher_.model, layer);
    if (letter == 'S') return SoftmaxAttention::slidingWindow(teacher_.model, layer, 5, 2);
    const MixerKind kind = letter == 'G' ? MixerKind::Gdn : MixerKind::GdnWindow;
    auto mixer = GatedDeltaNet::copiedFromTeacher(teacher_.model, layer, kind, {3, 1});
    for (auto& [name, tensor] : mixer->parameters()) tensor.add_(at::randn_like(tensor), 0.1);
    mixer->setTrainable(false);
    return mixer;
  }

  /// The definition: the whole text anew for each token.
  Tokens continued(Tokens ids, std::size_t most, const Tokens& ends = {}) const {
    const at::NoGradGuard no_grad;
    const std::size_t begin = ids.size();
    while (ids.size() - begin < most) {
      const at::Tensor last = logits(*teacher_.model, row_, tokenBatch(ids, at::kCPU))[0][-1];
      const auto token = static_cast<std::int32_t>(last.argmax().item<std::int64_t>());
      if (std::ranges::find(ends, token) != ends.end()) break;
      ids.push_back(token);
    }
    return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end()};
  }

  std::vector<Tokens> generate(const std::vector<Tokens>& prompts, std::int64_t most, const Tokens& ends = {}) const {
    NoProgress quiet;
    return generateBatch(teacher_.model, row_, prompts, most, ends, quiet);
  }

  test::TemporaryFolder folder_;
  Teacher teacher_;
  std::vector<std::unique_ptr<Mixer>> mixers_;
  MixerRow row_;
};

std::string labelOf(const ::testing::TestParamInfo<std::tuple<std::size_t, std::string>>& chosen) {
  const auto& [config, row] = chosen.param;
  return configs()[config].at("model_type").get<std::string>() + "_" + row;
}

INSTANTIATE_TEST_SUITE_P(Hybrids, Generation,
                         ::testing::Combine(::testing::Range<std::size_t>(0, configs().size()),
                                            ::testing::ValuesIn(kRows)),
                         labelOf);

TEST_P(Generation, ABatchOfAnyLengthsGivesWhatEachPromptGivesAlone) {
  const std::vector<Tokens> prompts = randomPrompts({1, 17, 2, 65, 9, 64});
  const std::vector<Tokens> together = generate(prompts, 7);
  ASSERT_EQ(together.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i], continued(prompts[i], 7)) << "prompt " << i;
    EXPECT_EQ(together[i], generateGreedy(teacher_.model, row_, prompts[i], 7, {})) << "prompt " << i;
  }
}

TEST_P(Generation, WhatAllPromptsBeginWithIsComputedOnce) {
  std::vector<Tokens> prompts = randomPrompts({3, 30, 1, 12});
  const Tokens beginning = randomPrompts({0, 0, 0, 0, 21}).back();
  for (Tokens& prompt : prompts) prompt.insert(prompt.begin(), beginning.begin(), beginning.end());
  prompts.push_back(beginning);  // which is all of one
  const std::vector<Tokens> together = generate(prompts, 6);
  for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(together[i], continued(prompts[i], 6)) << "prompt " << i;
  NoProgress quiet;
  const Prefilled filled = prefill({teacher_.model, row_}, prompts, quiet);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const at::Tensor alone = logits(*teacher_.model, row_, tokenBatch(prompts[i], at::kCPU))[0][-1];
    EXPECT_LT((filled.logits[static_cast<std::int64_t>(i)] - alone).abs().max().item<double>(), 1e-6) << "prompt " << i;
    EXPECT_EQ(filled.decoder.position(static_cast<std::int64_t>(i)), std::ssize(prompts[i]));
  }
}

TEST_P(Generation, PromptsThatEndLeaveTheBatch) {
  const std::vector<Tokens> prompts = randomPrompts({5, 12, 3, 20, 7});
  Tokens ends;  // some that come at different times
  for (std::size_t i = 0; i < 4; ++i) ends.push_back(continued(prompts[i], i + 1).back());
  const std::vector<Tokens> together = generate(prompts, 8, ends);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i], continued(prompts[i], 8, ends)) << "prompt " << i;
    EXPECT_LE(together[i].size(), i < 4 ? i : 8) << "prompt " << i;
  }
}

/// In fp32, which has kernels of its own.
class FusedDecoding : public Generation {
 protected:
  FusedDecoding() : Generation(at::kFloat) {}
};

INSTANTIATE_TEST_SUITE_P(Hybrids, FusedDecoding,
                         ::testing::Combine(::testing::Range<std::size_t>(0, configs().size()),
                                            ::testing::ValuesIn(kRows)),
                         labelOf);

TEST_P(FusedDecoding, RowsCanBeKeptAndFedByThemselves) {
  const at::NoGradGuard no_grad;
  const std::vector<Tokens> texts = randomPrompts({12, 20, 8});
  Decoder decoder(teacher_.model, row_, 3);
  const auto expectLast = [&](const at::Tensor& found, std::size_t text, std::size_t tokens) {
    const std::span<const std::int32_t> ids = std::span(texts[text]).first(tokens);
    const at::Tensor whole = logits(*teacher_.model, row_, tokenBatch(ids, at::kCPU))[0][-1];
    EXPECT_LT((found - whole).abs().max().item<double>(), 2e-5) << "text " << text;
  };
  const std::vector<std::int64_t> five{5};
  for (const std::int64_t row : {2, 0, 1}) {
    const auto text = static_cast<std::size_t>(row);
    expectLast(decoder.feed(std::span(texts[text]).first(5), five, row)[0], text, 5);
  }
  decoder.keep(std::vector<std::int64_t>{1, 0});
  EXPECT_EQ(decoder.rows(), 2);
  Tokens more(texts[1].begin() + 5, texts[1].end());  // 15 for the first row, 7 for the second
  more.insert(more.end(), texts[0].begin() + 5, texts[0].end());
  const at::Tensor last = decoder.feed(more, std::vector<std::int64_t>{15, 7});
  expectLast(last[0], 1, 20);
  expectLast(last[1], 0, 12);
  EXPECT_EQ(decoder.position(0), 20);
  EXPECT_EQ(decoder.position(1), 12);
}

TEST_P(FusedDecoding, ForksGoTheirOwnWays) {
  const at::NoGradGuard no_grad;
  const Tokens text = randomPrompts({19}).front(), other = randomPrompts({0, 9}).back();
  NoProgress quiet;
  const Decoder beginning = begun({teacher_.model, row_}, std::span(text).first(11), quiet);
  const auto behind = [&](const Tokens& rest) {
    const std::vector<std::int64_t> last{std::ssize(rest) - 1};
    return teacher_.model->head(teacher_.model->finalNorm(beginning.fork(1).streamOf(rest, last)))[0];
  };
  const Tokens rest(text.begin() + 11, text.end());
  Tokens another(text.begin(), text.begin() + 11);
  another.insert(another.end(), other.begin(), other.end());
  const auto alone = [&](const Tokens& ids) { return logits(*teacher_.model, row_, tokenBatch(ids, at::kCPU))[0][-1]; };
  EXPECT_LT((behind(rest) - alone(text)).abs().max().item<double>(), 2e-5);
  EXPECT_LT((behind(other) - alone(another)).abs().max().item<double>(), 2e-5) << "the first fork left its mark";
  Decoder several = beginning.fork(2);
  several.feed(rest, std::vector{std::ssize(rest)}, 0);
  const at::Tensor last = several.feed(other, std::vector{std::ssize(other)}, 1);
  EXPECT_LT((last[0] - alone(another)).abs().max().item<double>(), 2e-5) << "rows share memory";
}

class LargeBatch : public Generation {};
INSTANTIATE_TEST_SUITE_P(Hybrids, LargeBatch, ::testing::Combine(::testing::Values(0), ::testing::Values("WF")));

TEST_P(LargeBatch, MorePromptsThanAreTakenTogether) {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < 70; ++i) lengths.push_back(1 + i * 7 % 40);
  const std::vector<Tokens> prompts = randomPrompts(lengths), together = generate(prompts, 3);
  ASSERT_EQ(together.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(together[i], continued(prompts[i], 3)) << "prompt " << i;
}

TEST_P(LargeBatch, NothingToDoAndWhatCannotBeDone) {
  EXPECT_TRUE(generate({}, 5).empty());
  EXPECT_EQ(generate({{3}, {4, 5}}, 0), std::vector<Tokens>(2));
  const Error error = test::errorOf([&] { generate({{3}, {}}, 5); });
  EXPECT_EQ(error.kind(), ErrorKind::Usage);
  EXPECT_NE(std::string(error.what()).find("prompt 1"), std::string::npos);
  EXPECT_EQ(test::errorOf([&] { generate({{3}, {61}}, 5); }).kind(), ErrorKind::Usage) << "outside the vocabulary";
  struct Stopping final : Progress {
    void report(std::string_view, double) override {}
    bool stopRequested() const override { return true; }
  } stopping;
  const std::vector<Tokens> prompts{{3}};
  EXPECT_EQ(test::errorOf([&] { generateBatch(teacher_.model, row_, prompts, 5, {}, stopping); }).kind(),
            ErrorKind::Stopped);
}

}  // namespace
}  // namespace interleave::testing
