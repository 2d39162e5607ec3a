// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/data/passkey.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& table() {
  using namespace setting;
  static const std::vector<SettingSpec> specs{
      inferred(text("kinds", "gdn-window",
                    "Operators to train, separated by commas: gdn, gdn-window. Sliding windows need no training.")),
      inferred(integer("window", 32, 1, 65536, "Last tokens that gdn-window attends to exactly.")),
      inferred(integer("sinks", 4, 0, 4096, "First tokens that gdn-window attends to exactly.")),
      inferred(integer("sliding_window", 64, 1, 1 << 20, "Last tokens that the sliding window sees.")),
      inferred(integer("sliding_sinks", 4, 0, 4096, "First tokens that the sliding window sees.")),
      inferred(choice(
          "initialisation", "taylor", {"taylor", "copy"},
          "taylor: decay, gates and scale from the teacher's attention (Taylor-Calibrate); copy: weights only.")),
      inferred(choice("loss", "relative", {"relative", "l2", "mse"},
                      "Alignment loss: ‖a−â‖²/‖a‖² of a batch; mean ‖a−â‖/√D (KL-LS); mean squared error (HALO).")),
      inferred(
          integer("tokens", 10240, 0, 1e12, "Training tokens for all layers together, streamed in one teacher pass.")),
      inferred(integer("sequence_length", 512, 8, 65536, "Tokens of a training sequence; one sequence a step.")),
      inferred(
          real("prompt_share", 0.0, 0, 1,
               "Share of training sequences that are retrieval prompts in the model's chat form instead of text.")),
      inferred(choice("prompt_wording", "standard", PasskeyTask::mixtures(),
                      "Wording of these prompts; mixed: four, which leaves three to evaluation.")),
      inferred(real("learning_rate", 3e-3, 0, 1, "Adam's peak rate for matrices; cosine to zero.")),
      inferred(real("scalar_learning_rate", 1e-2, 0, 1, "Adam's peak rate for decays, biases and scales.")),
      inferred(real("beta1", 0.9, 0, 0.9999, "Adam's decay of the first moment.")),
      inferred(real("beta2", 0.95, 0, 0.999999, "Adam's decay of the second moment.")),
      inferred(integer("warmup_steps", 8, 0, 1e6, "Steps of linear warm-up.")),
      inferred(flag("train_output", true, "Train the output projection too, rather than keeping the teacher's.")),
      integer("held_out_sequences", 8, 1, 1000, "Held-out sequences on which the finished bank's error is measured."),
      integer("held_out_length", 512, 8, 65536, "Tokens of a held-out sequence."),
      choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products; parameters and optimiser stay fp32."),
      path("text_file", "Training text; empty: the bundled one."),
      path("held_out_file", "Held-out text; empty: the bundled one."),
  };
  return specs;
}

}  // namespace

std::span<const SettingSpec> bankSettings() { return table(); }

OperatorWindows operatorWindows(const Settings& settings) {
  return {.sliding = {settings.integer("sliding_window"), settings.integer("sliding_sinks")},
          .gdn = {settings.integer("window"), settings.integer("sinks")}};
}

std::vector<MixerKind> kindsListed(const std::string& list, const std::string& setting) {
  std::vector<MixerKind> kinds;
  for (const std::string& word : wordsOf(list)) {
    const auto kind = mixerKindNamed(word);
    if (!kind) throw usageError(setting, "unknown operator \"" + word + "\"" + didYouMean(word, mixerKindNames()));
    if (std::ranges::find(kinds, *kind) != kinds.end()) throw usageError(setting, "\"" + word + "\" is named twice");
    kinds.push_back(*kind);
  }
  return kinds;
}

}  // namespace interleave
