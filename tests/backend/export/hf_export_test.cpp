// SPDX-License-Identifier: GPL-3.0-or-later
// Exported hybrids, loaded by Python `transformers`, against our own logits and continuations.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "backend/candidates/bank.h"
#include "backend/core/random.h"
#include "backend/engine/torch/exporter.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/tokenizer.h"
#include "backend/heal/hybrid_model.h"
#include "backend/model/generate.h"
#include "tests/backend/export/reference_script.h"
#include "tests/backend/export/tiny_bank.h"
#include "tests/backend/heal/tiny_heal.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using enum MixerKind;

constexpr double kTolerance = 3e-4;
constexpr int kTokens = 90, kNewTokens = 12;
const char* const kText = "hello world 1234, naïve ☃ <|im_start|>he\n\n  said";

std::vector<std::int32_t> someIds(const ModelConfig& config, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < kTokens; ++i) {
    ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocabulary))));
  }
  return ids;
}

/// An exported hybrid, and what we compute for it.
struct Case {
  std::string name, model_class;  ///< Empty: our own.
  fs::path folder;
  std::vector<std::int32_t> ids, continuation;
  at::Tensor logits;
  std::string text;
  std::vector<std::int32_t> text_ids;
};

class HuggingFaceExport : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  }

  /// Exports a hybrid of the model at `path`, and computes it.
  void add(const std::string& name, const std::string& model_class, const fs::path& path, std::vector<MixerKind> kinds,
           const json& bank_settings, const std::optional<TraineeOptions>& heal = {}) {
    const std::shared_ptr<const Model> model = Teacher(path).model;
    const fs::path bank_dir = writeTinyBank(folder_ / (name + ".bank"), model, bank_settings);
    const auto bank = CandidateBank::load(bank_dir, model);
    Case made{.name = name,
              .model_class = model_class,
              .folder = folder_ / (name + ".hf"),
              .ids = someIds(model->config(), cases_.size()),
              .continuation = {},
              .logits = {},
              .text = {},
              .text_ids = {}};
    const Placement placement(std::move(kinds));
    NoProgress progress;
    Student student = bank->student(placement);
    fs::path healed_dir;
    std::shared_ptr<const HybridModel> healed;
    if (heal) {
      healed_dir = writeTinyHeal(folder_ / (name + ".healed"), model, *bank, placement, *heal);
      healed = HybridModel::load(healed_dir, model, progress);
      student = healed->student(placement);
    }
    exportFiles({.model = path,
                 .candidates = {.bank = heal ? fs::path() : bank_dir, .bank_settings = {}, .healed = healed_dir},
                 .out = made.folder,
                 .format = "hf",
                 .placement = placement,
                 .provenance = {{"run", 7}}},
                progress);
    EXPECT_EQ(importPlacement(made.folder, 0, Gdn), placement);
    if (model_class.empty()) {
      EXPECT_EQ(importPlacement(made.folder / "config.json", 0, Gdn), placement);
    }

    const at::NoGradGuard no_grad;
    const at::Tensor batch = tokenBatch(made.ids, at::kCPU);
    made.logits = logits(*student.model, student.mixers, batch)[0];
    made.continuation = generateGreedy(student.model, student.mixers, made.ids, kNewTokens, {});
    if (path.extension() == ".gguf") {
      made.text = kText;
      made.text_ids = Tokenizer::from(ModelFiles::open(path)).encode(kText);
    }
    cases_.push_back(std::move(made));
  }

  fs::path tiny(const std::string& name, const std::string& type, json changes = json::object(),
                DType dtype = DType::F32) {
    changes["num_hidden_layers"] = 4;
    return writeTinyModel(folder_ / name, tinyConfig(type, changes), cases_.size(), dtype);
  }

  std::string failureOf(const std::string& script, const fs::path& argument) {
    return scriptFailure(referencePython(), script, {argument}, folder_ / (script + ".log"));
  }

  /// Loads all of them in one Python and compares.
  void compare() {
    json list = json::array();
    for (const Case& made : cases_) {
      list.push_back({{"folder", made.folder.string()},
                      {"ids", made.ids},
                      {"custom", made.model_class.empty()},
                      {"text", made.text}});
    }
    const fs::path file = folder_ / "cases.json";
    std::ofstream(file) << list;
    ASSERT_EQ(failureOf("load_hybrids.py", file), "");
    const json results = json::parse(std::ifstream(file.string() + ".results"));
    ASSERT_EQ(results.size(), cases_.size());
    for (std::size_t i = 0; i < cases_.size(); ++i) expectAgreement(cases_[i], results[i]);
  }

  static void expectAgreement(const Case& made, const json& result) {
    SCOPED_TRACE(made.name);
    EXPECT_EQ(result.at("class"), made.model_class.empty() ? "InterleaveForCausalLM" : made.model_class);
    EXPECT_EQ(result.at("dtype"), "torch.float32");
    at::Tensor theirs = at::empty_like(made.logits, at::MemoryFormat::Contiguous);
    std::ifstream stream(result.at("logits").get<std::string>(), std::ios::binary);
    stream.read(static_cast<char*>(theirs.mutable_data_ptr()), static_cast<std::streamsize>(theirs.nbytes()));
    ASSERT_EQ(static_cast<std::size_t>(stream.gcount()), theirs.nbytes());
    EXPECT_LE((theirs - made.logits).abs().max().item<double>(), kTolerance);
    EXPECT_GT(made.logits.std().item<double>(), 0.5) << "the logits say too little";
    EXPECT_LE(result.at("stepwise").get<double>(), kTolerance) << "with the cache";
    EXPECT_LE(result.at("padded").get<double>(), kTolerance) << "in a padded batch";
    EXPECT_EQ(result.at("greedy"), json(made.continuation));
    EXPECT_EQ(result.at("in_batch"), json(made.continuation));
    EXPECT_EQ(result.at("beams"), result.at("beams_anew"));
    if (made.text.empty()) return;
    EXPECT_EQ(result.at("tokens"), json(made.text_ids));
    EXPECT_EQ(result.at("text"), made.text);
    EXPECT_EQ(result.at("chat"), "<|im_start|>user\nhello<|im_end|>\n");
  }

  test::TemporaryFolder folder_;
  std::vector<Case> cases_;
};

