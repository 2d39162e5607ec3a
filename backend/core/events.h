// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/core/measured_cost.h"
#include "backend/core/placement.h"
#include "backend/core/run_spec.h"
#include "backend/core/score.h"

namespace interleave {

/// Scalars of a step. Those that a step does not have are NaN.
enum class Metric : std::uint8_t {
  Loss,          ///< What was minimised at this step.
  TextLoss,      ///< Loss on text (soft placement), at the steps that have it.
  PromptLoss,    ///< Loss on retrieval prompts (soft placement).
  HardTextLoss,  ///< The same batch with the discrete placement.
  HardPromptLoss,
  ExpectedBudget,  ///< Σ p(full), or expected cache bytes.
  Entropy,         ///< Mean over layers, nats.
  Margin,          ///< Logit gap between the last layer kept and the first not kept.
  Temperature,
  LearningRate,
  EntropyWeight,
  GradientNorm,
  TokensPerSecond,
  MemoryBytes,  ///< Resident memory of the process at the step's end.
  HeldOutLoss,  ///< The same as Loss, on held-out data: at some steps.
};
inline constexpr int kMetrics = 15;
std::string_view name(Metric metric);   ///< "loss", "text_loss", …: the word used in files.
std::string_view title(Metric metric);  ///< The word used on screen.

using Metrics = std::array<double, kMetrics>;
inline constexpr Metrics noMetrics() {
  Metrics metrics{};
  metrics.fill(std::numeric_limits<double>::quiet_NaN());
  return metrics;
}

/// One search step done. `logits` and `probabilities` are layers × operators, row-major; operators in `operators`
/// order.
struct StepEvent {
  std::int64_t step = 0;    ///< 1 after the first step.
  std::int64_t steps = 0;   ///< Planned in all.
  std::int64_t tokens = 0;  ///< Consumed so far.
  double seconds = 0;       ///< Spent on its steps, those of earlier sessions included; pauses are not.
  std::vector<MixerKind> operators;
  std::vector<float> logits, probabilities;
  Metrics metrics = noMetrics();
  Placement if_stopped_now;
  Checkpoint checkpoint;  ///< Storing it with the step loses nothing on a kill.
};
/// logit(full) − the largest other logit, for each layer: what ranks layers, whatever the method. All 0 where the
/// search has no full attention.
std::vector<double> fullAdvantages(const StepEvent& step);

/// One step of preparing candidates: errors ‖a−â‖²/‖a‖² and cosines per layer for one operator kind.
struct AlignmentEvent {
  MixerKind kind = MixerKind::GdnWindow;
  std::int64_t step = 0, steps = 0, tokens = 0;
  double seconds = 0;
  bool held_out = false;  ///< Measured on held-out text rather than on the batch trained on.
  std::vector<float> relative_error, cosine;
};

enum class Phase { Loading, Preparing, Searching, Evaluating, Paused, Done, Stopped, Failed };
std::string_view name(Phase phase);  ///< "loading", "preparing", …
bool isFinal(Phase phase);           ///< Done, stopped or failed: nothing of the run comes after it.
struct PhaseEvent {
  Phase phase = Phase::Loading;
  std::string title;                   ///< What is being done, or why it failed.
  double fraction = -1;                ///< In [0, 1]; below 0: unknown.
  double elapsed = 0, remaining = -1;  ///< Seconds; below 0: unknown.
};

/// A discrete placement that the run proposes at a budget; a run gives one for each budget extracted.
struct PlacementEvent {
  std::int64_t step = 0;
  Budget budget;
  Placement placement;
  double margin = 0;
  bool repaired = false;  ///< After 1-swap repair on the discrete loss.
  double soft_loss = std::numeric_limits<double>::quiet_NaN();
  double hard_loss = std::numeric_limits<double>::quiet_NaN();
};

/// A placement judged.
struct ScoreEvent {
  /// Labels of the two that healing tells, on the same samples.
  static constexpr std::string_view kBeforeHealing = "before healing", kAfterHealing = "after healing";
  /// Labels of what is judged otherwise than it was found begin so (see sessions/transfer.h); they are kept apart.
  static constexpr std::string_view kUnder = "under: ";
  bool isTransfer() const { return label.starts_with(kUnder); }

  std::string label;  ///< Which placement: "found K=8", "uniform:8 offset 0", "teacher".
  Placement placement;
  std::vector<Score> scores;
  std::string manner = {};  ///< How it was measured: only scores of one manner may be compared; "": not told.
  double seconds = std::numeric_limits<double>::quiet_NaN();  ///< That it took.
};

/// One example's score of every layer, from a method that scores layers: larger, if full attention is worth more there.
struct LayerScoreEvent {
  std::int64_t step = 0;       ///< The example, counted from 1.
  std::string score, unit;     ///< "answer NLL, one layer restored"; "nats".
  std::vector<double> values;  ///< [L].
};

/// A placement that a method tried on its way: its losses on the run's batches, which are the same in every trial, so
/// that trials are paired. The method goes by the mean over all.
struct TrialEvent {
  std::int64_t step = 0;  ///< Counted from 1.
  Placement placement;
  std::vector<double> text, prompts;  ///< Loss on each batch of text, and of retrieval prompts.
  bool asked = false;                 ///< Named by the user: no part of a random sample.
};

/// What a placement was measured to cost, and the teacher in turn with it.
struct CostEvent {
  std::string label;  ///< Which placement, as a ScoreEvent's.
  MeasuredCost cost, teacher;
};

/// A change as the engine took it, its step filled in.
struct InterventionEvent {
  Intervention change;
};

/// Facts of the run that only the engine knows, once after loading: device, kernel, precision, sizes, machine.
struct EnvironmentEvent {
  std::string device, kernel, precision, library;
  int layers = 0, heads = 0, kv_heads = 0, threads = 0;
  std::string model_name, model_fingerprint;
  std::vector<MixerKind> operators;
  std::vector<CostTable> costs;  ///< At the context lengths that KV views draw.
  std::string machine = {};      ///< "Xeon …, 2 cores, 7.8 GiB"; "" of older runs.
  std::string program = {};      ///< "interleave 0.1.0", likewise.
  std::string chat = {};         ///< In which form prompts are written, in words: ChatForm::words(); likewise.
  std::string prompt_form = {};  ///< See RunSpec::prompt_form.
};

struct LogEvent {
  enum class Level : std::uint8_t { Debug, Info, Warning, Error };
  Level level = Level::Info;
  std::string text;
};

using Event = std::variant<StepEvent, AlignmentEvent, PhaseEvent, PlacementEvent, ScoreEvent, InterventionEvent,
                           EnvironmentEvent, LogEvent, LayerScoreEvent, TrialEvent, CostEvent>;

/// Where an engine's events go. Called on the engine's thread, one call at a time; must not block and must not throw.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void onEvent(const Event& event) = 0;
};

}  // namespace interleave
