// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/backend/support/tiny_model.h"
#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class Exchange : public ::testing::Test {
 protected:
  /// Writes a placement of ours with one operator beside full attention.
  std::string placement(const std::string& name, const std::string& rest) const {
    const nlohmann::json operators{rest, "full", rest, "full"};
    return writeText(folder_ / name, nlohmann::json{{"format", "interleave-placement"},
                                                    {"version", 1},
                                                    {"layers", 4},
                                                    {"kept_layers", {1, 3}},
                                                    {"operators", operators}}
                                         .dump());
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(Exchange, EveryListComesBack) {
  for (const auto& [format, rest] : {std::pair{"interleave", "gdn-window"},
                                     {"hf-layer-types", "gdn"},
                                     {"fla", "gdn"},
                                     {"kl-ls", "gdn"},
                                     {"swaa", "swa"},
                                     {"kimi", "gdn"}}) {
    const std::string source = placement(std::string(format) + ".json", rest), out = folder_ / format;
    // fla's heads divide the width; the model's other than that one's do not.
    const bool fla = std::string(format) == "fla";
    const std::string model =
        fla ? writeTinyModel(folder_ / "fla.model", tinyConfig("llama", {{"head_dim", 6}, {"num_hidden_layers", 4}}))
            : std::filesystem::path(model_);
    const CommandResult written =
        run({"export", "--placement", source, "--format", format, "--out", out, "--model", model, "--json"});
    ASSERT_EQ(written.code, 0) << written.log;
    EXPECT_EQ(written.json().at("weights"), false);
    const std::string file = std::filesystem::path(out) / written.json().at("files").at(0).get<std::string>();
    const CommandResult back = run({"import", file, "--model", model, "--operator", rest, "--json"});
    ASSERT_EQ(back.code, 0) << back.log;
    EXPECT_EQ(back.json().at("kept_layers"), nlohmann::json({1, 3})) << format;
    EXPECT_EQ(back.json().at("operators").at(0), rest) << format;
    EXPECT_TRUE(nlohmann::json::parse(readText(file)).contains("provenance")) << format;
  }
}

TEST_F(Exchange, AListSaysThatItHoldsNoWeights) {
  const std::string source = placement("p.json", "swa");
  const CommandResult list =
      run({"export", "--placement", source, "--format", "swaa", "--out", folder_ / "list", "--model", model_});
  ASSERT_EQ(list.code, 0) << list.log;
  EXPECT_THAT(list.out, HasSubstr("layers only, no weights"));
  const CommandResult typed = run({"export", "--placement", source, "--format", "swaa", "--out", folder_ / "typed",
                                   "--model", model_, "--dtype", "bf16"});
  EXPECT_EQ(typed.code, 2);
  EXPECT_THAT(typed.log, HasSubstr("--format hf"));
}

TEST_F(Exchange, AnExportedFolderIsJudgedAndGoesOnAsAPlacement) {
  const std::string source = placement("p.json", "swa"), out = folder_ / "hybrid";
  const CommandResult written = run({"export", "--placement", source, "--format", "hf", "--dtype", "fp32", "--out", out,
                                     "--model", model_, "--json"});
  ASSERT_EQ(written.code, 0) << written.log;
  EXPECT_EQ(written.json().at("dtype"), "float32");
  EXPECT_EQ(written.json().at("weights"), true);
  const auto judged = [&](const std::string& name) {
    return run({"evaluate", model_, "--placement", name, "--tasks", "kl", "--tokens", "256", "--sequence", "128",
                "--precision", "fp32", "--json"});
  };
  const CommandResult folder = judged("hybrid:" + out), file = judged(source);
  ASSERT_EQ(folder.code, 0) << folder.log;
  const double kl = folder.json().at("tasks").at("kl").at("value");
  EXPECT_GT(kl, 0);
  EXPECT_NEAR(kl, file.json().at("tasks").at("kl").at("value").get<double>(), 1e-9);

  // Other weights there are what is judged, and exported again.
  const std::string weights = folder_ / "hybrid" / "model.safetensors";
  std::string bytes = readText(weights);
  for (std::size_t end = bytes.size(); end > bytes.size() - 20000; end -= 4) bytes[end - 1] ^= char(0x80);  // signs
  writeText(weights, bytes);
  const CommandResult changed = judged("hybrid:" + out);
  ASSERT_EQ(changed.code, 0) << changed.log;
  EXPECT_GT(changed.json().at("tasks").at("kl").at("value").get<double>(), kl + 0.01);
  const std::string again = folder_ / "again";
  const CommandResult exported =
      run({"export", "--placement", "hybrid:" + out, "--format", "hf", "--out", again, "--model", model_});
  ASSERT_EQ(exported.code, 0) << exported.log;
  EXPECT_EQ(judged("hybrid:" + again).json().at("tasks").at("kl").at("value"),
            changed.json().at("tasks").at("kl").at("value"));
  const std::string prompts = writeText(folder_ / "prompts.json", R"(["abc"])");
  const auto generated = [&](const std::string& name) {
    return run({"generate", model_, "--prompts", prompts, "--placement", name, "--most", "8", "--json"});
  };
  EXPECT_EQ(generated("hybrid:" + again).out, generated("hybrid:" + out).out);
  EXPECT_EQ(generated("hybrid:" + out).code, 0);

  const CommandResult as_model = run({"model", "info", out});
  EXPECT_EQ(as_model.code, 3);
  EXPECT_THAT(as_model.log, HasSubstr("hybrid:FOLDER"));
  EXPECT_EQ(run({"import", "hybrid:" + out, "--json"}).json().at("kept_layers"), nlohmann::json({1, 3}));
  EXPECT_EQ(judged("hybrid:" + model_ + "/none").code, 3);
}

TEST_F(Exchange, WhatAFormatCannotSayIsRefusedAndNothingWritten) {
  const std::string source = placement("p.json", "gdn-window"), out = folder_ / "out";
  const CommandResult result =
      run({"export", "--placement", source, "--format", "kimi", "--out", out, "--model", model_});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.log, HasSubstr("gdn-window"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(Exchange, ImportWritesOurOwnFormat) {
  const std::string foreign = writeText(folder_ / "config.json", R"({"keep_full_attention_layers": [0, 2]})");
  EXPECT_EQ(run({"import", foreign}).code, 3) << "how many layers?";
  const std::string out = folder_ / "ours.json";
  EXPECT_EQ(run({"import", foreign, "--layers", "4", "--out", out}).code, 0);
  EXPECT_EQ(nlohmann::json::parse(readText(out)).at("kept_layers"), nlohmann::json({0, 2}));
  const CommandResult wrong = run({"import", foreign, "--layers", "2", "--out", folder_ / "none.json"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.log, HasSubstr("keep_full_attention_layers[1]"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.json"));
}

TEST_F(Exchange, APlacementOfAnotherModelIsRefused) {
  const std::string source = placement("p.json", "swa"), out = folder_ / "out";
  ASSERT_EQ(run({"export", "--placement", source, "--format", "interleave", "--out", out, "--model", model_}).code, 0);
  const std::string exported = folder_ / "out" / "placement.json";
  const Words evaluate{"--placement", exported, "--tasks", "kl", "--tokens", "256", "--sequence", "128", "--json"};
  Words words{"evaluate", model_};
  words.insert(words.end(), evaluate.begin(), evaluate.end());
  const CommandResult result = run(words);
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json score = result.json().at("tasks").at("kl");
  EXPECT_GT(score.at("value").get<double>(), 0);
  EXPECT_GT(score.at("standard_error").get<double>(), 0);
  EXPECT_GT(score.at("samples").get<int>(), 0);

  words[1] = writeModelWithTokenizer(folder_ / "other", 1);
  const CommandResult refused = run(words);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.log, HasSubstr("another model"));
  // Import as well, by the file or by its folder.
  for (const std::string& from : {exported, out}) {
    EXPECT_EQ(run({"import", from, "--model", model_}).code, 0);
    EXPECT_EQ(run({"import", from, "--model", words[1]}).code, 3);
  }
}

TEST_F(Exchange, SeveralPlacementsAreJudgedInOneGo) {
  const CommandResult result = run({"evaluate", model_, "--placement", "all", "--placement", "none", "--tasks",
                                    "kl,nll", "--tokens", "256", "--sequence", "128", "--precision", "fp32", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  const nlohmann::json results = result.json().at("results");
  ASSERT_EQ(results.size(), 2);
  EXPECT_EQ(results.at(0).at("tasks").at("kl").at("value"), 0.0) << "the teacher against itself";
  EXPECT_GT(results.at(1).at("tasks").at("kl").at("value").get<double>(), 0);
}

TEST_F(Exchange, PublishedPlacementsAreListedForAModelsDepth) {
  const CommandResult all = run({"placement", "published", "--json"});
  ASSERT_EQ(all.code, 0) << all.log;
  const CommandResult deep = run({"placement", "published", "--layers", "36", "--json"});
  ASSERT_EQ(deep.code, 0) << deep.log;
  const nlohmann::json listed = deep.json().at("published");
  EXPECT_GT(all.json().at("published").size(), listed.size());
  ASSERT_FALSE(listed.empty());
  for (const nlohmann::json& entry : listed) {
    EXPECT_EQ(entry.at("layers"), 36);
    EXPECT_FALSE(entry.at("source").get<std::string>().empty()) << entry;
  }
  EXPECT_EQ(run({"placement", "published", "--model", model_, "--json"}).json().at("published").size(), 0);
  EXPECT_EQ(run({"placement", "published", "--layers", "36", "--model", model_}).code, 2);
  EXPECT_THAT(run({"placement", "published"}).out, HasSubstr("kl-ls-qwen2.5-3b"));
}

TEST_F(Exchange, PublishedPlacementsStandWhereAPlacementIsNamed) {
  const CommandResult result = run({"import", "published:kl-ls-qwen2.5-3b:5", "--operator", "gdn", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_EQ(result.json().at("kept_layers"), nlohmann::json({20, 21, 22, 32, 33}));
  EXPECT_EQ(result.json().at("layers"), 36);
  const std::string out = folder_ / "published";
  const Words exported{"export", "--placement", "published:hypenet-9b", "--format", "kl-ls", "--out", out};
  ASSERT_EQ(run(exported).code, 0);
  EXPECT_EQ(nlohmann::json::parse(readText(folder_ / "published" / "kl-ls.json")).at("keep_full_attention_layers"),
            nlohmann::json({1, 2, 4, 6, 7, 10, 24, 33, 34}));

  const auto evaluate = [&](const std::string& placement) {
    return run({"evaluate", model_, "--placement", placement, "--tasks", "kl", "--tokens", "256", "--sequence", "128",
                "--json"});
  };
  const CommandResult refused = evaluate("published:kl-ls-qwen2.5-3b:5");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.log, AllOf(HasSubstr("36 layers"), HasSubstr("has 4")));
  const std::string own = writeText(folder_ / "mine.json", R"({"format": "interleave-published", "version": 1,
    "source": "ours", "url": "https://example.org", "selections": [
      {"name": "tiny", "title": "Tiny", "model": "this one", "layers": 4, "scores": [0.5, 2, 1, -1]}]})");
  const CommandResult judged = evaluate("published:" + own + ":2");
  ASSERT_EQ(judged.code, 0) << judged.log;
  EXPECT_EQ(judged.json().at("kept_layers"), nlohmann::json({1, 2}));
  EXPECT_EQ(run({"placement", "published", "--file", own, "--json"}).json().at("published").at(0).at("ranking"),
            nlohmann::json({1, 2, 0, 3}));
}

TEST_F(Exchange, BenchTellsWhatItMeasured) {
  const CommandResult result = run({"bench", model_, "--tokens", "32", "--repeats", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  ASSERT_GE(result.json().at("results").size(), 3);
  for (const nlohmann::json& entry : result.json().at("results")) {
    EXPECT_GT(entry.at("seconds").get<double>(), 0) << entry;
    EXPECT_GT(entry.at("tokens_per_second").get<double>(), 0) << entry;
  }
}

}  // namespace
}  // namespace interleave::testing
