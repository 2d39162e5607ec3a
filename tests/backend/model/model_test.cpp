// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <string>

#include "backend/core/error.h"
#include "backend/model/decoder.h"
#include "backend/model/device.h"
#include "backend/model/generate.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

using nlohmann::json;
using test::errorOf;
using ::testing::HasSubstr;

at::Tensor randomIds(std::int64_t batch, std::int64_t tokens, std::int64_t words = 61) {
  return at::randint(words, {batch, tokens}, at::detail::createCPUGenerator(5), at::kLong);
}

/// Up to rounding, which is of the size of the largest value (15 here; 2.3e-6 of it is the most that was seen).
void expectClose(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance * scale);
}

/// Every family, with what sets it apart.
class EachFamily : public ::testing::TestWithParam<json> {
 protected:
  Teacher teacher(const ModelOptions& options = {}) const {
    return Teacher(writeTinyModel(folder_ / "model", GetParam()), options);
  }
  test::TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Families, EachFamily,
                         ::testing::Values(tinyConfig("llama", {{"attention_bias", true}, {"mlp_bias", true}}),
                                           tinyConfig("mistral", {{"sliding_window", 7}}),
                                           tinyConfig("qwen2", {{"tie_word_embeddings", true}}),
                                           tinyConfig("qwen3", {{"num_key_value_heads", 1}}),
                                           tinyConfig("gemma3_text")),
                         [](const auto& instance) {
                           return instance.param.at("model_type").template get<std::string>();
                         });

/// The teacher's attention, and windows with sinks in its place in every second layer.
std::vector<MixerRow> rowsOf(const Teacher& teacher, std::vector<std::unique_ptr<Mixer>>& owned) {
  MixerRow windows = teacher.row;
  for (std::size_t layer = 0; layer < windows.size(); layer += 2) {
    owned.push_back(SoftmaxAttention::slidingWindow(teacher.model, static_cast<int>(layer), 4, 2));
    windows[layer] = owned.back().get();
  }
  return {teacher.row, windows};
}

TEST_P(EachFamily, GivesRowsOfABatchWhatTheyGetAlone) {
  const Teacher teacher = this->teacher();
  const at::Tensor ids = randomIds(3, 19), together = logits(*teacher.model, teacher.row, ids);
  for (std::int64_t row = 0; row < 3; ++row) {
    expectClose(together.narrow(0, row, 1), logits(*teacher.model, teacher.row, ids.narrow(0, row, 1)), 5e-6);
  }
}

TEST_P(EachFamily, GivesPackedSequencesWhatTheyGetAlone) {
  const Teacher teacher = this->teacher();
  std::vector<std::unique_ptr<Mixer>> owned;
  for (const MixerRow& row : rowsOf(teacher, owned)) {
    const Packing packing{{0, 4, 12, 17, 30}};
    const at::Tensor ids = randomIds(1, 30), packed = logits(*teacher.model, row, ids, packing);
    for (std::size_t i = 1; i < packing.offsets.size(); ++i) {
      const std::int64_t first = packing.offsets[i - 1], count = packing.offsets[i] - first;
      expectClose(packed.narrow(1, first, count), logits(*teacher.model, row, ids.narrow(1, first, count)), 5e-6);
    }
  }
}

TEST_P(EachFamily, DecodesWhatItPrefills) {
  const Teacher teacher = this->teacher();
  std::vector<std::unique_ptr<Mixer>> owned;
  for (const MixerRow& row : rowsOf(teacher, owned)) {
    const at::Tensor ids = randomIds(2, 23), whole = logits(*teacher.model, row, ids);
    for (const std::vector<std::int64_t>& pieces : {std::vector<std::int64_t>(23, 1), {23}, {1, 9, 1, 1, 5, 6}}) {
      Decoder decoder(teacher.model, row, 2);
      for (const std::int64_t count : pieces) {
        const std::int64_t first = decoder.position();
        expectClose(decoder.feed(ids.narrow(1, first, count), true), whole.narrow(1, first, count), 5e-6);
      }
      EXPECT_EQ(decoder.position(), 23);
    }
  }
}

TEST_P(EachFamily, KeepsInItsCacheWhatItsCostSays) {
  const Teacher teacher = this->teacher({.device = "cpu", .precision = at::kBFloat16});
  std::vector<std::unique_ptr<Mixer>> owned;
  for (const MixerRow& row : rowsOf(teacher, owned)) {
    Decoder decoder(teacher.model, row, 1);
    for (const std::int64_t count : {1, 2, 9, 1}) {
      decoder.feed(randomIds(1, count));
      std::int64_t expected = 0;
      for (const Mixer* mixer : row) expected += mixer->cost(decoder.position()).cache_bytes;
      EXPECT_EQ(decoder.cacheBytes(), expected) << "at " << decoder.position() << " tokens";
    }
  }
}