const json kSinks{{"window", 6}, {"sinks", 2}, {"sliding_window", 8}, {"sliding_sinks", 3}};
const json kNoSinks{{"window", 6}, {"sinks", 0}, {"sliding_window", 8}, {"sliding_sinks", 0}};
const json kLlama3{{"rope_type", "llama3"},
                   {"factor", 4.0},
                   {"low_freq_factor", 1.0},
                   {"high_freq_factor", 4.0},
                   {"original_max_position_embeddings", 32}};
const json kYarn{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};

TEST_F(HuggingFaceExport, HybridsWithTheirOwnCode) {
  const std::vector<MixerKind> mixed{GdnWindow, Full, Gdn, SlidingWindow};
  add("llama", "", tiny("llama.source", "llama", {{"rope_scaling", kLlama3}}), mixed, kSinks);
  add("llama-bias", "", tiny("bias.source", "llama", {{"attention_bias", true}, {"mlp_bias", true}}), mixed, kSinks);
  add("llama-tied", "", tiny("tied.source", "llama", {{"tie_word_embeddings", true}}, DType::BF16), mixed, kSinks);
  add("mistral", "", tiny("mistral.source", "mistral", {{"sliding_window", 20}}), mixed, kSinks);
  add("qwen2", "", tiny("qwen2.source", "qwen2", {{"rope_scaling", kYarn}}), mixed, kSinks);
  add("qwen3", "", tiny("qwen3.source", "qwen3", {{"head_dim", 12}, {"num_key_value_heads", 1}}, DType::BF16), mixed,
      kNoSinks);
  add("gemma3", "", tiny("gemma3.source", "gemma3_text", {{"head_dim", 10}}), {Gdn, SlidingWindow, GdnWindow, Full},
      kSinks);
  add("sinks", "", tiny("sinks.source", "llama"), {Full, SlidingWindow, SlidingWindow, Full}, kSinks);
  compare();
}

TEST_F(HuggingFaceExport, HealedHybrids) {
  const std::vector<MixerKind> mixed{GdnWindow, Full, Gdn, SlidingWindow};
  add("full", "", tiny("full.source", "llama", {{"tie_word_embeddings", true}, {"attention_bias", true}}), mixed,
      kSinks, TraineeOptions{.all = true});
  add("lora", "", tiny("lora.source", "qwen3", {{"head_dim", 12}}, DType::BF16), mixed, kSinks,
      TraineeOptions{.all = true, .lora = true, .rank = 3});
  add("attention", "", tiny("attention.source", "gemma3_text", {{"head_dim", 10}}), mixed, kSinks, TraineeOptions{});
  add("stock", "SmolLM3ForCausalLM", tiny("stock.source", "llama"), {SlidingWindow, Full, SlidingWindow, Full},
      kNoSinks, TraineeOptions{.all = true});
  compare();
}

TEST_F(HuggingFaceExport, SlidingWindowsInStockClasses) {
  const std::vector<MixerKind> mixed{SlidingWindow, Full, SlidingWindow, Full};
  add("llama", "SmolLM3ForCausalLM", tiny("llama.source", "llama", {{"rope_scaling", kLlama3}, {"head_dim", 10}}),
      mixed, kNoSinks);
  add("llama-bias", "SmolLM3ForCausalLM",
      tiny("bias.source", "llama", {{"attention_bias", true}, {"mlp_bias", true}, {"tie_word_embeddings", true}}),
      mixed, kNoSinks);
  add("mistral", "SmolLM3ForCausalLM", tiny("mistral.source", "mistral", json::object(), DType::BF16), mixed, kNoSinks);
  add("qwen2", "Qwen2ForCausalLM", tiny("qwen2.source", "qwen2", {{"rope_scaling", kYarn}}), mixed, kNoSinks);
  add("qwen3", "Qwen3ForCausalLM", tiny("qwen3.source", "qwen3", {{"attention_bias", true}}), mixed, kNoSinks);
  // Gemma's sliding layers have a rotary base of their own: those alone may slide.
  add("gemma3", "Gemma3ForCausalLM", tiny("gemma3.source", "gemma3_text"), {Full, Full, SlidingWindow, Full}, kNoSinks);
  add("full", "SmolLM3ForCausalLM", tiny("full.source", "llama"), {Full, Full, Full, Full}, kNoSinks);
  compare();
}

TEST_F(HuggingFaceExport, FromGguf) {
  const fs::path model = folder_ / "tiny.gguf";
  ASSERT_EQ(failureOf("tiny_gguf.py", model), "");
  add("gguf-stock", "SmolLM3ForCausalLM", model, {SlidingWindow, Full, SlidingWindow}, kNoSinks);
  add("gguf-hybrid", "", model, {GdnWindow, Full, Gdn}, kSinks);
  compare();
}

}  // namespace
}  // namespace interleave::testing
