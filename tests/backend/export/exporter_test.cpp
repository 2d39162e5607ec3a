// SPDX-License-Identifier: GPL-3.0-or-later
// What export writes and refuses, without Python.
#include "backend/engine/torch/exporter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "backend/core/error.h"
#include "backend/engine/torch/hf_weights.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/safetensors.h"
#include "tests/backend/export/tiny_bank.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using enum MixerKind;
using ::testing::HasSubstr;

std::set<std::string> namesIn(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

class Exporter : public ::testing::Test {
 protected:
  void SetUp() override {
    // Heads that divide the width, as fla has them.
    model_ = writeTinyModel(folder_ / "model", tinyConfig("llama", {{"head_dim", 6}}));
    NoProgress progress;
    const auto loaded = Model::load(std::make_shared<const ModelFiles>(ModelFiles::open(model_)), {}, progress);
    bank_ = writeTinyBank(folder_ / "bank", loaded, {{"sliding_window", 9}, {"sliding_sinks", 2}});
  }

  Workbench::ExportRequest request(const std::string& format, std::vector<MixerKind> kinds) const {
    return {.model = model_,
            .candidates = {.bank = bank_, .bank_settings = {}},
            .out = folder_ / "out",
            .format = format,
            .placement = Placement(std::move(kinds)),
            .provenance = {{"run", 3}}};
  }

  static std::vector<std::string> write(const Workbench::ExportRequest& request) {
    NoProgress progress;
    return exportFiles(request, progress);
  }

  /// The reason for which a request is refused, with nothing written; "" when it is not.
  std::string refusal(const Workbench::ExportRequest& request, ErrorKind kind = ErrorKind::Usage) {
    const std::set<std::string> before = namesIn(folder_.path());
    std::string reason;
    try {
      write(request);
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), kind) << problem.what();
      reason = problem.what();
    }
    EXPECT_EQ(namesIn(folder_.path()), before);
    return reason;
  }

  test::TemporaryFolder folder_;
  fs::path model_, bank_;
};

TEST_F(Exporter, EveryFormatComesBack) {
  const std::map<std::string, std::vector<MixerKind>> sayable{
      {"interleave", {Gdn, SlidingWindow, GdnWindow}}, {"hf-layer-types", {Gdn, SlidingWindow, Full}},
      {"fla", {Gdn, SlidingWindow, SlidingWindow}},    {"kl-ls", {GdnWindow, Full, GdnWindow}},
      {"swaa", {SlidingWindow, Full, SlidingWindow}},  {"kimi", {Gdn, Full, Gdn}},
      {"hf", {GdnWindow, SlidingWindow, Gdn}}};
  for (const std::string& format : exportFormats()) {
    if (format == "hf:source") continue;  // the model has one type, and so has nothing else to say than hf
    SCOPED_TRACE(format);
    const bool folder = format.starts_with("hf:") || format == "hf";
    ASSERT_TRUE(folder || sayable.contains(format));
    Workbench::ExportRequest wanted = request(format, sayable.at(folder ? "hf" : format));
    wanted.out = folder_ / ("out-" + format);
    const std::vector<std::string> files = write(wanted);
    EXPECT_EQ(namesIn(wanted.out), std::set<std::string>(files.begin(), files.end()));
    const fs::path file = wanted.out / (folder ? "config.json" : files.at(0));
    const MixerKind rest = format == "kl-ls" ? GdnWindow : Gdn;
    EXPECT_EQ(importPlacement(file, 3, rest), wanted.placement);
    const json provenance = readJson(file).at("provenance");
    EXPECT_EQ(provenance.at("run"), 3);
    EXPECT_EQ(provenance.at("model_fingerprint"), ModelFiles::open(model_).fingerprint());
  }
}

TEST_F(Exporter, ListsNameTheWindow) {
  write(request("swaa", {SlidingWindow, Full, Full}));
  const json document = readJson(folder_ / "out" / "swaa.json");
  EXPECT_EQ(document.at("sliding_window_size"), 9);
  EXPECT_EQ(document.at("keep_first"), 2);
}

