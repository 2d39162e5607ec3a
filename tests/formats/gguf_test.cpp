// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/gguf.h"

#include <gmock/gmock.h>

#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

using testing::ElementsAre;

GgufBuilder good() {
  GgufBuilder file;
  file.add("general.architecture", "llama");
  file.add("a.list", {"x", "yy", ""});
  file.add("a.number", 7U);
  file.add("a.real", 0.5F);
  file.add("a.flag", 7, raw<std::uint8_t>(1));
  file.tensors.push_back({"first", {3, 2}, 0, raw(std::vector<float>{1, 2, 3, 4, 5, 6})});
  file.tensors.push_back({"second", {32}, 8, std::string(34, '\0')});
  return file;
}

struct HostileCase {
  const char* name;
  std::function<void(GgufBuilder&)> change;
  std::vector<std::string> parts;
};
void PrintTo(const HostileCase& hostile, std::ostream* out) { *out << hostile.name; }
std::string caseName(const testing::TestParamInfo<HostileCase>& info) { return info.param.name; }

std::string array(std::uint32_t type, std::uint64_t count, const std::string& data = {}) {
  return raw(type) + raw(count) + data;
}

std::vector<HostileCase> hostileCases() {
  using B = GgufBuilder;
  const auto tensor = [](B::Tensor changed) { return [changed](B& file) { file.tensors[0] = changed; }; };
  const std::string data(24, '\0');
  return {
      {"Version1", [](B& file) { file.version = 1; }, {"header", "version 1"}},
      {"Version4", [](B& file) { file.version = 4; }, {"header", "version 4"}},
      {"BigEndian", [](B& file) { file.version = 0x03000000; }, {"header", "big-endian"}},
      {"TensorCountLies", [](B& file) { file.tensor_count = 1'000'000'000; }, {"header", "1000000000 tensors"}},
      {"TensorCountOneMore", [](B& file) { file.tensor_count = 3; }, {"tensor ''", "0 dimensions"}},
      {"TensorCountOneLess", [](B& file) { file.tensor_count = 1; }, {"data", "trailing bytes"}},
      {"KeyCountLies", [](B& file) { file.key_count = 1'000'000; }, {"header", "1000000 keys"}},
      {"KeyTwice", [](B& file) { file.add("a.number", 8U); }, {"'a.number'", "twice"}},
      {"KeyNotUtf8", [](B& file) { file.add("a\xff", 8U); }, {"key 5", "not UTF-8"}},
      {"TextNotUtf8", [](B& file) { file.add("a.name", "x\xff"); }, {"'a.name'", "not UTF-8"}},
      {"KeyTooLong", [](B& file) { file.add(std::string(5000, 'k'), 8U); }, {"key 5", "5000 bytes"}},
      {"UnknownValueType", [](B& file) { file.add("a.x", 13, ""); }, {"'a.x'", "unknown value type 13"}},
      {"TruthValue", [](B& file) { file.add("a.x", 7, raw<std::uint8_t>(2)); }, {"'a.x'", "neither 0 nor 1"}},
      {"StringLies", [](B& file) { file.add("a.x", 8, raw<std::uint64_t>(1 << 20)); }, {"'a.x'", "truncated"}},
      {"StringOverflows", [](B& file) { file.add("a.x", 8, raw<std::uint64_t>(~0ULL)); }, {"'a.x'", "claims"}},
      {"ArrayLies",
       [](B& file) { file.add("a.x", 9, array(0, 1ULL << 40)); },
       {"'a.x'", "more than the file has bytes"}},
      {"ArrayTruncated", [](B& file) { file.add("a.x", 9, array(10, 30)); }, {"'a.x'", "truncated"}},
      {"ArrayOfUnknown", [](B& file) { file.add("a.x", 9, array(99, 1)); }, {"'a.x'", "unknown element type 99"}},
      {"ArrayNested",
       [](B& file) {
         std::string nested;
         for (int i = 0; i < 1000; ++i) nested += array(9, 1);
         file.add("a.x", 9, nested);
       },
       {"'a.x'", "nested more than 4"}},
      {"ArrayHuge",
       [](B& file) { file.add("a.x", 9, array(0, 8'000'001, std::string(8'000'001, '\0'))); },
       {"'a.x'", "more than 8000000 elements"}},
      {"AlignmentZero", [](B& file) { file.add("general.alignment", 0U); }, {"general.alignment", "power of two"}},
      {"AlignmentOdd", [](B& file) { file.add("general.alignment", 48U); }, {"general.alignment", "power of two"}},
      {"AlignmentHuge",
       [](B& file) { file.add("general.alignment", 1U << 31); },
       {"general.alignment", "power of two"}},
      {"AlignmentText", [](B& file) { file.add("general.alignment", "32"); }, {"general.alignment", "power of two"}},
      {"TensorTwice", [](B& file) { file.tensors[1].name = "first"; }, {"'first'", "twice"}},
      {"TensorNameTooLong", [](B& file) { file.tensors[1].name = std::string(5000, 'n'); }, {"tensor 1", "5000 bytes"}},
      {"TensorNameNotUtf8", [](B& file) { file.tensors[1].name = "\x80"; }, {"tensor 1", "not UTF-8"}},
      {"NoDimensions", tensor({"first", {}, 0, data}), {"'first'", "0 dimensions"}},
      {"FiveDimensions", tensor({"first", {6, 1, 1, 1, 1}, 0, data}), {"'first'", "5 dimensions"}},
      {"DimensionZero", tensor({"first", {6, 0}, 0, data}), {"'first'", "size 0"}},
      {"DimensionHuge", tensor({"first", {~0ULL}, 0, data}), {"'first'", "size 18446744073709551615"}},
      {"ShapeOverflows", tensor({"first", {1ULL << 32, 1ULL << 32}, 0, data}), {"'first'", "overflows"}},
      {"ShapeWrapsToSmall", tensor({"first", {1ULL << 62, 4}, 0, data}), {"'first'", "overflows"}},
      {"BytesOverflow", tensor({"first", {1ULL << 62}, 0, data}), {"'first'", "overflows"}},
      {"BlocksOverflow", tensor({"first", {1ULL << 62}, 8, data}), {"'first'", "truncated"}},
      {"PartOfABlock", tensor({"first", {48}, 8, data}), {"'first'", "no multiple of the 32", "Q8_0"}},
      {"TypeNotRead", tensor({"first", {256}, 10, data}), {"'first'", "type Q2_K"}},
      {"TypeRemoved", tensor({"first", {32}, 4, data}), {"'first'", "unknown type 4"}},
      {"TypeUnknown", tensor({"first", {32}, 1000, data}), {"'first'", "unknown type 1000"}},
      {"SizeLies", tensor({"first", {1000, 1000}, 0, data}), {"'first'", "truncated"}},
      {"OffsetPastEnd", [](B& file) { file.tensors[1].offset = 1 << 20; }, {"'second'", "overlap or leave a hole"}},
      {"OffsetOverlaps", [](B& file) { file.tensors[1].offset = 0; }, {"'second'", "overlap or leave a hole"}},
      {"OffsetUnaligned", [](B& file) { file.tensors[1].offset = 24; }, {"'second'", "overlap or leave a hole"}},
      {"OffsetLeavesHole", [](B& file) { file.tensors[1].offset = 64; }, {"'second'", "overlap or leave a hole"}},
      {"TrailingBytes", [](B& file) { file.tensors[1].data += std::string(100, '\0'); }, {"data", "trailing bytes"}},
  };
}

class HostileGguf : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileGguf, IsRefusedWithItsReason) {
  const TemporaryFolder folder;
  GgufBuilder file = good();
  GetParam().change(file);
  const auto path = folder.write("x.gguf", file.bytes());
  std::vector<std::string> parts = GetParam().parts;
  parts.push_back(path);
  expectBadInput([&] { GgufFile::open(path); }, parts);
}

INSTANTIATE_TEST_SUITE_P(Files, HostileGguf, testing::ValuesIn(hostileCases()), caseName);

TEST(GgufFile, RefusesEveryTruncation) {
  const TemporaryFolder folder;
  const std::string whole = good().bytes();
  // The last tensor's 34 bytes are followed by 30 of padding, which may be missing.
  for (std::size_t size = 0; size < whole.size() - 30; ++size) {
    expectBadInput([&] { GgufFile::open(folder.write("x.gguf", whole.substr(0, size))); }, {"x.gguf"});
  }
  EXPECT_NO_THROW(GgufFile::open(folder.write("x.gguf", whole.substr(0, whole.size() - 30))));
  expectBadInput([&] { GgufFile::open(folder.write("x.gguf", "GGML" + whole.substr(4))); }, {"not a GGUF file"});
}

TEST(GgufFile, GivesTensorsAndMetadata) {
  const TemporaryFolder folder;
  for (const std::uint32_t version : {2U, 3U}) {
    GgufBuilder builder = good();
    builder.version = version;
    const GgufFile file = GgufFile::open(folder.write("x.gguf", builder.bytes()));
    EXPECT_THAT(file.names(), ElementsAre("first", "second"));
    EXPECT_EQ(file.metadata()["general.architecture"], "llama");
    EXPECT_EQ(file.metadata()["a.list"], nlohmann::json({"x", "yy", ""}));
    EXPECT_EQ(file.metadata()["a.number"], 7);
    EXPECT_EQ(file.metadata()["a.real"], 0.5);
    EXPECT_EQ(file.metadata()["a.flag"], true);
    const TensorView& view = file.view("first");
    EXPECT_THAT(view.shape, ElementsAre(2, 3)) << "row-major, so reversed";
    std::vector<float> values(6);
    dequantise(view.dtype, view.bytes, values);
    EXPECT_THAT(values, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_EQ(file.view("second").dtype, DType::Q8_0);
    expectBadInput([&] { file.view("third"); }, {"'third'", "is missing"});
  }
}

TEST(GgufFile, FollowsTheAlignmentItStates) {
  const TemporaryFolder folder;
  GgufBuilder builder = good();
  builder.alignment = 128;
  builder.add("general.alignment", 128U);
  const GgufFile file = GgufFile::open(folder.write("x.gguf", builder.bytes()));
  EXPECT_EQ(file.view("second").bytes.data() - file.view("first").bytes.data(), 128);
}

}  // namespace
}  // namespace interleave::test
