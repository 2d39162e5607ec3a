// SPDX-License-Identifier: GPL-3.0-or-later
//
// KL-guided layer selection (KL-LS, arXiv 2512.20569) on the aligned bank: a layer is worth the KL to the teacher that
// it takes away when it alone is restored in the all-linear student. The published method trains each of these students
// for 200M tokens first; here none is trained further.
#include "backend/search/exchange_scorer.h"
#include "backend/search/scored_methods.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& klLsTable() {
  static const std::vector<SettingSpec> specs = scoringSettings("full,gdn-window", 16, {.prompt_share = 0}, {});
  return specs;
}

}  // namespace

std::span<const SettingSpec> klLsSettings() { return klLsTable(); }

void runKlLs(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"KL that restoring the layer takes away", "nats"}},
              klLsTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind other) {
                return exchangeScorer(in, settings, other, {.base = Exchange::Base::Other});
              }});
}

}  // namespace interleave
