// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <sstream>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"

namespace interleave {
namespace {

using Type = SettingSpec::Type;

const std::vector<SettingSpec>& table() {
  static const std::vector<SettingSpec> specs{
      {.key = "kinds",
       .type = Type::Text,
       .fallback = "gdn-window",
       .inferred = true,
       .help = "Operators to train, separated by commas: gdn, gdn-window. Sliding windows need no training."},
      {.key = "window",
       .type = Type::Integer,
       .fallback = 32,
       .least = 1,
       .most = 65536,
       .inferred = true,
       .help = "Last tokens that gdn-window attends to exactly."},
      {.key = "sinks",
       .type = Type::Integer,
       .fallback = 4,
       .least = 0,
       .most = 4096,
       .inferred = true,
       .help = "First tokens that gdn-window attends to exactly."},
      {.key = "sliding_window",
       .type = Type::Integer,
       .fallback = 64,
       .least = 1,
       .most = 1 << 20,
       .inferred = true,
       .help = "Last tokens that the sliding window sees."},
      {.key = "sliding_sinks",
       .type = Type::Integer,
       .fallback = 4,
       .least = 0,
       .most = 4096,
       .inferred = true,
       .help = "First tokens that the sliding window sees."},
      {.key = "initialisation",
       .type = Type::Choice,
       .fallback = "taylor",
       .choices = {"taylor", "copy"},
       .inferred = true,
       .help =
           "taylor: decay, write gate and scale from the teacher's attention (Taylor-Calibrate); copy: weights only."},
      {.key = "loss",
       .type = Type::Choice,
       .fallback = "relative",
       .choices = {"relative", "l2", "mse"},
       .inferred = true,
       .help = "Alignment loss: ‖a−â‖²/‖a‖² of a batch; mean ‖a−â‖/√D (KL-LS); mean squared error (HALO)."},
      {.key = "tokens",
       .type = Type::Integer,
       .fallback = 10240,
       .least = 0,
       .most = 1e12,
       .inferred = true,
       .help = "Training tokens for all layers together, streamed in one teacher pass."},
      {.key = "sequence_length",
       .type = Type::Integer,
       .fallback = 512,
       .least = 8,
       .most = 65536,
       .inferred = true,
       .help = "Tokens of a training sequence; one sequence a step."},
      {.key = "learning_rate",
       .type = Type::Real,
       .fallback = 3e-3,
       .least = 0,
       .most = 1,
       .inferred = true,
       .help = "Adam's peak rate for matrices; cosine to zero."},
      {.key = "scalar_learning_rate",
       .type = Type::Real,
       .fallback = 1e-2,
       .least = 0,
       .most = 1,
       .inferred = true,
       .help = "Adam's peak rate for decays, biases and scales."},
      {.key = "beta1",
       .type = Type::Real,
       .fallback = 0.9,
       .least = 0,
       .most = 0.9999,
       .inferred = true,
       .help = "Adam's decay of the first moment."},
      {.key = "beta2",
       .type = Type::Real,
       .fallback = 0.95,
       .least = 0,
       .most = 0.999999,
       .inferred = true,
       .help = "Adam's decay of the second moment."},
      {.key = "warmup_steps",
       .type = Type::Integer,
       .fallback = 8,
       .least = 0,
       .most = 1e6,
       .inferred = true,
       .help = "Steps of linear warm-up."},
      {.key = "train_output",
       .type = Type::Flag,
       .fallback = true,
       .inferred = true,
       .help = "Train the output projection too, rather than keeping the teacher's."},
      {.key = "held_out_sequences",
       .type = Type::Integer,
       .fallback = 8,
       .least = 1,
       .most = 1000,
       .help = "Held-out sequences on which the finished bank's error is measured."},
      {.key = "held_out_length",
       .type = Type::Integer,
       .fallback = 512,
       .least = 8,
       .most = 65536,
       .help = "Tokens of a held-out sequence."},
      {.key = "precision",
       .type = Type::Choice,
       .fallback = "fp32",
       .choices = {"bf16", "fp32"},
       .help = "Precision of the products; parameters and optimiser stay fp32."},
      {.key = "text_file", .type = Type::Text, .fallback = "", .help = "Training text; empty: the bundled one."},
      {.key = "held_out_file", .type = Type::Text, .fallback = "", .help = "Held-out text; empty: the bundled one."},
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
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    std::erase(word, ' ');
    const auto kind = mixerKindNamed(word);
    if (!kind) {
      const std::string near = nearestOf(word, mixerKindNames());
      throw usageError(setting,
                       "unknown operator \"" + word + "\"" + (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
    if (std::ranges::find(kinds, *kind) != kinds.end()) throw usageError(setting, "\"" + word + "\" is named twice");
    kinds.push_back(*kind);
  }
  return kinds;
}

}  // namespace interleave
