// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/model_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "backend/formats/gguf_model.h"
#include "backend/formats/safetensors.h"
#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kQ = "model.layers.0.self_attn.q_proj.weight";

std::vector<float> values(const ModelFiles& files, const std::string& name) {
  std::size_t count = 1;
  for (const std::int64_t size : files.shape(name)) count *= static_cast<std::size_t>(size);
  std::vector<float> out(count);
  files.read(name, out);
  return out;
}

/// Writes the folder's model anew: `rename` gives each tensor its file ("" leaves it out) and its name there.
using Rename = std::function<std::pair<std::string, std::string>(const std::string&)>;
void rewrite(const fs::path& folder, const Rename& rename) {
  const fs::path whole = folder / "whole.safetensors";
  fs::rename(folder / "model.safetensors", whole);
  const SafetensorsFile file = SafetensorsFile::open(whole);
  std::map<std::string, std::vector<TensorView>> shards;
  for (const std::string& name : file.names()) {
    const auto [shard, renamed] = rename(name);
    TensorView view = file.view(name);
    view.name = renamed;
    if (!shard.empty()) shards[shard].push_back(view);
  }
  for (const auto& [shard, tensors] : shards) writeSafetensors(folder / shard, tensors);
  fs::remove(whole);
}

std::string shardOf(const std::string& name) {
  return name.find("layers.1") == std::string::npos ? "model-1-of-2.safetensors" : "model-2-of-2.safetensors";
}

/// The tiny model in two shards, and its index, which may then be spoilt.
json shard(const fs::path& folder) {
  writeModelFolder(folder, tinyConfig());
  json map = json::object();
  rewrite(folder, [&](const std::string& name) {
    map[name] = shardOf(name);
    return std::pair(shardOf(name), name);
  });
  return {{"metadata", {{"total_size", 1}}}, {"weight_map", map}};
}

void writeIndex(const fs::path& folder, const json& index) {
  std::ofstream(folder / "model.safetensors.index.json") << index.dump();
}

TEST(ModelFolder, OpensOneFile) {
  const TemporaryFolder folder;
  writeModelFolder(folder / "m", tinyConfig());
  std::ofstream(folder / "m/tokenizer.json") << R"({"model":{}})";
  const ModelFiles files = ModelFiles::open(folder / "m");
  EXPECT_EQ(files.format(), "safetensors");
  EXPECT_EQ(files.config().layers, 2);
  EXPECT_EQ(files.tensorNames().front(), "model.embed_tokens.weight");
  EXPECT_EQ(files.tensorNames().back(), "lm_head.weight");
  EXPECT_EQ(files.parameters(), 2 * 16 * 8 + 2 * (2 * 8 + 2 * 64 + 2 * 32 + 3 * 96) + 8);
  EXPECT_EQ(values(files, "model.embed_tokens.weight"), sampleValues(128, 0));
  EXPECT_EQ(files.mapped(kQ).size(), 8U * 8 * 4);
  EXPECT_TRUE(files.has(kQ));
  EXPECT_FALSE(files.has("model.layers.2.self_attn.q_proj.weight"));
  expectBadInput([&] { files.shape("nonsense"); }, {"'nonsense'"});
  EXPECT_TRUE(files.tokenizerJson().contains("model"));
  EXPECT_TRUE(files.tokenizerConfigJson().is_null());
  EXPECT_TRUE(files.ggufMetadata().is_null());
}

TEST(ModelFolder, GoesByItsFolderWhereTheFilesNameNone) {
  const TemporaryFolder folder;
  json config = tinyConfig();
  writeModelFolder(folder / "Tiny-1.5", config);
  const ModelFiles files = ModelFiles::open(folder / "Tiny-1.5");
  EXPECT_EQ(files.config().name, "Tiny-1.5");
  EXPECT_EQ(ModelFiles::open(folder / "Tiny-1.5/").config().name, "Tiny-1.5");
  EXPECT_EQ(ModelFiles::open(folder / "Tiny-1.5/.").config().name, "Tiny-1.5");
  config["_name_or_path"] = "maker/Tiny";
  writeModelFolder(folder / "m", config);
  const ModelFiles named = ModelFiles::open(folder / "m");
  EXPECT_EQ(named.config().name, "maker/Tiny");
  EXPECT_EQ(named.fingerprint(), files.fingerprint()) << "the name does not make another model";
}

