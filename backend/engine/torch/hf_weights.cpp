// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/safetensors.h"
#include "backend/heal/hybrid_weights.h"
#include "backend/mixers/gated_delta_net.h"

namespace interleave {
namespace {

constexpr const char* kSourceType = "source";
constexpr std::array<std::pair<const char*, DType>, 3> kTypes{
    {{"bf16", DType::BF16}, {"fp16", DType::F16}, {"fp32", DType::F32}}};

std::int64_t bytesOf(const TensorSpec& spec) {
  return std::accumulate(spec.shape.begin(), spec.shape.end(), blockSize(spec.dtype).bytes, std::multiplies{});
}

/// A tensor at its source, and the tensors to write: its rows, cut one after the other.
struct Piece {
  std::vector<TensorSpec> parts;
  std::function<at::Tensor()> load;  ///< fp32.
  std::vector<DType> stored;         ///< The types that it has at its source; none: any type holds it.

  std::int64_t bytes() const {
    std::int64_t total = 0;
    for (const TensorSpec& part : parts) total += bytesOf(part);
    return total;
  }
};

at::ScalarType scalarType(DType type) {
  return type == DType::F32 ? at::kFloat : type == DType::F16 ? at::kHalf : at::kBFloat16;
}

std::string listed(const std::set<DType>& types) {
  std::string text;
  for (const DType type : types) text += (text.empty() ? "" : ", ") + std::string(name(type));
  return text;
}

/// All tensors of a hybrid, in layer order.
class Pieces {
 public:
  Pieces(const Hybrid& hybrid, const HfConfig& config) : hybrid_(hybrid), config_(config) {
    int layer = 0;
    for (const TensorShape& tensor : expectedTensors(hybrid.model.config())) {
      if (tensor.name.find(".self_attn.") == std::string::npos) {
        teacher(tensor.name);
      } else if (tensor.name.ends_with(".q_proj.weight")) {  // stands for all that the layer's operator has
        addOperator(layer++);
      }
    }
  }

  /// The types that the tensors have where they come from.
  std::set<DType> types() const {
    std::set<DType> all;
    for (const Piece& piece : pieces_) all.insert(piece.stored.begin(), piece.stored.end());
    return all;
  }

  std::vector<Piece> take(DType type) {
    for (Piece& piece : pieces_) {
      for (TensorSpec& part : piece.parts) part.dtype = type;
    }
    return std::move(pieces_);
  }

 private:
  void addOperator(int layer) {
    const MixerKind kind = hybrid_.placement[layer];
    const ModelConfig& model = hybrid_.model.config();
    const std::string prefix = "model.layers." + std::to_string(layer) + ".", attention = prefix + "self_attn.";
    const bool linear = kind == MixerKind::Gdn || kind == MixerKind::GdnWindow;
    if (kind != MixerKind::Gdn) {
      for (const char* projection : {"q_proj", "k_proj", "v_proj"}) {
        teacher(attention + projection + ".weight");
        if (config_.qkv_bias) biasOrZero(attention + projection, model.attention_bias);
      }
      if (model.qk_norm) {
        for (const char* norm : {"q_norm.weight", "k_norm.weight"}) teacher(attention + norm);
      }
    }
    if (linear) {
      addGatedDeltaNet(layer, prefix + "linear_attn.");
      if (model.output_bias) teacher(attention + "o_proj.bias", prefix + "linear_attn.o_proj.bias");
      return;
    }
    teacher(attention + "o_proj.weight");
    if (config_.output_bias) biasOrZero(attention + "o_proj", model.output_bias);
  }

  void addGatedDeltaNet(int layer, const std::string& to) {
    for (const GdnTensors& parameter : gdnTensorsInFolder(hybrid_.model.config(), hybrid_.placement[layer])) {
      candidate(layer, parameter.label, to, parameter.parts);
    }
  }

