// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
constexpr std::size_t kDataAlignment = 64;

struct ElementType {
  std::string_view name;
  std::uint64_t bytes;
};
/// Those that safetensors files hold today. Files may carry buffers of any of them; view() hands out the first three.
constexpr std::array<ElementType, 17> kElementTypes{{{"F32", 4},
                                                     {"F16", 2},
                                                     {"BF16", 2},
                                                     {"F64", 8},
                                                     {"I64", 8},
                                                     {"I32", 4},
                                                     {"I16", 2},
                                                     {"I8", 1},
                                                     {"U64", 8},
                                                     {"U32", 4},
                                                     {"U16", 2},
                                                     {"U8", 1},
                                                     {"BOOL", 1},
                                                     {"F8_E4M3", 1},
                                                     {"F8_E5M2", 1},
                                                     {"F8_E8M0", 1},
                                                     {"C64", 8}}};

std::uint64_t elementBytes(const json& dtype, const std::string& file, const std::string& place) {
  if (!dtype.is_string()) throw badInput(file, place, "dtype is not a string");
  const auto& text = dtype.get_ref<const std::string&>();
  const auto found = std::ranges::find(kElementTypes, text, &ElementType::name);
  if (found == kElementTypes.end()) throw badInput(file, place, "has the unknown dtype " + inQuotes(text));
  return found->bytes;
}

std::vector<std::int64_t> shapeOf(const json& value, const std::string& file, const std::string& place) {
  if (!value.is_array()) throw badInput(file, place, "shape is not a list");
  if (value.size() > kMostDimensions) {
    throw badInput(file, place, "has " + std::to_string(value.size()) + " dimensions; at most 8 are read");
  }
  std::vector<std::int64_t> shape;
  for (const json& size : value) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > std::uint64_t{1} << 62) {
      throw badInput(file, place, "shape holds " + size.dump() + ", which is no size");
    }
    shape.push_back(size.get<std::int64_t>());
  }
  return shape;
}

std::pair<std::uint64_t, std::uint64_t> offsetsOf(const json& value, const std::string& file,
                                                  const std::string& place) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() || !value[1].is_number_unsigned()) {
    throw badInput(file, place, "data_offsets is not a pair of sizes");
  }
  const std::pair offsets{value[0].get<std::uint64_t>(), value[1].get<std::uint64_t>()};
  if (offsets.first > offsets.second) throw badInput(file, place, "data_offsets run backwards");
  return offsets;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::filesystem::path path, MappedFile file)
    : path_(std::move(path)), file_(std::move(file)) {}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile self(path, MappedFile::open(path));
  const std::span<const std::byte> bytes = self.file_.bytes();
  if (bytes.size() < kLengthBytes) throw badInput(path, "header", "the file ends before the header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMostHeaderBytes) {
    throw badInput(path, "header", "claims " + std::to_string(length) + " bytes; at most 100000000 are read");
  }
  if (length > bytes.size() - kLengthBytes) {
    throw badInput(path, "header",
                   "claims " + std::to_string(length) + " bytes, but the file is truncated after " +
                       std::to_string(bytes.size() - kLengthBytes));
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (!header.starts_with('{')) throw badInput(path, "header", "does not start with '{'");
  const auto data = bytes.subspan(kLengthBytes + length);
  self.addEntries(header, data);
  self.checkTiling(data);
  return self;
}

