// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/candidates/tensor_file.h"

namespace interleave {

/// How far a heal is: what its own cost is, apart from that of the search before it.
struct HealProgress {
  std::int64_t step = 0, tokens = 0;
  double seconds = 0;
};

/// Where a heal keeps what is too large for a store: the card that says which heal it is, while it goes on the last two
/// states of its training, at its end the weights. Every file appears whole or not at all, and a state is named after
/// its step, so that whatever the moment of a kill there is one that the store's checkpoint is not behind.
class HealFolder {
 public:
  /// `card` is that of the heal at its start. Usage error: the folder holds something else, or a finished heal unless
  /// `resumes`. BadInput: it resumes, and its folder is not there, or is of another run.
  HealFolder(std::filesystem::path dir, nlohmann::json card, bool resumes);

  /// Usage error: `dir` holds something else than a heal.
  static void check(const std::filesystem::path& dir);

  bool finished() const { return card_.at("complete").get<bool>(); }
  const std::filesystem::path& path() const { return dir_; }

  /// Writes the state after a step, and lets go of all but the one before; returns the file's name.
  std::string save(const HealProgress& progress, const NamedTensors& state);
  /// Fills `state` from the newest one that is whole and not after `step`. One that is damaged is told to `warn`; where
  /// all are, BadInput naming the last of them. Null where there is none, and none was to be expected.
  std::optional<HealProgress> restore(std::int64_t step, const std::string& expected, const NamedTensors& state,
                                      const std::function<void(const std::string&)>& warn) const;
  void finish(const HealProgress& progress, const NamedTensors& weights);

 private:
  std::vector<std::pair<std::int64_t, std::filesystem::path>> states() const;  ///< By step, the newest first.
  HealProgress read(const std::filesystem::path& file, const NamedTensors& state) const;
  void forgetStates(std::size_t but_the_newest) const;

  std::filesystem::path dir_;
  nlohmann::json card_;
  std::string key_;  ///< Digest of what the heal is a function of.
};

}  // namespace interleave