TEST_P(EachFamily, DiffersLittleInBf16) {
  const at::Tensor ids = randomIds(1, 21);
  const Teacher wide = teacher(), narrow = teacher({.device = "cpu", .precision = at::kBFloat16});
  const at::Tensor expected = logits(*wide.model, wide.row, ids), actual = logits(*narrow.model, narrow.row, ids);
  EXPECT_EQ(actual.scalar_type(), at::kFloat);
  EXPECT_EQ(runLayers(*narrow.model, narrow.row, ids).scalar_type(), at::kFloat);
  EXPECT_EQ(narrow.model->lease(0).weights().q.scalar_type(), at::kBFloat16);
  EXPECT_LE((actual - expected).norm().item<double>(), 0.05 * expected.norm().item<double>());
  EXPECT_GT((actual - expected).norm().item<double>(), 0) << "bf16 did nothing";
}

/// Derivatives along random directions, against central differences in fp64.
TEST_P(EachFamily, HasTheGradientOfItsActivations) {
  const Teacher teacher = this->teacher({.device = "cpu", .precision = at::kDouble});
  const Model& model = *teacher.model;
  std::vector<std::unique_ptr<Mixer>> owned;
  for (const MixerRow& row : rowsOf(teacher, owned)) {
    const at::Tensor start = model.embed(randomIds(1, 13)), weights = at::randn({1, 13, 61}, at::kDouble);
    const auto objective = [&](at::Tensor stream) {
      const Packing packing{{0, 5, 13}};
      for (int layer = 0; layer < model.config().layers; ++layer) {
        const LayerLease lease = model.lease(layer);
        LayerInput input = lease.input(stream, packing);
        stream = lease.finish(stream, row[static_cast<std::size_t>(layer)]->forward(input));
      }
      return (model.head(model.finalNorm(stream)) * weights).sum();
    };
    const at::Tensor leaf = start.clone().set_requires_grad(true);
    objective(leaf).backward();
    for (int trial = 0; trial < 3; ++trial) {
      const at::Tensor direction = at::randn_like(start);
      const double analytic = (leaf.grad() * direction).sum().item<double>(), step = 1e-6;
      const double numeric = (objective(start + step * direction) - objective(start - step * direction)).item<double>();
      EXPECT_NEAR(analytic, numeric / (2 * step), 1e-5 * std::max(1.0, std::abs(analytic)));
    }
    EXPECT_FALSE(model.lease(0).weights().q.requires_grad());
  }
}

TEST_P(EachFamily, ContinuesGreedily) {
  const Teacher teacher = this->teacher();
  const std::vector<std::int32_t> prompt{5, 17, 3, 44};
  const std::vector<std::int32_t> answer = generateGreedy(teacher.model, teacher.row, prompt, 6, {});
  ASSERT_EQ(answer.size(), 6U);
  std::vector<std::int64_t> all(prompt.begin(), prompt.end());
  for (const std::int32_t token : answer) {
    const at::Tensor last = logits(*teacher.model, teacher.row, at::tensor(all).unsqueeze(0)).select(1, -1);
    EXPECT_EQ(last.argmax().item<std::int64_t>(), token);
    all.push_back(token);
  }
  const std::vector<std::int32_t> end{answer[2]};
  EXPECT_LE(generateGreedy(teacher.model, teacher.row, prompt, 6, end).size(), 2U);
}

class ModelTest : public ::testing::Test {
 protected:
  std::shared_ptr<const ModelFiles> files(const json& config = tinyConfig("llama"), DType type = DType::F32) const {
    return std::make_shared<const ModelFiles>(ModelFiles::open(writeTinyModel(folder_ / "model", config, 0, type)));
  }
  test::TemporaryFolder folder_;
  NoProgress quiet_;
};

TEST_F(ModelTest, ViewsTheMapWhereTheFileHasThePrecision) {
  for (const auto& [stored, precision] : {std::pair{DType::F32, at::kFloat}, {DType::BF16, at::kBFloat16}}) {
    std::shared_ptr<const ModelFiles> opened = files(tinyConfig("llama", {{"tie_word_embeddings", true}}), stored);
    const void* mapped = opened->mapped("model.layers.1.mlp.up_proj.weight").data();
    const std::weak_ptr<const ModelFiles> watch = opened;
    std::shared_ptr<const Model> model = Model::load(std::move(opened), {"cpu", precision}, quiet_);
    EXPECT_EQ(model->lease(1).weights().up.const_data_ptr(), mapped);
    EXPECT_FALSE(watch.expired()) << "the map is gone while weights view it";
    model.reset();
    EXPECT_TRUE(watch.expired()) << "the map is kept for nothing";
  }
  const std::shared_ptr<const ModelFiles> opened = files();
  EXPECT_NE(Model::load(opened, {"cpu", at::kBFloat16}, quiet_)->lease(1).weights().up.const_data_ptr(),
            opened->mapped("model.layers.1.mlp.up_proj.weight").data());
}

TEST_F(ModelTest, CountsTiedWeightsOnce) {
  const auto model = Model::load(files(tinyConfig("llama", {{"tie_word_embeddings", true}})), {}, quiet_);
  const auto untied = Model::load(files(), {}, quiet_);
  EXPECT_EQ(model->parameterBytes() + 61 * 24 * 4, untied->parameterBytes());
}

