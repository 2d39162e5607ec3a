// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/formats/model_config.h"
#include "backend/formats/model_files.h"

namespace interleave {

/// Placements in files: our own JSON, and the layer lists of other projects (docs/formats.md shows each).
///
///   interleave       every operator, with provenance; what placementDocument() writes comes back exactly
///   hf-layer-types   Hugging Face `layer_types`: full, sliding and linear attention
///   fla              flash-linear-attention `attn`: full attention or windows, and its own operator elsewhere
///   kl-ls            `keep_full_attention_layers`: one other operator elsewhere, which the file does not name
///   swaa             `non_sliding_layers`: full attention, sliding window elsewhere
///   kimi             Kimi-Linear `linear_attn_config`, which counts layers from 1
std::vector<std::string> placementFormats();

/// What some formats say beside the layers.
struct PlacementFacts {
  const ModelConfig* model = nullptr;  ///< fla and kimi name heads, and need it; it tells which layers slide natively.
  int window = 0;                      ///< Tokens that sliding-window layers see; 0: not known.
  int sinks = 0;                       ///< First tokens they see as well.
};

/// What a document of a format holds and what not, in a few words: "layers only, no weights".
inline constexpr const char* kLayersOnly = "layers only, no weights";

/// In provenance: the layers that keep the model's own attention and slide there natively.
inline constexpr const char* kNativeWindows = "native_windows";
/// The provenance of a placement: what is told of it, its operators, and which layers slide natively.
nlohmann::json provenanceWith(nlohmann::json told, const Placement& placement, const ModelConfig* model);

/// The document to write. A layer that keeps the model's own attention is said as what it is: one that slides natively
/// as sliding. Usage error, with the reason, for an unknown format and for what it cannot express.
nlohmann::json placementDocument(const std::string& format, const Placement& placement, const PlacementFacts& facts,
                                 const nlohmann::json& provenance);

/// The placement in a document of any of the formats, told by its keys. `rest` stands where the file says only that
/// attention is not kept, or is linear. `layers` is the model's count, 0 when there is no model; then the file must
/// say. BadInput, naming `file` and the place in it, when nothing is found, counts differ or an index is out of range.
Placement placementFromDocument(const nlohmann::json& document, const std::string& file, int layers, MixerKind rest);

/// The file that holds a placement: `path` itself, or in a folder the one that an export wrote, else its config.json.
std::filesystem::path placementFile(const std::filesystem::path& path);

/// placementFromDocument() of a JSON file, or of the placement.json or else config.json in a folder.
Placement readPlacement(const std::filesystem::path& path, int layers, MixerKind rest);

/// What a placement's file says of its origin; an empty object where it, or the file, says nothing.
nlohmann::json provenanceOf(const std::filesystem::path& path);

/// BadInput where the placement's file names another model than `model` by its fingerprint.
void checkOrigin(const std::filesystem::path& path, const ModelFiles& model);

/// What the one file of a format is called in an export's folder: "placement.json" for ours, "fla.json", ….
std::string placementFileName(const std::string& format);

}  // namespace interleave