TEST(ModelFolder, OpensShards) {
  const TemporaryFolder folder;
  writeIndex(folder / "m", shard(folder / "m"));
  writeModelFolder(folder / "whole", tinyConfig());
  const ModelFiles files = ModelFiles::open(folder / "m"), whole = ModelFiles::open(folder / "whole");
  EXPECT_EQ(files.tensorNames(), whole.tensorNames());
  for (const std::string& name : files.tensorNames()) EXPECT_EQ(values(files, name), values(whole, name)) << name;
  EXPECT_EQ(files.fingerprint(), whole.fingerprint()) << "how a model is cut up does not make it another";
}

TEST(ModelFolder, FindsTheDecoderUnderItsPrefixes) {
  const auto opens = [](const std::string& prefix, const std::string& head) {
    const TemporaryFolder folder;
    writeModelFolder(folder / "m", tinyConfig());
    rewrite(folder / "m", [&](const std::string& name) {
      return std::pair(std::string("model.safetensors"),
                       name.starts_with("model.") ? prefix + name.substr(6) : head + name);
    });
    EXPECT_EQ(values(ModelFiles::open(folder / "m"), "lm_head.weight").size(), 128U) << prefix;
  };
  opens("", "");
  opens("language_model.model.", "language_model.");
  opens("model.language_model.", "");
  opens("model.model.", "model.");
  opens("model.model.", "");
  const TemporaryFolder folder;
  writeModelFolder(folder / "m", tinyConfig());
  rewrite(folder / "m",
          [](const std::string& name) { return std::pair(std::string("model.safetensors"), "module." + name); });
  expectBadInput([&] { ModelFiles::open(folder / "m"); },
                 {"model.safetensors: tensor 'model.embed_tokens.weight'", "'module.lm_head.weight'"});
}

TEST(ModelFolder, FindsTensorsUnderSeveralPrefixes) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  writeModelFolder(folder / "plain", tinyConfig());
  const ModelFiles plain = ModelFiles::open(folder / "plain");
  writeModelFolder(m, tinyConfig());
  rewrite(m, [&](const std::string& name) {
    const bool bare = name.find("layers.1.") != std::string::npos;
    return std::pair(std::string("model.safetensors"), bare                       ? name.substr(6)
                                                       : name == "lm_head.weight" ? "model." + name
                                                                                  : name);
  });
  const ModelFiles mixed = ModelFiles::open(m);
  for (const std::string& name : plain.tensorNames()) EXPECT_EQ(values(mixed, name), values(plain, name)) << name;
  EXPECT_EQ(mixed.fingerprint(), plain.fingerprint());
  EXPECT_THAT(mixed.warnings(), testing::ElementsAre(testing::AllOf(testing::HasSubstr("several prefixes"),
                                                                    testing::HasSubstr("'layers.1.input_layernorm"))));

  // One tensor under two prefixes: where they are alike it is one.
  const auto twice = [&](float change) {
    const fs::path whole = m / "whole.safetensors";
    writeModelFolder(m, tinyConfig());
    fs::rename(m / "model.safetensors", whole);
    const SafetensorsFile file = SafetensorsFile::open(whole);
    std::vector<TensorView> all;
    for (const std::string& name : file.names()) all.push_back(file.view(name));
    std::vector<float> copy(64);
    dequantise(DType::F32, file.view(kQ).bytes, copy);
    copy[7] += change;
    all.push_back({"layers.0.self_attn.q_proj.weight", DType::F32, {8, 8}, std::as_bytes(std::span(copy))});
    writeSafetensors(m / "model.safetensors", all);
    return ModelFiles::open(m);
  };
  EXPECT_THAT(twice(0).warnings(), testing::IsEmpty());
  expectBadInput([&] { twice(1); }, {"'layers.0.self_attn.q_proj.weight'", kQ, "with other values"});
}

TEST(ModelFolder, LeavesTensorsWithoutAPlaceUnreadAndSaysSo) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  writeModelFolder(m, tinyConfig());
  json config = tinyConfig();
  config["num_hidden_layers"] = 1;
  std::ofstream(m / "config.json") << config.dump();
  const ModelFiles files = ModelFiles::open(m);
  EXPECT_EQ(files.config().layers, 1);
  EXPECT_THAT(files.warnings(), testing::ElementsAre(testing::AllOf(
                                    testing::HasSubstr("model.safetensors: "), testing::HasSubstr("no place in the"),
                                    testing::HasSubstr("other logits"), testing::HasSubstr("'model.layers.1."))));
}

