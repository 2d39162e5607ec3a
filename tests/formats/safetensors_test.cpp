// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/safetensors.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

using testing::ElementsAre;

struct HostileCase {
  const char* name;
  std::string bytes;
  std::vector<std::string> parts;
};
void PrintTo(const HostileCase& hostile, std::ostream* out) { *out << hostile.name; }
std::string caseName(const testing::TestParamInfo<HostileCase>& info) { return info.param.name; }

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string manyTensors(int count) {
  std::string header;
  for (int i = 0; i < count; ++i) {
    header += i == 0 ? '{' : ',';
    header += entry(std::to_string(i), "F32", "[0]", "[0,0]");
  }
  return header + "}";
}

std::vector<HostileCase> hostileCases() {
  const std::string four(16, '\0'), good = entry("a", "F32", "[4]", "[0,16]");
  const auto file = [&](const std::string& header, const std::string& data = std::string(16, '\0')) {
    return safetensorsBytes(header, data);
  };
  const auto one = [&](const std::string& tensor) { return file("{" + tensor + "}"); };
  return {
      {"ShorterThanLength", "1234567", {"header", "ends before the header's length"}},
      {"HeaderTooLarge", raw<std::uint64_t>(100'000'001) + "{}", {"header", "100000001"}},
      {"HeaderLengthOverflows", raw<std::uint64_t>(~0ULL) + "{}", {"header", "18446744073709551615"}},
      {"HeaderTruncated", raw<std::uint64_t>(1000) + "{}", {"header", "truncated after 2"}},
      {"HeaderEmpty", safetensorsBytes(""), {"header", "does not start with '{'"}},
      {"HeaderIsList", safetensorsBytes("[1]"), {"header", "does not start with '{'"}},
      {"HeaderSpaceFirst", safetensorsBytes(" {}"), {"header", "does not start with '{'"}},
      {"HeaderNotJson", safetensorsBytes("{\"a\":"), {"not valid JSON"}},
      {"HeaderNotUtf8", safetensorsBytes("{\"\xff\":{}}"), {"not valid JSON"}},
      {"HeaderTwoDocuments", safetensorsBytes("{}{}"), {"not valid JSON"}},
      {"HeaderNested", safetensorsBytes("{\"a\":" + std::string(100'000, '[')), {"nested"}},
      {"DuplicateTensor", file("{" + good + "," + good + "}"), {"'a'", "twice"}},
      {"DuplicateField",
       one(R"("a":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]})"),
       {"'dtype'", "twice"}},
      {"ZeroAfterHeader", file("{" + good + "}" + std::string(1, '\0')), {"not valid JSON", "zero byte"}},
      {"GarbageAfterZero", file("{" + good + "}" + std::string(1, '\0') + "garbage"), {"zero byte"}},
      {"EntryNotObject", one("\"a\":7"), {"'a'", "not a JSON object"}},
      {"NoDtype", one(R"("a":{"shape":[4],"data_offsets":[0,16]})"), {"'a'", "has no dtype"}},
      {"NoShape", one(R"("a":{"dtype":"F32","data_offsets":[0,16]})"), {"'a'", "has no shape"}},
      {"NoOffsets", one(R"("a":{"dtype":"F32","shape":[4]})"), {"'a'", "has no data_offsets"}},
      {"UnknownField",
       one(R"("a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1})"),
       {"'a'", "keys other than"}},
      {"UnknownDtype", one(entry("a", "F31", "[4]", "[0,16]")), {"'a'", "unknown dtype 'F31'"}},
      {"DtypeNotText", one(R"("a":{"dtype":4,"shape":[4],"data_offsets":[0,16]})"), {"'a'", "dtype is not a string"}},
      {"ShapeNotList", one(entry("a", "F32", "4", "[0,16]")), {"'a'", "shape is not a list"}},
      {"ShapeNegative", one(entry("a", "F32", "[-4]", "[0,16]")), {"'a'", "-4, which is no size"}},
      {"ShapeFraction", one(entry("a", "F32", "[4.0]", "[0,16]")), {"'a'", "4.0, which is no size"}},
      {"ShapeHuge", one(entry("a", "F32", "[18446744073709551615]", "[0,16]")), {"'a'", "which is no size"}},
      {"ShapeOverflows", one(entry("a", "F32", "[4294967296,4294967296]", "[0,16]")), {"'a'", "overflows"}},
      {"ShapeWrapsToSmall", one(entry("a", "F32", "[4611686018427387904,4]", "[0,0]")), {"'a'", "overflows"}},
      {"BytesOverflow", one(entry("a", "F32", "[4611686018427387904]", "[0,0]")), {"'a'", "overflows"}},
      {"TooManyDimensions", one(entry("a", "F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]")), {"'a'", "9 dimensions"}},
      {"OffsetsNotPair", one(entry("a", "F32", "[4]", "[0,8,16]")), {"'a'", "not a pair"}},
      {"OffsetsNegative", one(entry("a", "F32", "[4]", "[-16,0]")), {"'a'", "not a pair"}},
      {"OffsetsBackwards", one(entry("a", "F32", "[4]", "[16,0]")), {"'a'", "backwards"}},
      {"SizeLies", one(entry("a", "F32", "[3]", "[0,16]")), {"'a'", "needs 12 bytes", "span 16"}},
      {"DataTruncated", file("{" + good + "}", "12345678"), {"'a'", "truncated after 8"}},
      {"OffsetsPastEnd",
       one(entry("a", "F32", "[4]", "[18446744073709551599,18446744073709551615]")),
       {"'a'", "truncated"}},
      {"Overlap",
       file("{" + entry("a", "F32", "[3]", "[0,12]") + "," + entry("b", "F32", "[2]", "[8,16]") + "}"),
       {"'b'", "overlaps"}},
      {"Alias", file("{" + good + "," + entry("b", "F32", "[4]", "[0,16]") + "}"), {"'b'", "overlaps"}},
      {"Hole",
       file("{" + entry("a", "F32", "[1]", "[0,4]") + "," + entry("b", "F32", "[2]", "[8,16]") + "}"),
       {"'b'", "hole"}},
      {"HoleAtStart", one(entry("a", "F32", "[3]", "[4,16]")), {"'a'", "hole"}},
      {"EmptyTensorInside", file("{" + good + "," + entry("z", "F32", "[0]", "[8,8]") + "}"), {"'z'", "overlaps"}},
      {"TrailingBytes", file("{" + good + "}", std::string(17, '\0')), {"data", "1 trailing bytes"}},
      {"NoTensorsButData", file("{}"), {"data", "16 trailing bytes"}},
      {"MetadataNotText", one(R"("__metadata__":{"format":7})"), {"__metadata__", "'format'"}},
      {"MetadataNotObject", one(R"("__metadata__":"pt")"), {"'__metadata__'", "not a JSON object"}},
      {"NameTooLong", one(entry(std::string(2000, 'n'), "F32", "[4]", "[0,16]")), {"longer than 1024 bytes"}},
      {"NameWithControls", one(entry("a\\u0007\\n", "F31", "[4]", "[0,16]")), {"'a\\x07\\x0a'"}},
      {"TooManyTensors", safetensorsBytes(manyTensors(100'002)), {"header", "100002 tensors"}},
      {"TooManyValues",
       safetensorsBytes("{\"a\":{\"shape\":[" +
                        [] {
                          std::string list;
                          for (int i = 0; i < 2'000'001; ++i) list += "1,";
                          return list;
                        }() +
                        "1]}}"),
       {"more than 2000000 JSON values"}},
  };
}

class HostileSafetensors : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileSafetensors, IsRefusedWithItsReason) {
  const TemporaryFolder folder;
  const auto path = folder.write("x.safetensors", GetParam().bytes);
  std::vector<std::string> parts = GetParam().parts;
  parts.push_back(path);
  expectBadInput([&] { SafetensorsFile::open(path); }, parts);
}

INSTANTIATE_TEST_SUITE_P(Files, HostileSafetensors, testing::ValuesIn(hostileCases()), caseName);

TEST(SafetensorsFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  expectBadInput([&] { SafetensorsFile::open(folder / "missing"); }, {"missing", "No such file"});
  expectBadInput([&] { SafetensorsFile::open(folder.path()); }, {"is a folder"});
  expectBadInput([&] { SafetensorsFile::open(folder.write("empty", "")); }, {"empty", "is empty"});
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  expectBadInput([&] { SafetensorsFile::open(folder / "pipe"); }, {"pipe", "not a regular file"});
  expectBadInput([&] { SafetensorsFile::open("/dev/null"); }, {"/dev/null", "not a regular file"});
  if (::geteuid() != 0) {
    const auto locked = folder.write("locked", safetensorsBytes("{}"));
    std::filesystem::permissions(locked, std::filesystem::perms::none);
    expectBadInput([&] { SafetensorsFile::open(locked); }, {"locked", "Permission denied"});
  }
}

TEST(SafetensorsFile, GivesTensorsAndMetadata) {
  const TemporaryFolder folder;
  const std::string header = R"({"__metadata__":{"format":"pt"},)" + entry("b", "F32", "[2,2]", "[0,16]") + "," +
                             entry("a", "I64", "[]", "[16,24]") + "," + entry("none", "BF16", "[0,3]", "[24,24]") +
                             "}   ";
  const std::vector<float> values{1, -2, 3.5F, 1e-40F};
  const SafetensorsFile file = SafetensorsFile::open(
      folder.write("x.safetensors", safetensorsBytes(header, raw(values) + raw<std::int64_t>(7))));
  EXPECT_THAT(file.names(), ElementsAre("a", "b", "none"));
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const TensorView view = file.view("b");
  EXPECT_THAT(view.shape, ElementsAre(2, 2));
  EXPECT_EQ(view.dtype, DType::F32);
  std::vector<float> out(4);
  dequantise(view.dtype, view.bytes, out);
  EXPECT_EQ(out, values);
  EXPECT_EQ(file.view("none").elements(), 0);
  expectBadInput([&] { file.view("a"); }, {"'a'", "I64"});
  expectBadInput([&] { file.view("c"); }, {"'c'", "is missing"});
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  const std::vector<float> wide{1, 2, 3};
  const std::vector<std::uint16_t> narrow{0x3c00};
  const std::vector<TensorView> tensors{{"z.wide", DType::F32, {3}, std::as_bytes(std::span(wide))},
                                        {"a.narrow", DType::F16, {1, 1}, std::as_bytes(std::span(narrow))}};
  writeSafetensors(path, tensors, {{"key", "välue \xff"}});
  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_THAT(file.names(), ElementsAre("a.narrow", "z.wide"));
  EXPECT_EQ(file.metadata().at("key"), "välue �");
  for (const TensorView& tensor : tensors) {
    const TensorView read = file.view(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_TRUE(std::ranges::equal(read.bytes, tensor.bytes));
    EXPECT_EQ(
        reinterpret_cast<std::uintptr_t>(read.bytes.data()) % static_cast<std::size_t>(blockSize(read.dtype).bytes),
        0U);
  }
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.view("z.wide").bytes.data()) % 64, 0U);
}

TEST(SafetensorsWriter, LeavesTheOldFileUntilTheNewOneIsWhole) {
  const TemporaryFolder folder;
  const auto path = folder.write("x.safetensors", "old");
  const float value = 1;
  const auto bytes = std::as_bytes(std::span(&value, 1));
  {
    SafetensorsWriter writer(path, {{"a", DType::F32, {1}}, {"b", DType::F32, {1}}});
    writer.put("b", bytes);
    EXPECT_THROW(writer.put("b", bytes), Error) << "twice";
    EXPECT_THROW(writer.put("c", bytes), Error) << "not announced";
    EXPECT_THROW(writer.put("a", bytes.first(2)), Error) << "another size";
    EXPECT_THROW(writer.commit(), Error) << "a is missing";
  }
  EXPECT_EQ(readBytes(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "nothing else stays";
  EXPECT_THROW(SafetensorsWriter(folder / "no-such-folder/x", {}), Error);
  EXPECT_THROW(SafetensorsWriter(path, {{"a", DType::Q4_0, {32}}}), Error);
  EXPECT_THROW(SafetensorsWriter(path, {{"a", DType::F32, {1}}, {"a", DType::F32, {1}}}), Error);
}

/// Both ways with the reference implementation, in all three element types.
TEST(Safetensors, AgreesWithThePythonPackage) {
  const TemporaryFolder folder;
  const std::vector<float> values = sampleValues(12, 5);
  const std::vector<TensorView> tensors{{"ours", DType::F32, {3, 4}, std::as_bytes(std::span(values))}};
  writeSafetensors(folder / "ours.safetensors", tensors, {{"who", "interleave"}});
  if (!runReference("safetensors_reference.py", {folder.path()})) GTEST_SKIP();
  const SafetensorsFile file = SafetensorsFile::open(folder / "theirs.safetensors");
  EXPECT_EQ(file.metadata().at("who"), "interleave");
  for (const char* name : {"F32", "F16", "BF16"}) {
    const TensorView view = file.view(name);
    EXPECT_EQ(interleave::name(view.dtype), name);
    EXPECT_THAT(view.shape, ElementsAre(3, 4));
    std::vector<float> out(12);
    dequantise(view.dtype, view.bytes, out);
    EXPECT_EQ(out, values) << name;
  }
}

}  // namespace
}  // namespace interleave::test
