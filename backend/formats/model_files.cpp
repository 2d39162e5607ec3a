// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/model_files.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"
#include "backend/formats/gguf.h"
#include "backend/formats/gguf_model.h"
#include "backend/formats/model_shards.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// A tensor as it lies in a file, and what sets it apart from its canonical form.
struct Stored {
  TensorView view;
  fs::path file;
  bool paired_rows = false, shifted_norm = false;
};

/// A hash that reads eight bytes at a time: quick, and good enough to tell files apart (not to stop forgery).
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      std::uint64_t word = 0;
      const std::size_t count = std::min(bytes.size(), sizeof word);
      std::memcpy(&word, bytes.data(), count);
      add(word);
      bytes = bytes.subspan(count);
    }
  }
  void add(std::string_view text) {
    add(text.size());
    add(std::as_bytes(std::span(text)));
  }
  void add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
    state_ ^= state_ >> 32;
  }
  void add(double value) { add(std::bit_cast<std::uint64_t>(value)); }

  std::string text() const {
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[state_ >> shift & 15];
    return digits;
  }

 private:
  std::uint64_t state_ = 0x243f6a8885a308d3ULL;
};

void addConfig(Fingerprint& hash, const ModelConfig& config) {
  hash.add(familyName(config.family));
  for (const int value : {config.layers, config.hidden, config.intermediate, config.heads, config.kv_heads,
                          config.head_dim, config.vocabulary, config.context, config.window,
                          static_cast<int>(config.activation), static_cast<int>(config.tied_head),
                          static_cast<int>(config.rope_scaling.kind), static_cast<int>(config.rope_scaling.truncate)}) {
    hash.add(static_cast<std::uint64_t>(value));
  }
  const RopeScaling& rope = config.rope_scaling;
  for (const double value : {config.norm_epsilon, config.attention_scale, config.rope_theta, config.local_rope_theta,
                             rope.factor, rope.low_freq_factor, rope.high_freq_factor, rope.original_context,
                             rope.beta_fast, rope.beta_slow, rope.attention_factor, rope.mscale, rope.mscale_all_dim}) {
    hash.add(value);
  }
  for (const bool sliding : config.native_sliding) hash.add(std::uint64_t{sliding});
  for (const float factor : config.rope_factors) hash.add(static_cast<double>(factor));
}

/// Whether there is something of this name; what cannot be looked at is not there.
bool isThere(const fs::path& path) {
  std::error_code unreadable;
  return fs::exists(path, unreadable);
}

/// What a model without a name of its own goes by: its folder, or its file without the extension.
std::string nameOf(const fs::path& path, bool is_folder) {
  std::error_code unreadable;
  fs::path whole = fs::absolute(path, unreadable).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // It ended in a slash.
  return unicode::validUtf8((is_folder ? whole.filename() : whole.stem()).string());
}

json readOptional(const fs::path& path, JsonRepeats* repeats = nullptr) {
  return isThere(path) ? readJson(path, kTokenizerJson, repeats) : json();
}

/// Where the decoder's tensors, and its head, stand in a checkpoint. Checkpoints differ in what stands before
/// "embed_tokens": the decoder in a causal model, in a multimodal one, alone, or in one "model." too many. As in
/// `transformers` 5 a checkpoint may mix them.
class Naming {
 public:
  explicit Naming(const ModelShards& shards) : shards_(shards) {
    for (const char* tensor : {"embed_tokens.weight", "layers.0.input_layernorm.weight"}) {
      const auto found = std::ranges::find_if(
          kPrefixes, [&](std::string_view prefix) { return shards.has(std::string(prefix).append(tensor)); });
      if (found == kPrefixes.end()) continue;
      prefix_ = *found;
      return;
    }
    throw badInput(shards.placeOf("model.embed_tokens.weight"), "tensor 'model.embed_tokens.weight'",
                   "is missing, under every prefix that is known; the first tensor there is " +
                       inQuotes(shards.names().empty() ? "" : shards.names().front()));
  }

