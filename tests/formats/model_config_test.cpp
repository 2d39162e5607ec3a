// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/model_config.h"

#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>

#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

json changed(json config, const json& patch) {
  config.update(patch);
  return config;
}

json of(const std::string& type, const json& patch = json::object()) {
  return changed(changed(tinyConfig(), {{"model_type", type}}), patch);
}

ModelConfig read(const json& config) { return configFromHuggingFace(config, "config.json"); }

TEST(ModelConfig, SmolLm3IsALlamaWhoseLayersMaySlide) {
  const json two{{"no_rope_layers", {1, 1}},
                 {"num_hidden_layers", 2},
                 {"use_sliding_window", true},
                 {"sliding_window", 7},
                 {"layer_types", {"full_attention", "sliding_attention"}}};
  const json config = of("smollm3", two);
  const ModelConfig read_back = read(config);
  EXPECT_EQ(read_back.family, ModelConfig::Family::Llama);
  EXPECT_EQ(read_back.window, 7);
  EXPECT_EQ(read_back.native_sliding, (std::vector{false, true}));

  const std::vector<double> factors(static_cast<std::size_t>(read_back.head_dim / 2), 1.5);
  const json own{{"rope_type", "longrope"},
                 {"factor", 1.0},
                 {"attention_factor", 1.0},
                 {"short_factor", factors},
                 {"long_factor", factors}};
  EXPECT_EQ(read(changed(config, {{"rope_scaling", own}})).rope_factors, std::vector<float>(factors.size(), 1.5F));
}

struct RefusedCase {
  const char* name;
  json config;
  std::vector<std::string> parts;
};
void PrintTo(const RefusedCase& refused, std::ostream* out) { *out << refused.name; }

json without(const std::string& key) {
  json config = tinyConfig();
  config.erase(key);
  return config;
}

json rope(const json& parameters) { return of("llama", {{"rope_scaling", parameters}}); }