void SafetensorsFile::addEntries(std::string_view header, std::span<const std::byte> data) {
  const std::string file = path_;
  const json parsed = parseJson(header, file, {.bytes = kMostHeaderBytes, .values = 20 * kMostTensors, .depth = 4});
  if (parsed.size() > kMostTensors + 1) {
    throw badInput(file, "header", "lists " + std::to_string(parsed.size()) + " tensors; at most 100000 are read");
  }
  for (const auto& [name, entry] : parsed.items()) {
    if (!entry.is_object()) throw badInput(file, inQuotes(name), "is not a JSON object");
    if (name == "__metadata__") {
      for (const auto& [key, text] : entry.items()) {
        if (!text.is_string()) throw badInput(file, "__metadata__", inQuotes(key) + " is not a string");
        metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    if (name.size() > kMostNameBytes) throw badInput(file, inQuotes(name), "the name is longer than 1024 bytes");
    const std::string place = "tensor " + inQuotes(name);
    for (const char* key : {"dtype", "shape", "data_offsets"}) {
      if (!entry.contains(key)) throw badInput(file, place, std::string("has no ") + key);
    }
    if (entry.size() != 3) throw badInput(file, place, "has keys other than dtype, shape and data_offsets");

    const std::uint64_t element = elementBytes(entry["dtype"], file, place);
    std::vector<std::int64_t> shape = shapeOf(entry["shape"], file, place);
    const auto [begin, end] = offsetsOf(entry["data_offsets"], file, place);
    const auto elements = elementCount(shape);
    const auto size = elements ? checkedMultiply(static_cast<std::uint64_t>(*elements), element) : std::nullopt;
    if (!size) throw badInput(file, place, "shape " + shapeText(shape) + " overflows");
    if (end > data.size()) {
      throw badInput(file, place,
                     "ends at byte " + std::to_string(end) + " of the data, which is truncated after " +
                         std::to_string(data.size()));
    }
    if (end - begin != *size) {
      throw badInput(file, place,
                     "shape " + shapeText(shape) + " needs " + std::to_string(*size) +
                         " bytes, but data_offsets span " + std::to_string(end - begin));
    }
    tensors_.emplace(name, Entry{entry["dtype"], std::move(shape), data.subspan(begin, end - begin)});
  }
}

void SafetensorsFile::checkTiling(std::span<const std::byte> data) const {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& tensor : tensors_) order.push_back(&tensor);
  const auto place = [](const auto* tensor) {
    return std::pair(tensor->second.bytes.data(), tensor->second.bytes.size());
  };
  std::ranges::sort(order, {}, place);
  const std::byte* reached = data.data();
  for (const auto* tensor : order) {
    const auto& bytes = tensor->second.bytes;
    if (bytes.data() != reached) {
      throw badInput(path_, "tensor " + inQuotes(tensor->first),
                     bytes.data() < reached ? "overlaps the tensor before it" : "leaves a hole in the data before it");
    }
    reached += bytes.size();
  }
  const auto trailing = static_cast<std::size_t>(data.data() + data.size() - reached);
  if (trailing != 0) throw badInput(path_, "data", std::to_string(trailing) + " trailing bytes belong to no tensor");
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tensors_) names.push_back(name);
  return names;
}

TensorView SafetensorsFile::view(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw badInput(path_, "tensor " + inQuotes(name), "is missing");
  const Entry& entry = found->second;
  for (const DType type : {DType::F32, DType::F16, DType::BF16}) {
    if (entry.dtype == interleave::name(type)) return {name, type, entry.shape, entry.bytes};
  }
  throw badInput(path_, "tensor " + inQuotes(name), "has dtype " + entry.dtype + "; F32, F16 and BF16 are read");
}

bool SafetensorsFile::holdsAlike(const SafetensorsFile& other, const std::string& name) const {
  const auto mine = tensors_.find(name), theirs = other.tensors_.find(name);
  if (mine == tensors_.end() || theirs == other.tensors_.end()) return false;
  const Entry &a = mine->second, &b = theirs->second;
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  // Wider elements first, as the reference implementation does, so that each tensor is aligned to its own elements.
  std::ranges::sort(tensors, {}, [](const TensorSpec& tensor) {
    return std::pair(-blockSize(tensor.dtype).bytes, std::string_view(tensor.name));
  });
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t end = 0;
  for (const TensorSpec& tensor : tensors) {
    const auto elements = elementCount(tensor.shape);
    const BlockSize block = blockSize(tensor.dtype);
    if (!elements || block.elements != 1 || slots_.contains(tensor.name)) {
      throw failure(path, "tensor " + inQuotes(tensor.name) + " of type " +
                              std::string(interleave::name(tensor.dtype)) + " and shape " + shapeText(tensor.shape) +
                              " cannot be written, or is there twice");
    }
    const auto bytes = static_cast<std::uint64_t>(*elements * block.bytes);
    header[tensor.name] = {
        {"dtype", interleave::name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {end, end + bytes}}};
    slots_[tensor.name] = {.offset = end, .bytes = bytes};
    end += bytes;
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((kLengthBytes + text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment - kLengthBytes, ' ');
  for (auto& [name, slot] : slots_) slot.offset += kLengthBytes + text.size();

  const std::uint64_t length = text.size();
  file_.writeAt(0, std::as_bytes(std::span(&length, 1)));
  file_.writeAt(kLengthBytes, std::as_bytes(std::span(text)));
}

void SafetensorsWriter::put(const std::string& name, std::span<const std::byte> bytes) {
  const auto slot = slots_.find(name);
  if (slot == slots_.end() || slot->second.written || slot->second.bytes != bytes.size()) {
    throw failure(file_.path(),
                  "tensor " + inQuotes(name) + " is not expected, is written twice, or has not the size announced");
  }
  file_.writeAt(slot->second.offset, bytes);
  slot->second.written = true;
}

void SafetensorsWriter::commit() {
  for (const auto& [name, slot] : slots_) {
    if (!slot.written) throw failure(file_.path(), "tensor " + inQuotes(name) + " was announced and not written");
  }
  file_.commit();
}

void writeSafetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSpec> specs;
  for (const TensorView& tensor : tensors) specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  SafetensorsWriter writer(path, std::move(specs), metadata);
  for (const TensorView& tensor : tensors) writer.put(tensor.name, tensor.bytes);
  writer.commit();
}

}  // namespace interleave
