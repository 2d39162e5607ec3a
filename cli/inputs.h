// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/engine/run_catalog.h"
#include "backend/engine/workbench.h"
#include "backend/formats/model_files.h"
#include "backend/formats/placement_io.h"
#include "backend/formats/tokenizer.h"
#include "cli/terminal.h"

namespace interleave::cli {

/// The model in a folder or file. Its warnings go to the terminal's log.
ModelFiles openModel(const std::filesystem::path& path, Terminal& terminal);

/// Its tokenizer, likewise, with the chat form asked for.
Tokenizer openTokenizer(const ModelFiles& model, Terminal& terminal,
                        const std::string& chat = std::string(ChatForm::kAuto));

/// Token ids in a file: a JSON list of whole numbers below `vocabulary`. BadInput otherwise.
std::vector<std::int32_t> readIds(const std::filesystem::path& file, std::int64_t vocabulary);

/// Prompts in a file: a JSON list of texts and of lists of token ids. A text is what a user says in the tokenizer's
/// chat form, or as it is where that is plain. BadInput otherwise, or where one has no tokens.
std::vector<std::vector<std::int32_t>> readPrompts(const std::filesystem::path& file, const Tokenizer& tokenizer);

/// The bytes of a file.
std::string readText(const std::filesystem::path& file);

/// --device and --precision.
void addExecutionOptions(CLI::App& command, Execution& execution);

/// --chat: in which form prompts are written. What is given is checked, and made absolute where it is a file.
CLI::Option* addChatOption(CLI::App& command, std::string& chat);
/// The same as one more of `changes` (--set).
void addChatOption(CLI::App& command, std::vector<std::string>& changes);

/// Tells in which form prompts are, and where the bank was aligned on others.
void tellChat(const RunCatalog::Prompts& prompts, const std::filesystem::path& bank, Terminal& terminal);

/// --prompts, --prompt-tokens, --wording, --chat and --seed: of the pass key prompts.
void addPromptOptions(CLI::App& command, Workbench::EvaluationRequest& request);

/// --tasks, and what they are measured on; --device and --precision; the list of tasks below the help.
void addEvaluationOptions(CLI::App& command, Workbench::EvaluationRequest& request);

/// --set for the recipe of what needs no bank.
void addRecipeOption(CLI::App& command, std::vector<std::string>& changes);

/// --preset and --set.
struct PresetOptions {
  std::string method = "dash", preset;
  std::vector<std::string> changes;

  std::string name() const;  ///< The preset named, else the one that the method starts from.

  void addTo(CLI::App& command);
};

/// The settings and what each is, for a help; `without` some keys.
std::string settingsTable(const std::string& title, std::span<const SettingSpec> specs,
                          const std::vector<std::string>& without = {});

/// Assigns "key=value" to the method's settings, or to the bank's recipe where only that has the key, or the key is
/// "bank.KEY". Usage error naming the nearest key of both.
void assignSetting(Settings& search, Settings& bank, const std::string& key_value);

/// The same where only the bank's recipe is at hand.
void assignSetting(Settings& bank, const std::string& key_value);

/// The operator that stands where `placement` on the command line keeps no full attention: `named`, or the best that
/// the bank holds (GDN with window, GDN, sliding window). A search that trained nothing made no bank: then a file's own
/// words count, and sliding windows where it has none.
MixerKind restOperator(const std::optional<std::string>& named, const std::filesystem::path& bank,
                       const std::string& placement);

/// The names that --operator takes.
std::vector<std::string> restOperatorNames();

/// Usage error, naming the settings and what to do, where what --set `asked` for is not how the bank was `made`: a bank
/// that is there is used as it is.
void checkMadeAs(const Settings& made, const Settings& asked, const std::filesystem::path& bank);

/// Where the operators of placements come from: the bank, and where there is none the recipe that `changes` (--set)
/// make of the one that the placement's file tells of, or else of the fallbacks.
Workbench::Candidates candidatesFor(const std::filesystem::path& bank, const std::string& placement,
                                    const std::vector<std::string>& changes);

/// The folder whose weights go with a placement, healed:DIR or hybrid:DIR; empty: the bank's do.
std::filesystem::path weightsFolder(const std::string& placement);

/// placementFrom(), and for a file that says of which model it is, a check that it is this one (BadInput).
Placement placementFor(const std::string& text, const ModelFiles& model, MixerKind rest);

/// The same beside a bank, whose best operator stands where none is `named`. What is not there is told first, then a
/// bank of another model, then what is wrong with the placement.
Placement placementFor(const std::string& text, const ModelFiles& model, const std::optional<std::string>& named,
                       const std::filesystem::path& bank);

/// --bank, --set and --operator: where the operators of hybrids come from.
struct HybridOptions {
  std::string bank;
  std::vector<std::string> changes;
  std::optional<std::string> rest;

  void addTo(CLI::App& command);
  Placement placement(const std::string& text, const ModelFiles& model) const;
  std::vector<Placement> placements(const std::vector<std::string>& texts, const ModelFiles& model) const;
  Workbench::Candidates candidates(const std::string& placement) const;
};
/// What --placement takes.
inline constexpr const char* kPlacementHelp =
    "A file, layers:I,J,…, uniform:K[:OFFSET], first:K, last:K, random:K:SEED, published:NAME[:K], healed:DIR, "
    "hybrid:DIR "
    "(an exported folder, with its weights), all or none";

/// --placement, once for each.
CLI::Option* addPlacements(CLI::App& command, std::vector<std::string>& placements);

}  // namespace interleave::cli
