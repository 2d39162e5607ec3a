// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// An operator that can stand in a layer. The order is the order of columns in logits and of entries in files.
enum class MixerKind : std::uint8_t {
  Full,           ///< The teacher's softmax attention.
  SlidingWindow,  ///< Softmax over the last W tokens and the first S (sinks); no training.
  Gdn,            ///< Gated DeltaNet, arXiv 2412.06464, in the gdn_v4 conversion form.
  GdnWindow,      ///< Gated DeltaNet plus a small exact window.
};
inline constexpr int kMixerKinds = 4;

std::string_view name(MixerKind kind);   ///< "full", "swa", "gdn", "gdn-window": the word used in files and options.
std::string_view title(MixerKind kind);  ///< "Full attention", …: the word used on screen.
char letter(MixerKind kind);             ///< 'F', 'W', 'G', 'H': the key and the glyph on screen.
std::optional<MixerKind> mixerKindNamed(std::string_view name);
std::vector<std::string> mixerKindNames();

/// Whether its candidates are trained for the bank, and not made of the teacher's own weights alone.
bool isTrained(MixerKind kind);

/// Which operator stands in each layer: a value, ordered and hashable.
class Placement {
 public:
  Placement() = default;
  Placement(int layers, MixerKind kind) : kinds_(static_cast<std::size_t>(layers), kind) {}
  explicit Placement(std::vector<MixerKind> kinds) : kinds_(std::move(kinds)) {}

  /// Full attention in `kept` (0-based, unique, in range; Usage error otherwise), `rest` elsewhere.
  static Placement keeping(int layers, std::span<const int> kept, MixerKind rest);
  /// K layers evenly spaced: offset + floor(i·layers/K), modulo layers.
  static Placement uniform(int layers, int kept, int offset, MixerKind rest);
  static Placement first(int layers, int kept, MixerKind rest);
  static Placement last(int layers, int kept, MixerKind rest);
  /// K layers drawn without replacement; the same seed gives the same layers on every machine.
  static Placement random(int layers, int kept, std::uint64_t seed, MixerKind rest);

  int layers() const { return static_cast<int>(kinds_.size()); }
  MixerKind operator[](int layer) const { return kinds_[static_cast<std::size_t>(layer)]; }
  void set(int layer, MixerKind kind) { kinds_.at(static_cast<std::size_t>(layer)) = kind; }
  std::span<const MixerKind> kinds() const { return kinds_; }

  std::vector<int> kept() const;  ///< Layers with full attention, ascending.
  int fullCount() const;

  /// One glyph a layer in UTF-8: "F··F····F·": F full, · GDN with window, g GDN, w sliding window.
  std::string line() const;
  /// One letter() a layer: "FHHF"; and back. Usage error for another letter.
  std::string letters() const;
  static Placement fromLetters(std::string_view letters);

  auto operator<=>(const Placement&) const = default;  // NOLINT(modernize-use-nullptr): it takes the 0 within for one

 private:
  std::vector<MixerKind> kinds_;
};

/// |A∩B| / |A∪B| of the full-attention layers; 1 when both keep none.
double jaccard(const Placement& a, const Placement& b);
/// overlap@K: |A∩B| / K of the full-attention layers, K the smaller count where they differ (Szymkiewicz–Simpson); 1
/// when either keeps none.
double overlapAtK(const Placement& a, const Placement& b);

/// Layers in which the two differ, ascending. Usage error when the layer counts differ.
std::vector<int> differingLayers(const Placement& a, const Placement& b);

}  // namespace interleave

template <>
struct std::hash<interleave::Placement> {
  std::size_t operator()(const interleave::Placement& placement) const noexcept;
};