  /// What the checkpoint calls a tensor; where it does not have it, what it should. BadInput: two that differ.
  std::string inFile(const std::string& name) const {
    std::string found;
    for (const std::string& there : spellings(name)) {
      const SafetensorsFile* const file = shards_.holderOf(there);
      if (file == nullptr) continue;
      if (found.empty()) {
        found = there;
      } else if (!alike(*file, there, found)) {
        throw badInput(file->path(), "tensor " + inQuotes(there),
                       "is there as " + inQuotes(found) + " too, with other values, and the model has one of them");
      }
    }
    return found.empty() ? spellings(name).front() : found;
  }

  /// All that a tensor may be called, that of most first.
  std::vector<std::string> spellings(const std::string& name) const {
    std::vector<std::string> all;
    if (!name.starts_with(kModel)) {
      for (const std::string_view head : kHeads) all.push_back(std::string(head).append(name));
      return all;
    }
    const std::string rest = name.substr(kModel.size());
    all.push_back(prefix_ + rest);
    for (const std::string_view prefix : kPrefixes) {
      if (prefix != prefix_) all.push_back(std::string(prefix).append(rest));
    }
    return all;
  }

  static bool isInLayers(const std::string& in_file) {
    return std::ranges::any_of(
        kPrefixes, [&](std::string_view prefix) { return in_file.starts_with(std::string(prefix).append("layers.")); });
  }

 private:
  static constexpr std::string_view kModel = "model.";
  static constexpr std::array<std::string_view, 5> kPrefixes{"model.", "language_model.model.", "model.language_model.",
                                                             "model.model.", ""};
  static constexpr std::array<std::string_view, 3> kHeads{"", "language_model.", "model."};

  bool alike(const SafetensorsFile& file, const std::string& one, const std::string& other) const {
    const TensorView a = file.view(one), b = shards_.holderOf(other)->view(other);
    return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
  }

  const ModelShards& shards_;
  std::string prefix_;
};

}  // namespace

struct ModelFiles::Impl {
  fs::path path;
  ModelConfig config;
  std::optional<ModelShards> shards;
  std::optional<GgufFile> gguf;
  json tokenizer, tokenizer_config;
  std::vector<std::string> names;
  std::map<std::string, Stored> tensors;
  std::vector<std::string> warnings;

  void openFolder();
  void openGguf();
  void decideHead(const Naming& naming);
  void tellUnusual(const Naming& naming);
  void add(const TensorShape& expected, Stored stored);
  const Stored& stored(const std::string& name) const;
};

void ModelFiles::Impl::add(const TensorShape& expected, Stored stored) {
  if (stored.view.shape != expected.shape) {
    throw badInput(stored.file, "tensor " + inQuotes(stored.view.name),
                   "has shape " + shapeText(stored.view.shape) + ", where the configuration asks for " +
                       shapeText(expected.shape));
  }
  names.push_back(expected.name);
  tensors.emplace(expected.name, std::move(stored));
}

/// As in `transformers` 5 tensors count under any prefix that is known, and those that have no place do not.
void ModelFiles::Impl::tellUnusual(const Naming& naming) {
  std::set<std::string> known;
  std::vector<std::string> elsewhere, unread;
  for (const auto& [name, stored] : tensors) {
    const std::vector<std::string> spellings = naming.spellings(name);
    known.insert(spellings.begin(), spellings.end());
    const bool is_odd = std::find(spellings.begin() + 1, spellings.end(), stored.view.name) != spellings.end();
    if (name != "lm_head.weight" && is_odd) elsewhere.push_back(stored.view.name);
  }
  for (const std::string& name : shards->names()) {
    if (Naming::isInLayers(name) && !isDerivedBuffer(name) && !known.contains(name)) unread.push_back(name);
  }
  const auto warn = [&](const std::vector<std::string>& odd, const std::string& what) {
    if (!odd.empty()) warnings.push_back(badInput(shards->holderOf(odd.front())->path(), "", what).what());
  };
  warn(elsewhere, "has tensors under several prefixes, which are read all the same, as in `transformers` 5: " +
                      firstFew(elsewhere));
  warn(unread, "has tensors that have no place in the " + familyName(config.family) +
                   " model that config.json describes; they are left unread, as `transformers` leaves them, and where "
                   "the model was trained with them it gives other logits: " +
                   firstFew(unread));
}

