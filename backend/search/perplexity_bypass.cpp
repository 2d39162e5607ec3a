// SPDX-License-Identifier: GPL-3.0-or-later
//
// Perplexity bypass, as Taylor-Calibrate's comparison has it (arXiv 2606.16429): a layer is worth the loss on text that
// leaving its attention out costs the teacher.
#include "backend/search/exchange_scorer.h"
#include "backend/search/scored_methods.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& perplexityBypassTable() {
  static const std::vector<SettingSpec> specs =
      scoringSettings("full,gdn-window", 16, {.prompt_share = 0, .text_loss = "ce"}, {});
  return specs;
}

}  // namespace

std::span<const SettingSpec> perplexityBypassSettings() { return perplexityBypassTable(); }

void runPerplexityBypass(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"loss that leaving the layer's attention out costs", "nats"}},
              perplexityBypassTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind other) {
                return exchangeScorer(in, settings, other, {.base = Exchange::Base::Full, .bypass = true});
              }});
}

}  // namespace interleave