std::vector<RefusedCase> refusedCases() {
  return {
      {"NotAnObject", json::array(), {"not a JSON object"}},
      {"NoModelType", without("model_type"), {"model_type", "is missing"}},
      {"OtherFamily", of("mixtral"), {"model_type", "'mixtral' is not supported"}},
      {"MixtureOfExperts", of("qwen3_moe"), {"model_type", "'qwen3_moe' is not supported"}},
      {"NoWidth", without("hidden_size"), {"hidden_size", "is missing"}},
      {"NoLayers", without("num_hidden_layers"), {"num_hidden_layers", "is missing"}},
      {"WidthIsText", of("llama", {{"hidden_size", "8"}}), {"hidden_size", "'8'", "integer from 1"}},
      {"WidthIsFraction", of("llama", {{"hidden_size", 8.5}}), {"hidden_size", "8.5"}},
      {"WidthIsZero", of("llama", {{"hidden_size", 0}}), {"hidden_size", "is 0"}},
      {"WidthIsNegative", of("llama", {{"hidden_size", -8}}), {"hidden_size", "is -8"}},
      {"WidthIsHuge", of("llama", {{"hidden_size", 1ULL << 63}}), {"hidden_size", "9223372036854775808"}},
      {"LayersAreHuge", of("llama", {{"num_hidden_layers", 1'000'000'000}}), {"num_hidden_layers", "1000000000"}},
      {"HeadsDoNotDivide", of("llama", {{"num_attention_heads", 3}}), {"hidden_size", "no multiple of the 3"}},
      {"GroupsDoNotDivide", of("llama", {{"num_key_value_heads", 3}}), {"num_key_value_heads", "does not divide"}},
      {"OddHead", of("llama", {{"head_dim", 3}}), {"head_dim", "odd"}},
      {"Activation", of("llama", {{"hidden_act", "relu"}}), {"hidden_act", "'relu' is not supported"}},
      {"GemmaActivation", of("gemma3_text", {{"hidden_activation", "gelu"}}), {"hidden_activation", "'gelu'"}},
      {"Quantised", of("llama", {{"quantization_config", {{"bits", 4}}}}), {"quantization_config", "not supported"}},
      {"PartialRotary", of("llama", {{"partial_rotary_factor", 0.5}}), {"partial_rotary_factor", "not supported"}},
      {"LogitCap",
       of("gemma3_text", {{"final_logit_softcapping", 30.0}}),
       {"final_logit_softcapping", "not supported"}},
      {"ScoreCap", of("gemma3_text", {{"attn_logit_softcapping", 50.0}}), {"attn_logit_softcapping", "not supported"}},
      {"Bidirectional",
       of("gemma3_text", {{"use_bidirectional_attention", true}}),
       {"use_bidirectional_attention", "not supported"}},
      {"RopeUnknown", rope({{"rope_type", "longrope"}}), {"rope_type", "'longrope' is not supported"}},
      {"RopeTwoFactors",
       rope({{"rope_type", "longrope"}, {"attention_factor", 1}, {"short_factor", {1, 2}}, {"long_factor", {2, 2}}}),
       {"rope_type", "equal at all lengths"}},
      {"RopeFewFactors",
       rope({{"rope_type", "longrope"}, {"attention_factor", 1}, {"short_factor", {1}}, {"long_factor", {1}}}),
       {"rope_scaling.long_factor", "numbers"}},
      {"SmolLm3WithoutRotaryLayers", of("smollm3"), {"no_rope_layers", "without a rotary embedding"}},
      {"SmolLm3ThatDoesNotSlide",
       of("smollm3", {{"no_rope_layers", {1, 1}},
                      {"num_hidden_layers", 2},
                      {"layer_types", {"full_attention", "sliding_attention"}}}),
       {"layer_types", "use_sliding_window is off"}},
      {"ExportedHybrid", of("interleave_hybrid"), {"model_type", "hybrid:FOLDER"}},
      {"RopeDynamic", rope({{"type", "dynamic"}, {"factor", 2.0}}), {"'dynamic' is not supported"}},
      {"RopeNoFactor", rope({{"rope_type", "linear"}}), {"rope_scaling.factor", "is missing"}},
      {"RopeZeroFactor", rope({{"rope_type", "linear"}, {"factor", 0}}), {"rope_scaling.factor", "is 0"}},
      {"RopeFactorText", rope({{"rope_type", "linear"}, {"factor", "8"}}), {"rope_scaling.factor", "'8'"}},
      {"RopeNotObject", rope("linear"), {"rope_scaling", "an object is needed"}},
      {"RopePartial", rope({{"rope_type", "default"}, {"partial_rotary_factor", 0.25}}), {"partial_rotary_factor"}},
      {"RopeNested",
       of("llama", {{"rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}}}),
       {"full_attention"}},
      {"YarnAttentionZero",
       rope({{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 0.0}}),
       {"rope_scaling.attention_factor", "is 0.0"}},
      {"Llama3Order",
       rope({{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 4.0}, {"high_freq_factor", 4.0}}),
       {"high_freq_factor", "not above"}},
      {"ThetaZero", of("llama", {{"rope_theta", 0}}), {"rope_theta", "is 0"}},
      {"LayerTypesShort", of("qwen2", {{"layer_types", {"full_attention"}}}), {"layer_types", "2 entries"}},
      {"LayerTypesUnknown",
       of("qwen2", {{"layer_types", {"full_attention", "chunked_attention"}}}),
       {"layer_types", "'chunked_attention'"}},
      {"LayerTypesWithoutWindow",
       of("qwen2", {{"layer_types", {"full_attention", "sliding_attention"}}}),
       {"layer_types", "use_sliding_window is off"}},
      {"MistralMixed",
       of("mistral", {{"sliding_window", 4}, {"layer_types", {"full_attention", "sliding_attention"}}}),
       {"layer_types", "disagrees with sliding_window"}},
      {"GemmaWithoutWindow", of("gemma3_text", {{"sliding_window", nullptr}}), {"sliding_window", "null"}},
      {"GemmaZeroWindow", of("gemma3_text", {{"sliding_window", 0}}), {"sliding_window", "is 0"}},
      {"MistralZeroWindow", of("mistral", {{"sliding_window", 0}}), {"sliding_window", "is 0"}},
      {"QwenZeroWindow",
       of("qwen2", {{"use_sliding_window", true}, {"sliding_window", 0}}),
       {"sliding_window", "is 0"}},
      {"GemmaFlatRope", of("gemma3_text", {{"rope_parameters", {{"rope_theta", 1e4}}}}), {"rope_parameters"}},
      {"GemmaScaledWindow",
       of("gemma3_text", {{"rope_parameters", {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}}}}),
       {"sliding_attention.rope_type", "not supported"}},
      {"GemmaNoText", {{"model_type", "gemma3"}}, {"text_config", "is missing"}},
  };
}

class RefusedConfig : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedConfig, NamesTheOption) {
  std::vector<std::string> parts = GetParam().parts;
  parts.push_back("config.json");
  expectBadInput([&] { read(GetParam().config); }, parts);
}

INSTANTIATE_TEST_SUITE_P(Options, RefusedConfig, testing::ValuesIn(refusedCases()),
                         [](const auto& refused) { return std::string(refused.param.name); });

TEST(ModelConfig, ReadsALlama) {
  const ModelConfig config = read(of("llama", {{"attention_bias", true}, {"tie_word_embeddings", true}}));
  EXPECT_EQ(familyName(config.family), "llama");
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.kv_heads, 1);
  EXPECT_EQ(config.attention_scale, 0.5);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::None);
  EXPECT_TRUE(config.attention_bias && config.output_bias && config.tied_head);
  EXPECT_FALSE(config.mlp_bias || config.qk_norm || config.sandwich_norms);
  EXPECT_THAT(config.native_sliding, IsEmpty());
}

TEST(ModelConfig, KnowsEachFamilysDefaults) {
  json bare = tinyConfig();
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings"}) {
    bare.erase(key);
  }
  const auto family = [&](const std::string& type, int heads) {
    return read(changed(bare, {{"model_type", type}, {"num_attention_heads", heads}, {"hidden_size", 4 * heads}}));
  };
  const ModelConfig llama = family("llama", 2), mistral = family("mistral", 8), qwen2 = family("qwen2", 32),
                    qwen3 = family("qwen3", 32), gemma = family("gemma3_text", 8);
  EXPECT_EQ(llama.kv_heads, 2);
  EXPECT_EQ(llama.context, 2048);
  EXPECT_EQ(llama.norm_epsilon, 1e-6);
  EXPECT_EQ(mistral.kv_heads, 8);
  EXPECT_EQ(mistral.window, 4096);
  EXPECT_THAT(mistral.native_sliding, ElementsAre(true, true));
  EXPECT_TRUE(qwen2.attention_bias && !qwen2.output_bias);
  EXPECT_THAT(qwen2.native_sliding, IsEmpty());
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_TRUE(qwen3.qk_norm && !qwen3.attention_bias);
  EXPECT_EQ(gemma.kv_heads, 4);
  EXPECT_EQ(gemma.head_dim, 256);
  EXPECT_EQ(gemma.attention_scale, 1.0 / 16);
  EXPECT_TRUE(gemma.tied_head && gemma.qk_norm && gemma.sandwich_norms);
  EXPECT_EQ(gemma.activation, ModelConfig::Activation::GeluTanh);
  EXPECT_EQ(gemma.rope_theta, 1e6);
  EXPECT_EQ(gemma.local_rope_theta, 1e4);
  EXPECT_FALSE(llama.tied_head || mistral.tied_head || qwen2.tied_head || qwen3.tied_head);
}

TEST(ModelConfig, ReadsWindows) {
  EXPECT_THAT(read(of("mistral", {{"sliding_window", nullptr}})).native_sliding, IsEmpty());
  EXPECT_EQ(read(of("mistral", {{"sliding_window", 7}})).window, 7);
  const json on{{"use_sliding_window", true}, {"sliding_window", 5}, {"max_window_layers", 1}};
  EXPECT_THAT(read(of("qwen2", on)).native_sliding, ElementsAre(false, true));
  EXPECT_THAT(read(of("qwen3", changed(on, {{"layer_types", {"sliding_attention", "full_attention"}}}))).native_sliding,
              ElementsAre(true, false));
  EXPECT_THAT(read(of("qwen2", changed(on, {{"max_window_layers", 2}}))).native_sliding, IsEmpty());
  const ModelConfig gemma = read(of("gemma3_text", {{"num_hidden_layers", 7}, {"sliding_window", 9}}));
  EXPECT_THAT(gemma.native_sliding, ElementsAre(true, true, true, true, true, false, true));
  EXPECT_EQ(gemma.window, 9);
  EXPECT_THAT(read(of("gemma3_text", {{"sliding_window_pattern", 2}})).native_sliding, ElementsAre(true, false));
}

TEST(ModelConfig, ReadsNoWindowWhereNoneCounts) {
  const json zero{{"sliding_window", 0}};
  EXPECT_THAT(read(of("llama", zero)).native_sliding, IsEmpty());
  EXPECT_THAT(read(of("qwen2", zero)).native_sliding, IsEmpty());
  EXPECT_THAT(read(of("qwen3", changed(zero, {{"use_sliding_window", false}}))).native_sliding, IsEmpty());
  const json full{{"layer_types", {"full_attention", "full_attention"}}};
  EXPECT_THAT(read(of("gemma3_text", changed(zero, full))).native_sliding, IsEmpty());
}

TEST(ModelConfig, ReadsRopeScalingInEveryForm) {
  const auto linear = read(rope({{"type", "linear"}, {"factor", 4}})).rope_scaling;
  EXPECT_EQ(linear.kind, RopeScaling::Kind::Linear);
  EXPECT_EQ(linear.factor, 4);
  const ModelConfig newer = read(of("llama", {{"rope_parameters",
                                               {{"rope_type", "llama3"},
                                                {"rope_theta", 5e5},
                                                {"factor", 8.0},
                                                {"low_freq_factor", 1.0},
                                                {"high_freq_factor", 4.0},
                                                {"original_max_position_embeddings", 32}}}}));
  EXPECT_EQ(newer.rope_scaling.kind, RopeScaling::Kind::Llama3);
  EXPECT_EQ(newer.rope_theta, 5e5);
  EXPECT_EQ(newer.rope_scaling.original_context, 32);
  const auto yarn =
      read(of("qwen2", {{"rope_theta", 1e6}, {"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}, {"mscale", 0.7}}}}));
  EXPECT_EQ(yarn.rope_scaling.kind, RopeScaling::Kind::Yarn);
  EXPECT_EQ(yarn.rope_theta, 1e6);
  EXPECT_EQ(yarn.rope_scaling.original_context, 64) << "as the context, where the file is silent";
  EXPECT_EQ(yarn.rope_scaling.beta_fast, 32);
  EXPECT_EQ(yarn.rope_scaling.mscale, 0.7);
  EXPECT_EQ(yarn.rope_scaling.attention_factor, 0);
}

TEST(ModelConfig, ReadsGemmaInEveryForm) {
  const ModelConfig older = read(of("gemma3_text", {{"rope_theta", 2e6},
                                                    {"rope_local_base_freq", 3e4},
                                                    {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}}));
  EXPECT_EQ(older.rope_theta, 2e6);
  EXPECT_EQ(older.local_rope_theta, 3e4);
  EXPECT_EQ(older.rope_scaling.factor, 8);
  EXPECT_EQ(read(of("gemma3_text", {{"rope_scaling", {{"type", "linear"}, {"factor", 8.0}}}})).rope_scaling.factor, 8);
  const json nested{{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 2e6}}},
                    {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 3e4}}}};
  json whole{{"model_type", "gemma3"}, {"tie_word_embeddings", false}};
  whole["text_config"] = of("gemma3_text", {{"rope_parameters", nested}, {"query_pre_attn_scalar", 16}});
  const ModelConfig newer = read(whole);
  EXPECT_EQ(newer.rope_theta, 2e6);
  EXPECT_EQ(newer.local_rope_theta, 3e4);
  EXPECT_EQ(newer.rope_scaling.kind, RopeScaling::Kind::Linear);
  EXPECT_EQ(newer.attention_scale, 0.25);
  EXPECT_FALSE(newer.tied_head) << "the whole model's word counts";
  const json yarn{{"rope_type", "yarn"}, {"factor", 4.0}, {"truncate", false}};
  EXPECT_FALSE(read(of("gemma3_text", {{"rope_parameters", {{"full_attention", yarn}}}})).rope_scaling.truncate);
  const json over{{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 777.0}};
  const ModelConfig both =
      read(of("gemma3_text", {{"rope_theta", 3e6}, {"rope_parameters", nested}, {"rope_scaling", over}}));
  EXPECT_EQ(both.rope_theta, 777) << "the older form goes over the nested one";
  EXPECT_EQ(both.rope_scaling.factor, 4);
  EXPECT_EQ(both.local_rope_theta, 3e4);
}

/// Old and new forms of each family's options, silent and stated.
TEST(ModelConfig, UnderstandsWhatTransformersUnderstands) {
  const TemporaryFolder folder;
  if (!runReference("config_reference.py", {folder / "cases.json"})) GTEST_SKIP();
  const json cases = json::parse(readBytes(folder / "cases.json"));
  ASSERT_GT(cases.size(), 20U);
  constexpr std::array kKinds{"default", "linear", "llama3", "yarn"};
  for (const json& one : cases) {
    SCOPED_TRACE(one["config"].dump());
    const ModelConfig config = read(one["config"]);
    json understood{{"kv_heads", config.kv_heads},
                    {"head_dim", config.head_dim},
                    {"context", config.context},
                    {"norm_epsilon", config.norm_epsilon},
                    {"tied", config.tied_head},
                    {"sliding", config.native_sliding},
                    {"window", config.window},
                    {"theta", config.rope_theta},
                    {"rope_type", kKinds[static_cast<std::size_t>(config.rope_scaling.kind)]},
                    {"factor", config.rope_scaling.factor},
                    {"original_context", config.rope_scaling.original_context},
                    {"beta_fast", config.rope_scaling.beta_fast}};
    if (config.family == ModelConfig::Family::Gemma3) understood["local_theta"] = config.local_rope_theta;
    EXPECT_EQ(understood, one["understood"]);
  }
}

TEST(ModelConfig, ListsTheTensorsOfAFamily) {
  const auto names = [](const json& config) {
    std::vector<std::string> list;
    for (const TensorShape& tensor : expectedTensors(read(config))) list.push_back(tensor.name);
    return list;
  };
  const auto llama = names(tinyConfig());
  EXPECT_EQ(llama.size(), 1 + 2 * 9 + 1 + 1U);
  EXPECT_EQ(llama.front(), "model.embed_tokens.weight");
  EXPECT_EQ(llama.back(), "lm_head.weight");
  EXPECT_EQ(names(of("gemma3_text", {{"tie_word_embeddings", true}})).size(), 1 + 2 * 13 + 1U);
  EXPECT_THAT(names(of("qwen2")), testing::Contains("model.layers.1.self_attn.k_proj.bias"));
  EXPECT_THAT(names(of("qwen3")), testing::Contains("model.layers.1.self_attn.k_norm.weight"));
}

}  // namespace
}  // namespace interleave::test
