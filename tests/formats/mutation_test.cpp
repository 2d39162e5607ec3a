// SPDX-License-Identifier: GPL-3.0-or-later
// Valid files with bytes changed, cut out, put in and cut off, by a seeded generator: each must open, and then read, or
// be refused with an Error. Sanitizer builds run this. INTERLEAVE_FUZZ_ITERATIONS asks for more than the default.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "backend/core/random.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/model_files.h"
#include "backend/formats/published.h"
#include "resources/resources.h"
#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

namespace fs = std::filesystem;

std::uint64_t iterations() {
  const char* const asked = std::getenv("INTERLEAVE_FUZZ_ITERATIONS");
  return asked ? std::strtoull(asked, nullptr, 10) : 3000;
}

std::string mutated(std::string bytes, Random& random) {
  // Half of the changes go where the structure is: near the start.
  const auto position = [&] {
    return random.below(random.below(2) ? bytes.size() : std::min<std::size_t>(bytes.size(), 512));
  };
  constexpr std::uint64_t kEdges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0xffffffff, 1ULL << 62, 1ULL << 63, ~0ULL};
  for (std::uint64_t changes = 1 + random.below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = position();
    const std::size_t length = std::min<std::size_t>(bytes.size() - at, 1 + random.below(16));
    switch (random.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
        break;
      case 1:
        bytes[at] = static_cast<char>(random.below(256));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(at, bytes.substr(position(), length));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5: {
        const std::size_t width = std::min<std::size_t>(length, 8);
        bytes.replace(at, width, raw(kEdges[random.below(std::size(kEdges))]).substr(0, width));
        break;
      }
    }
  }
  return bytes;
}

struct Outcome {
  int opened = 0, refused = 0;
};

void openAndRead(const fs::path& path, Outcome& outcome) {
  try {
    const ModelFiles files = ModelFiles::open(path);
    std::vector<float> out;
    for (const std::string& name : files.tensorNames()) {
      const auto shape = files.shape(name);
      out.resize(
          static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())));
      files.read(name, out);
    }
    EXPECT_EQ(files.fingerprint().size(), 16U);
    ++outcome.opened;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
    EXPECT_FALSE(error.file().empty()) << error.what();
    EXPECT_FALSE(error.reason().empty()) << error.what();
    ++outcome.refused;
  }
}

/// Mutates `name` in `folder` time and again, and opens `model` each time.
Outcome mutate(const TemporaryFolder& folder, const std::string& name, const fs::path& model, std::uint64_t seed) {
  const std::string original = readBytes(folder / name);
  Outcome outcome;
  openAndRead(model, outcome);
  EXPECT_EQ(outcome.opened, 1) << "the file itself is valid";
  Random random(seed);
  for (std::uint64_t i = 0; i < iterations(); ++i) {
    folder.write(name, mutated(original, random));
    openAndRead(model, outcome);
  }
  folder.write(name, original);
  return outcome;
}

class Mutations : public testing::TestWithParam<const char*> {};

TEST_P(Mutations, OpenOrAreRefused) {
  const TemporaryFolder folder;
  const std::string name = GetParam();
  Outcome outcome;
  if (name == "model.gguf") {
    ModelConfig config = configFromHuggingFace(tinyConfig(), "config.json");
    config.layers = 1;
    folder.write(name, ggufModel(config).bytes());
    outcome = mutate(folder, name, folder / name, 1);
  } else {
    writeModelFolder(folder.path(), tinyConfig());
    if (name == "model.safetensors.index.json") {
      nlohmann::json map = nlohmann::json::object();
      fs::rename(folder / "model.safetensors", folder / "all.safetensors");
      for (const TensorShape& tensor : expectedTensors(configFromHuggingFace(tinyConfig(), ""))) {
        map[tensor.name] = "all.safetensors";
      }
      folder.write(name, nlohmann::json{{"weight_map", map}}.dump());
    }
    outcome = mutate(folder, name, folder.path(), 2);
  }
  EXPECT_GT(outcome.refused, outcome.opened / 10) << "the mutations reach the checks";
}

INSTANTIATE_TEST_SUITE_P(Files, Mutations,
                         testing::Values("model.gguf", "model.safetensors", "config.json",
                                         "model.safetensors.index.json"),
                         [](const auto& file) {
                           std::string letters;
                           for (const char letter : std::string_view(file.param))
                             letters += letter == '.' ? '_' : letter;
                           return letters;
                         });

/// What is parsed must be what the library itself would have parsed.
TEST(Mutations, OfJsonAreReadAsTheLibraryReadsThem) {
  const std::string original = R"({"a":[1,-2,3.5e3,null,true,{"b":"\u00e9é","c":{}}],"d":[[],[[0]]]})";
  Random random(3);
  int parsed = 0;
  for (std::uint64_t i = 0; i < iterations(); ++i) {
    const std::string text = mutated(original, random);
    const nlohmann::json expected = nlohmann::json::parse(text, nullptr, false);
    try {
      const nlohmann::json got = parseJson(text, "x.json");
      EXPECT_EQ(got, expected) << text;
      ++parsed;
    } catch (const Error& error) {
      const bool zero = text.find('\0') != std::string::npos;  // Where the library stops reading.
      EXPECT_TRUE(expected.is_discarded() || zero || error.reason().find("twice") != std::string::npos)
          << text << error.what();
    }
  }
  EXPECT_GT(parsed, 0);
}

/// Published placements, which users may write: read, or refused as bad input.
TEST(Mutations, OfPublishedPlacementsAreReadOrRefused) {
  Random random(4);
  int read = 0, refused = 0;
  for (const char* const name : {"published/halo.json", "published/jet-nemotron.json", "published/kl-ls.json"}) {
    for (std::uint64_t i = 0; i < iterations() / 3; ++i) {
      const std::string text = mutated(std::string(resource(name)), random);
      try {
        for (const PublishedSelection& selection : publishedFromDocument(parseJson(text, "x.json"), "x.json")) {
          for (const int count : selection.counts()) {
            EXPECT_EQ(selection.placement(count, MixerKind::Gdn).fullCount(), count) << text;
          }
        }
        ++read;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::BadInput) << text << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, read);
}

}  // namespace
}  // namespace interleave::test
