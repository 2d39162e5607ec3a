// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <numeric>
#include <span>

#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/safetensors.h"
#include "backend/mixers/gated_delta_net.h"

namespace interleave {
namespace {

std::int64_t bytesOf(const TensorSpec& spec) {
  return std::accumulate(spec.shape.begin(), spec.shape.end(), blockSize(spec.dtype).bytes, std::multiplies{});
}

/// A tensor at its source, and the tensors to write: its rows, cut one after the other.
struct Piece {
  std::vector<TensorSpec> parts;
  std::function<at::Tensor()> load;  ///< fp32.

  std::int64_t bytes() const {
    std::int64_t total = 0;
    for (const TensorSpec& part : parts) total += bytesOf(part);
    return total;
  }
};

at::ScalarType scalarType(DType type) {
  return type == DType::F32 ? at::kFloat : type == DType::F16 ? at::kHalf : at::kBFloat16;
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

  std::vector<Piece> take() { return std::move(pieces_); }

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
    const ModelConfig& model = hybrid_.model.config();
    const std::int64_t heads = model.heads, width = heads * model.head_dim, hidden = model.hidden;
    const bool window = hybrid_.placement[layer] == MixerKind::GdnWindow;
    std::vector<TensorShape> projections{
        {to + "q_proj.weight", {width, hidden}}, {to + "k_proj.weight", {width, hidden}},
        {to + "v_proj.weight", {width, hidden}}, {to + "g_proj.weight", {width, hidden}},
        {to + "a_proj.weight", {heads, hidden}}, {to + "b_proj.weight", {heads, hidden}}};
    if (window) projections.push_back({to + "c_proj.weight", {heads, hidden}});
    candidate(layer, "projections", projections);
    if (model.attention_bias) {
      candidate(layer, "qkv_bias",
                {{to + "q_proj.bias", {width}}, {to + "k_proj.bias", {width}}, {to + "v_proj.bias", {width}}});
    }
    candidate(layer, "dt_bias", {{to + "dt_bias", {heads}}});
    candidate(layer, "write_bias", {{to + "b_bias", {heads}}});
    candidate(layer, "log_decay", {{to + "A_log", {heads}}});
    candidate(layer, "scale", {{to + "scale", {heads}}});
    if (window) candidate(layer, "window_bias", {{to + "c_bias", {heads}}});
    candidate(layer, "output", {{to + "o_proj.weight", {hidden, width}}});
  }

  /// A tensor of the model, in its own type where that is a plain one.
  void teacher(const std::string& name, const std::string& as = {}) {
    if (hybrid_.healed != nullptr && hybrid_.healed->weights().has(name)) {
      const SafetensorsFile& healed = hybrid_.healed->weights();
      checkShape(healed, name, hybrid_.model.shape(name));
      pieces_.push_back({{{as.empty() ? name : as, healed.view(name).dtype, healed.view(name).shape}},
                         [&healed, name] { return readTensor(healed, name); }});
      return;
    }
    const ModelFiles& files = hybrid_.model;
    const DType type = files.dtype(name);
    const bool plain = blockSize(type).elements == 1;
    pieces_.push_back({{{as.empty() ? name : as, plain ? type : DType::F32, files.shape(name)}}, [&files, name] {
                         at::Tensor values = at::empty(files.shape(name), at::kFloat);
                         files.read(name, {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
                         return values;
                       }});
  }

  void biasOrZero(const std::string& projection, bool has_bias) {
    if (has_bias) return teacher(projection + ".bias");
    const std::int64_t rows = hybrid_.model.shape(projection + ".weight")[0];
    pieces_.push_back({{{projection + ".bias", DType::F32, {rows}}}, [rows] { return at::zeros({rows}, at::kFloat); }});
  }

  static void checkShape(const SafetensorsFile& file, const std::string& name, const std::vector<std::int64_t>& shape) {
    if (file.view(name).shape == shape) return;
    throw badInput(file.path().string(), name, "has another shape than the model's");
  }

  /// A tensor of a candidate, the bank's or a healed one, its rows under the names that `parts` gives.
  void candidate(int layer, const std::string& label, const std::vector<TensorShape>& parts) {
    const SafetensorsFile& file =
        hybrid_.healed != nullptr ? hybrid_.healed->weights() : hybrid_.bank->file(hybrid_.placement[layer]);
    const std::string stored = StoredBank::tensorName(layer, label);
    const auto shapes = gdnParameterShapes(hybrid_.model.config(), hybrid_.placement[layer]);
    const auto expected = std::ranges::find(shapes, label, &TensorShape::name);
    checkShape(file, stored, expected->shape);
    const DType type = file.view(stored).dtype;
    Piece piece{{}, [&file, stored] { return readTensor(file, stored); }};
    for (const TensorShape& part : parts) piece.parts.push_back({part.name, type, part.shape});
    pieces_.push_back(std::move(piece));
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
    const at::Tensor values = source.narrow(0, row, part.shape[0]).to(scalarType(part.dtype)).contiguous();
    row += part.shape[0];
    writer.put(part.name, std::as_bytes(std::span(static_cast<const char*>(values.const_data_ptr()), values.nbytes())));
  }
}

}  // namespace

std::vector<std::string> writeHfWeights(const Hybrid& hybrid, const HfConfig& config,
                                        const std::filesystem::path& folder, std::int64_t shard_bytes,
                                        Progress& progress) {
  const std::vector<Piece> pieces = Pieces(hybrid, config).take();
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
