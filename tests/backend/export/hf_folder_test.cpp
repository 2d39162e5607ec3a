// SPDX-License-Identifier: GPL-3.0-or-later
// Exported folders as others use them: tokenizers, versions of `transformers`, types, the card, and back again.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/engine/torch/exporter.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/safetensors.h"
#include "backend/formats/tokenizer.h"
#include "backend/heal/exported_folder.h"
#include "backend/heal/hybrid_model.h"
#include "backend/model/decoder.h"
#include "tests/backend/export/reference_script.h"
#include "tests/backend/export/tiny_bank.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using enum MixerKind;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kTolerance = 3e-4;
const std::vector<std::string> kTexts{"two words",   " two  spaces",      "[INST] hi [/INST] there",
                                      "<s>x </s> y", "hello world 1234!", "e\u0301 12 <|im_start|>he"};
const std::vector<std::int32_t> kIds{1, 7, 3, 9, 12, 4, 4, 30, 2, 17, 11, 5, 8, 22, 6, 40, 13, 2, 19, 25};

std::string textOf(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// The newest `transformers`, and older ones.
std::vector<fs::path> pythons() {
  std::vector<fs::path> all;
  for (const char* version : {"", "4.51", "4.57"}) {
    const fs::path python = referencePython(version);
    if (fs::exists(python)) {
      all.push_back(python);
    } else {
      std::cerr << "NOT COMPARED with transformers " << version << ": there is no Python at " << python << "\n";
    }
  }
  return all;
}

/// A folder to be opened by Python.
struct Opened {
  std::string name;
  fs::path folder, source = {};  ///< source: whose tokens it is to give; empty: those of `expected`.
  bool custom = false, run = false;
  std::vector<std::string> texts = {};
  std::vector<std::vector<std::int32_t>> expected = {};
};

class HfFolder : public ::testing::Test {
 protected:
  fs::path model(const std::string& name, const std::string& type, const json& changes = json::object(),
                 DType dtype = DType::F32) {
    return writeTinyModel(folder_ / name, tinyConfig(type, changes), 3, dtype);
  }

  /// A model with a tokenizer.
  fs::path talking(const std::string& name, const std::string& type, const std::string& tokenizer,
                   const std::string& config, json changes = json::object()) {
    changes.emplace("vocab_size", 400);
    fs::path path = model(name, type, changes);
    EXPECT_EQ(scriptFailure(referencePython(), "source_tokenizer.py", {path.string(), tokenizer, config},
                            folder_ / (name + ".log")),
              "");
    return path;
  }

  /// Exports a hybrid with sliding windows; with sinks the folder brings its own model code.
  fs::path exported(const fs::path& source, const std::vector<MixerKind>& kinds, int sinks,
                    const std::string& format = "hf", json provenance = {{"run", 7}}) {
    const fs::path out = folder_ / ("out" + std::to_string(++exports_));
    NoProgress progress;
    exportFiles({.model = source,
                 .candidates = {.bank = {}, .bank_settings = {{"sliding_window", 5}, {"sliding_sinks", sinks}}},
                 .out = out,
                 .format = format,
                 .placement = Placement(kinds),
                 .provenance = std::move(provenance)},
                progress);
    return out;
  }

  /// What each Python says of the folders, by its version.
  std::map<std::string, json> open(const std::vector<Opened>& folders) {
    json cases = json::array();
    for (const Opened& opened : folders) {
      cases.push_back({{"folder", opened.folder.string()},
                       {"source", opened.source.string()},
                       {"custom", opened.custom},
                       {"texts", opened.texts},
                       {"ids", opened.texts.empty() ? json(kIds) : json::array()},
                       {"run", opened.run}});
    }
    std::map<std::string, json> results;
    for (const fs::path& python : pythons()) {
      const fs::path file = folder_ / ("cases" + std::to_string(results.size()) + ".json");
      std::ofstream(file) << cases;
      const std::string problem = scriptFailure(python, "check_folders.py", {file.string()}, file.string() + ".log");
      EXPECT_EQ(problem, "") << python;
      if (!problem.empty()) continue;
      json result = readJson(file.string() + ".results");
      results.emplace(result.at("version").get<std::string>(), std::move(result.at("cases")));
    }
    return results;
  }

  /// Our logits of a hybrid with sliding windows.
  static at::Tensor logitsOf(const fs::path& source, const std::vector<MixerKind>& kinds, int sinks) {
    const auto loaded = load(source);
    const auto bank = CandidateBank::untrained(loaded, {.sliding = {5, sinks}, .gdn = {}});
    return logitsOf(bank->student(Placement(kinds)));
  }
  static at::Tensor logitsOf(const Student& student) {
    const at::NoGradGuard no_grad;
    return logits(*student.model, student.mixers, tokenBatch(kIds, at::kCPU))[0];
  }
  static std::shared_ptr<const Model> load(const fs::path& path) { return Teacher(path).model; }
  static double distance(const at::Tensor& ours, const fs::path& theirs) {
    at::Tensor values = at::empty_like(ours, at::MemoryFormat::Contiguous);
    std::ifstream stream(theirs, std::ios::binary);
    stream.read(static_cast<char*>(values.mutable_data_ptr()), static_cast<std::streamsize>(values.nbytes()));
    EXPECT_EQ(static_cast<std::size_t>(stream.gcount()), values.nbytes()) << theirs;
    return (values - ours).abs().max().item<double>();
  }

  test::TemporaryFolder folder_;
  int exports_ = 0;
};

const std::vector<MixerKind> kSlides{Full, SlidingWindow, Full};

TEST_F(HfFolder, TokenisesAsItsSource) {
  if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  const std::string llama = R"("tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", )"
                            R"("unk_token": "<unk>", "legacy": true)";
  struct Source {
    const char *name, *type, *tokenizer;
    std::string config;
  };
  const std::vector<Source> sources{
      {"mistral", "mistral", "spaces", "{" + llama + R"(, "add_bos_token": true})"},
      {"mistral-silent", "mistral", "spaces", "{" + llama + "}"},
      {"mistral-no-bos contradicts", "mistral", "spaces",
       "{" + llama + R"(, "add_bos_token": false, "add_eos_token": false})"},
      {"mistral-eos contradicts", "mistral", "spaces",
       "{" + llama + R"(, "add_bos_token": true, "add_eos_token": true})"},
      {"llama", "llama", "spaces", "{" + llama + R"(, "add_bos_token": true})"},
      {"llama-plain", "llama", "bytes", R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"})"},
      {"llama-gpt2", "llama", "bytes", R"({"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|im_end|>",
        "bos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})"},
      {"llama-bytes", "llama", "bytes", R"({"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>", "add_bos_token": true})"},
      {"qwen2", "qwen2", "qwen-bytes", R"({"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>"})"},
      {"qwen2-digits", "qwen2", "bytes",
       R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"})"},
      {"qwen3", "qwen3", "qwen-bytes", R"({"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>"})"},
      {"qwen3-digits", "qwen3", "bytes",
       R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"})"}};
  std::vector<Opened> folders;
  for (const Source& source : sources) {
    const fs::path path = talking(source.name, source.type, source.tokenizer, source.config);
    for (const int sinks : {0, 2}) {
      folders.push_back({.name = source.name + std::string(sinks == 0 ? ", stock" : ", own code"),
                         .folder = exported(path, kSlides, sinks),
                         .source = path,
                         .custom = sinks > 0,
                         .texts = kTexts});
    }
  }
  for (const auto& [version, results] : open(folders)) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
      SCOPED_TRACE(folders[i].name + ", transformers " + version);
      // Version 4 lets Mistral's class overrule tokenizer.json; version 5 does not, nor do we.
      const bool overruled = version.starts_with("4.") && folders[i].name.find("contradicts") != std::string::npos;
      if (!overruled) {
        EXPECT_EQ(results[i].at("tokens"), results[i].at("source_tokens"));
      }
      EXPECT_THAT(results[i].at("inputs"), Not(Contains("token_type_ids"))) << "the model's forward() has none";
    }
    const Tokenizer ours = Tokenizer::from(ModelFiles::open(folders[0].source));
    for (std::size_t text = 0; text < kTexts.size(); ++text) {  // Mistral's class is overruled or reads the file
      EXPECT_EQ(results[1].at("tokens")[text], json(ours.encode(kTexts[text], SpecialTokens::Add))) << kTexts[text];
    }
  }
}