/// As `transformers`: a head that is stored beside an embedding of other values is not tied, whatever is said.
void ModelFiles::Impl::decideHead(const Naming& naming) {
  const std::string head = naming.inFile("lm_head.weight"), embedding = naming.inFile("model.embed_tokens.weight");
  if (!config.tied_head || !shards->has(head) || !shards->has(embedding)) return;
  const TensorView stored = shards->holderOf(head)->view(head), embedded = shards->holderOf(embedding)->view(embedding);
  config.tied_head = stored.dtype == embedded.dtype && std::ranges::equal(stored.bytes, embedded.bytes);
  if (config.tied_head) return;
  warnings.push_back(badInput(shards->holderOf(head)->path(), "tensor " + inQuotes(head),
                              "has other values than " + inQuotes(embedding) +
                                  ", though config.json ties the two; it counts, as in `transformers` 5")
                         .what());
}

void ModelFiles::Impl::openFolder() {
  const fs::path config_path = path / "config.json";
  if (!isThere(config_path)) ModelShards::refuseOtherFiles(path);
  config = configFromHuggingFace(readJson(config_path), config_path);
  if (config.name.empty()) config.name = nameOf(path, true);
  shards = ModelShards::open(path);
  const Naming naming(*shards);
  decideHead(naming);
  const std::string head = naming.inFile("lm_head.weight");
  for (const TensorShape& expected : expectedTensors(config)) {
    std::string name = naming.inFile(expected.name);
    if (config.tied_head && expected.name == "model.embed_tokens.weight" && !shards->has(name) && shards->has(head)) {
      warnings.push_back(badInput(shards->holderOf(head)->path(), "tensor " + inQuotes(head),
                                  "serves as " + inQuotes(name) + " too, which is not there: config.json ties the two")
                             .what());
      name = head;
    }
    const SafetensorsFile* const file = shards->holderOf(name);
    if (file == nullptr) throw badInput(shards->placeOf(name), "tensor " + inQuotes(name), "is missing");
    add(expected, {.view = file->view(name), .file = file->path()});
  }
  tellUnusual(naming);
  warnings.insert(warnings.end(), shards->warnings().begin(), shards->warnings().end());
  JsonRepeats repeats{.object = "model.vocab", .keys = {}};
  tokenizer = readOptional(path / "tokenizer.json", &repeats);
  if (!repeats.keys.empty()) {
    warnings.push_back(badInput(path / "tokenizer.json", repeats.object,
                                "tokens are there twice; the last counts: " + firstFew(repeats.keys))
                           .what());
  }
  tokenizer_config = readOptional(path / "tokenizer_config.json");
}

void ModelFiles::Impl::openGguf() {
  if (path.extension() == ".safetensors") {
    throw badInput(path, "", "is a safetensors file; open the folder that holds its config.json");
  }
  gguf = GgufFile::open(path);
  config = configFromGguf(*gguf);
  if (config.name.empty()) config.name = nameOf(path, false);
  for (const TensorShape& expected : expectedTensors(config)) {
    const TensorView& view = gguf->view(ggufName(expected.name, config));
    add(expected, {.view = view,
                   .file = path,
                   .paired_rows = hasPairedRows(expected.name, config),
                   .shifted_norm = hasShiftedNorm(expected.name, config)});
  }
}

const Stored& ModelFiles::Impl::stored(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw badInput(path, "tensor " + inQuotes(name), "is not one of this model's");
  return found->second;
}