TEST_F(ModelTest, NamesTheTensorThatIsNotFinite) {
  const std::filesystem::path folder = writeTinyModel(folder_ / "model", tinyConfig("llama"));
  std::fstream file(folder / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-4, std::ios::end);
  file.write("\x00\x00\x80\x7f", 4);  // infinity, in what is written last: the head
  file.close();
  for (const at::ScalarType precision : {at::kFloat, at::kBFloat16}) {
    const auto opened = std::make_shared<const ModelFiles>(ModelFiles::open(folder));
    const Error error = errorOf([&] { Model::load(opened, {"cpu", precision}, quiet_); });
    EXPECT_EQ(error.kind(), ErrorKind::BadInput);
    EXPECT_THAT(error.what(), HasSubstr("lm_head.weight"));
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(61 * 24 - 1)));
  }
}

/// Gives a value that is not a number.
class BrokenMixer final : public Mixer {
 public:
  at::Tensor context(LayerInput& input) const override {
    return at::full_like(input.plain().q, std::numeric_limits<double>::quiet_NaN());
  }
  std::unique_ptr<MixerState> start(std::int64_t) const override { return nullptr; }
  at::Tensor context(LayerInput& input, MixerState&) const override { return context(input); }
  MixerCost cost(std::int64_t) const override { return {}; }
};

TEST_F(ModelTest, NamesTheFirstLayerWhoseResultIsNotFinite) {
  Teacher teacher(writeTinyModel(folder_ / "model", tinyConfig("llama")));
  const BrokenMixer broken;
  teacher.row[1] = &broken;
  const Error error = errorOf([&] { logits(*teacher.model, teacher.row, randomIds(1, 5)); });
  EXPECT_EQ(error.kind(), ErrorKind::Failed);
  EXPECT_THAT(error.what(), HasSubstr("layer 1"));
}

TEST_F(ModelTest, RefusesWhatDoesNotFit) {
  Teacher teacher(writeTinyModel(folder_ / "model", tinyConfig("llama")));
  for (const std::int64_t id : {-1, 61}) {
    const Error error = errorOf([&] { logits(*teacher.model, teacher.row, at::full({1, 2}, id, at::kLong)); });
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(id)));
  }
  EXPECT_EQ(errorOf([&] {
              logits(*teacher.model, teacher.row, at::empty({1, 0}, at::kLong));
            }).kind(),
            ErrorKind::Usage);
  EXPECT_EQ(errorOf([&] { SoftmaxAttention::slidingWindow(teacher.model, 0, 0, 0); }).kind(), ErrorKind::Usage);
  teacher.row.pop_back();
  EXPECT_EQ(errorOf([&] { logits(*teacher.model, teacher.row, randomIds(1, 2)); }).kind(), ErrorKind::Usage);
}

TEST_F(ModelTest, AWindowThatSeesEverythingIsFullAttention) {
  const Teacher teacher(writeTinyModel(folder_ / "model", tinyConfig("qwen3")));
  std::vector<std::unique_ptr<Mixer>> owned;
  MixerRow wide;
  for (int layer = 0; layer < 3; ++layer) {
    owned.push_back(SoftmaxAttention::slidingWindow(teacher.model, layer, 40, 4));
    wide.push_back(owned.back().get());
  }
  const at::Tensor ids = randomIds(1, 40);
  expectClose(logits(*teacher.model, wide, ids), logits(*teacher.model, teacher.row, ids), 5e-6);
}

/// Asks to stop after some reports, and keeps the last.
class Impatient final : public Progress {
 public:
  explicit Impatient(int reports) : left_(reports) {}
  void report(std::string_view, double fraction) override {
    --left_;
    last_ = fraction;
  }
  bool stopRequested() const override { return left_ <= 0; }
  double last() const { return last_; }

 private:
  std::atomic<int> left_;
  std::atomic<double> last_ = 0;
};

TEST_F(ModelTest, StopsAndReportsWhileLoading) {
  Impatient at_once(0), soon(5), never(1000);
  // One thread: of two, the one that reports may load fewer than five of the model's few tensors.
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  for (Impatient* progress : {&at_once, &soon}) {
    EXPECT_EQ(errorOf([&] { Model::load(files(), {}, *progress); }).kind(), ErrorKind::Stopped);
  }
  at::set_num_threads(threads);
  Model::load(files(), {}, never);
  EXPECT_EQ(never.last(), 1);
}

TEST(Device, SaysWhyItIsNotTheOneAskedFor) {
  std::string note = "old";
  EXPECT_TRUE(resolveDevice("cpu", note).is_cpu());
  EXPECT_EQ(note, "");
  const at::Device cuda = resolveDevice("cuda", note);
  EXPECT_EQ(cuda.is_cpu(), !note.empty());
  EXPECT_EQ(errorOf([&] { resolveDevice("tpu", note); }).kind(), ErrorKind::Usage);
}

}  // namespace
}  // namespace interleave::testing