TEST_F(HfFolder, TokenisesAsAGguf) {
  if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  std::vector<Opened> folders;
  for (const char* arch : {"llama", "qwen2", "qwen3"}) {
    const fs::path file = folder_ / (std::string(arch) + ".gguf");
    ASSERT_EQ(scriptFailure(referencePython(), "tiny_gguf.py", {file.string(), arch}, file.string() + ".log"), "");
    const Tokenizer tokenizer = Tokenizer::from(ModelFiles::open(file));
    std::vector<std::vector<std::int32_t>> expected;
    for (const std::string& text : kTexts) expected.push_back(tokenizer.encode(text, SpecialTokens::Add));
    for (const int sinks : {0, 2}) {
      folders.push_back({.name = arch + std::string(sinks == 0 ? ", stock" : ", own code"),
                         .folder = exported(file, kSlides, sinks),
                         .custom = sinks > 0,
                         .texts = kTexts,
                         .expected = expected});
      const json config = readJson(folders.back().folder / "config.json");
      EXPECT_EQ(config.at("pad_token_id"), 0);
      EXPECT_EQ(readJson(folders.back().folder / "generation_config.json").at("pad_token_id"), 0);
    }
  }
  for (const auto& [version, results] : open(folders)) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
      SCOPED_TRACE(folders[i].name + ", transformers " + version);
      EXPECT_EQ(results[i].at("tokens"), json(folders[i].expected));
      EXPECT_EQ(results[i].at("pad"), 0);
      EXPECT_EQ(results[i].at("unk"), 0);
    }
  }
}

