// SPDX-License-Identifier: GPL-3.0-or-later
// Each export format of each of four placements: what it writes, or why it refuses.
#include <gtest/gtest.h>

#include "tests/golden/golden.h"

namespace interleave::golden {
namespace {

using nlohmann::json;
using testing::readText;

constexpr const char* kPlacements[] = {"all-four", "full-and-gdn", "full-and-swa", "full-and-gdn-window"};

class GoldenExports : public ::testing::TestWithParam<const char*> {
 protected:
  static json operatorsOf(const std::string& name) {
    if (name == "all-four") return {"gdn-window", "full", "gdn", "swa", "gdn-window", "full"};
    const std::string other = name.substr(std::string("full-and-").size());
    return {other, "full", other, other, "full", other};
  }

  /// Exports it; the files by name, or the reason why it was refused.
  void exportAs(const std::string& format, const std::string& name, std::vector<std::string> more,
                const std::string& model = input("model")) const {
    const std::filesystem::path out = folder_ / (format + "-" + name);
    std::vector<std::string> words{"export", "--placement", placement_, "--format", format,
                                   "--out",  out,           "--model",  model};
    words.insert(words.end(), more.begin(), more.end());
    const testing::CommandResult result = testing::run(words);
    const std::string under = "exports/" + name + "/" + format + "/";
    const std::vector<std::pair<std::string, std::string>> places{
        {out.string(), "OUT"}, {placement_, "PLACEMENT"}, {folder_.path().string(), "FOLDER"}};
    if (result.code != 0) {
      expectJson(under + "refused.json", {{"code", result.code}, {"log", steady(result.log, places)}});
      return;
    }
    json files = json::array();
    std::map<std::string, std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(out)) found[entry.path().filename()] = entry.path();
    for (const auto& [file, path] : found) {
      files.push_back(file);
      if (file.ends_with(".safetensors")) {
        const Tensors tensors = readTensors(path);
        expectJson(under + "tensors.json", digests(tensors));
        if (name == "all-four") expectTensors(under + file, tensors);
      } else if (file.ends_with(".py")) {
        expectText("exports/code/" + file, readText(path));  // the same for every placement
      } else {
        expectText(under + file, steady(readText(path), places));
      }
    }
    expectJson(under + "files.json", files);
    if (format != "hf") {
      const json back = told({"import", found.begin()->second, "--model", model});
      EXPECT_EQ(back.at("operators"), operatorsOf(GetParam())) << format << " does not come back as it was";
    }
  }

  const test::TemporaryFolder folder_;
  const std::string placement_ = testing::writeText(
      folder_ / "placement.json",
      json{{"format", "interleave-placement"}, {"version", 1}, {"layers", 6}, {"operators", operatorsOf(GetParam())}}
          .dump());
};

TEST_P(GoldenExports, WriteWhatTheyDid) {
  const std::string bank = copyOf("bank", folder_.path());
  for (const char* format : {"interleave", "hf-layer-types", "fla", "kl-ls", "swaa", "kimi", "hf"}) {
    exportAs(format, GetParam(), {"--bank", bank});
  }
  exportAs("fla", GetParam() + std::string("-even"), {"--set", "sliding_window=8", "--set", "sliding_sinks=0"},
           input("even-model"));
  if (GetParam() == std::string("full-and-swa")) {  // without sinks, a class of transformers' own
    exportAs("hf", "stock", {"--set", "sliding_window=8", "--set", "sliding_sinks=0"});
    exportAs("hf", "stock-bf16", {"--set", "sliding_window=8", "--set", "sliding_sinks=0", "--dtype", "bf16"});
  }
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenExports, ::testing::ValuesIn(kPlacements), [](const auto& given) {
  std::string name = given.param;
  std::erase(name, '-');
  return name;
});

TEST(GoldenPlacement, OfVersion1IsRead) {
  const json placement = told({"import", input("placement.json"), "--model", input("model")});
  expectJson("placement.json", steady(placement));
}

}  // namespace
}  // namespace interleave::golden
