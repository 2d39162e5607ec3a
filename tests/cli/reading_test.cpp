// SPDX-License-Identifier: GPL-3.0-or-later
// What the program says of files that contradict themselves, or do not belong together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "backend/formats/safetensors.h"
#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Words = std::vector<std::string>;
using nlohmann::json;

class Reading : public ::testing::Test {
 protected:
  json tokenizer() const { return json::parse(readText(folder_ / "model" / "tokenizer.json")); }
  void setTokenizer(const json& document) const { writeText(folder_ / "model" / "tokenizer.json", document.dump()); }
  std::string text(const std::string& content) const { return writeText(folder_ / "text", content); }
  CommandResult tokenize(const std::string& content) const {
    return run({"model", "tokenize", model_, "--text-file", text(content)});
  }
  /// A bank's card alone: what tells of which model it is, and how it was made.
  std::string bankOf(const std::string& model, const json& settings = json::object()) const {
    const json card{{"format", "interleave-bank"},
                    {"version", 1},
                    {"model_name", "tiny"},
                    {"layers", 4},
                    {"key", {{"model", fingerprintOf(model)}, {"settings", settings}, {"seed", 0}}},
                    {"complete", true},
                    {"tokens", 0},
                    {"seconds", 0.0},
                    {"quality", json::object()}};
    std::filesystem::create_directories(folder_ / "bank");
    writeText(folder_ / "bank" / "card.json", card.dump());
    return folder_ / "bank";
  }
  static std::string fingerprintOf(const std::string& model) {
    return run({"model", "info", model, "--json"}).json().at("fingerprint");
  }
  std::string placementOf(const std::string& model) const {
    return writeText(folder_ / "placement.json", json{{"format", "interleave-placement"},
                                                      {"version", 1},
                                                      {"layers", 4},
                                                      {"kept_layers", {1, 3}},
                                                      {"operators", {"swa", "full", "swa", "full"}},
                                                      {"provenance", {{"model_fingerprint", fingerprintOf(model)}}}}
                                                     .dump());
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(Reading, SaysOnStandardErrorHowATokenizerWasTaken) {
  json document = tokenizer();
  document["added_tokens"].push_back(
      {{"id", 5}, {"content", "<t>"}, {"special", true}, {"normalized", false}, {"lstrip", false}});
  setTokenizer(document);
  const CommandResult ids = tokenize("a<t>");
  ASSERT_EQ(ids.code, 0) << ids.log;
  EXPECT_EQ(ids.json(), json({'a', 257}));
  EXPECT_THAT(ids.log, AllOf(HasSubstr("warning:"), HasSubstr("tokenizer.json: added_tokens"),
                             HasSubstr("<t> has 257, not 5"), HasSubstr("beyond the model's 257 rows")));
  const CommandResult info = run({"model", "info", model_, "--json"});
  EXPECT_EQ(info.json().at("warnings").size(), 2);
  EXPECT_THAT(info.log, HasSubstr("<t> has 257, not 5"));
  EXPECT_THAT(run({"model", "detokenize", model_, "--ids", writeText(folder_ / "ids", "[5, 257]")}).out, "\x05<t>");
}

TEST_F(Reading, SaysItOnceWhereATokenizerIsAskedForItsPromptsToo) {
  json document = tokenizer();
  document["added_tokens"].push_back(
      {{"id", 5}, {"content", "<t>"}, {"special", true}, {"normalized", false}, {"lstrip", false}});
  setTokenizer(document);
  const auto times = [](const std::string& log, const std::string& line) {
    int count = 0;
    for (std::size_t at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) ++count;
    return count;
  };
  const Words prompts{"model", "prompts", model_, "--prompts", "1", "--prompt-tokens", "300"};
  const Words evaluate{"evaluate", model_,       "--placement", "all",       "--tasks", "nll,passkey",     "--tokens",
                       "32",       "--sequence", "32",          "--prompts", "1",       "--prompt-tokens", "300"};
  Words prepare{"candidates", "prepare", model_, "--bank", folder_ / "made"};
  for (const char* setting : {"kinds=gdn-window", "tokens=64", "sequence_length=64", "held_out_length=64",
                              "held_out_sequences=1", "prompt_share=0.5"}) {
    prepare.insert(prepare.end(), {"--set", setting});
  }
  for (const Words& words : {prompts, evaluate, prepare}) {
    const CommandResult done = run(words);
    EXPECT_EQ(done.code, 0) << done.log;
    EXPECT_EQ(times(done.log, "<t> has 257, not 5"), 1) << done.log;
    EXPECT_EQ(times(done.log, "prompts: none: the model has no chat template"), 1) << done.log;
  }
}

TEST_F(Reading, NamesTheTokenizerWhosePatternDoesNotEnd) {
  json document = tokenizer();
  document["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a|aa)+$"}}}, {"behavior", "Isolated"}};
  setTokenizer(document);
  const CommandResult result = tokenize(std::string(5000, 'a') + "!");
  EXPECT_EQ(result.code, 3) << result.log;
  EXPECT_THAT(result.log, AllOf(HasSubstr("tokenizer.json: pre_tokenizer.pattern.Regex"), HasSubstr("(a|aa)+$")));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(Reading, OpensShardsBesideAnIndexThatIsWrong) {
  const std::filesystem::path model = model_;
  std::filesystem::rename(model / "model.safetensors", model / "model-1-of-1.safetensors");
  const json index{{"metadata", {{"total_size", 3}}},
                   {"weight_map",
                    {{"model.norm.weight", "model-1-of-1.safetensors"},
                     {"model.layers.0.self_attn.rotary_emb.inv_freq", "model-1-of-1.safetensors"}}}};
  writeText(model / "model.safetensors.index.json", index.dump());
  const std::string ids = writeText(folder_ / "ids", "[1, 2, 3]"), out = folder_ / "logits.safetensors";
  const CommandResult result = run({"model", "logits", model_, "--ids", ids, "--out", out});
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_THAT(result.log, AllOf(HasSubstr("no shard has"), HasSubstr("inv_freq"), HasSubstr("does not name")));

  std::string weights = readText(model / "model-1-of-1.safetensors");
  weights.replace(weights.size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));
  writeText(model / "model-1-of-1.safetensors", weights);
  const CommandResult broken = run({"model", "logits", model_, "--ids", ids, "--out", out});
  EXPECT_EQ(broken.code, 3);
  EXPECT_THAT(broken.log, AllOf(HasSubstr("model-1-of-1.safetensors: tensor"), HasSubstr("not finite")));
}

