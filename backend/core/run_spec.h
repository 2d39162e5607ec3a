// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/budget.h"
#include "backend/core/placement.h"

namespace interleave {

/// The state of a search after a step: everything that the next step depends on (logits, optimiser moments, schedule
/// position, data cursor, random state, pins). Opaque to whoever stores it.
struct Checkpoint {
  std::int64_t step = 0;  ///< Steps done.
  std::string state;      ///< Compact, versioned JSON; numbers round-trip exactly.
  bool operator==(const Checkpoint&) const = default;
};

/// A change made while a run goes on. Applied before the step that it carries and recorded with it, so that a run with
/// interventions resumes and repeats exactly.
struct Intervention {
  enum class Kind {
    Set,      ///< A live setting (`key`, `value`); the key "budget" takes Budget::text().
    Pin,      ///< `layer` gets `mixer` for good.
    Release,  ///< `layer` is searched again.
  };
  Kind kind = Kind::Set;
  std::int64_t step = -1;  ///< First step that sees it; -1 until the engine has taken it.
  std::string key;
  nlohmann::json value;
  int layer = -1;
  MixerKind mixer = MixerKind::Full;
  Budget budget() const;  ///< That a Set of "budget" asks for. Usage error if it is none.
  bool operator==(const Intervention&) const = default;
};

nlohmann::json toJson(const Intervention& change);
/// BadInput naming `place` otherwise.
Intervention interventionFromJson(const nlohmann::json& json, const std::string& place);

/// The one method that selects no layers: it trains the hybrid of a placement (backend/heal/).
inline constexpr std::string_view kHealMethod = "heal";
/// The one that tries all placements, or a sample: the truth that others are held against.
inline constexpr std::string_view kEnumerationMethod = "enumeration";
/// The setting of every method that says in which form prompts are written.
inline constexpr const char* kChatSetting = "chat";

/// Everything that determines a run. Equal specs on the same machine and thread count give equal runs, bit for bit.
struct RunSpec {
  std::string title;
  std::string model_path;
  std::string bank_dir;
  std::string method = "dash";
  std::string preset = "laptop";
  Budget budget = Budget::layers(8);
  std::uint64_t seed = 0;
  nlohmann::json bank_settings = nlohmann::json::object();    ///< Complete: how missing candidates are prepared.
  nlohmann::json search_settings = nlohmann::json::object();  ///< Complete: the method's settings.
  std::string device = "cpu";                                 ///< "cpu" or "cuda".

  std::string model_fingerprint;            ///< Of the model that a stored run was begun with; empty: any.
  std::string prompt_form;                  ///< Likewise of its prompts: their digest, see promptDigest().
  std::optional<Checkpoint> resume_from;    ///< Continue after this step.
  std::vector<Intervention> interventions;  ///< To repeat, by step; those beyond resume_from.step count.
  std::string forked_from;                  ///< "RUN@STEP" of the run this was forked from; empty: none.

  bool isHeal() const { return method == kHealMethod; }
  /// The setting that says in which form prompts are written; see ChatForm. "auto" of older runs.
  std::string chat() const;
  bool tellsChat() const;  ///< Whether it is among the settings.
  /// Whether `resume_from` is another run's checkpoint: the budget and settings above then replace those that it holds.
  bool startsFork() const;
};

/// "dash-k8-s0": what a run is called that nobody has named.
std::string standardTitle(const RunSpec& spec);

/// Layers with the operator that each is pinned to.
using Pins = std::map<int, MixerKind>;
Pins pinsAt(const std::vector<Intervention>& changes, std::int64_t step);  ///< In force at a step.

/// What a fork of run `run` begins with at one of its checkpoints. `origin` comes with the changes that the run took:
/// budget and settings are as those up to the checkpoint left them, the pins are told again. Without a title. Usage
/// error: a heal, whose state is too large for a checkpoint.
RunSpec forkOf(RunSpec origin, std::int64_t run, Checkpoint at);
/// Other settings of the method for a fork. Usage error: other operators, or fewer steps than are done.
void changeFork(RunSpec& fork, const nlohmann::json& search_settings);

/// Without model_fingerprint, prompt_form, resume_from and interventions, which are stored apart.
nlohmann::json toJson(const RunSpec& spec);
RunSpec runSpecFromJson(const nlohmann::json& json, const std::string& place);

}  // namespace interleave