TEST_F(Exporter, Refusals) {
  EXPECT_THAT(refusal(request("swaa", {Gdn, Full, Full})), HasSubstr("layer 0 holds \"gdn\""));
  EXPECT_THAT(refusal(request("kimi", {SlidingWindow, Full, Full})), HasSubstr("layer 0 holds \"swa\""));
  EXPECT_THAT(refusal(request("hf", {Full, Full})), HasSubstr("it has 2 layers, the model 3"));
  EXPECT_THAT(refusal(request("hff", {Full, Full, Full})), HasSubstr("unknown format \"hff\""));

  Workbench::ExportRequest bare = request("hf", {Gdn, Full, Full});
  bare.candidates.bank.clear();
  EXPECT_THAT(refusal(bare), HasSubstr("the bank is needed"));
  bare.model.clear();
  EXPECT_THAT(refusal(bare), HasSubstr("the model is needed"));

  Workbench::ExportRequest foreign = request("hf", {Gdn, Full, Full});
  foreign.model = writeTinyModel(folder_ / "other", tinyConfig("llama"), 1);
  EXPECT_THAT(refusal(foreign, ErrorKind::BadInput), HasSubstr("the bank was made for"));
  foreign.format = "swaa";
  foreign.placement = Placement(3, SlidingWindow);
  EXPECT_THAT(refusal(foreign, ErrorKind::BadInput), HasSubstr("the bank was made for"));
}

TEST_F(Exporter, LeavesForeignFoldersAlone) {
  const Workbench::ExportRequest wanted = request("hf", {Gdn, Full, Full});
  fs::create_directory(wanted.out);
  std::ofstream(wanted.out / "thesis.tex") << "mine";
  EXPECT_THAT(refusal(wanted), HasSubstr("is not empty"));
  EXPECT_EQ(namesIn(wanted.out), std::set<std::string>{"thesis.tex"});

  fs::remove(wanted.out / "thesis.tex");
  write(wanted);
  Workbench::ExportRequest again = request("hf", {Full, Full, Gdn});
  again.out += "/";
  write(again);  // an earlier export gives way
  EXPECT_EQ(importPlacement(wanted.out, 3, Gdn), again.placement);
  std::ofstream(wanted.out / "thesis.tex") << "mine";
  EXPECT_THAT(refusal(wanted), HasSubstr("is not empty"));
  EXPECT_EQ(importPlacement(wanted.out, 3, Gdn), again.placement);
}

/// Stops at the first report.
class Impatient final : public Progress {
 public:
  void report(std::string_view, double) override { stop_ = true; }
  bool stopRequested() const override { return stop_; }

 private:
  bool stop_ = false;
};

TEST_F(Exporter, ALinkStandsForTheFolderThatItNames) {
  fs::create_directory(folder_ / "real");
  fs::create_directory_symlink(folder_ / "real", folder_ / "out");
  const int layers = tinyConfig("llama").at("num_hidden_layers").get<int>();
  write(request("hf", std::vector<MixerKind>(static_cast<std::size_t>(layers), Full)));
  EXPECT_TRUE(fs::is_symlink(folder_ / "out"));
  EXPECT_TRUE(fs::exists(folder_ / "real" / "config.json"));
  for (const std::string& name : namesIn(folder_.path())) EXPECT_FALSE(name.starts_with(".")) << name;
}

TEST_F(Exporter, AStoppedExportLeavesNothing) {
  const std::set<std::string> before = namesIn(folder_.path());
  Impatient progress;
  EXPECT_THROW(exportFiles(request("hf", {Gdn, Full, Full}), progress), Error);
  EXPECT_EQ(namesIn(folder_.path()), before);
}

TEST_F(Exporter, ShardsHoldEveryTensorOnce) {
  const ModelFiles files = ModelFiles::open(model_);
  const StoredBank bank = StoredBank::open(bank_, files.config(), files.fingerprint());
  const Placement placement({GdnWindow, Full, Gdn});
  const Hybrid hybrid{
      .model = files, .bank = &bank, .windows = bank.windows(), .placement = placement, .provenance = {}};
  const HfConfig config = hfConfig(hybrid);
  NoProgress progress;
  const fs::path one = folder_ / "one", many = folder_ / "many";
  fs::create_directory(one);
  fs::create_directory(many);
  EXPECT_EQ(writeHfWeights(hybrid, config, DType::F32, one, 1 << 30, progress),
            std::vector<std::string>{"model.safetensors"});
  const std::vector<std::string> names = writeHfWeights(hybrid, config, DType::F32, many, 20'000, progress);
  ASSERT_GT(names.size(), 3U);
  EXPECT_EQ(names.back(), "model.safetensors.index.json");

  const SafetensorsFile whole = SafetensorsFile::open(one / "model.safetensors");
  const json map = readJson(many / names.back()).at("weight_map");
  EXPECT_EQ(map.size(), whole.names().size());
  for (const std::string& tensor : whole.names()) {
    SCOPED_TRACE(tensor);
    const SafetensorsFile shard = SafetensorsFile::open(many / map.at(tensor).get<std::string>());
    const TensorView here = shard.view(tensor), there = whole.view(tensor);
    EXPECT_EQ(here.shape, there.shape);
    EXPECT_TRUE(std::ranges::equal(here.bytes, there.bytes));
  }
}

}  // namespace
}  // namespace interleave::testing
