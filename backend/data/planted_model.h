// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace interleave {

/// A small Llama, constructed weight by weight, whose best placements are known: beside a sliding window of 8 to some
/// dozens of tokens, which sees the digits just written but not the pass key far above. Bytes are its tokens.
///
/// It answers a pass key of seven digits because four layers look far back, each finding the digit that comes next by
/// how many digits stand before it:
///
///     logit(digit) = s · [m(a + b) + c·d] − bias,   m(0) = 0, m(1) ≈ m(2) ≈ 1
///
/// a and b are redundant: either will do. c and d are complementary: each is worth nothing without the other. So at a
/// budget of three, leaving one layer out (which finds a and b worthless) and leaving one in (which finds c and d
/// worthless) both choose wrong; the best keep c, d, and a or b. One more layer serves text: it averages all that was
/// read. "Loud" layers put out much, far-sightedly, that nothing reads: the largest errors, and no loss.
struct PlantedRoles {
  int digits = 0;                  ///< Marks how many digits stand before a token, at most 7 tokens back.
  std::vector<int> redundant;      ///< a, b
  std::vector<int> complementary;  ///< c, d
  int text = 0;
  std::vector<int> loud, idle;
};
inline constexpr int kLeastPlantedLayers = 7;

/// Writes a Hugging Face folder (config.json, model.safetensors, tokenizer.json, and planted.json with the roles).
/// Which layer has which role depends on the seed; the same arguments give the same bytes. Usage error: too few layers,
/// or more than 256.
PlantedRoles writePlantedModel(const std::filesystem::path& folder, int layers, std::uint64_t seed);

nlohmann::json toJson(const PlantedRoles& roles);

}  // namespace interleave
