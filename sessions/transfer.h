// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/transfer.h"
#include "backend/engine/workbench.h"
#include "sessions/store.h"

namespace interleave {

/// A way in which placements are judged, other than that in which they were found: a column of a TransferTable.
struct Condition {
  static constexpr std::string_view kAsFound = "as found";
  std::string name{kAsFound};
  std::optional<MixerKind> rest;              ///< Stands in all layers that keep no full attention.
  std::optional<std::filesystem::path> bank;  ///< Where the operators come from.
  std::optional<std::string> chat;            ///< The form of prompts (see ChatForm), instead of the run's own.
  Workbench::EvaluationRequest request;       ///< Without model and candidates.

  /// "operator=swa,seed=7": any of operator, bank, chat, wording, seed, tokens, sequence, prompts and prompt_tokens;
  /// what it does not name is as `usual` has it. Usage error naming what is wrong, and for an unknown key the nearest
  /// one.
  static Condition parse(const std::string& text, const Workbench::EvaluationRequest& usual);

  Placement of(Placement found) const;
  Condition forRun(const RunSpec& spec) const;  ///< With prompts in that run's form where no other is named.
  /// To judge what a run found.
  Workbench::EvaluationRequest requestFor(const RunSpec& spec) const;
  std::string manner() const;  ///< See ScoreEvent::manner.
  /// What is recorded of a placement judged under it, with the run that found it.
  ScoreEvent event(const Placement& found, std::vector<Score> scores, double seconds) const;
};

/// Whether two runs are of one model and one bank: a placement then has the same scores.
bool sameSubject(const RunSpec& a, const RunSpec& b);

/// What a run found, under a condition, as the store tells it.
struct Lookup {
  ScoreEvent event;       ///< With the scores recorded of any run of the same model and bank; without, none were.
  bool recorded = false;  ///< With this very run, and under this name.
};
Lookup lookUp(const Store& store, RunId run, const Placement& found, const Condition& condition);

/// What of these runs was judged under a condition: a row for each placement that a run found, a column for each
/// condition that any was judged under, those as found first. Columns of one name that were measured differently are
/// told apart by a number.
TransferTable transferIn(const Store& store, std::span<const RunId> runs);

}  // namespace interleave
