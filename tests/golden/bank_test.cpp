// SPDX-License-Identifier: GPL-3.0-or-later
// The committed bank of version 1: what its operators compute, whole sequences and token by token.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/golden/golden.h"

namespace interleave::golden {
namespace {

using nlohmann::json;
using testing::writeText;

constexpr int kLayers = 6, kTokens = 80, kVocabulary = 256, kRowsKept = 8;  // every eighth row, and digests of all
using Operators = std::vector<std::string>;

class GoldenBank : public ::testing::Test {
 protected:
  std::string placement(const Operators& operators) const {
    json kept = json::array();
    for (std::size_t i = 0; i < operators.size(); ++i) {
      if (operators[i] == "full") kept.push_back(i);
    }
    return writeText(folder_ / "placement.json", json{{"format", "interleave-placement"},
                                                      {"version", 1},
                                                      {"layers", operators.size()},
                                                      {"kept_layers", kept},
                                                      {"operators", operators}}
                                                     .dump());
  }

  /// Logits [T, V] of fixed tokens, of a hybrid whose operators are `bank`'s.
  Tensor logits(const Operators& operators, const std::string& bank) const {
    json ids = json::array();
    for (int i = 0; i < kTokens; ++i) ids.push_back((i * i * 7 + i * 13 + 5) % kVocabulary);
    const std::string out = folder_ / "logits.safetensors";
    const testing::CommandResult result =
        testing::run({"model", "logits", model_, "--ids", writeText(folder_ / "ids.json", ids.dump()), "--out", out,
                      "--placement", placement(operators), "--bank", bank, "--precision", "fp32"});
    EXPECT_EQ(result.code, 0) << result.log;
    return result.code == 0 ? readTensors(out).at("logits") : Tensor{};
  }

  /// Each operator everywhere, all four in one hybrid, and each alone in each layer.
  static std::map<std::string, Operators> placements() {
    std::map<std::string, Operators> placements{
        {"mixed", {"gdn-window", "full", "gdn", "swa", "gdn-window", "gdn"}},
        {"mixed-otherwise", {"swa", "gdn", "gdn-window", "full", "swa", "gdn-window"}}};
    for (const char* kind : {"full", "swa", "gdn", "gdn-window"}) {
      placements[kind] = Operators(kLayers, kind);
      for (int layer = 0; layer < kLayers && kind != std::string("full"); ++layer) {
        Operators one(kLayers, "full");
        one[static_cast<std::size_t>(layer)] = kind;
        placements[kind + std::string("-in-layer-") + std::to_string(layer)] = one;
      }
    }
    return placements;
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = input("model"), bank_ = copyOf("bank", folder_.path());
};

TEST_F(GoldenBank, IsReadAndItsOperatorsComputeWhatTheyDid) {
  Tensors all, kept;
  for (const auto& [name, operators] : placements()) {
    all[name] = logits(operators, bank_);
    ASSERT_EQ(all[name].shape, (std::vector<std::int64_t>{kTokens, kVocabulary})) << name;
    Tensor& some = kept[name];
    some = {all[name].type, {kTokens / kRowsKept, kVocabulary}, {}};
    const std::size_t row = all[name].bytes.size() / kTokens;
    for (int i = kRowsKept - 1; i < kTokens; i += kRowsKept) {
      some.bytes += all[name].bytes.substr(static_cast<std::size_t>(i) * row, row);
    }
  }
  expectTensors("bank/logits.safetensors", kept);
  expectJson("bank/logits.json", digests(all));
}

TEST_F(GoldenBank, OneMadeAnewComputesTheSame) {
  const std::string anew = folder_ / "anew";
  std::vector<std::string> words{"candidates", "prepare", model_, "--bank", anew, "--preset", "laptop"};
  appendSettings(words, json::parse(testing::readText(GOLDEN_SOURCE "/recipes/batch.json")).at("bank_settings"));
  ASSERT_FALSE(told(words).is_null());
  for (const char* kind : {"swa", "gdn", "gdn-window"}) {
    EXPECT_TRUE(logits(Operators(kLayers, kind), anew) == logits(Operators(kLayers, kind), bank_)) << kind;
  }
}

TEST_F(GoldenBank, AnswersTokenByToken) {
  const std::string prompts = writeText(
      folder_ / "prompts.json", R"(["Once upon a time there was a small", [5, 25, 59, 107, 169, 245, 79], "x"])");
  json answers = json::object();
  for (const auto& [name, operators] : placements()) {
    if (name.find("-in-layer-") != std::string::npos) continue;
    answers[name] = told({"generate", model_, "--prompts", prompts, "--most", "24", "--placement", placement(operators),
                          "--bank", bank_, "--precision", "fp32"});
  }
  expectJson("bank/answers.json", steady(answers));
}

TEST_F(GoldenBank, IsJudgedAsItWas) {
  json scores = json::object();
  for (const char* name : {"mixed", "gdn"}) {
    scores[name] = told({"evaluate", model_, "--bank", bank_, "--placement", placement(placements().at(name)),
                         "--tasks", "kl,nll,passkey,niah_single_1,vt", "--nll-only", "--tokens", "256", "--sequence",
                         "128", "--prompts", "2", "--prompt-tokens", "440", "--precision", "fp32"});
  }
  expectJson("bank/scores.json", steady(scores));
}

TEST_F(GoldenBank, CostsWhatItDid) {
  json costs = json::object();
  for (const auto& [name, operators] : placements()) {
    if (name.find("-in-layer-") != std::string::npos || name == "full") continue;
    costs[name] = told({"cost", model_, "--bank", bank_, "--placement", placement(operators), "--lengths", "32,96",
                        "--new-tokens", "1", "--repeats", "1", "--precision", "fp32"});
  }
  expectJson("bank/costs.json", steady(costs));
}

}  // namespace
}  // namespace interleave::golden