  void teacher(const std::string& name, const std::string& as = {}) {
    const ModelFiles& files = hybrid_.model;
    const std::string& to = as.empty() ? name : as;
    const std::vector<std::int64_t> shape = files.shape(name);
    if (hybrid_.stored != nullptr && hybrid_.stored->weights().has(name)) return trained(name, {{to, shape}});
    pieces_.push_back({{{to, DType::F32, shape}},
                       [&files, name, shape] {
                         at::Tensor values = at::empty(shape, at::kFloat);
                         files.read(name, {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
                         return values;
                       },
                       {files.dtype(name)}});
  }

  void biasOrZero(const std::string& projection, bool has_bias) {
    if (has_bias) return teacher(projection + ".bias");
    const std::int64_t rows = hybrid_.model.shape(projection + ".weight")[0];
    pieces_.push_back(
        {{{projection + ".bias", DType::F32, {rows}}}, [rows] { return at::zeros({rows}, at::kFloat); }, {}});
  }

  static void checkShape(const std::string& file, const std::string& name, const std::vector<std::int64_t>& here,
                         const std::vector<std::int64_t>& expected) {
    if (here != expected) throw badInput(file, name, "has another shape than the model's");
  }

  static std::vector<TensorSpec> specs(const std::string& prefix, const std::vector<TensorShape>& shapes) {
    std::vector<TensorSpec> all;
    for (const TensorShape& shape : shapes) all.push_back({prefix + shape.name, DType::F32, shape.shape});
    return all;
  }

  /// A tensor of weights that stand in for those of model and bank.
  void trained(const std::string& name, const std::vector<TensorShape>& parts, const std::string& prefix = {}) {
    const HybridWeights& weights = hybrid_.stored->weights();
    if (!weights.has(name)) throw badInput(weights.folder(), name, "the tensor is missing");
    std::vector<std::int64_t> whole = parts.front().shape;
    for (std::size_t i = 1; i < parts.size(); ++i) whole[0] += parts[i].shape[0];
    checkShape(weights.folder(), name, weights.shape(name), whole);
    pieces_.push_back({specs(prefix, parts), [&weights, name] { return weights.read(name); }, weights.types(name)});
  }

  /// A tensor of a candidate, the bank's or a trained one, its rows under the names that `parts` gives.
  void candidate(int layer, const std::string& label, const std::string& prefix,
                 const std::vector<TensorShape>& parts) {
    const std::string stored = StoredBank::tensorName(layer, label);
    if (hybrid_.stored != nullptr) return trained(stored, parts, prefix);
    const SafetensorsFile& file = hybrid_.bank->file(hybrid_.placement[layer]);
    const auto shapes = gdnParameterShapes(hybrid_.model.config(), hybrid_.placement[layer]);
    const auto expected = std::ranges::find(shapes, label, &TensorShape::name);
    const TensorView view = file.view(stored);
    checkShape(file.path(), stored, view.shape, expected->shape);
    pieces_.push_back({specs(prefix, parts), [&file, stored] { return readTensor(file, stored); }, {view.dtype}});
  }

  const Hybrid& hybrid_;
  const HfConfig& config_;
  std::vector<Piece> pieces_;
};

/// Cuts the pieces into files of at most `most` bytes.
std::vector<std::span<const Piece>> shardsOf(std::span<const Piece> pieces, std::int64_t most) {
  std::vector<std::span<const Piece>> shards;
  std::size_t first = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > first && bytes + pieces[i].bytes() > most) {
      shards.push_back(pieces.subspan(first, i - first));
      first = i;
      bytes = 0;
    }
    bytes += pieces[i].bytes();
  }
  shards.push_back(pieces.subspan(first));
  return shards;
}

std::string shardName(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return text.data();
}

void write(const Piece& piece, SafetensorsWriter& writer) {
  const at::Tensor source = piece.load();
  std::int64_t row = 0;
  for (const TensorSpec& part : piece.parts) {
    const at::Tensor rows = source.narrow(0, row, part.shape[0]);
    const at::Tensor values = rows.to(scalarType(part.dtype)).contiguous();
    if (part.dtype != DType::F32 && !at::isfinite(values).all().item<bool>()) {
      throw usageError("--dtype", "tensor " + part.name + " holds a value of " +
                                      nlohmann::json(rows.abs().max().item<float>()).dump() +
                                      ", which is too large for " + std::string(name(part.dtype)) + "; fp32 holds it" +
                                      (part.dtype == DType::F16 ? ", and so does bf16" : ""));
    }
    row += part.shape[0];
    writer.put(part.name, std::as_bytes(std::span(static_cast<const char*>(values.const_data_ptr()), values.nbytes())));
  }
}

}  // namespace

std::vector<std::string> hfTypeNames() {
  std::vector<std::string> names{kSourceType};
  for (const auto& [word, type] : kTypes) names.emplace_back(word);
  return names;
}

HfType hfType(const Hybrid& hybrid, const HfConfig& config, const std::string& wanted) {
  for (const auto& [word, type] : kTypes) {
    if (wanted == word) return {type, {}};
  }
  if (wanted == kSourceType) {
    std::set<DType> types;
    for (const std::string& tensor : hybrid.model.tensorNames()) types.insert(hybrid.model.dtype(tensor));
    if (types.size() == 1 && blockSize(*types.begin()).elements == 1) return {*types.begin(), {}};
    throw usageError("--dtype", "the model's own tensors are " + listed(types) +
                                    ", and a file has one type: " + "choose bf16, fp16 or fp32");
  }
  if (!wanted.empty()) {
    throw usageError("--dtype", "\"" + wanted + "\" is none of source, bf16, fp16 and fp32");
  }
  const std::set<DType> types = Pieces(hybrid, config).types();
  if (types.size() == 1 && blockSize(*types.begin()).elements == 1) return {*types.begin(), {}};
  return {DType::F32, "the tensors come as " + listed(types) +
                          ", and a file has one type: this one holds them all as " +
                          "they are (--dtype makes it another)"};
}

std::string torchName(DType type) {
  return type == DType::F32 ? "float32" : type == DType::F16 ? "float16" : "bfloat16";
}

std::vector<std::string> writeHfWeights(const Hybrid& hybrid, const HfConfig& config, DType type,
                                        const std::filesystem::path& folder, std::int64_t shard_bytes,
                                        Progress& progress) {
  const std::vector<Piece> pieces = Pieces(hybrid, config).take(type);
  const std::vector<std::span<const Piece>> shards = shardsOf(pieces, shard_bytes);
  std::int64_t total = 0, done = 0;
  for (const Piece& piece : pieces) total += piece.bytes();

  std::vector<std::string> names;
  nlohmann::json where = nlohmann::json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string& name = names.emplace_back(shardName(i, shards.size()));
    std::vector<TensorSpec> specs;
    for (const Piece& piece : shards[i]) specs.insert(specs.end(), piece.parts.begin(), piece.parts.end());
    for (const TensorSpec& spec : specs) where[spec.name] = name;
    SafetensorsWriter writer(folder / name, std::move(specs), {{"format", "pt"}});
    for (const Piece& piece : shards[i]) {
      progress.throwIfStopped();
      write(piece, writer);
      done += piece.bytes();
      progress.report("Writing weights", static_cast<double>(done) / static_cast<double>(total));
    }
    writer.commit();
  }
  if (shards.size() > 1) {
    const nlohmann::json index{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(where)}};
    writeFileAtomically(folder / names.emplace_back("model.safetensors.index.json"), index.dump(2) + "\n");
  }
  return names;
}

}  // namespace interleave
