// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMostKeys = 65'536;
constexpr std::uint64_t kMostValues = 8'000'000;  // Array elements in all; a vocabulary of 262k needs 1.3 million.
constexpr std::uint64_t kMostStringBytes = std::uint64_t{256} << 20;  // Of all strings together.
constexpr int kMostArrayDepth = 4;
constexpr std::uint64_t kMostTensorDimensions = 4;
constexpr std::uint64_t kDefaultAlignment = 32;

/// Type numbers of metadata values.
enum class Type : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
constexpr std::uint32_t kTypes = 13;

struct GgmlType {
  std::uint32_t number;
  std::string_view name;
  std::optional<DType> dtype;  ///< Of those that are read.
};
constexpr std::array<GgmlType, 34> kGgmlTypes{{
    {0, "F32", DType::F32},
    {1, "F16", DType::F16},
    {2, "Q4_0", DType::Q4_0},
    {3, "Q4_1", DType::Q4_1},
    {6, "Q5_0", DType::Q5_0},
    {7, "Q5_1", DType::Q5_1},
    {8, "Q8_0", DType::Q8_0},
    {9, "Q8_1", {}},
    {10, "Q2_K", {}},
    {11, "Q3_K", {}},
    {12, "Q4_K", DType::Q4_K},
    {13, "Q5_K", DType::Q5_K},
    {14, "Q6_K", DType::Q6_K},
    {15, "Q8_K", {}},
    {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},
    {19, "IQ1_S", {}},
    {20, "IQ4_NL", {}},
    {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},
    {23, "IQ4_XS", {}},
    {24, "I8", {}},
    {25, "I16", {}},
    {26, "I32", {}},
    {27, "I64", {}},
    {28, "F64", {}},
    {29, "IQ1_M", {}},
    {30, "BF16", DType::BF16},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {39, "MXFP4", {}},
    {40, "NVFP4", {}},
    {41, "Q1_0", {}},
}};

/// Reads forward through the bytes, and never past them.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return bytes_.size() - position_; }
  void setPlace(std::string place) { place_ = std::move(place); }

  [[noreturn]] void refuse(const std::string& reason) const { throw badInput(file_, place_, reason); }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view string(std::uint64_t most) {
    const auto length = number<std::uint64_t>();
    if (length > most) {
      refuse("a string claims " + std::to_string(length) + " bytes; at most " + std::to_string(most) +
             " are read here");
    }
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// A key or a name, fit for messages and documents. (Elements of arrays are taken as they are: they may be tokens.)
  std::string name() {
    const std::string_view text = string(kMostNameBytes);
    if (!unicode::isValidUtf8(text)) refuse("a name is not UTF-8");
    return std::string(text);
  }

  json value() {
    json result = value(number<std::uint32_t>(), 0);
    if (result.is_string() && !unicode::isValidUtf8(result.get_ref<const std::string&>())) refuse("is not UTF-8");
    return result;
  }

 private:
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > left()) {
      refuse("the file is truncated: " + std::to_string(count) + " bytes are needed at byte " +
             std::to_string(position_) + ", " + std::to_string(left()) + " are left");
    }
    const auto part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }

  json value(std::uint32_t type, int depth) {
    switch (static_cast<Type>(type)) {
      case Type::U8:
        return number<std::uint8_t>();
      case Type::I8:
        return number<std::int8_t>();
      case Type::U16:
        return number<std::uint16_t>();
      case Type::I16:
        return number<std::int16_t>();
      case Type::U32:
        return number<std::uint32_t>();
      case Type::I32:
        return number<std::int32_t>();
      case Type::F32:
        return number<float>();
      case Type::U64:
        return number<std::uint64_t>();
      case Type::I64:
        return number<std::int64_t>();
      case Type::F64:
        return number<double>();
      case Type::Bool:
        return boolean();
      case Type::String: {
        const std::string_view text = string(kMostStringBytes - string_bytes_);
        string_bytes_ += text.size();
        return text;
      }
      case Type::Array:
        return array(depth);
    }
    refuse("has the unknown value type " + std::to_string(type));
  }

  bool boolean() {
    const auto byte = number<std::uint8_t>();
    if (byte > 1) refuse("a truth value is " + std::to_string(byte) + ", neither 0 nor 1");
    return byte == 1;
  }

  json array(int depth) {
    const auto type = number<std::uint32_t>();
    const auto count = number<std::uint64_t>();
    if (type >= kTypes) refuse("an array has the unknown element type " + std::to_string(type));
    if (depth >= kMostArrayDepth) refuse("arrays are nested more than 4 levels deep");
    if (count > left()) {  // An element takes a byte at the least.
      refuse("an array claims " + std::to_string(count) + " elements, more than the file has bytes");
    }
    if (count > kMostValues - values_) refuse("the arrays together hold more than 8000000 elements");
    values_ += count;
    json elements = json::array();
    auto& list = elements.get_ref<json::array_t&>();
    list.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(value(type, depth + 1));
    return elements;
  }

  std::span<const std::byte> bytes_;
  std::string file_, place_;
  std::uint64_t position_ = 0, values_ = 0, string_bytes_ = 0;
};

struct Header {
  std::uint64_t tensors, keys;
};

Header readHeader(Cursor& cursor) {
  cursor.setPlace("header");
  if (cursor.left() < 4 || cursor.number<std::uint32_t>() != kMagic) cursor.refuse("is not a GGUF file");
  const auto version = cursor.number<std::uint32_t>();
  if (version != 2 && version != 3) {
    cursor.refuse((version & 0xffff) == 0 && version != 0
                      ? std::string("is big-endian; little-endian files are read")
                      : "has version " + std::to_string(version) + "; versions 2 and 3 are read");
  }
  const Header header{cursor.number<std::uint64_t>(), cursor.number<std::uint64_t>()};
  if (header.tensors > kMostTensors) {
    cursor.refuse("claims " + std::to_string(header.tensors) + " tensors; at most 100000 are read");
  }
  if (header.keys > kMostKeys) {
    cursor.refuse("claims " + std::to_string(header.keys) + " keys; at most 65536 are read");
  }
  return header;
}