TEST_F(HfFolder, OpensWhereItComputesRightAndIsRefusedWhereNot) {
  if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  struct Source {
    const char *type, *model_class;
    std::vector<MixerKind> kinds;
  };
  const std::vector<Source> sources{{"llama", "SmolLM3ForCausalLM", kSlides},
                                    {"qwen2", "Qwen2ForCausalLM", kSlides},
                                    {"qwen3", "Qwen3ForCausalLM", kSlides},
                                    {"qwen3", "Qwen3ForCausalLM", {Full, Full, Full}},
                                    {"gemma3_text", "Gemma3ForCausalLM", {SlidingWindow, Full, SlidingWindow}}};
  std::vector<Opened> folders;
  std::vector<at::Tensor> ours;
  for (const Source& source : sources) {
    const fs::path path = model(source.type + std::to_string(folders.size()), source.type);
    folders.push_back({.name = source.model_class, .folder = exported(path, source.kinds, 0)});
    ours.push_back(logitsOf(path, source.kinds, 0));
  }
  for (const auto& [version, results] : open(folders)) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
      SCOPED_TRACE(folders[i].name + ", transformers " + version);
      const json& result = results[i];
      const bool too_old = version < std::string("4.53") && i != 3;  // none slides there: any version is right
      EXPECT_EQ(result.contains("refusal"), too_old);
      if (too_old) {
        EXPECT_THAT(result.value("refusal", ""), HasSubstr("needs transformers 4.53 or newer"));
      } else if (!result.contains("refusal")) {
        EXPECT_EQ(result.at("class"), sources[i].model_class);
        EXPECT_LE(distance(ours[i], result.at("logits").get<std::string>()), kTolerance);
      }
    }
  }
}

std::set<DType> typesIn(const fs::path& folder) {
  const SafetensorsFile file = SafetensorsFile::open(folder / "model.safetensors");
  std::set<DType> types;
  for (const std::string& name : file.names()) types.insert(file.view(name).dtype);
  return types;
}

TEST_F(HfFolder, HasOneType) {
  const fs::path half = model("half", "llama", json::object(), DType::BF16), single = model("single", "llama");
  const auto types = [&](const fs::path& source, const std::string& format, const char* torch) {
    const fs::path out = exported(source, kSlides, 2, format);
    for (const char* key : {"torch_dtype", "dtype"}) EXPECT_EQ(readJson(out / "config.json").at(key), torch) << format;
    return typesIn(out);
  };
  EXPECT_EQ(types(half, "hf", "bfloat16"), std::set{DType::BF16});
  EXPECT_EQ(types(single, "hf", "float32"), std::set{DType::F32});
  EXPECT_EQ(types(half, "hf:source", "bfloat16"), std::set{DType::BF16});
  EXPECT_EQ(types(half, "hf:fp16", "float16"), std::set{DType::F16});
  EXPECT_EQ(types(single, "hf:bf16", "bfloat16"), std::set{DType::BF16});
  EXPECT_EQ(types(half, "hf:fp32", "float32"), std::set{DType::F32});
  EXPECT_THROW(exported(single, kSlides, 2, "hf:fp8"), Error);
}

