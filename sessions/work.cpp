// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/work.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "backend/core/settings.h"

namespace interleave {
namespace {

/// A number among settings; 0 where there is none.
double numberIn(const nlohmann::json& settings, const char* key) {
  const auto found = settings.is_object() ? settings.find(key) : settings.end();
  return found != settings.end() && found->is_number() ? found->get<double>() : 0;
}

bool contains(std::span<const std::string_view> all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

/// Each layer is exchanged by itself, on top of the teacher's pass.
constexpr std::array<std::string_view, 4> kExchanging{"nll-guided", "kl-ls", "halo", "perplexity-bypass"};
constexpr std::array<std::string_view, 3> kTrying{"beam", kEnumerationMethod, "hand-rule"};

constexpr double kJudgedExamples = 4;  ///< On which a score's placements are measured.

/// Of one example: text or a prompt, as often as the share says; HALO's is both.
double tokensOfExample(const RunSpec& run) {
  const double text = numberIn(run.search_settings, "text_tokens"),
               prompt = numberIn(run.search_settings, "prompt_tokens"),
               share = numberIn(run.search_settings, "prompt_share");
  return run.method == "halo" ? text + prompt : share * prompt + (1 - share) * text;
}

}  // namespace

double passesPerToken(const RunSpec& run) {
  // A layer that is exchanged begins from the stream kept below it: half a pass, with a dearer operator in it.
  if (contains(kExchanging, run.method) || contains(kTrying, run.method)) return 0.75;
  // Two operators in each layer, their gradients, and the teacher beside.
  if (numberIn(run.search_settings, "steps") > 0) return 6;
  return 1.5;  // the teacher, and what is measured in its layers
}

double workOfStep(const RunSpec& run, int layers) {
  double tokens = tokensOfExample(run);
  if (contains(kExchanging, run.method)) tokens *= layers + 1;
  if (contains(kTrying, run.method)) tokens *= numberIn(run.search_settings, "batches");
  return tokens * passesPerToken(run);
}

double workOfJudging(const Workbench::EvaluationRequest& request) {
  const auto isText = [](const std::string& task) { return task == "kl" || task == "nll"; };
  std::int64_t asking = 0;
  for (const std::string& task : request.tasks) {
    asking += task == "ruler" ? 11 + (request.squad_file.empty() ? 0 : 1) + (request.hotpot_file.empty() ? 0 : 1)
                              : (isText(task) ? 0 : 1);
  }
  const double prompts = static_cast<double>(asking * request.prompts * request.prompt_tokens);
  return prompts + (std::ranges::any_of(request.tasks, isText) ? static_cast<double>(request.text_tokens) : 0);
}

double workOfBank(const nlohmann::json& recipe) { return 4 * numberIn(recipe, "tokens"); }

double workAfterBank(const nlohmann::json& recipe) {
  return 1.5 * numberIn(recipe, "held_out_sequences") * numberIn(recipe, "sequence_length");
}

double workAfterSteps(const RunSpec& run, int layers) {
  const nlohmann::json& settings = run.search_settings;
  if (!settings.is_object() || contains(kTrying, run.method)) return 0;
  const auto word = [&](const char* key) {
    const auto found = settings.find(key);
    return found != settings.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto budgets = static_cast<double>(1 + wordsOf(word("extract")).size());
  const double tokens = tokensOfExample(run);
  if (numberIn(settings, "examples") > 0) return budgets * kJudgedExamples * tokens;
  if (run.isHeal() || numberIn(settings, "steps") <= 0) return 0;
  const std::string repair = word("repair");
  const bool repairs = repair == "boundary" || repair == "full";
  const double batches = repairs ? std::max(2.0, numberIn(settings, "repair_batches")) : 2;
  double exchanges = 0;  // of a kept layer for one that is not
  if (repair == "boundary") exchanges = std::pow(std::min<double>(numberIn(settings, "repair_layers"), layers) / 2, 2);
  if (repair == "full" && run.budget.unit == Budget::Unit::FullLayers) {
    const double kept = std::clamp(static_cast<double>(run.budget.amount), 0.0, static_cast<double>(layers));
    exchanges = kept * (layers - kept);
  }
  // The teacher once for each batch; for each budget the mixture with its gradient, and each discrete placement.
  return batches * tokens * (1 + budgets * (5 + 1 + exchanges));
}

}  // namespace interleave
