// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/placement_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "backend/core/error.h"

namespace interleave {
namespace {

using enum MixerKind;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

ModelConfig smallModel() {
  ModelConfig config;
  config.layers = 6;
  config.hidden = 576;
  config.heads = 9;
  config.kv_heads = 3;
  config.head_dim = 64;
  config.rope_theta = 100000;
  return config;
}

class PlacementIo : public testing::Test {
 protected:
  json write(const std::string& format, const Placement& placement) const {
    return placementDocument(format, placement, {.model = &model_, .window = 64, .sinks = 4}, {{"seed", 3}});
  }
  static Placement read(const json& document, int layers = 0, MixerKind rest = Gdn) {
    return placementFromDocument(document, "x.json", layers, rest);
  }
  static std::string refusal(const json& document, int layers = 0) {
    try {
      read(document, layers);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadInput);
      EXPECT_EQ(error.file(), "x.json");
      return error.what();
    }
    return "accepted";
  }
  std::string exportRefusal(const std::string& format, const Placement& placement) const {
    try {
      write(format, placement);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      return error.what();
    }
    return "accepted";
  }

  const ModelConfig model_ = smallModel();
  const Placement gdn_{{Gdn, Full, Gdn, Gdn, Full, Gdn}};
  const Placement sliding_{{SlidingWindow, Full, SlidingWindow, SlidingWindow, Full, SlidingWindow}};
  const Placement mixed_{{Gdn, Full, SlidingWindow, Gdn, Full, Gdn}};
  const Placement windows_{{Gdn, SlidingWindow, Gdn, Gdn, SlidingWindow, Gdn}};
  const Placement window_{{GdnWindow, Full, GdnWindow, GdnWindow, Full, GdnWindow}};
};

TEST_F(PlacementIo, OursComesBackExactly) {
  for (const Placement& placement : {gdn_, sliding_, mixed_, window_}) {
    const json document = json::parse(write("interleave", placement).dump());
    EXPECT_EQ(read(document), placement);
    EXPECT_EQ(document.at("kept_layers"), json({1, 4}));
    EXPECT_EQ(document.at("provenance").at("seed"), 3);
  }
}

TEST_F(PlacementIo, EveryFormatComesBackWhereItCanSayAll) {
  for (const char* format : {"hf-layer-types", "fla", "kimi", "kl-ls"}) {
    EXPECT_EQ(read(write(format, gdn_)), gdn_) << format;
  }
  for (const char* format : {"hf-layer-types", "swaa"}) {
    EXPECT_EQ(read(write(format, sliding_)), sliding_) << format;
  }
  EXPECT_EQ(read(write("hf-layer-types", mixed_)), mixed_);
  EXPECT_EQ(read(write("fla", windows_)), windows_);
  EXPECT_EQ(read(write("kl-ls", window_), 6, GdnWindow), window_);
}

TEST_F(PlacementIo, WhatWeWroteComesBackWhateverStandsForTheRest) {
  for (const MixerKind rest : {Gdn, GdnWindow, SlidingWindow}) {
    for (const char* format : {"hf-layer-types", "fla", "kimi", "kl-ls"}) {
      EXPECT_EQ(read(write(format, gdn_), 0, rest), gdn_) << format;
    }
    EXPECT_EQ(read(write("kl-ls", sliding_), 0, rest), sliding_);
    EXPECT_EQ(read(write("hf-layer-types", mixed_), 0, rest), mixed_);
  }
  json changed = write("kl-ls", gdn_);
  changed["keep_full_attention_layers"] = {1, 3};  // by hand: the list counts
  EXPECT_EQ(read(changed, 6, GdnWindow).kept(), (std::vector<int>{1, 3}));
  json types = write("hf-layer-types", gdn_);
  types["layer_types"][0] = "sliding_attention";
  EXPECT_EQ(read(types, 6, Gdn)[0], SlidingWindow);
}

TEST_F(PlacementIo, WritesWhatTheOthersRead) {
  const json types = write("hf-layer-types", mixed_);
  EXPECT_EQ(types.at("layer_types"), json({"linear_attention", "full_attention", "sliding_attention",
                                           "linear_attention", "full_attention", "linear_attention"}));
  EXPECT_EQ(types.at("sliding_window"), 64);
  EXPECT_EQ(types.at("provenance").at("sliding_window_sinks"), 4);

  const json fla = write("fla", gdn_).at("attn");
  EXPECT_EQ(fla.at("layers"), json({1, 4}));
  EXPECT_EQ(fla.at("num_heads"), 9);
  EXPECT_EQ(fla.at("num_kv_heads"), 3);
  EXPECT_EQ(fla.at("qkv_bias"), false);
  EXPECT_EQ(fla.at("rope_theta"), 100000.0);
  EXPECT_TRUE(fla.at("window_size").is_null());
  EXPECT_EQ(write("fla", gdn_).at("model_type"), "gated_deltanet");
  EXPECT_EQ(write("fla", windows_).at("attn").at("window_size"), 64);

  const json kimi = write("kimi", gdn_).at("linear_attn_config");
  EXPECT_EQ(kimi.at("full_attn_layers"), json({2, 5}));
  EXPECT_EQ(kimi.at("kda_layers"), json({1, 3, 4, 6}));
  EXPECT_EQ(kimi.at("head_dim"), 64);

  EXPECT_EQ(write("kl-ls", gdn_).at("keep_full_attention_layers"), json({1, 4}));
  const json swaa = write("swaa", sliding_);
  EXPECT_EQ(swaa.at("non_sliding_layers"), json({1, 4}));
  EXPECT_EQ(swaa.at("sliding_window_size"), 64);
  EXPECT_EQ(swaa.at("keep_first"), 4);
  for (const char* format : {"hf-layer-types", "fla", "kl-ls", "kimi"}) {
    EXPECT_EQ(write(format, gdn_).at("provenance").at("holds"), "layers only, no weights") << format;
  }
}

TEST_F(PlacementIo, QwenIsToldThatItsLayersSlide) {
  const auto layerTypes = [](ModelConfig::Family family, const Placement& placement) {
    ModelConfig model = smallModel();
    model.family = family;
    return placementDocument("hf-layer-types", placement, {.model = &model, .window = 64}, {});
  };
  for (const auto family : {ModelConfig::Family::Qwen2, ModelConfig::Family::Qwen3}) {
    const json slides = layerTypes(family, mixed_), full = layerTypes(family, gdn_);
    EXPECT_EQ(slides.at("use_sliding_window"), true);
    EXPECT_EQ(slides.at("max_window_layers"), 2) << "the first that slides";
    EXPECT_EQ(full.at("use_sliding_window"), false);
    EXPECT_EQ(full.at("max_window_layers"), 6);
  }
  EXPECT_FALSE(layerTypes(ModelConfig::Family::Llama, mixed_).contains("use_sliding_window"));
}

/// A model whose layers slide natively, but for the third and the sixth.
ModelConfig slidingModel(ModelConfig::Family family) {
  ModelConfig config = smallModel();
  config.family = family;
  config.window = 32;
  config.native_sliding = {true, true, false, true, true, false};
  return config;
}

TEST_F(PlacementIo, LayersThatSlideNativelyAreSaidAsSliding) {
  const ModelConfig model = slidingModel(ModelConfig::Family::Gemma3);
  const Placement all(6, Full);
  // The bank's window is wider than the native one, which therefore counts there.
  const Placement some{{SlidingWindow, Full, Full, Full, Full, Full}};
  for (const Placement& placement : {all, some}) {
    const PlacementFacts facts{.model = &model, .window = 64, .sinks = 4};
    const json types = placementDocument("hf-layer-types", placement, facts, {});
    const std::string full = "full_attention", slides = "sliding_attention";
    EXPECT_EQ(types.at("layer_types"), json({slides, slides, full, slides, slides, full}));
    EXPECT_EQ(types.at("sliding_window"), 32);
    const json swaa = placementDocument("swaa", placement, facts, {});
    EXPECT_EQ(swaa.at("non_sliding_layers"), json({2, 5}));
    EXPECT_EQ(swaa.at("sliding_window_size"), 32);
    EXPECT_EQ(swaa.at("keep_first"), 0);
    EXPECT_EQ(read(types), placement) << "as it was kept, not as sliding windows";
    EXPECT_EQ(read(swaa), placement);
  }
  json changed = placementDocument("swaa", all, {.model = &model}, {});
  changed["non_sliding_layers"] = {2};
  EXPECT_EQ(read(changed)[5], SlidingWindow) << "by hand: the list counts";
}

TEST_F(PlacementIo, WindowsThatAFormatCannotSayAreRefused) {
  const auto refusal = [](const char* format, const ModelConfig& model, const Placement& placement, int window,
                          int sinks) -> std::string {
    try {
      placementDocument(format, placement, {.model = &model, .window = window, .sinks = sinks}, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      return error.what();
    }
    return "accepted";
  };
  const ModelConfig mistral = slidingModel(ModelConfig::Family::Mistral),
                    gemma = slidingModel(ModelConfig::Family::Gemma3);
  const Placement mixed{{Full, Full, SlidingWindow, Full, Full, Full}};
  for (const char* format : {"hf-layer-types", "swaa", "fla"}) {
    EXPECT_THAT(refusal(format, mistral, mixed, 16, 0), AllOf(HasSubstr("layer 2"), HasSubstr("32"), HasSubstr("16")))
        << "two widths";
  }
  EXPECT_THAT(refusal("swaa", mistral, mixed, 32, 4), HasSubstr("has 32 and 4"));
  EXPECT_THAT(refusal("swaa", mistral, mixed, 32, 0), "accepted");
  EXPECT_THAT(refusal("hf-layer-types", gemma, mixed, 32, 0), AllOf(HasSubstr("layer 2"), HasSubstr("rotary base")));
  EXPECT_THAT(refusal("hf-layer-types", mistral, mixed, 32, 0), "accepted");
  const Placement natively{{Full, Gdn, Gdn, Gdn, Gdn, Gdn}};
  EXPECT_THAT(refusal("kimi", mistral, natively, 0, 0), AllOf(HasSubstr("layer 0"), HasSubstr("32 tokens")));
  EXPECT_THAT(refusal("fla", mistral, natively, 0, 0), "accepted") << "its attention may have a window";
}

TEST_F(PlacementIo, FlaRefusesAttentionThatItsLayerCannotCompute) {
  const auto refusal = [this](const std::function<void(ModelConfig&)>& change, const Placement& placement) {
    ModelConfig model = smallModel();
    change(model);
    try {
      placementDocument("fla", placement, {.model = &model, .window = 64}, {});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal([](ModelConfig&) {}, gdn_), "accepted");
  EXPECT_THAT(refusal([](ModelConfig& model) { model.head_dim = 128; }, gdn_), HasSubstr("heads of 128"));
  EXPECT_THAT(refusal([](ModelConfig& model) { model.rope_scaling.kind = RopeScaling::Kind::Yarn; }, gdn_),
              HasSubstr("RoPE scaling"));
  EXPECT_THAT(refusal([](ModelConfig& model) { model.rope_factors = {1, 2}; }, gdn_), HasSubstr("RoPE scaling"));
  EXPECT_THAT(refusal([](ModelConfig& model) { model.qk_norm = true; }, gdn_), HasSubstr("norms of q and k"));
  EXPECT_THAT(refusal([](ModelConfig& model) { model.output_bias = true; }, gdn_), HasSubstr("output projection"));
  EXPECT_THAT(refusal([](ModelConfig& model) { model.attention_scale = 1; }, gdn_), HasSubstr("scaled"));
  EXPECT_THAT(refusal([](ModelConfig&) {}, mixed_), AllOf(HasSubstr("one window"), HasSubstr("layer")));
}

TEST_F(PlacementIo, RefusesWhatAFormatCannotSay) {
  for (const char* format : {"hf-layer-types", "fla", "kimi", "swaa"}) {
    EXPECT_THAT(exportRefusal(format, window_),
                AllOf(HasSubstr(format), HasSubstr("layer 0"), HasSubstr("gdn-window")));
  }
  EXPECT_THAT(exportRefusal("kimi", mixed_), AllOf(HasSubstr("layer 2"), HasSubstr("swa")));
  EXPECT_THAT(exportRefusal("swaa", gdn_), HasSubstr("layer 0"));
  EXPECT_THAT(exportRefusal("kl-ls", mixed_), AllOf(HasSubstr("\"gdn\""), HasSubstr("\"swa\"")));
  EXPECT_THAT(exportRefusal("kimy", gdn_), HasSubstr("did you mean \"kimi\""));
  for (const char* format : {"fla", "kimi"}) {
    EXPECT_THROW(placementDocument(format, gdn_, {}, {}), Error) << format << " without a model";
  }
  for (const char* format : {"fla", "hf-layer-types", "swaa"}) {
    EXPECT_THROW(placementDocument(format, windows_, {.model = &model_}, {}), Error)
        << format << " without the window's length";
  }
}

TEST_F(PlacementIo, NamesWhatIsWrongInOurs) {
  const json good = write("interleave", gdn_);
  const auto with = [&](const char* key, const json& value) {
    json changed = good;
    changed[key] = value;
    return changed;
  };
  EXPECT_THAT(refusal(with("kept_layer", json({1}))), HasSubstr("kept_layers"));
  EXPECT_THAT(refusal(with("version", 2)), HasSubstr("version"));
  EXPECT_THAT(refusal(with("format", "interleave-card")), HasSubstr("format"));
  json short_form = good;
  for (const char* derived : {"layers", "kept_layers", "provenance"}) short_form.erase(derived);
  EXPECT_EQ(read(short_form), read(good)) << "the operators say it all";
  EXPECT_THAT(refusal(with("layers", 7)), HasSubstr("operators"));
  EXPECT_THAT(refusal(with("layers", -1)), HasSubstr("layers"));
  EXPECT_THAT(refusal(with("layers", 1e300)), HasSubstr("layers"));
  EXPECT_THAT(refusal(with("kept_layers", json({1, 5}))), HasSubstr("kept_layers"));
  EXPECT_THAT(refusal(with("operators", json({"gdn", "ful", "gdn", "gdn", "full", "gdn"}))),
              AllOf(HasSubstr("operators[1]"), HasSubstr("\"full\"")));
  json short_one = good;
  short_one.erase("operators");
  EXPECT_THAT(refusal(short_one), HasSubstr("operators"));
  EXPECT_THAT(refusal(good, 30), HasSubstr("6 layers"));
  EXPECT_EQ(read(good, 6), gdn_);
  json hand_written = good;
  hand_written.erase("provenance");
  EXPECT_EQ(read(hand_written), gdn_);
}

TEST_F(PlacementIo, NamesWhatIsWrongInOthers) {
  EXPECT_THAT(refusal(json{{"keep_full_attention_layers", {1, 4}}}), HasSubstr("--layers"));
  EXPECT_THAT(refusal({{"keep_full_attention_layers", {1, 6}}}, 6), HasSubstr("keep_full_attention_layers[1]"));
  EXPECT_THAT(refusal({{"keep_full_attention_layers", {1, -1}}}, 6), HasSubstr("from 0 to 5"));
  EXPECT_THAT(refusal({{"non_sliding_layers", {1, 1}}}, 6), HasSubstr("twice"));
  EXPECT_THAT(refusal({{"non_sliding_layers", "1"}}, 6), HasSubstr("list"));
  EXPECT_THAT(refusal({{"non_sliding_layers", {1.5}}}, 6), HasSubstr("whole number"));
  EXPECT_THAT(refusal({{"layer_types", {"full_attention", "mamba"}}}), AllOf(HasSubstr("[1]"), HasSubstr("mamba")));
  EXPECT_THAT(refusal({{"layer_types", {"full_attention"}}, {"num_hidden_layers", 1}}, 2), HasSubstr("1 layers"));
  const auto kimi = [](const json& full, const json& linear) {
    return json{{"linear_attn_config", {{"full_attn_layers", full}, {"kda_layers", linear}}}};
  };
  EXPECT_THAT(refusal(kimi({0, 2}, {1})), HasSubstr("from 1 to 3"));
  EXPECT_THAT(refusal(kimi({2}, {2, 1})), HasSubstr("twice"));
  EXPECT_THAT(refusal(json{{"attn", {{"num_heads", 9}}}}, 6), HasSubstr("layers"));
  EXPECT_THAT(refusal(json{{"attn", 3}}, 6), HasSubstr("layers"));
  EXPECT_THAT(refusal(json::array()), HasSubstr("object"));
  EXPECT_THAT(refusal(json{{"hidden_size", 9}}), HasSubstr("no placement"));
  json both = write("kl-ls", gdn_);
  both["non_sliding_layers"] = {0};
  EXPECT_THAT(refusal(both), HasSubstr("disagrees"));
}

TEST_F(PlacementIo, KimiOfRealFilesCountsFromOne) {
  const json document{
      {"num_hidden_layers", 4},
      {"linear_attn_config", {{"full_attn_layers", {4}}, {"kda_layers", {1, 2, 3}}, {"short_conv_kernel_size", 4}}}};
  EXPECT_EQ(read(document, 4, GdnWindow), Placement({GdnWindow, GdnWindow, GdnWindow, Full}));
}

TEST_F(PlacementIo, ReadsFilesAndFolders) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "placement-io";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << write("hf-layer-types", gdn_);
  EXPECT_EQ(readPlacement(folder, 6, Gdn), gdn_);
  std::ofstream(folder / placementFileName("interleave")) << write("interleave", window_);
  EXPECT_EQ(readPlacement(folder, 6, Gdn), window_);
  EXPECT_EQ(readPlacement(folder / "config.json", 6, Gdn), gdn_);
  EXPECT_THROW(readPlacement(folder / "missing.json", 6, Gdn), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace interleave