TEST_F(HfFolder, ABankOfAnotherTypeMakesItFp32) {
  const fs::path source = model("model", "llama", json::object(), DType::BF16);
  const fs::path bank =
      writeTinyBank(folder_ / "bank", load(source), json::object());  // matrices in bf16, vectors in fp32
  const auto write = [&](const std::string& format) {
    NoProgress progress;
    exportFiles({.model = source,
                 .candidates = {.bank = bank, .bank_settings = {}},
                 .out = folder_ / "out",
                 .format = format,
                 .placement = Placement({Gdn, Full, GdnWindow}),
                 .provenance = json::object()},
                progress);
    return typesIn(folder_ / "out");
  };
  EXPECT_EQ(write("hf"), std::set{DType::F32});
  EXPECT_THAT(readJson(folder_ / "out" / "provenance.json").at("dtype_reason").get<std::string>(),
              AllOf(HasSubstr("F32"), HasSubstr("BF16")));
  EXPECT_EQ(write("hf:source"), std::set{DType::BF16}) << "the model's";
}

TEST_F(HfFolder, AValueTooLargeForTheTypeIsRefusedByName) {
  const fs::path source = model("model", "llama", json::object(), DType::BF16);
  std::string bytes = textOf(source / "model.safetensors");
  bytes[bytes.size() - 1] = 0x48, bytes[bytes.size() - 2] = 0;  // the last value becomes 131072
  std::ofstream(source / "model.safetensors", std::ios::binary) << bytes;
  exported(source, kSlides, 2, "hf:fp32");
  try {
    exported(source, kSlides, 2, "hf:fp16");
    FAIL() << "accepted";
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), ErrorKind::Usage);
    EXPECT_THAT(problem.what(), AllOf(HasSubstr("131072"), HasSubstr("lm_head.weight"), HasSubstr("bf16")));
  }
  EXPECT_FALSE(fs::exists(folder_ / "out2"));
}

TEST_F(HfFolder, TheCardSaysWhatItIs) {
  const fs::path source = model("model", "llama", {{"_name_or_path", "someone/Tiny-1B"}});
  std::ofstream(source / "README.md")
      << "---\nlanguage: en\nlicense: 'apache-2.0'\ntags:\n- small\n---\n# Tiny\nlicense: mit\n";
  std::ofstream(source / "LICENSE") << "the model's licence";
  std::ofstream(source / "Notice.txt") << "a notice";
  fs::create_directory(source / "additional_chat_templates");
  std::ofstream(source / "additional_chat_templates" / "tools.jinja") << "{{ messages }}";
  std::ofstream(source / "generation_config.json") << R"({"temperature": 0.5, "eos_token_id": [2, 5]})";
  const json score{{"value", 0.25}, {"standard_error", 0.01}, {"samples", 12}, {"unit", "nats"}};
  const fs::path out = exported(source, kSlides, 2, "hf", {{"scores", {{"kl", score}, {"| evil |", score}}}});
  const std::string card = textOf(out / "README.md");
  EXPECT_TRUE(
      card.starts_with("---\nlicense: \"apache-2.0\"\nbase_model: \"someone/Tiny-1B\"\nlibrary_name: transformers\n"));
  EXPECT_THAT(card, AllOf(HasSubstr("pipeline_tag: text-generation"), HasSubstr("- sliding-window-attention"),
                          HasSubstr("| kl | 0.25 nats | 0.01 | 12 |"), Not(HasSubstr("evil")),
                          HasSubstr("`transformers` 4.51 or newer"), HasSubstr("GPL-3.0-or-later"),
                          HasSubstr("see LICENSE, Notice.txt"), HasSubstr("| 512 |"), Not(HasSubstr("license: mit"))));
  EXPECT_THAT(card, AllOf(HasSubstr("2 of 3 layers keep the model's attention"),
                          HasSubstr("w sliding window over the last 5 tokens and the first 2.\n"),
                          HasSubstr("nothing was trained")));
  EXPECT_EQ(textOf(out / "LICENSE"), "the model's licence");
  EXPECT_EQ(textOf(out / "additional_chat_templates" / "tools.jinja"), "{{ messages }}");
  const json generation = readJson(out / "generation_config.json");
  EXPECT_EQ(generation.at("eos_token_id"), json({2, 5}));
  EXPECT_EQ(generation.at("bos_token_id"), 1) << "from config.json";
  EXPECT_EQ(generation.at("temperature"), 0.5);
  // The folder counts as an earlier export with its subfolder, and not with a file that is not ours in it.
  NoProgress progress;
  const Workbench::ExportRequest again{.model = source,
                                       .candidates = {},
                                       .out = out,
                                       .format = "hf",
                                       .placement = Placement(kSlides),
                                       .provenance = json::object()};
  exportFiles(again, progress);
  std::ofstream(out / "additional_chat_templates" / "mine.txt") << "mine";
  EXPECT_THROW(exportFiles(again, progress), Error);

  const std::string bare = textOf(exported(model("bare", "llama"), kSlides, 0) / "README.md");
  EXPECT_THAT(bare, AllOf(HasSubstr("do not name it"), Not(HasSubstr("license:")), Not(HasSubstr("GPL")),
                          HasSubstr("`transformers` 4.53 or newer"), HasSubstr("no tokenizer here")));
}

