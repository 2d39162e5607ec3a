// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/core/budget.h"
#include "backend/core/events.h"
#include "backend/core/measured_cost.h"
#include "backend/core/placement.h"
#include "backend/core/progress.h"
#include "backend/core/settings.h"
#include "backend/engine/engine.h"

// What the backend's shared library exports; everything else in it is hidden.
#pragma GCC visibility push(default)

namespace interleave {

class RunCatalog;
class Turns;

/// The doors of the backend for those who may not see LibTorch: windows and the command line.

/// The engine that runs searches on this machine; beside jobs, where `turns` is given, as that says.
std::unique_ptr<Engine> makeEngine(std::shared_ptr<Turns> turns = nullptr);

/// The settings tables. References to static storage.
std::span<const SettingSpec> bankSettingSpecs();
std::span<const SettingSpec> searchSettingSpecs(const std::string& method);  ///< Usage error for an unknown method.
/// Usage error for values that are wrong beyond their type and range.
void checkSearchSettings(const std::string& method, const Settings& settings);
/// Usage error where a search wants an operator that a bank of these settings does not hold.
void checkKinds(const Settings& search, const Settings& bank);
std::vector<std::string> methodNames();  ///< Of those that select: kHealMethod, which all others here know, is not one.
/// "DASH: re-implementation from a published outline": what stands behind a method's results. Usage error as above.
std::string methodEvidence(const std::string& method);

/// A named preset from resources/presets, or a path to a file of the same form; see docs/formats.md.
struct Preset {
  std::string name, description;
  Settings bank, search;
  Budget budget;
};
Preset loadPreset(const std::string& name_or_path, const std::string& method);
std::vector<std::string> presetNames(const std::string& method);  ///< Bundled ones; that which it starts from first.

/// A retrieval prompt that a run searches on.
struct PromptPreview {
  std::string question, answer;  ///< With spaces and line ends as the model sees them.
  std::int64_t tokens = 0, answer_begin = 0;
};
/// The first that the run looks at; nothing where it looks at text alone. Reads the model's tokenizer, and no weight.
std::optional<PromptPreview> previewPrompt(const RunSpec& spec);

/// What is known of runs before they begin; see run_catalog.h.
std::unique_ptr<RunCatalog> makeRunCatalog();

/// What is running: "cpu"/"cuda", kernel names, LibTorch version, threads.
struct DeviceReport {
  std::string device, kernel, library, note;  ///< note: why the device asked for is not the one in use.
  int threads = 1;
};
DeviceReport deviceReport(const std::string& wanted);

/// How a job runs a model. Part of the name under which Workbench caches what it loaded.
struct Execution {
  std::string device = "cpu";
  std::string precision = "fp32";  ///< "fp32" or "bf16".
};

/// What Workbench::evaluate() can be asked for, in the order in which it is shown; and the scores that it gives.
struct TaskInfo {
  struct ScoreInfo {
    std::string name, title, unit;
  };
  std::string name, title;
  std::string label;              ///< "RULER-style": how the task must be called wherever its scores are shown; or "".
  std::vector<ScoreInfo> scores;  ///< None: the name stands for several tasks ("ruler").
};
std::vector<TaskInfo> evaluationTasks();
/// What the task of a score must be called beside its name: "RULER-style"; "" for most.
std::string taskLabel(const std::string& score);
/// What files say of scores, by task: value, standard_error, samples, unit, per_sample, samples_id, and a label where
/// the task must be called so. What was not measured is null.
nlohmann::json scoresJson(std::span<const Score> scores);

/// Where a placement comes from on a command line: a JSON file, layers:I,J,… (those kept), uniform:K[:OFFSET], first:K,
/// last:K, random:K:SEED, all, none, published:NAME[:K] (backend/formats/published.h), healed:DIR, the placement that a
/// heal's folder is of, or hybrid:DIR, that of an exported folder. BadInput or Usage error.
Placement placementFrom(const std::string& text, int layers, MixerKind rest);

/// A loaded model, its bank and prepared evaluation data, kept between jobs. Each call locks the one it works on: calls
/// from several threads take turns. Long calls report to `progress` and end with a Stopped error when asked.
class Workbench {
 public:
  Workbench();
  ~Workbench();
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  /// What `model info` prints: format, family, sizes, tokenizer, chat form, parameters; no weight is read.
  nlohmann::json modelInfo(const std::filesystem::path& model);

  /// Where a hybrid's operators come from.
  struct Candidates {
    std::filesystem::path bank;    ///< A finished bank's folder; may be empty or absent where none need training.
    nlohmann::json bank_settings;  ///< The recipe (windows) of what needs no training where there is no bank.
    /// A finished heal's folder, or an exported hybrid's: its weights, for its placement; or empty.
    std::filesystem::path healed = {};
  };

  /// Logits [T, V] in fp32 of one sequence, row-major; of the teacher where `placement` is null.
  std::vector<float> logits(const std::filesystem::path& model, std::span<const std::int32_t> ids,
                            const Placement* placement, const Candidates& candidates, const Execution& execution,
                            Progress& progress);

  /// Makes, or loads when its key matches, the candidates of every trained kind in `settings`, with prompts in the form
  /// that `chat` asks for (see ChatForm); returns the card.
  nlohmann::json prepareCandidates(const std::filesystem::path& model, const std::filesystem::path& bank,
                                   const Settings& settings, const std::string& chat, std::uint64_t seed,
                                   const std::string& device, const std::function<void(const AlignmentEvent&)>& watch,
                                   Progress& progress);

