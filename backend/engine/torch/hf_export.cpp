// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_export.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "backend/core/error.h"
#include "backend/engine/torch/hf_card.h"
#include "backend/engine/torch/hf_config.h"
#include "backend/engine/torch/hf_tokenizer.h"
#include "backend/engine/torch/hf_weights.h"
#include "backend/engine/torch/staged_folder.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/placement_io.h"
#include "resources/resources.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kShardBytes = 5'000'000'000;
constexpr const char* kManifest = "provenance.json";  ///< Also how an earlier export of ours is known.
constexpr const char* kManifestFormat = "interleave-export";
constexpr std::string_view kCode = "hf/";  ///< The model code, in our resources.

/// An earlier export: nothing is in the folder but what its manifest lists.
bool isEarlierExport(const fs::path& folder) {
  if (!fs::is_regular_file(folder / kManifest)) return false;
  std::set<std::string> known{kManifest};
  try {
    const json manifest = readJson(folder / kManifest);
    if (manifest.value("format", "") != kManifestFormat) return false;
    for (const json& name : manifest.at("files")) known.insert(name.get<std::string>());
  } catch (const std::exception&) {  // not JSON, or not of our making
    return false;
  }
  const auto entries = fs::recursive_directory_iterator(folder);
  return std::all_of(begin(entries), end(entries), [&](const fs::directory_entry& entry) {
    return (entry.is_directory() && !entry.is_symlink()) ||
           known.contains(entry.path().lexically_relative(folder).generic_string());
  });
}

void checkTarget(const fs::path& out) {
  if (!fs::exists(out)) return;
  if (!fs::is_directory(out)) throw usageError("--out", out.string() + " is not a folder");
  if (!fs::is_empty(out) && !isEarlierExport(out)) {
    throw usageError("--out", out.string() + " is not empty and holds no earlier export; choose another folder");
  }
}

void checkOperators(const Hybrid& hybrid) {
  for (int layer = 0; layer < hybrid.placement.layers(); ++layer) {
    const MixerKind kind = hybrid.placement[layer];
    if (!isTrained(kind) || hybrid.stored != nullptr) continue;
    if (hybrid.bank == nullptr) {
      throw usageError("hf", "layer " + std::to_string(layer) + " holds \"" + std::string(name(kind)) +
                                 "\", which is trained: the bank is needed (--bank)");
    }
    hybrid.bank->file(kind);
  }
}

/// What the folder at `out` is called.
std::string nameOf(const fs::path& out) {
  fs::path whole = fs::absolute(out).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // it ended in a slash
  return whole.filename().string();
}

}  // namespace

std::vector<std::string> exportHuggingFace(const Hybrid& hybrid, const fs::path& out, Progress& progress) {
  checkTarget(out);
  checkOperators(hybrid);
  HfConfig config = hfConfig(hybrid);
  const HfType type = hfType(hybrid, config, hybrid.dtype);
  for (const char* key : {"torch_dtype", "dtype"}) config.document[key] = torchName(type.type);  // older, and newer
  StagedFolder folder(out);
  std::vector<std::string> names;
  const auto put = [&](const std::string& name, std::string_view text) {
    writeFileAtomically(folder.path() / name, text);
    names.push_back(name);
  };
  const auto add = [&](std::vector<std::string> more) { std::ranges::move(more, std::back_inserter(names)); };
  for (const ConfigFile& file : configFiles(config)) put(file.name, file.document.dump(2) + "\n");
  if (!config.needs_code.empty()) {
    for (const std::string_view name : resourceNames(kCode))
      put(std::string(name.substr(kCode.size())), resource(name));
  }
  add(writeHfWeights(hybrid, config, type.type, folder.path(), kShardBytes, progress));
  const HfTokenizerFiles tokenizer = writeHfTokenizer(hybrid.model, config, folder.path());
  add(tokenizer.names);
  add(writeHfCard(hybrid, config, type, tokenizer.missing, nameOf(out), folder.path()));
  const PlacementFacts facts{.model = &hybrid.model.config()};
  const json placement = placementDocument("interleave", hybrid.placement, facts, hybrid.provenance);
  put(placementFileName("interleave"), placement.dump(2) + "\n");
  json manifest{{"format", kManifestFormat},
                {"placement", hybrid.placement.line()},
                {"custom_code", config.needs_code.empty() ? json() : json(config.needs_code)},
                {"least_transformers", config.least_version},
                {"dtype", torchName(type.type)},
                {"dtype_reason", type.reason.empty() ? json() : json(type.reason)},
                {"provenance", hybrid.provenance}};
  manifest["files"] = names;
  put(kManifest, manifest.dump(2) + "\n");
  folder.commit();
  return names;
}

}  // namespace interleave