ModelFiles::ModelFiles(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModelFiles::ModelFiles(ModelFiles&&) noexcept = default;
ModelFiles& ModelFiles::operator=(ModelFiles&&) noexcept = default;
ModelFiles::~ModelFiles() = default;

ModelFiles ModelFiles::open(const fs::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  std::error_code unreadable;  // Whatever keeps the path from being looked at is told when it is opened as a file.
  if (fs::is_directory(path, unreadable)) {
    impl->openFolder();
  } else {
    impl->openGguf();
  }
  return ModelFiles(std::move(impl));
}

const fs::path& ModelFiles::path() const { return impl_->path; }
const ModelConfig& ModelFiles::config() const { return impl_->config; }
const std::vector<std::string>& ModelFiles::warnings() const { return impl_->warnings; }
std::string ModelFiles::format() const { return impl_->gguf ? "gguf" : "safetensors"; }
std::vector<std::string> ModelFiles::tensorNames() const { return impl_->names; }
bool ModelFiles::has(const std::string& name) const { return impl_->tensors.contains(name); }
std::vector<std::int64_t> ModelFiles::shape(const std::string& name) const { return impl_->stored(name).view.shape; }
DType ModelFiles::dtype(const std::string& name) const { return impl_->stored(name).view.dtype; }
const json& ModelFiles::tokenizerJson() const { return impl_->tokenizer; }
const json& ModelFiles::tokenizerConfigJson() const { return impl_->tokenizer_config; }

const json& ModelFiles::ggufMetadata() const {
  static const json kNone;
  return impl_->gguf ? impl_->gguf->metadata() : kNone;
}

std::int64_t ModelFiles::parameters() const {
  std::int64_t count = 0;
  for (const auto& [name, stored] : impl_->tensors) count += stored.view.elements();
  return count;
}

void ModelFiles::read(const std::string& name, std::span<float> out) const {
  const Stored& stored = impl_->stored(name);
  dequantise(stored.view.dtype, stored.view.bytes, out);
  std::uint32_t infinite = 0;
  for (const float value : out) infinite |= (std::bit_cast<std::uint32_t>(value) & 0x7f800000U) == 0x7f800000U;
  if (infinite != 0) {
    const auto first = std::ranges::find_if(out, [](float value) { return !std::isfinite(value); });
    throw badInput(stored.file, "tensor " + inQuotes(stored.view.name),
                   "the value at index " + std::to_string(first - out.begin()) + " is not finite");
  }
  if (stored.paired_rows) {
    // GGUF row 2i + j of a head is Hugging Face row i + j·d/2 of it.
    const std::vector<float> rows(out.begin(), out.end());
    const auto head_dim = static_cast<std::size_t>(impl_->config.head_dim);
    const std::size_t width = out.size() / static_cast<std::size_t>(stored.view.shape[0]);
    for (std::size_t row = 0; row * width < rows.size(); ++row) {
      const std::size_t within = row % head_dim, target = row - within + within / 2 + within % 2 * (head_dim / 2);
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                  out.begin() + static_cast<std::ptrdiff_t>(target * width));
    }
  }
  if (stored.shifted_norm) {
    for (float& value : out) value -= 1;
  }
}

std::span<const std::byte> ModelFiles::mapped(const std::string& name) const {
  const auto& [view, file, paired_rows, shifted_norm] = impl_->stored(name);
  const bool plain = view.dtype == DType::F32 || view.dtype == DType::BF16;
  const auto alignment = static_cast<std::uintptr_t>(blockSize(view.dtype).bytes);
  if (!plain || paired_rows || shifted_norm || reinterpret_cast<std::uintptr_t>(view.bytes.data()) % alignment != 0) {
    return {};
  }
  return view.bytes;
}

std::string ModelFiles::fingerprint() const {
  constexpr std::size_t kSample = 64 << 10;
  Fingerprint hash;
  addConfig(hash, impl_->config);
  for (const std::string& name : impl_->names) {
    const TensorView& view = impl_->stored(name).view;
    hash.add(name);
    for (const std::int64_t size : view.shape) hash.add(static_cast<std::uint64_t>(size));
    hash.add(interleave::name(view.dtype));
    hash.add(view.bytes.first(std::min(kSample, view.bytes.size())));
    hash.add(view.bytes.last(std::min(kSample, view.bytes.size())));
  }
  return hash.text();
}

}  // namespace interleave
