// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/placement.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/core/random.h"

namespace interleave {
namespace {

struct KindWords {
  std::string_view name, title, glyph;
  char letter;
};
constexpr std::array<KindWords, kMixerKinds> kWords{{
    {"full", "Full attention", "F", 'F'},
    {"swa", "Sliding window", "w", 'W'},
    {"gdn", "Gated DeltaNet", "g", 'G'},
    {"gdn-window", "Gated DeltaNet + window", "·", 'H'},
}};

const KindWords& words(MixerKind kind) { return kWords.at(static_cast<std::size_t>(kind)); }

void checkCount(int layers, int kept) {
  if (kept < 0 || kept > layers) {
    throw badInput({}, "budget", "cannot keep " + std::to_string(kept) + " of " + std::to_string(layers) + " layers");
  }
}

int keptInBoth(const Placement& a, const Placement& b) {
  int both = 0;
  for (int layer = 0; layer < std::min(a.layers(), b.layers()); ++layer) {
    both += a[layer] == MixerKind::Full && b[layer] == MixerKind::Full ? 1 : 0;
  }
  return both;
}

}  // namespace

std::string_view name(MixerKind kind) { return words(kind).name; }
std::string_view title(MixerKind kind) { return words(kind).title; }
char letter(MixerKind kind) { return words(kind).letter; }

std::optional<MixerKind> mixerKindNamed(std::string_view name) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i].name == name) return static_cast<MixerKind>(i);
  }
  return std::nullopt;
}

std::vector<std::string> mixerKindNames() {
  std::vector<std::string> names;
  for (const KindWords& entry : kWords) names.emplace_back(entry.name);
  return names;
}

bool isTrained(MixerKind kind) { return kind == MixerKind::Gdn || kind == MixerKind::GdnWindow; }

Placement Placement::keeping(int layers, std::span<const int> kept, MixerKind rest) {
  Placement placement(layers, rest);
  for (int layer : kept) {
    if (layer < 0 || layer >= layers) {
      throw usageError("placement", "layer " + std::to_string(layer) + " is outside 0.." + std::to_string(layers - 1));
    }
    if (placement[layer] == MixerKind::Full && rest != MixerKind::Full) {
      throw usageError("placement", "layer " + std::to_string(layer) + " is named twice");
    }
    placement.set(layer, MixerKind::Full);
  }
  return placement;
}

Placement Placement::uniform(int layers, int kept, int offset, MixerKind rest) {
  checkCount(layers, kept);
  Placement placement(layers, rest);
  for (int i = 0; i < kept; ++i) placement.set((offset + i * layers / kept) % layers, MixerKind::Full);
  return placement;
}

Placement Placement::first(int layers, int kept, MixerKind rest) {
  checkCount(layers, kept);
  Placement placement(layers, rest);
  for (int i = 0; i < kept; ++i) placement.set(i, MixerKind::Full);
  return placement;
}

Placement Placement::last(int layers, int kept, MixerKind rest) {
  checkCount(layers, kept);
  Placement placement(layers, rest);
  for (int i = layers - kept; i < layers; ++i) placement.set(i, MixerKind::Full);
  return placement;
}

Placement Placement::random(int layers, int kept, std::uint64_t seed, MixerKind rest) {
  checkCount(layers, kept);
  std::vector<int> order(static_cast<std::size_t>(layers));
  std::iota(order.begin(), order.end(), 0);
  Random random(seed);
  random.shuffle(order);
  return keeping(layers, std::span(order).first(static_cast<std::size_t>(kept)), rest);
}

std::vector<int> Placement::kept() const {
  std::vector<int> layers;
  for (int layer = 0; layer < this->layers(); ++layer) {
    if ((*this)[layer] == MixerKind::Full) layers.push_back(layer);
  }
  return layers;
}

int Placement::fullCount() const { return static_cast<int>(std::ranges::count(kinds_, MixerKind::Full)); }

std::string Placement::line() const {
  std::string text;
  for (MixerKind kind : kinds_) text += words(kind).glyph;
  return text;
}

std::string Placement::letters() const {
  std::string text;
  for (MixerKind kind : kinds_) text += letter(kind);
  return text;
}

Placement Placement::fromLetters(std::string_view letters) {
  std::vector<MixerKind> kinds;
  for (const char sign : letters) {
    const auto found = std::ranges::find(kWords, sign, &KindWords::letter);
    if (found == kWords.end()) {
      throw usageError("placement", "\"" + std::string(1, sign) + "\" is the letter of no operator");
    }
    kinds.push_back(static_cast<MixerKind>(found - kWords.begin()));
  }
  return Placement(std::move(kinds));
}

double jaccard(const Placement& a, const Placement& b) {
  const int both = keptInBoth(a, b), either = a.fullCount() + b.fullCount() - both;
  return either == 0 ? 1.0 : static_cast<double>(both) / either;
}

double overlapAtK(const Placement& a, const Placement& b) {
  const int smaller = std::min(a.fullCount(), b.fullCount());
  return smaller == 0 ? 1.0 : static_cast<double>(keptInBoth(a, b)) / smaller;
}

std::vector<int> differingLayers(const Placement& a, const Placement& b) {
  if (a.layers() != b.layers()) {
    throw usageError("placement",
                     "one has " + std::to_string(a.layers()) + " layers, the other " + std::to_string(b.layers()));
  }
  std::vector<int> layers;
  for (int layer = 0; layer < a.layers(); ++layer) {
    if (a[layer] != b[layer]) layers.push_back(layer);
  }
  return layers;
}

}  // namespace interleave

std::size_t std::hash<interleave::Placement>::operator()(const interleave::Placement& placement) const noexcept {
  interleave::Digest digest;
  for (interleave::MixerKind kind : placement.kinds()) {
    const char byte = static_cast<char>(kind);
    digest.add(std::string_view(&byte, 1));
  }
  return digest.value();
}
