// SPDX-License-Identifier: GPL-3.0-or-later
#include <bit>
#include <cmath>

#include "backend/core/random.h"
#include "backend/formats/tensor_view.h"
#include "tests/formats/test_files.h"

namespace interleave::test {
namespace {

constexpr DType kTypes[] = {DType::F32,  DType::F16,  DType::BF16, DType::Q8_0, DType::Q4_0, DType::Q4_1,
                            DType::Q5_0, DType::Q5_1, DType::Q4_K, DType::Q5_K, DType::Q6_K};

std::vector<float> decoded(DType type, const std::string& bytes) {
  const auto [elements, size] = blockSize(type);
  std::vector<float> values(bytes.size() / static_cast<std::size_t>(size) * static_cast<std::size_t>(elements));
  dequantise(type, std::as_bytes(std::span(bytes)), values);
  return values;
}

/// Random blocks: 4096 of them meet every kind of scale (subnormal, infinite, NaN, negative). Halves are enumerated.
std::string sampleBlocks(DType type) {
  std::string bytes;
  if (type == DType::F16 || type == DType::BF16) {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) bytes += raw(static_cast<std::uint16_t>(bits));
    return bytes;
  }
  Random random(derivedSeed(7, static_cast<std::uint64_t>(type)));
  bytes.resize(4096 * static_cast<std::size_t>(blockSize(type).bytes));
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// Bit for bit, but that one NaN is as good as another: no weight may be one.
TEST(Dequantise, AgreesWithThePythonPackage) {
  const TemporaryFolder folder;
  for (const DType type : kTypes) folder.write(std::string(name(type)), sampleBlocks(type));
  if (!runReference("dequantise_reference.py", {folder.path()})) GTEST_SKIP();
  for (const DType type : kTypes) {
    const std::string expected = readBytes(folder / (std::string(name(type)) + ".f32"));
    const std::vector<float> values = decoded(type, sampleBlocks(type));
    ASSERT_EQ(values.size() * sizeof(float), expected.size()) << name(type);
    std::size_t wrong = 0, finite = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      float other = 0;
      std::memcpy(&other, expected.data() + i * sizeof other, sizeof other);
      finite += std::isfinite(other);
      const bool same = std::bit_cast<std::uint32_t>(values[i]) == std::bit_cast<std::uint32_t>(other);
      wrong += !same && !(std::isnan(values[i]) && std::isnan(other));
    }
    EXPECT_EQ(wrong, 0U) << name(type);
    EXPECT_GT(finite, values.size() / 2) << name(type);
  }
}

TEST(Dequantise, KnowsHalvesByHeart) {
  const std::vector<std::pair<std::uint16_t, float>> known{
      {0x0000, 0.0F},     {0x8000, -0.0F},     {0x3c00, 1.0F},       {0xc000, -2.0F},
      {0x7bff, 65504.0F}, {0x0400, 0x1p-14F},  {0x0001, 0x1p-24F},   {0x83ff, -0x1.ff8p-15F},
      {0x7c00, INFINITY}, {0xfc00, -INFINITY}, {0x3555, 0x1.554p-2F}};
  for (const auto& [bits, value] : known) {
    const float got = decoded(DType::F16, raw(bits)).front();
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(value)) << bits;
  }
  EXPECT_TRUE(std::isnan(decoded(DType::F16, raw<std::uint16_t>(0x7c01)).front()));
}

TEST(Dequantise, RefusesSizesThatDisagree) {
  const std::string block(18, '\0');
  std::vector<float> values(31);
  EXPECT_THROW(dequantise(DType::Q4_0, std::as_bytes(std::span(block)), values), Error);
  values.resize(32);
  EXPECT_THROW(dequantise(DType::Q4_0, std::as_bytes(std::span(block)).first(17), values), Error);
  EXPECT_NO_THROW(dequantise(DType::Q4_0, std::as_bytes(std::span(block)), values));
}

}  // namespace
}  // namespace interleave::test