TEST_F(Reading, EveryCommandThatOpensAModelSaysOnceWhatIsOdd) {
  json document = tokenizer();
  document["added_tokens"].push_back(
      {{"id", 5}, {"content", "<t>"}, {"special", true}, {"normalized", false}, {"lstrip", false}});
  setTokenizer(document);
  writeText(std::filesystem::path(model_) / "model.safetensors.index.json", "{}");
  const std::string store = folder_ / "s.sqlite", ids = writeText(folder_ / "ids", "[1, 2]");
  const Words few{"--sequence", "32", "--tokens", "64", "--tasks", "kl"};
  const auto search = [&](const std::string& method, const Words& more) {
    Words words{"search", model_, "--bank", folder_ / "bank", "--store", store, "--method", method};
    for (const char* setting :
         {"operators=full,swa", "sliding_window=8", "text_tokens=48", "extract=", "prompt_share=0"}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), {"--budget", "2"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto judged = [&](Words words) {
    words.insert(words.end(), few.begin(), few.end());
    return words;
  };
  const std::vector<std::pair<Words, bool>> commands{
      // and whether each needs the tokenizer
      {search("hand-rule", {"--set", "rule=first"}), true},
      {search("enumeration", {"--set", "sample=1", "--set", "batches=2", "--seed", "3"}), true},
      {{"regret", "2", "--store", store, "--judge"}, true},
      {judged({"transfer", "1", "--store", store}), true},
      {judged({"evaluate", model_, "--placement", "first:2"}), true},
      {{"bench", model_, "--tokens", "8", "--repeats", "1", "--parts", "forward"}, false},
      {{"cost", model_, "--placement", "first:2"}, false},
      {{"generate", model_, "--prompts", writeText(folder_ / "prompts", "[[1, 2]]"), "--most", "1"}, true},
      {{"model", "logits", model_, "--ids", ids, "--out", folder_ / "logits.safetensors"}, false},
      {{"placement", "published", "--model", model_}, false},
      {{"export", "--model", model_, "--placement", "all", "--format", "hf", "--out", folder_ / "out"}, false}};
  for (const auto& [command, tokenises] : commands) {
    const CommandResult result = run(command);
    EXPECT_EQ(result.code, 0) << command[0] << '\n' << result.log;
    const auto times = [&](const std::string& words) {
      std::size_t count = 0;
      for (std::size_t at = 0; (at = result.log.find(words, at)) != std::string::npos; ++at) ++count;
      return count;
    };
    EXPECT_EQ(times("model.safetensors beside it counts"), 1) << command[0] << '\n' << result.log;
    if (tokenises) {
      EXPECT_EQ(times("<t> has 257, not 5"), 1) << command[0] << '\n' << result.log;
    }
  }
}

TEST_F(Reading, NamesAMissingPlacementBeforeTheBank) {
  const std::string other = writeModelWithTokenizer(folder_ / "other", 1);
  const std::string bank = bankOf(other), absent = folder_ / "none.json";
  writeText(folder_ / "broken", "");
  std::filesystem::create_directories(folder_ / "torn");
  writeText(folder_ / "torn" / "card.json", "{");
  for (const std::string& its : {bank, std::string(folder_ / "torn")}) {
    for (const Words& command :
         {Words{"evaluate", model_, "--placement", "first:2", "--placement", absent, "--tasks", "kl"},
          Words{"export", "--model", model_, "--placement", absent, "--format", "kl-ls", "--out", folder_ / "out"},
          Words{"export", "--placement", absent, "--format", "kl-ls", "--out", folder_ / "out"},
          Words{"import", absent}, Words{"cost", model_, "--placement", "first:2", "--placement", absent},
          Words{"heal", model_, "--placement", absent, "--out", folder_ / "healed", "--store", folder_ / "s"}}) {
      Words words = command;
      words.insert(words.end(), {"--bank", its});
      const CommandResult result = run(words);
      EXPECT_EQ(result.code, 3) << command[0];
      EXPECT_THAT(result.log, AllOf(HasSubstr("none.json: there is no such file"), Not(HasSubstr("card.json"))))
          << command[0];
    }
  }
}

TEST_F(Reading, BlamesABankOfAnotherModel) {
  const std::string other = writeModelWithTokenizer(folder_ / "other", 1);
  const std::string bank = bankOf(other);
  for (const std::string& placement : {placementOf(model_), std::string("first:2"), placementOf(other)}) {
    const CommandResult result =
        run({"evaluate", model_, "--bank", bank, "--placement", placement, "--tasks", "kl", "--tokens", "64"});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.log, AllOf(HasSubstr("bank/card.json: model: the bank was made for \"tiny\""),
                                  HasSubstr(fingerprintOf(other)), HasSubstr(fingerprintOf(model_)),
                                  Not(HasSubstr("placement.json"))));
  }
  const CommandResult foreign = run({"evaluate", model_, "--placement", placementOf(other), "--tasks", "kl"});
  EXPECT_EQ(foreign.code, 3);
  EXPECT_THAT(foreign.log, HasSubstr("the placement is of another model"));
}

TEST_F(Reading, SaysWhichSettingABankHasOtherwise) {
  const std::string bank = bankOf(model_, {{"window", 32}, {"sequence_length", 64}});
  for (const std::string prefix : {"", "bank."}) {
    const CommandResult result = run({"search", model_, "--bank", bank, "--store", folder_ / "s.sqlite", "--set",
                                      prefix + "window=64", "--set", "sequence_length=64"});
    EXPECT_EQ(result.code, 2) << result.log;
    EXPECT_THAT(result.log, AllOf(HasSubstr(bank), HasSubstr("window is 32 and not 64"), HasSubstr("--bank"),
                                  HasSubstr("Leave the setting out"), Not(HasSubstr("sequence_length"))));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "s.sqlite"));
  }
}

TEST_F(Reading, AStoreIsAFileOfTheNameGiven) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  for (const std::string name : {"file:x.sqlite", ":memory:", "a?b#c%20.sqlite", "-x.sqlite"}) {
    const CommandResult result =
        run({"search", model_, "--bank", "none", "--store=" + name, "--set", "operators=full,swa", "--set", "steps=2",
             "--set", "text_tokens=32", "--set", "text_positions=16", "--set", "prompt_share=0", "--budget", "2"});
    EXPECT_EQ(result.code, 0) << result.log;
    EXPECT_TRUE(std::filesystem::is_regular_file(name)) << name;
    EXPECT_EQ(run({"runs", "list", "--store=" + name, "--json"}).json().at("runs").size(), 1);
    EXPECT_EQ(run({"store", "check", "--", name}).code, 0);
  }
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace interleave::testing
