// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/formats/safetensors.h"
#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ModelCommands : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const { return writeText(folder_ / name, text); }
  std::vector<std::filesystem::path> filesNow() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) files.push_back(entry);
    std::ranges::sort(files);
    return files;
  }
  /// Runs a command that must refuse its input, name the file and write nothing.
  void expectBadInput(const std::vector<std::string>& words, const std::string& named,
                      const std::string& reason) const {
    const auto before = filesNow();
    const CommandResult result = run(words);
    EXPECT_EQ(result.code, 3) << result.log;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.log, AllOf(HasSubstr(named), HasSubstr(reason)));
    EXPECT_EQ(filesNow(), before);
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
};

TEST_F(ModelCommands, InfoIsOneJsonDocument) {
  const CommandResult result = run({"model", "info", model_, "--json"});
  EXPECT_EQ(result.code, 0) << result.log;
  EXPECT_EQ(result.json().at("layers"), 4);
  EXPECT_THAT(run({"model", "info", model_}).out, HasSubstr("layers"));
}

TEST_F(ModelCommands, TokensComeBackAsTheText) {
  const std::string text = "A café,\n\t two  spaces <end> \xf0\x9f\x99\x82!";
  const CommandResult ids = run({"model", "tokenize", model_, "--text-file", file("text", text)});
  ASSERT_EQ(ids.code, 0) << ids.log;
  EXPECT_THAT(ids.json(), ::testing::Contains(256));
  const CommandResult back = run({"model", "detokenize", model_, "--ids", file("ids", ids.out)});
  EXPECT_EQ(back.code, 0) << back.log;
  EXPECT_EQ(back.out, text);
  EXPECT_EQ(run({"--json", "model", "detokenize", model_, "--ids", folder_ / "ids"}).json().at("text"), text);

  const CommandResult plain = run({"model", "tokenize", model_, "--text-file", folder_ / "text", "--plain"});
  EXPECT_EQ(plain.json().size(), ids.json().size() + 4) << "\"<end>\" is five bytes";
}

TEST_F(ModelCommands, AnEmptyTextHasNoTokens) {
  const CommandResult ids = run({"model", "tokenize", model_, "--text-file", file("text", "")});
  EXPECT_EQ(ids.out, "[]\n") << ids.log;
  EXPECT_EQ(run({"model", "detokenize", model_, "--ids", file("ids", ids.out)}).out, "");
}

TEST_F(ModelCommands, LogitsAreWrittenWhole) {
  const std::string ids = file("ids", "[1, 2, 3, 255, 7]"), out = folder_ / "logits.safetensors";
  const CommandResult result = run({"model", "logits", model_, "--ids", ids, "--out", out, "--json"});
  ASSERT_EQ(result.code, 0) << result.log;
  EXPECT_EQ(result.json().at("shape"), nlohmann::json({5, 257}));
  const SafetensorsFile stored = SafetensorsFile::open(out);
  const TensorView tensor = stored.view("logits");
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{5, 257}));
  EXPECT_EQ(tensor.dtype, DType::F32);

  std::filesystem::remove(std::filesystem::path(model_) / "tokenizer.json");
  const CommandResult bare = run({"model", "logits", model_, "--ids", ids, "--out", out, "--json"});
  EXPECT_EQ(bare.code, 0) << "ids need no tokenizer: " << bare.log;

  const std::string hybrid = folder_ / "hybrid.safetensors";
  const CommandResult other = run({"model", "logits", model_, "--ids", ids, "--out", hybrid, "--placement", "first:2"});
  ASSERT_EQ(other.code, 0) << other.log;
  EXPECT_EQ(readText(hybrid).size(), readText(out).size());
}

TEST_F(ModelCommands, BadInputIsNamedAndNothingWritten) {
  const std::string out = folder_ / "out.safetensors", model = folder_ / "model";
  expectBadInput({"model", "info", folder_ / "absent"}, "absent", "");
  const auto logits = [&](const std::string& name, const std::string& ids) {
    return std::vector<std::string>{"model", "logits", model_, "--ids", file(name, ids), "--out", out};
  };
  expectBadInput(logits("a.json", "[1, 257]"), "a.json: [1]", "257");
  expectBadInput(logits("b.json", "[1, -1]"), "b.json: [1]", "-1");
  expectBadInput(logits("c.json", "{\"ids\": [1]}"), "c.json", "list");
  expectBadInput(logits("d.json", "[1, 2"), "d.json", "");
  expectBadInput(logits("e.json", "[]"), "e.json", "empty");
  expectBadInput(logits("f.json", "[1.5]"), "f.json: [0]", "1.5");

  const std::string weights = readText(folder_ / "model" / "model.safetensors");
  file("model/model.safetensors", weights.substr(0, weights.size() - 4));
  expectBadInput({"model", "info", model}, "model.safetensors", "");
  expectBadInput(logits("good.json", "[1]"), "model.safetensors", "");
  file("model/model.safetensors", weights);
  file("model/tokenizer.json", "{}");
  expectBadInput({"model", "detokenize", model, "--ids", file("g.json", "[1]")}, "tokenizer.json", "");
}

TEST_F(ModelCommands, AWeightThatIsNotFiniteIsNamed) {
  std::string weights = readText(folder_ / "model" / "model.safetensors");
  weights.replace(weights.size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));
  file("model/model.safetensors", weights);
  EXPECT_EQ(run({"model", "info", model_}).code, 0) << "reads no weights";
  const CommandResult result =
      run({"model", "logits", model_, "--ids", file("ids", "[1]"), "--out", folder_ / "out.safetensors"});
  EXPECT_EQ(result.code, 3) << result.log;
  EXPECT_THAT(result.log, AllOf(HasSubstr("lm_head.weight"), HasSubstr("not finite")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.safetensors"));
}

}  // namespace
}  // namespace interleave::testing