TEST(ModelFolder, TiesTheHeadOnlyWhereTheFileAgrees) {
  const TemporaryFolder folder;
  json config = tinyConfig();
  writeModelFolder(folder / "m", config);
  config["tie_word_embeddings"] = true;
  std::ofstream(folder / "m/config.json") << config.dump();
  const ModelFiles untied = ModelFiles::open(folder / "m");
  EXPECT_FALSE(untied.config().tied_head) << "a head with other values is stored";
  EXPECT_THAT(untied.warnings(), testing::ElementsAre(testing::HasSubstr("tensor 'lm_head.weight'")));
  writeModelFolder(folder / "tied", config);
  const ModelFiles tied = ModelFiles::open(folder / "tied");
  EXPECT_TRUE(tied.config().tied_head);
  EXPECT_FALSE(tied.has("lm_head.weight"));
  EXPECT_THAT(tied.warnings(), testing::IsEmpty());
  rewrite(folder / "tied", [](const std::string& name) {
    return std::pair(std::string("model.safetensors"), name == "model.embed_tokens.weight" ? "lm_head.weight" : name);
  });
  const ModelFiles head_alone = ModelFiles::open(folder / "tied");
  EXPECT_TRUE(head_alone.config().tied_head);
  EXPECT_EQ(values(head_alone, "model.embed_tokens.weight"), values(tied, "model.embed_tokens.weight"));
  EXPECT_EQ(head_alone.fingerprint(), tied.fingerprint());
  EXPECT_THAT(head_alone.warnings(), testing::ElementsAre(testing::HasSubstr("tensor 'lm_head.weight': serves")));
}

TEST(ModelFolder, RefusesIndexesThatLie) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  const json good = shard(m);
  const auto refused = [&](const json& index, const std::vector<std::string>& parts) {
    writeIndex(m, index);
    expectBadInput([&] { ModelFiles::open(m); }, parts);
  };
  const auto placed = [&](const std::string& name, const json& file) {
    json index = good;
    index["weight_map"][name] = file;
    return index;
  };
  refused(json::array(), {"index.json", "weight_map", "is missing"});
  refused({{"weight_map", json::object()}}, {"weight_map", "is empty"});
  refused(placed(kQ, 7), {"weight_map", kQ, "not a file name"});
  for (const char* path :
       {"../model-1-of-2.safetensors", "/etc/x.safetensors", "a\\b.safetensors", "..", "x.bin", ""}) {
    refused(placed(kQ, path), {"weight_map", kQ, "plain name"});
  }
  refused(placed(kQ, "a-missing.safetensors"), {"a-missing.safetensors: is missing", "index.json names it"});
  refused(placed("extra", "a-missing.safetensors"), {"a-missing.safetensors: is missing"});
  writeIndex(m, good);
  EXPECT_THAT(ModelFiles::open(m).warnings(), testing::IsEmpty()) << "total_size is nobody's business";
  std::ofstream(m / "model.safetensors.index.json") << R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})";
  expectBadInput([&] { ModelFiles::open(m); }, {"'a'", "twice"});
}

TEST(ModelFolder, OpensShardsThatTheIndexDoesNotDescribe) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  const json good = shard(m);
  writeModelFolder(folder / "whole", tinyConfig());
  const ModelFiles whole = ModelFiles::open(folder / "whole");
  const auto opens = [&](const json& index, const std::vector<std::string>& says) {
    writeIndex(m, index);
    const ModelFiles files = ModelFiles::open(m);
    for (const std::string& name : files.tensorNames()) EXPECT_EQ(values(files, name), values(whole, name)) << name;
    EXPECT_EQ(files.fingerprint(), whole.fingerprint());
    ASSERT_EQ(files.warnings().size(), 1U);
    EXPECT_THAT(files.warnings()[0], testing::HasSubstr("model.safetensors.index.json: weight_map"));
    for (const std::string& part : says) EXPECT_THAT(files.warnings()[0], testing::HasSubstr(part));
  };
  json index = good;
  for (const char* layer : {"0", "1"}) {
    index["weight_map"][std::string("model.layers.") + layer + ".self_attn.rotary_emb.inv_freq"] =
        "model-1-of-2.safetensors";
  }
  opens(index, {"no shard has", "'model.layers.0.self_attn.rotary_emb.inv_freq'"});
  index = good;
  index["weight_map"].erase(kQ);
  opens(index, {"does not name", kQ});
  index = good;
  index["weight_map"][kQ] = "model-2-of-2.safetensors";
  opens(index, {"other shards", kQ});
}