  struct EvaluationRequest {
    std::filesystem::path model;
    Candidates candidates;
    std::vector<std::string> tasks{"kl", "nll", "passkey"};  ///< See evaluationTasks().
    std::int64_t text_tokens = 3072;                         ///< Held-out text in all.
    std::int64_t sequence_length = 512;
    std::int64_t prompts = 16;  ///< Of each task that has prompts.
    std::int64_t prompt_tokens = 600;
    std::string wording = "standard";  ///< Of the passkey prompt; see promptWordings().
    std::string chat = "auto";         ///< The form of all prompts; see ChatForm.
    std::uint64_t seed = 12345;
    // Long-context tasks alone.
    bool generate = true;  ///< false: the answer's NLL, and no match.
    std::string hay_file;  ///< The essay that needles hide in; empty: the bundled held-out text.
    std::filesystem::path squad_file, hotpot_file;  ///< The questions of qa_1 and of qa_2.
    int passkeys = 10, passkey_words = 32;          ///< Of flashmorph_passkey.
    Execution execution;
  };
  /// Usage error, before any weight is read where that can be told: an unknown task, a length too short for a task's
  /// own words, a file that is needed and not given. BadInput: a file that is not what it should be.
  std::vector<Score> evaluate(const EvaluationRequest& request, const Placement& placement, Progress& progress);

  /// Judges placements on the batches of an enumeration, after the fact: trials that can stand among those of that run,
  /// `asked`, numbered from `first_step` on. Usage error: the run is of another method, or a placement holds operators
  /// that it does not have. BadInput: another model, or a bank of another recipe, than it was made with.
  std::vector<TrialEvent> tryPlacements(const RunSpec& enumeration, std::span<const Placement> placements,
                                        std::int64_t first_step, Progress& progress);

  struct GenerationRequest {
    std::filesystem::path model;
    Candidates candidates;
    std::vector<std::vector<std::int32_t>> prompts;  ///< Token ids.
    std::int64_t most = 64;                          ///< Tokens of each continuation.
    std::vector<std::int32_t> end_ids;               ///< Tokens that end one, and are left out.
    Execution execution;
  };
  /// Greedy continuations of the prompts, all decoded together. Usage error: a prompt without tokens.
  std::vector<std::vector<std::int32_t>> generate(const GenerationRequest& request, const Placement& placement,
                                                  Progress& progress);

  /// Costs at each context length, from the configuration and the operators' settings alone.
  std::vector<CostTable> costs(const std::filesystem::path& model, const Settings& bank_settings,
                               std::span<const std::int64_t> context_tokens);

  struct CostRequest {
    std::filesystem::path model;
    Candidates candidates;
    std::vector<std::int64_t> lengths{512, 1024, 2048, 4096};  ///< Of contexts, tokens.
    std::int64_t new_tokens = 16;                              ///< Decoded behind each; a token's share is the latency.
    int repeats = 3;
    Execution execution;
  };
  /// Measures the teacher and `placements` in turn, the teacher first in the result; a placement that is the teacher is
  /// left out. Usage error: lengths and counts below 1.
  std::vector<MeasuredCost> measureCost(const CostRequest& request, std::span<const Placement> placements,
                                        Progress& progress);

  /// Seconds that a token of a context of some hundred takes to pass the teacher, by a short pass: what jobs that were
  /// never run are estimated by.
  double secondsPerToken(const std::filesystem::path& model, const Execution& execution, Progress& progress);

  struct ExportRequest {
    std::filesystem::path model;
    Candidates candidates;
    std::filesystem::path out;
    std::string format;  ///< See exportFormats().
    Placement placement;
    nlohmann::json provenance;       ///< Run, seed, settings: written with the files.
    std::vector<Score> scores = {};  ///< What the placement was judged with these weights: the same.
  };
  /// Writes the files and returns their names. Usage error, with the reason, for what the format cannot express.
  std::vector<std::string> exportPlacement(const ExportRequest& request, Progress& progress);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The pass key prompts that evaluate() judges on, as token ids up to where the answer begins. Reads no weights.
std::vector<std::vector<std::int32_t>> passkeyPrompts(const Workbench::EvaluationRequest& request);

/// The card of a bank's folder: model, recipe, quality. BadInput: missing, not ours, unknown keys (the nearest known
/// named).
nlohmann::json readBankCard(const std::filesystem::path& dir);

/// What `bench` measures: a forward pass, forward and backward of the gated delta rule, one search step, the scores of
/// all layers on one example; and of pass key prompts, with the teacher and with a quarter of its layers kept, their
/// evaluation, prefill and decoding.
struct BenchRequest {
  std::filesystem::path model, bank;  ///< An empty bank: search steps with sliding windows.
  std::int64_t tokens = 512;          ///< Of the one sequence, or of each prompt.
  std::int64_t prompts = 16;          ///< Decoded together.
  std::int64_t new_tokens = 8;        ///< Of each.
  int repeats = 5;                    ///< Medians of so many.
  std::vector<std::string> parts{"forward", "rule", "step"};
  Execution execution;
};
/// {"environment": {…}, "results": [{"name", "seconds", "tokens_per_second", "gflops", "peak_bytes"}, …]}.
nlohmann::json runBenchmark(const BenchRequest& request, Progress& progress);

/// Writes a small model whose best placements are known (backend/data/planted_model.h) as a Hugging Face folder, and
/// returns which layer does what. Usage error: too few layers, or too many.
nlohmann::json plantModel(const std::filesystem::path& folder, int layers, std::uint64_t seed);

std::vector<std::string> exportFormats();
std::vector<std::string> promptWordings();
/// Reads a placement back from any format that exportPlacement() writes. BadInput.
Placement importPlacement(const std::filesystem::path& file, int layers, MixerKind rest);

}  // namespace interleave

#pragma GCC visibility pop