TEST_F(HfFolder, TheCardsExampleRuns) {
  if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  const fs::path llama = talking("llama", "llama", "bytes", R"({"eos_token": "<|im_end|>"})");
  const fs::path silent = model("silent", "llama");
  std::vector<Opened> folders;
  for (const int sinks : {0, 2}) {
    for (const fs::path& source : {llama, silent}) {
      folders.push_back({.name = source.filename().string(),
                         .folder = exported(source, kSlides, sinks),
                         .custom = sinks > 0,
                         .run = true});
    }
  }
  for (const auto& [version, results] : open(folders)) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
      SCOPED_TRACE(folders[i].name + ", transformers " + version);
      if (results[i].contains("refusal")) continue;
      EXPECT_THAT(results[i].value("output", ""), HasSubstr(i % 2 == 0 ? "Once upon a time" : "tensor([[ 1,  2,  3,"));
    }
  }
}

TEST_F(HfFolder, WhatWasTrainedElsewhereIsJudgedHere) {
  if (!fs::exists(referencePython())) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << referencePython();
  struct Case {
    std::string name, type;
    json changes;
    std::vector<MixerKind> kinds;
    json bank;
  };
  const json sinks{{"window", 6}, {"sinks", 2}, {"sliding_window", 8}, {"sliding_sinks", 3}};
  const json none{{"window", 6}, {"sinks", 0}, {"sliding_window", 8}, {"sliding_sinks", 0}};
  const json yarn{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
  const std::vector<Case> cases{
      {"llama", "llama", {{"attention_bias", true}}, {GdnWindow, SlidingWindow, Gdn}, sinks},
      {"tied", "llama", {{"tie_word_embeddings", true}}, {Gdn, Full, SlidingWindow}, sinks},
      {"mistral", "mistral", {{"sliding_window", 6}}, {Full, GdnWindow, SlidingWindow}, sinks},
      {"gemma", "gemma3_text", json::object(), {Full, Gdn, SlidingWindow}, sinks},
      {"smollm3", "llama", {{"rope_scaling", yarn}}, {SlidingWindow, Full, SlidingWindow}, none},
      {"qwen2", "qwen2", json::object(), {SlidingWindow, Full, SlidingWindow}, none},
      {"qwen3", "qwen3", json::object(), {SlidingWindow, Full, SlidingWindow}, none},
      {"gemma-stock", "gemma3_text", json::object(), {Full, Full, SlidingWindow}, none}};
  for (const Case& made : cases) {
    SCOPED_TRACE(made.name);
    const fs::path source = model(made.name, made.type, made.changes), out = folder_ / (made.name + ".hf"),
                   saved = folder_ / (made.name + ".saved");
    const auto loaded = load(source);
    const fs::path bank = writeTinyBank(folder_ / (made.name + ".bank"), loaded, made.bank);
    const Placement placement(made.kinds);
    NoProgress progress;
    exportFiles({.model = source,
                 .candidates = {.bank = bank, .bank_settings = {}},
                 .out = out,
                 .format = "hf",
                 .placement = placement,
                 .provenance = json::object()},
                progress);
    const auto untouched = HybridModel::load(out, loaded, progress);
    const at::Tensor before = logitsOf(untouched->student(placement));
    EXPECT_LE((before - logitsOf(CandidateBank::load(bank, loaded)->student(placement))).abs().max().item<double>(),
              1e-6);

    const bool custom = readJson(out / "config.json").at("model_type") == "interleave_hybrid";
    ASSERT_EQ(scriptFailure(referencePython(), "train_elsewhere.py",
                            {out.string(), json(kIds).dump(), custom ? "custom" : "stock", saved.string()},
                            folder_ / "train.log"),
              "");
    for (const fs::path& folder : {out, saved}) {
      SCOPED_TRACE(folder);
      EXPECT_EQ(exportedPlacement(folder, 3), placement);
      const auto trained = HybridModel::load(folder, loaded, progress);
      const at::Tensor after = logitsOf(trained->student(placement));
      EXPECT_LE(distance(after, saved.string() + ".f32"), kTolerance);
      EXPECT_GT((after - before).abs().max().item<double>(), 0.1) << "nothing was changed";
    }
  }
}

TEST_F(HfFolder, AFolderOfAnotherModelIsRefused) {
  const fs::path source = model("model", "llama"), out = exported(source, kSlides, 2);
  const auto refusal = [&](const fs::path& of, const fs::path& folder) -> std::string {
    const ModelFiles files = ModelFiles::open(of);
    try {
      NoProgress progress;
      StoredHybrid::open(folder, files.config(), files.fingerprint(), progress);
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), ErrorKind::BadInput);
      return problem.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(source, out), "accepted");
  const fs::path other = writeTinyModel(folder_ / "other", tinyConfig("llama"), 9);
  EXPECT_THAT(refusal(other, out), HasSubstr("the hybrid is of"));

  json config = readJson(out / "config.json");
  const auto with = [&](const std::function<void(json&)>& change) {
    json changed = config;
    change(changed);
    std::ofstream(out / "config.json") << changed;
    return refusal(source, out);
  };
  EXPECT_THAT(with([](json& c) { c["rope"]["theta"] = 5.0; }), HasSubstr("rotary"));
  EXPECT_THAT(with([](json& c) { c["hidden_size"] = 32; }), HasSubstr("hidden_size: is 32 here and 24"));
  EXPECT_THAT(with([](json& c) { c["layer_windows"][0] = {4, 0}; }), HasSubstr("layer 0"));
  EXPECT_THAT(with([](json& c) { c["layer_windows"][1] = nullptr; }), HasSubstr("layer 1"));
  EXPECT_THAT(with([](json& c) { c["layer_operators"][1] = "mamba"; }), HasSubstr("mamba"));
  const auto linear = [](json& c) { c["layer_operators"][1] = "gdn", c["layer_windows"][1] = nullptr; };
  EXPECT_THAT(with(linear), HasSubstr("linear_attn"));
  EXPECT_THAT(with([](json& c) { c.erase("layer_windows"); }), HasSubstr("layer_windows"));
  EXPECT_EQ(with([](json& c) { c["provenance"] = nullptr; }), "accepted");

  // As a model it cannot be opened; the message says how it can.
  try {
    ModelFiles::open(out);
    FAIL() << "opened";
  } catch (const Error& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("hybrid:FOLDER"));
  }
}

TEST_F(HfFolder, AStockFolderOpensAsAModelThatSlides) {
  for (const char* type : {"llama", "qwen2", "qwen3"}) {
    SCOPED_TRACE(type);
    const fs::path source = model(type, type), out = exported(source, kSlides, 0);
    const auto opened = load(out);
    EXPECT_EQ(opened->config().native_sliding, (std::vector{false, true, false}));
    const auto teacher = CandidateBank::untrained(opened, {});
    EXPECT_LE(
        (logitsOf(teacher->student(Placement(3, Full))) - logitsOf(source, kSlides, 0)).abs().max().item<double>(),
        1e-5);
  }
}

}  // namespace
}  // namespace interleave::testing