TEST(ModelFolder, TakesATensorFromTwoShardsWhereTheyAgree) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  json index = shard(m);
  index["weight_map"]["extra"] = "a.safetensors";
  const std::vector<float> extra{1, 2, 3}, table{4, 5}, other_table{6, 7};
  const auto view = [](const std::string& name, const std::vector<float>& values, std::vector<std::int64_t> shape) {
    return TensorView{name, DType::F32, std::move(shape), std::as_bytes(std::span(values))};
  };
  const std::string buffer = "model.layers.0.self_attn.rotary_emb.inv_freq";
  std::vector<float> copy;
  {
    const SafetensorsFile first = SafetensorsFile::open(m / "model-1-of-2.safetensors");
    copy.resize(64);
    dequantise(DType::F32, first.view(kQ).bytes, copy);
  }
  const auto open = [&](std::vector<std::int64_t> shape) {
    const std::vector<TensorView> again{view(kQ, copy, std::move(shape)), view("extra", extra, {3}),
                                        view(buffer, table, {2})};
    writeSafetensors(m / "a.safetensors", again);
    const std::vector<TensorView> more{view("more", extra, {3}), view(buffer, other_table, {2})};
    writeSafetensors(m / "b.safetensors", more);
    index["weight_map"]["more"] = "b.safetensors";
    writeIndex(m, index);
    return ModelFiles::open(m);
  };
  const ModelFiles files = open({8, 8});
  EXPECT_EQ(values(files, kQ), copy);
  EXPECT_THAT(files.warnings(),
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("alike"), testing::HasSubstr(kQ)),
                                   testing::HasSubstr(buffer)));
  copy[63] += 1;
  expectBadInput([&] { open({8, 8}); }, {"model-1-of-2.safetensors", kQ, "is also in 'a.safetensors', with other"});
  copy[63] -= 1;
  expectBadInput([&] { open({4, 16}); }, {kQ, "is also in 'a.safetensors', with other"});
}

TEST(ModelFolder, NamesTheShardThatShouldHoldATensor) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  json index = shard(m);
  const auto withoutQ = [](const std::string& name) { return std::pair(name == kQ ? "" : shardOf(name), name); };
  writeModelFolder(m, tinyConfig());
  rewrite(m, withoutQ);
  writeIndex(m, index);
  expectBadInput([&] { ModelFiles::open(m); },
                 {"m/model-1-of-2.safetensors: tensor '" + std::string(kQ), "is missing"});
  index["weight_map"].erase(kQ);
  writeIndex(m, index);
  expectBadInput([&] { ModelFiles::open(m); }, {"m/model.safetensors.index.json: tensor '" + std::string(kQ)});
  writeModelFolder(folder / "one", tinyConfig());
  rewrite(folder / "one",
          [](const std::string& name) { return std::pair(std::string(name == kQ ? "" : "model.safetensors"), name); });
  expectBadInput([&] { ModelFiles::open(folder / "one"); }, {"one/model.safetensors: tensor '" + std::string(kQ)});
}

TEST(ModelFolder, PrefersTheSingleFileToAnIndex) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  writeModelFolder(m, tinyConfig());
  writeIndex(m, {{"weight_map", {{kQ, "gone.safetensors"}}}});
  EXPECT_THAT(ModelFiles::open(m).warnings(), testing::ElementsAre(testing::HasSubstr("index.json: is not read")));
}

TEST(ModelFolder, SaysWhatToDoWithOtherWeights) {
  const auto refused = [](const std::string& file, const std::vector<std::string>& parts) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "m");
    folder.write("m/config.json", tinyConfig().dump());
    folder.write("m/" + file, "x");
    std::vector<std::string> all = parts;
    all.push_back("'" + file + "'");
    expectBadInput([&] { ModelFiles::open(folder / "m"); }, all);
  };
  refused("pytorch_model.bin", {"save_pretrained()"});
  refused("pytorch_model-00001-of-00002.bin", {"save_pretrained()"});
  refused("adapter_model.safetensors", {"merge_and_unload()"});
  refused("consolidated.00.pth", {"conversion script"});
  refused("model-00001-of-00002.safetensors", {"model.safetensors.index.json"});
  refused("m.gguf", {".gguf file is opened itself"});
  const TemporaryFolder folder;
  writeIndex(folder / "shards", shard(folder / "shards"));
  fs::remove(folder / "shards/config.json");
  expectBadInput([&] { ModelFiles::open(folder / "shards"); }, {"shards/config.json", "No such file"});
  fs::create_directory(folder / "m");
  folder.write("m/Tiny-Q8.gguf", "x");
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"Tiny-Q8.gguf", "opened itself"});
}

