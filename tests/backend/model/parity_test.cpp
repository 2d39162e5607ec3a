// SPDX-License-Identifier: GPL-3.0-or-later
// Logits against Python `transformers` on the same files.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "backend/mixers/full_attention.h"
#include "backend/model/decoder.h"
#include "backend/model/model.h"
#include "tests/backend/support/teacher.h"
#include "tests/support/temporary_folder.h"

namespace interleave::testing {
namespace {

namespace fs = std::filesystem;

constexpr double kAbsolute = 2e-4, kRelative = 1e-4;

std::string quoted(const fs::path& path) {
  std::string text = "'";
  return text.append(path.string()).append("'");
}

/// Runs a reference script and returns the cases it wrote.
nlohmann::json referenceCases(const std::string& script, const std::string& arguments, const fs::path& folder) {
  const fs::path log = folder / "log";
  const std::string command = quoted(REFERENCE_PYTHON) + " " + quoted(fs::path(REFERENCE_SCRIPTS) / script) + " " +
                              arguments + " > " + quoted(log) + " 2>&1";
  if (std::system(command.c_str()) != 0) {
    ADD_FAILURE() << script << " failed:\n" << std::ifstream(log).rdbuf();
    return nlohmann::json::array();
  }
  return nlohmann::json::parse(std::ifstream(folder / "cases.json"));
}

at::Tensor readTensor(const fs::path& file, at::IntArrayRef shape, at::ScalarType type) {
  at::Tensor tensor = at::empty(shape, type);
  std::ifstream stream(file, std::ios::binary);
  stream.read(static_cast<char*>(tensor.mutable_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  EXPECT_EQ(static_cast<std::size_t>(stream.gcount()), tensor.nbytes()) << file;
  return tensor;
}

void expectParity(const nlohmann::json& reference, const fs::path& folder) {
  SCOPED_TRACE(reference.at("name").get<std::string>());
  const std::int64_t batch = reference.at("batch"), tokens = reference.at("tokens"), words = reference.at("vocabulary");
  const at::Tensor ids = readTensor(folder / reference.at("ids").get<std::string>(), {batch, tokens}, at::kLong);
  const at::Tensor expected =
      readTensor(folder / reference.at("logits").get<std::string>(), {batch, tokens, words}, at::kFloat);

  const Teacher teacher(reference.at("path").get<std::string>());
  const at::Tensor actual = logits(*teacher.model, teacher.row, ids);
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const double worst = ((actual - expected).abs() / (kAbsolute + kRelative * expected.abs())).max().item<double>();
  EXPECT_LE(worst, 1) << "in units of the tolerance";
  EXPECT_GT(expected.std().item<double>(), 0.5) << "the reference says too little";
}

class Parity : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(REFERENCE_PYTHON)) GTEST_SKIP() << "NOT COMPARED: there is no Python at " << REFERENCE_PYTHON;
  }
  test::TemporaryFolder folder_;
};

TEST_F(Parity, TinyModelsOfEveryFamily) {
  const nlohmann::json cases = referenceCases("tiny_models.py", quoted(folder_.path()), folder_.path());
  EXPECT_GT(cases.size(), 30U);
  for (const nlohmann::json& reference : cases) expectParity(reference, folder_.path());
}

TEST_F(Parity, DemonstrationModel) {
  const fs::path model(DEMONSTRATION_MODEL);
  if (!fs::exists(model)) GTEST_SKIP() << "NOT COMPARED: the demonstration model is not installed";
  const nlohmann::json cases =
      referenceCases("gguf_llama.py", quoted(model) + " " + quoted(folder_.path()) + " 150", folder_.path());
  ASSERT_EQ(cases.size(), 1U);
  expectParity(cases[0], folder_.path());
}

}  // namespace
}  // namespace interleave::testing
