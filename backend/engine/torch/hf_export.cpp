// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_export.h"

#include <algorithm>
#include <set>

#include "backend/core/error.h"
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
  return std::ranges::all_of(fs::directory_iterator(folder), [&](const fs::directory_entry& entry) {
    return known.contains(entry.path().filename().string());
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
    if (!isTrained(kind) || hybrid.healed != nullptr) continue;
    if (hybrid.bank == nullptr) {
      throw usageError("hf", "layer " + std::to_string(layer) + " holds \"" + std::string(name(kind)) +
                                 "\", which is trained: the bank is needed (--bank)");
    }
    hybrid.bank->file(kind);
  }
}

std::string windowText(const Window& window) {
  return std::to_string(window.tokens) + " tokens and " + std::to_string(window.sinks) + " sinks";
}

std::string readme(const Hybrid& hybrid, const HfConfig& config, const std::string& no_tokenizer) {
  const std::string name = hybrid.model.config().name;
  const bool stock = config.needs_code.empty();
  const std::string arguments = stock ? "folder" : "folder, trust_remote_code=True";
  std::string text =
      "# Hybrid of " + (name.empty() ? "a " + familyName(hybrid.model.config().family) + " model" : name) +
      "\n\nWritten by Interleave. One glyph a layer: F full attention, · Gated DeltaNet with a window of " +
      windowText(hybrid.windows.gdn) + ", g Gated DeltaNet, w sliding window of " + windowText(hybrid.windows.sliding) +
      ".\n\n    " + hybrid.placement.line() +
      "\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
      "model = AutoModelForCausalLM.from_pretrained(" +
      arguments + ")\n" +
      (no_tokenizer.empty() ? "tokenizer = AutoTokenizer.from_pretrained(" + arguments + ")\n" : "") + "```\n\n";
  text += stock ? "It loads as `" + config.document.at("architectures")[0].get<std::string>() + "` of `transformers`."
                : "Its model code comes with it, since " + config.needs_code +
                      ", which no model class of `transformers` can express.";
  text += " It computes in fp32 unless a `dtype` is asked for, and then gives the logits that Interleave gives.\n";
  if (hybrid.healed != nullptr)
    text += "\nIts weights were healed: trained towards the original model's predictions.\n";
  if (!no_tokenizer.empty()) text += "\nThere is no tokenizer here: " + no_tokenizer + ".\n";
  return text +
         "\n`placement.json` is the placement in Interleave's own format; `provenance.json` says where it came "
         "from.\n";
}

}  // namespace

std::vector<std::string> exportHuggingFace(const Hybrid& hybrid, const fs::path& out, Progress& progress) {
  checkTarget(out);
  checkOperators(hybrid);
  const HfConfig config = hfConfig(hybrid);
  StagedFolder folder(out);
  std::vector<std::string> names;
  const auto put = [&](const std::string& name, std::string_view text) {
    writeFileAtomically(folder.path() / name, text);
    names.push_back(name);
  };
  put("config.json", config.document.dump(2) + "\n");
  if (!config.needs_code.empty()) {
    for (const char* name : {"configuration_interleave.py", "modeling_interleave.py"}) {
      put(name, resource(std::string("hf/") + name));
    }
  }
  for (std::string& name : writeHfWeights(hybrid, config, folder.path(), kShardBytes, progress)) {
    names.push_back(std::move(name));
  }
  HfTokenizerFiles tokenizer = writeHfTokenizer(hybrid.model, folder.path());
  names.insert(names.end(), tokenizer.names.begin(), tokenizer.names.end());
  put("README.md", readme(hybrid, config, tokenizer.missing));
  const json placement = placementDocument("interleave", hybrid.placement, {}, hybrid.provenance);
  put(placementFileName("interleave"), placement.dump(2) + "\n");
  json manifest{{"format", kManifestFormat},
                {"placement", hybrid.placement.line()},
                {"custom_code", config.needs_code.empty() ? json() : json(config.needs_code)},
                {"provenance", hybrid.provenance}};
  manifest["files"] = names;
  put(kManifest, manifest.dump(2) + "\n");
  folder.commit();
  return names;
}

}  // namespace interleave