TEST(ModelFolder, NamesWhatDisagreesWithTheConfiguration) {
  const TemporaryFolder folder;
  const fs::path m = folder / "m";
  writeModelFolder(m, tinyConfig());
  const auto refused = [&](const json& patch, const std::vector<std::string>& parts) {
    json config = tinyConfig();
    config.update(patch);
    std::ofstream(m / "config.json") << config.dump();
    expectBadInput([&] { ModelFiles::open(m); }, parts);
  };
  refused({{"vocab_size", 17}}, {"'model.embed_tokens.weight'", "shape [16, 8]", "asks for [17, 8]"});
  refused({{"intermediate_size", 13}}, {"gate_proj", "shape [12, 8]", "asks for [13, 8]"});
  refused({{"num_key_value_heads", 2}}, {"k_proj", "shape [4, 8]", "asks for [8, 8]"});
  refused({{"num_hidden_layers", 3}}, {"'model.layers.2.input_layernorm.weight'", "is missing"});
  refused({{"attention_bias", true}}, {"q_proj.bias", "is missing"});
  refused({{"model_type", "qwen3"}, {"head_dim", 4}}, {"q_norm", "is missing"});
}

TEST(ModelFolder, SaysWhatIsMissingOrOfAnotherKind) {
  const TemporaryFolder folder;
  expectBadInput([&] { ModelFiles::open(folder / "nothing"); }, {"nothing", "No such file"});
  fs::create_directory(folder / "m");
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"config.json", "No such file"});
  folder.write("m/config.json", tinyConfig().dump());
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"neither model.safetensors nor"});
  fs::create_directory(folder / "m/model.safetensors");
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"model.safetensors", "is a folder"});
  fs::remove(folder / "m/config.json");
  ASSERT_EQ(::mkfifo((folder / "m/config.json").c_str(), 0600), 0);
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"config.json", "not a regular file"});
  expectBadInput([&] { ModelFiles::open(folder.write("x.safetensors", safetensorsBytes("{}"))); }, {"open the folder"});
  expectBadInput([&] { ModelFiles::open(folder.write("x.gguf", "hello, world")); }, {"not a GGUF file"});
  for (const char* text : {"", "{", "{\"model_type\":\"llama\",\"model_type\":\"llama\"}", "[[[[", "\"\xff\""}) {
    fs::remove(folder / "m/config.json");
    folder.write("m/config.json", text);
    expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"config.json"});
  }
  folder.write("m/config.json", std::string(5'000'000, '['));
  expectBadInput([&] { ModelFiles::open(folder / "m"); }, {"config.json", "nested more than 64"});
}

TEST(ModelFolder, NamesTheFirstValueThatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const TemporaryFolder folder;
    writeModelFolder(folder / "m", tinyConfig());
    const fs::path path = folder / "m/model.safetensors";
    std::string bytes = readBytes(path);
    const std::string needle = raw(sampleValues(64, 2));  // The third tensor written.
    const std::size_t at = bytes.find(needle);
    ASSERT_NE(at, std::string::npos);
    for (const std::size_t index : {std::size_t{37}, std::size_t{50}}) bytes.replace(at + index * 4, 4, raw(bad));
    folder.write("m/model.safetensors", bytes);
    const ModelFiles files = ModelFiles::open(folder / "m");
    expectBadInput([&] { values(files, kQ); },
                   {"m/model.safetensors: tensor '" + std::string(kQ), "index 37 is not finite"});
  }
}

