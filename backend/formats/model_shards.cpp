// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/model_shards.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"

namespace interleave {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kMostShards = 10'000;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

/// Whether there is something of this name; what cannot be looked at is not there.
bool isThere(const fs::path& path) {
  std::error_code unreadable;
  return fs::exists(path, unreadable);
}

/// Which shard holds each tensor, as an index says: plain file names.
std::map<std::string, std::string> placesIn(const fs::path& index_path) {
  const json index = readJson(index_path, {.bytes = 64 << 20, .values = 2'000'000, .depth = 8});
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object()) throw badInput(index_path, "weight_map", "is missing");
  std::map<std::string, std::string> places;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) throw badInput(index_path, "weight_map." + inQuotes(tensor), "is not a file name");
    const auto& name = shard.get_ref<const std::string&>();
    if (name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos || !name.ends_with(".safetensors") ||
        name.starts_with("..")) {
      throw badInput(index_path, "weight_map." + inQuotes(tensor),
                     inQuotes(name) + " is not the plain name of a .safetensors file in the same folder");
    }
    places[tensor] = name;
  }
  return places;
}

/// What a folder without safetensors holds instead, and what to do with it; "" where nothing is known of it.
std::string otherFiles(const fs::path& folder) {
  struct Other {
    std::string_view begin, end, advice;
  };
  constexpr auto kOthers = std::to_array<Other>(
      {{"pytorch_model", ".bin", "as safetensors: load it with `transformers` and save_pretrained() it"},
       {"pytorch_model", ".bin.index.json", "as safetensors: load it with `transformers` and save_pretrained() it"},
       {"adapter_model", "", "merged: it is an adapter, which PEFT's merge_and_unload() puts into its model"},
       {"consolidated", "", "in Hugging Face's layout: transformers' conversion script of the family makes it"},
       {"model-", ".safetensors", "with model.safetensors.index.json, which says what the shards hold"},
       {"tf_model", ".h5", "as safetensors: load it with `transformers` and save_pretrained() it"},
       {"flax_model", ".msgpack", "as safetensors: load it with `transformers` and save_pretrained() it"},
       {"", ".gguf", "by its own name: a .gguf file is opened itself, not its folder"}});
  std::set<std::string> names;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) names.insert(entry.path().filename().string());
  for (const Other& other : kOthers) {
    for (const std::string& name : names) {
      if (!name.starts_with(other.begin) || !name.ends_with(other.end)) continue;
      return "holds " + inQuotes(name) + ", and neither " + kSingle + " nor " + kIndex + "; it is wanted " +
             std::string(other.advice);
    }
  }
  return {};
}

}  // namespace

bool isDerivedBuffer(const std::string& name) {
  constexpr std::array<std::string_view, 4> kBuffers{"rotary_emb.inv_freq", "rotary_emb.original_inv_freq",
                                                     "rotary_emb.cos_cached", "rotary_emb.sin_cached"};
  return std::ranges::any_of(kBuffers, [&](std::string_view buffer) { return name.ends_with(buffer); });
}

void ModelShards::refuseOtherFiles(const fs::path& folder) {
  if (isThere(folder / kSingle) || isThere(folder / kIndex)) return;
  if (const std::string others = otherFiles(folder); !others.empty()) throw badInput(folder, "", others);
}

ModelShards ModelShards::open(const fs::path& folder) {
  ModelShards shards;
  if (isThere(folder / kSingle)) {
    shards.list_ = folder / kSingle;
    shards.files_.push_back(SafetensorsFile::open(shards.list_));
    if (isThere(folder / kIndex)) {
      shards.warnings_.push_back(
          badInput(folder / kIndex, "", std::string("is not read: ") + kSingle + " beside it counts").what());
    }
  } else if (isThere(folder / kIndex)) {
    shards.list_ = folder / kIndex;
    shards.openShards(folder);
  } else {
    refuseOtherFiles(folder);
    throw badInput(folder, "", std::string("holds neither ") + kSingle + " nor " + kIndex);
  }
  for (const SafetensorsFile& file : shards.files_) shards.gather(file);
  if (!shards.placed_.empty()) shards.compareWithIndex();
  return shards;
}

ModelShards ModelShards::ofFile(const fs::path& file) {
  ModelShards shards;
  shards.list_ = file;
  shards.files_.push_back(SafetensorsFile::open(file));
  shards.gather(shards.files_.front());
  return shards;
}

void ModelShards::openShards(const fs::path& folder) {
  placed_ = placesIn(list_);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : placed_) names.insert(shard);
  if (names.empty()) throw badInput(list_, "weight_map", "is empty");
  if (names.size() > kMostShards) throw badInput(list_, "weight_map", "names more than 10000 files");
  for (const std::string& name : names) {
    if (!isThere(folder / name))
      throw badInput(folder / name, "", std::string("is missing, though ") + kIndex + " names it");
    files_.push_back(SafetensorsFile::open(folder / name));
  }
}

void ModelShards::gather(const SafetensorsFile& file) {
  for (const std::string& name : file.names()) {
    const auto [first, fresh] = holders_.emplace(name, &file);
    if (fresh || isDerivedBuffer(name)) continue;
    if (file.holdsAlike(*first->second, name)) {
      copies_.push_back(name);
      continue;
    }
    throw badInput(file.path(), "tensor " + inQuotes(name),
                   "is also in " + inQuotes(first->second->path().filename().string()) + ", with other values");
  }
}

void ModelShards::compareWithIndex() {
  std::map<std::string, const SafetensorsFile*> by_name;
  for (const SafetensorsFile& file : files_) by_name[file.path().filename().string()] = &file;
  std::vector<std::string> elsewhere, nowhere, unlisted;
  for (const auto& [name, shard] : placed_) {
    const auto holder = holders_.find(name);
    if (holder == holders_.end()) {
      nowhere.push_back(name);
    } else if (!by_name.at(shard)->has(name)) {
      elsewhere.push_back(name);
    }
  }
  for (const auto& [name, file] : holders_) {
    if (!placed_.contains(name)) unlisted.push_back(name);
  }
  const auto warn = [&](const std::vector<std::string>& names, const std::string& what) {
    if (!names.empty()) warnings_.push_back(badInput(list_, "weight_map", what + firstFew(names)).what());
  };
  warn(nowhere, "names tensors that no shard has, and the model does not need: ");
  warn(elsewhere, "places tensors in other shards than those that hold them: ");
  warn(copies_, "names shards that hold the same tensors, all alike: ");
  warn(unlisted, "does not name tensors that the shards hold, which are read all the same: ");
}

const SafetensorsFile* ModelShards::holderOf(const std::string& name) const {
  const auto found = holders_.find(name);
  return found == holders_.end() ? nullptr : found->second;
}

std::vector<std::string> ModelShards::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : holders_) names.push_back(name);
  return names;
}

fs::path ModelShards::placeOf(const std::string& name) const {
  const auto placed = placed_.find(name);
  return placed == placed_.end() ? list_ : list_.parent_path() / placed->second;
}

}  // namespace interleave
