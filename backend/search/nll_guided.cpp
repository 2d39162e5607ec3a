// SPDX-License-Identifier: GPL-3.0-or-later
//
// NLL-guided training-free selection (arXiv 2606.27791): a layer is worth what its full-attention prefill adds to the
// prediction of the answer. Published for full attention against a sliding window; here any other operator will do.
#include "backend/search/exchange_scorer.h"
#include "backend/search/scored_methods.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& nllGuidedTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs = scoringSettings(
      "full,swa", 16, {.prompt_share = 1, .prompt_loss = "ce"},
      {choice("base", "one-in", {"one-in", "one-out"},
              "one-in: every layer exchanged but one, as published; one-out: one layer exchanged."),
       flag("prompt_only", true, "At the answer's tokens every layer has full attention, as published (prefill only)."),
       inferred(integer("control_tokens", 0, 0, 1 << 20,
                        "The control: the same on prompts of so many tokens, one or two windows, shown "
                        "beside the scores; 0: none. A high rank correlation would mean that they "
                        "measure no need of what is far away."))});
  return specs;
}

}  // namespace

std::span<const SettingSpec> nllGuidedSettings() { return nllGuidedTable(); }

void runNllGuided(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"loss that full attention in the layer takes away", "nats"}, {"the same on short prompts", "nats"}},
              nllGuidedTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind other) {
                const bool one_in = settings.text("base") == "one-in";
                return exchangeScorer(in, settings, other,
                                      {.base = one_in ? Exchange::Base::Other : Exchange::Base::Full,
                                       .prompt_only = settings.flag("prompt_only"),
                                       .control_tokens = settings.integer("control_tokens")});
              }});
}

}  // namespace interleave