TEST(ModelFolder, HasAFingerprintOfItsOwn) {
  const TemporaryFolder folder;
  const auto print = [&](const json& config) {
    writeModelFolder(folder / "m", config);
    return ModelFiles::open(folder / "m").fingerprint();
  };
  json config = tinyConfig();
  const std::string first = print(config);
  EXPECT_THAT(first, testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(print(config), first);
  config["rope_theta"] = 20000;
  EXPECT_NE(print(config), first);
  std::string bytes = readBytes(folder / "m/model.safetensors");
  const std::string second = ModelFiles::open(folder / "m").fingerprint();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  folder.write("m/model.safetensors", bytes);
  EXPECT_NE(ModelFiles::open(folder / "m").fingerprint(), second);
}

ModelConfig tiny(ModelConfig::Family family) {
  ModelConfig config = configFromHuggingFace(tinyConfig(), "config.json");
  config.family = family;
  config.tied_head = family == ModelConfig::Family::Gemma3;
  config.qk_norm = family == ModelConfig::Family::Gemma3 || family == ModelConfig::Family::Qwen3;
  config.sandwich_norms = family == ModelConfig::Family::Gemma3;
  config.attention_bias = family == ModelConfig::Family::Qwen2;
  return config;
}

TEST(GgufModel, GoesByItsFileWhereItHasNoName) {
  const TemporaryFolder folder;
  GgufBuilder file = ggufModel(tiny(ModelConfig::Family::Llama));
  EXPECT_EQ(ModelFiles::open(folder.write("m.gguf", file.bytes())).config().name, "tiny");
  file.keys.erase(file.keys.begin() + 1);  // general.name
  EXPECT_EQ(ModelFiles::open(folder.write("Tiny-1.5-Q8.gguf", file.bytes())).config().name, "Tiny-1.5-Q8");
}

TEST(GgufModel, OpensEachFamilyUnderHuggingFaceNames) {
  using Family = ModelConfig::Family;
  for (const Family family : {Family::Llama, Family::Qwen2, Family::Qwen3, Family::Gemma3}) {
    SCOPED_TRACE(familyName(family));
    const TemporaryFolder folder;
    const ModelConfig config = tiny(family);
    const ModelFiles files = ModelFiles::open(folder.write("m.gguf", ggufModel(config).bytes()));
    EXPECT_EQ(files.format(), "gguf");
    EXPECT_EQ(files.config().family, family);
    EXPECT_EQ(files.config().vocabulary, 16);
    EXPECT_EQ(files.config().tied_head, config.tied_head);
    EXPECT_EQ(files.config().attention_bias, config.attention_bias);
    EXPECT_EQ(files.ggufMetadata()["general.name"], "tiny");
    std::uint64_t seed = 0;
    for (const TensorShape& tensor : expectedTensors(config)) {
      std::vector<float> expected = sampleValues(values(files, tensor.name).size(), seed++);
      if (hasPairedRows(tensor.name, config)) {
        EXPECT_EQ(family, Family::Llama);
        // Head of 4 rows: stored as (0, 2, 1, 3) of the canonical ones.
        const std::size_t width = expected.size() / static_cast<std::size_t>(tensor.shape[0]);
        for (std::size_t head = 0; head < expected.size(); head += 4 * width) {
          for (std::size_t i = 0; i < width; ++i) std::swap(expected[head + width + i], expected[head + 2 * width + i]);
        }
      }
      if (family == Family::Gemma3 && tensor.name.ends_with("norm.weight")) {
        for (float& value : expected) value -= 1;
      }
      EXPECT_EQ(values(files, tensor.name), expected) << tensor.name;
      const bool plain = !hasPairedRows(tensor.name, config) && !hasShiftedNorm(tensor.name, config);
      EXPECT_EQ(!files.mapped(tensor.name).empty(), plain) << tensor.name;
    }
  }
}

TEST(GgufModel, NamesTheValueThatIsNotFiniteAsTheFileDoes) {
  const TemporaryFolder folder;
  GgufBuilder file = ggufModel(tiny(ModelConfig::Family::Llama));
  const auto q = std::ranges::find(file.tensors, "blk.1.attn_q.weight", &GgufBuilder::Tensor::name);
  ASSERT_NE(q, file.tensors.end());
  q->data.replace(4 * 11, 4, raw(NAN));
  const ModelFiles files = ModelFiles::open(folder.write("m.gguf", file.bytes()));
  expectBadInput([&] { values(files, "model.layers.1.self_attn.q_proj.weight"); },
                 {"m.gguf: tensor 'blk.1.attn_q.weight'", "index 11 is not finite"});
}

ModelConfig opened(const GgufBuilder& file) {
  const TemporaryFolder folder;
  return ModelFiles::open(folder.write("m.gguf", file.bytes())).config();
}

TEST(GgufModel, ReadsRopeAndWindows) {
  GgufBuilder file = ggufModel(tiny(ModelConfig::Family::Llama));
  file.add("llama.rope.freq_base", 5e5F);
  file.tensors.push_back({"rope_freqs.weight", {2}, 0, raw(std::vector<float>{1, 8})});
  EXPECT_EQ(opened(file).rope_theta, 5e5);
  EXPECT_THAT(opened(file).rope_factors, testing::ElementsAre(1, 8));
  EXPECT_EQ(opened(file).rope_scaling.kind, RopeScaling::Kind::None);

  GgufBuilder linear = ggufModel(tiny(ModelConfig::Family::Qwen2));
  linear.add("qwen2.rope.scaling.factor", 4.0F);
  EXPECT_EQ(opened(linear).rope_scaling.kind, RopeScaling::Kind::Linear) << "the type may be left out";
  EXPECT_EQ(opened(linear).rope_scaling.factor, 4);
  linear.add("qwen2.rope.scaling.type", "yarn");
  linear.add("qwen2.rope.scaling.original_context_length", 32U);
  linear.add("qwen2.rope.scaling.attn_factor", 2.0F);
  const ModelConfig yarn = opened(linear);
  EXPECT_EQ(yarn.rope_scaling.kind, RopeScaling::Kind::Yarn);
  EXPECT_EQ(yarn.rope_scaling.original_context, 32);
  EXPECT_DOUBLE_EQ(yarn.rope_scaling.attention_factor, 2 * (0.1 * std::log(4.0) + 1));
  GgufBuilder none = ggufModel(tiny(ModelConfig::Family::Qwen2));
  none.add("qwen2.rope.scaling.type", "none");
  none.add("qwen2.rope.scaling.factor", 4.0F);
  EXPECT_EQ(opened(none).rope_scaling.kind, RopeScaling::Kind::None);

  ModelConfig deep = tiny(ModelConfig::Family::Gemma3);
  deep.layers = 7;
  GgufBuilder gemma = ggufModel(deep);
  EXPECT_THAT(opened(gemma).native_sliding, testing::IsEmpty());
  gemma.add("gemma3.attention.sliding_window", 9U);
  gemma.add("gemma3.rope.freq_base", 1e6F);
  EXPECT_THAT(opened(gemma).native_sliding, testing::ElementsAre(true, true, true, true, true, false, true));
  EXPECT_EQ(opened(gemma).window, 9);
  EXPECT_EQ(opened(gemma).rope_theta, 1e6);
  EXPECT_EQ(opened(gemma).local_rope_theta, 1e4);
  gemma.add("gemma3.attention.sliding_window_pattern", 2U);
  EXPECT_THAT(opened(gemma).native_sliding, testing::ElementsAre(true, false, true, false, true, false, true));
}

struct RefusedCase {
  const char* name;
  std::function<void(GgufBuilder&)> change;
  std::vector<std::string> parts;
};
void PrintTo(const RefusedCase& refused, std::ostream* out) { *out << refused.name; }

/// Keys of the tiny llama come first; a later one of the same name would be refused, so these replace.
void put(GgufBuilder& file, const std::string& key, std::uint32_t type, const std::string& value) {
  std::erase_if(file.keys, [&](const std::string& entry) { return entry.starts_with(GgufBuilder::string(key)); });
  file.add(key, type, value);
}

std::vector<RefusedCase> refusedCases() {
  using B = GgufBuilder;
  const auto number = [](const std::string& key, std::uint32_t value) {
    return [=](B& file) { put(file, key, 4, raw(value)); };
  };
  const auto real = [](const std::string& key, float value) { return [=](B& file) { put(file, key, 6, raw(value)); }; };
  const auto text = [](const std::string& key, const std::string& value) {
    return [=](B& file) { put(file, key, 8, B::string(value)); };
  };
  const auto list = [](const std::string& key, std::uint32_t a, std::uint32_t b) {
    return [=](B& file) { put(file, key, 9, raw<std::uint32_t>(4) + raw<std::uint64_t>(2) + raw(a) + raw(b)); };
  };
  return {
      {"Architecture", text("general.architecture", "gpt2"), {"general.architecture", "'gpt2' is not supported"}},
      {"NoArchitecture", [](B& file) { file.keys.erase(file.keys.begin()); }, {"general.architecture", "is missing"}},
      {"LayersLie", number("llama.block_count", 3), {"blk.2.attn_norm.weight", "is missing"}},
      {"LayersHidden", number("llama.block_count", 1), {"'blk.1.attn_norm.weight'", "has no place"}},
      {"LayersHuge", number("llama.block_count", ~0U), {"llama.block_count", "4294967295"}},
      {"WidthText", text("llama.embedding_length", "8"), {"llama.embedding_length", "'8'"}},
      {"WidthLies", number("llama.embedding_length", 16), {"token_embd.weight", "shape [16, 8]", "asks for [16, 16]"}},
      {"HeadsZero", number("llama.attention.head_count", 0), {"llama.attention.head_count", "is 0"}},
      {"HeadsDiffer",
       list("llama.attention.head_count", 2, 1),
       {"llama.attention.head_count", "differs between layers"}},
      {"HeadsListHuge", list("llama.attention.head_count", ~0U, ~0U), {"llama.attention.head_count", "4294967295"}},
      {"GroupsDoNotDivide", number("llama.attention.head_count_kv", 3), {"head_count_kv", "does not divide"}},
      {"PartialRotary", number("llama.rope.dimension_count", 2), {"rope.dimension_count", "not supported"}},
      {"YarnAttentionZero",
       [](B& file) {
         put(file, "llama.rope.scaling.type", 8, B::string("yarn"));
         put(file, "llama.rope.scaling.factor", 6, raw(4.0F));
         put(file, "llama.rope.scaling.attn_factor", 6, raw(0.0F));
       },
       {"rope.scaling.attn_factor", "is 0.0"}},
      {"ValueLength", number("llama.attention.value_length", 8), {"attention.value_length", "not supported"}},
      {"EpsilonNan", real("llama.attention.layer_norm_rms_epsilon", NAN), {"layer_norm_rms_epsilon", "number from 0"}},
      {"ThetaInfinite", real("llama.rope.freq_base", INFINITY), {"rope.freq_base", "where a number"}},
      {"Experts", number("llama.expert_count", 8), {"llama.expert_count", "not supported"}},
      {"LogitCap", real("llama.final_logit_softcapping", 30), {"final_logit_softcapping", "not supported"}},
      {"LogitScale", real("llama.logit_scale", 0.5F), {"logit_scale", "not supported"}},
      {"NotCausal", [](B& file) { file.add("llama.attention.causal", 7, raw<std::uint8_t>(0)); }, {"attention.causal"}},
      {"LongRope", text("llama.rope.scaling.type", "longrope"), {"rope.scaling.type", "'longrope'"}},
      {"Split", [](B& file) { file.add("split.count", 2, raw<std::uint16_t>(3)); }, {"split.count", "several parts"}},
      {"Window", list("llama.attention.sliding_window", 1, 2), {"attention.sliding_window", "a list"}},
      {"VocabularyLies",
       [](B& file) {
         put(file, "tokenizer.ggml.tokens", 9, raw<std::uint32_t>(8) + raw<std::uint64_t>(1) + B::string("x"));
       },
       {"token_embd.weight", "shape [16, 8]", "asks for [1, 8]"}},
      {"UnknownTensor",
       [](B& file) {
         file.tensors.push_back({"blk.0.attn_sinks.weight", {2}, 0, raw(std::vector<float>{1, 2})});
       },
       {"'blk.0.attn_sinks.weight'", "has no place"}},
      {"RopeFactorsShape",
       [](B& file) {
         file.tensors.push_back({"rope_freqs.weight", {3}, 0, raw(std::vector<float>{1, 2, 3})});
       },
       {"'rope_freqs.weight'", "shape [3]", "asks for [2]"}},
      {"RopeFactorsZero",
       [](B& file) {
         file.tensors.push_back({"rope_freqs.weight", {2}, 0, raw(std::vector<float>{1, 0})});
       },
       {"'rope_freqs.weight'", "no rotary factor"}},
  };
}

class RefusedGguf : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedGguf, NamesTheOption) {
  GgufBuilder file = ggufModel(tiny(ModelConfig::Family::Llama));
  GetParam().change(file);
  std::vector<std::string> parts = GetParam().parts;
  parts.push_back("m.gguf");
  expectBadInput([&] { opened(file); }, parts);
}

INSTANTIATE_TEST_SUITE_P(Options, RefusedGguf, testing::ValuesIn(refusedCases()),
                         [](const auto& refused) { return std::string(refused.param.name); });

/// The bundled model, as `transformers` reads the same file: names, row order and values of two layers and the rest.
TEST(GgufModel, AgreesWithTransformersOnARealModel) {
  const TemporaryFolder folder;
  if (!runReference("gguf_reference.py", {folder.path()})) GTEST_SKIP();
  const ModelFiles files = ModelFiles::open(readBytes(folder / "path"));
  const SafetensorsFile reference = SafetensorsFile::open(folder / "reference.safetensors");
  EXPECT_EQ(files.parameters(), 134'515'008);
  ASSERT_GT(reference.names().size(), 19U);
  for (const std::string& name : reference.names()) {
    const TensorView view = reference.view(name);
    ASSERT_EQ(files.shape(name), view.shape) << name;
    std::vector<float> expected(static_cast<std::size_t>(view.elements()));
    dequantise(view.dtype, view.bytes, expected);
    EXPECT_TRUE(values(files, name) == expected) << name;
  }
}

}  // namespace
}  // namespace interleave::test