void readMetadata(Cursor& cursor, std::uint64_t keys, json& metadata) {
  for (std::uint64_t i = 0; i < keys; ++i) {
    cursor.setPlace("key " + std::to_string(i));
    const std::string key = cursor.name();
    cursor.setPlace("key " + inQuotes(key));
    if (metadata.contains(key)) cursor.refuse("is there twice");
    metadata[key] = cursor.value();
  }
}

std::uint64_t alignmentOf(const json& metadata, Cursor& cursor) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return kDefaultAlignment;
  cursor.setPlace("key 'general.alignment'");
  const auto* const alignment = found->get_ptr<const json::number_unsigned_t*>();
  if (!alignment || !std::has_single_bit(*alignment) || *alignment > 1U << 20) {
    cursor.refuse("is " + found->dump(-1, ' ', true, json::error_handler_t::replace) +
                  ", not a power of two up to 2^20");
  }
  return *alignment;
}

DType dtypeOf(std::uint32_t number, const Cursor& cursor) {
  const auto found = std::ranges::find(kGgmlTypes, number, &GgmlType::number);
  if (found == kGgmlTypes.end()) cursor.refuse("has the unknown type " + std::to_string(number));
  if (!found->dtype) {
    cursor.refuse("has type " + std::string(found->name) +
                  "; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are read");
  }
  return *found->dtype;
}

struct TensorInfo {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t offset, bytes;
};

TensorInfo readTensorInfo(Cursor& cursor, std::uint64_t number) {
  cursor.setPlace("tensor " + std::to_string(number));
  TensorInfo info{};
  info.name = cursor.name();
  cursor.setPlace("tensor " + inQuotes(info.name));
  const auto dimensions = cursor.number<std::uint32_t>();
  if (dimensions < 1 || dimensions > kMostTensorDimensions) {
    cursor.refuse("has " + std::to_string(dimensions) + " dimensions; 1 to 4 are read");
  }
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = cursor.number<std::uint64_t>();
    if (size < 1 || size > std::uint64_t{1} << 62) cursor.refuse("has a dimension of size " + std::to_string(size));
    info.shape.insert(info.shape.begin(), static_cast<std::int64_t>(size));
  }
  info.dtype = dtypeOf(cursor.number<std::uint32_t>(), cursor);
  info.offset = cursor.number<std::uint64_t>();

  const BlockSize block = blockSize(info.dtype);
  if (info.shape.back() % block.elements != 0) {
    cursor.refuse("has rows of " + std::to_string(info.shape.back()) + " values, no multiple of the " +
                  std::to_string(block.elements) + " of a " + std::string(name(info.dtype)) + " block");
  }
  const auto elements = elementCount(info.shape);
  const auto bytes = elements ? checkedMultiply(static_cast<std::uint64_t>(*elements / block.elements),
                                                static_cast<std::uint64_t>(block.bytes))
                              : std::nullopt;
  if (!bytes) cursor.refuse("shape " + shapeText(info.shape) + " overflows");
  info.bytes = *bytes;
  return info;
}

}  // namespace

GgufFile::GgufFile(std::filesystem::path path, MappedFile file) : path_(std::move(path)), file_(std::move(file)) {}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile self(path, MappedFile::open(path));
  const std::span<const std::byte> bytes = self.file_.bytes();
  Cursor cursor(bytes, path);
  const Header header = readHeader(cursor);
  readMetadata(cursor, header.keys, self.metadata_);
  std::vector<TensorInfo> infos;
  for (std::uint64_t i = 0; i < header.tensors; ++i) infos.push_back(readTensorInfo(cursor, i));

  const std::uint64_t alignment = alignmentOf(self.metadata_, cursor);
  const auto aligned = [alignment](std::uint64_t position) { return (position + alignment - 1) & ~(alignment - 1); };
  const std::uint64_t start = std::min<std::uint64_t>(aligned(cursor.position()), bytes.size());
  const auto data = bytes.subspan(start);
  std::uint64_t reached = 0;
  for (TensorInfo& info : infos) {
    cursor.setPlace("tensor " + inQuotes(info.name));
    if (info.offset != reached) {
      cursor.refuse("starts at byte " + std::to_string(info.offset) + " of the data instead of " +
                    std::to_string(reached) + ": tensors overlap or leave a hole");
    }
    if (reached > data.size() || info.bytes > data.size() - reached) {
      cursor.refuse("needs " + std::to_string(info.bytes) + " bytes at byte " + std::to_string(reached) +
                    " of the data, which is truncated after " + std::to_string(data.size()));
    }
    if (!self.index_.emplace(info.name, self.tensors_.size()).second) cursor.refuse("is there twice");
    self.tensors_.push_back(
        {std::move(info.name), info.dtype, std::move(info.shape), data.subspan(reached, info.bytes)});
    reached = aligned(reached + info.bytes);
  }
  if (data.size() > reached) {
    throw badInput(path, "data", std::to_string(data.size() - reached) + " trailing bytes belong to no tensor");
  }
  return self;
}

std::vector<std::string> GgufFile::names() const {
  std::vector<std::string> names;
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return names;
}

const TensorView& GgufFile::view(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw badInput(path_, "tensor " + inQuotes(name), "is missing");
  return tensors_[found->second];
}

}  // namespace interleave
