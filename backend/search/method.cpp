// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/method.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/search/gate_search.h"
#include "backend/search/scored_methods.h"
#include "backend/search/selection.h"
#include "backend/search/trial_methods.h"

namespace interleave {

std::span<const Method> methods() {
  static const std::vector<Method> table{
      {"dash", "DASH", "re-implementation from a published outline", dashSettings(), checkGateSearch, runDash},
      {"flashmorph", "FlashMorph", "follows published equations, with inferred constants", flashMorphSettings(),
       checkGateSearch, runFlashMorph},
      {"nll-guided", "NLL-guided selection", "follows published equations, with inferred constants",
       nllGuidedSettings(), checkTwoOperators, runNllGuided},
      {"kl-ls", "KL-LS on the bank", "the published score without its training", klLsSettings(), checkTwoOperators,
       runKlLs},
      {"halo", "HALO", "the published formula on substitutes for its tasks", haloSettings(), checkTwoOperators,
       runHalo},
      {"perplexity-bypass", "Perplexity bypass", "follows the published comparison", perplexityBypassSettings(),
       checkTwoOperators, runPerplexityBypass},
      {"candidate-error", "Candidate error", "our own baseline", candidateErrorSettings(), checkTwoOperators,
       runCandidateError},
      {"light-transfer", "LightTransfer", "follows published equations, with inferred constants",
       lightTransferSettings(), checkTwoOperators, runLightTransfer},
      {"retrieval-heads", "Retrieval heads", "follows published equations; the sum over heads is inferred",
       retrievalHeadsSettings(), checkTwoOperators, runRetrievalHeads},
      {"beam", "Greedy and beam search", "in the manner of PostNAS, on the bank", beamSettings(), checkTwoOperators,
       runBeam},
      {std::string(kEnumerationMethod), "Enumeration", "all placements, or a sample", enumerationSettings(),
       checkTwoOperators, runEnumeration},
      {"hand-rule", "Hand rule", "no search", handRuleSettings(), checkTwoOperators, runHandRule},
  };
  return table;
}

const Method& methodNamed(const std::string& name) {
  const auto found = std::ranges::find(methods(), name, &Method::name);
  if (found != methods().end()) return *found;
  std::vector<std::string> known;
  for (const Method& method : methods()) known.push_back(method.name);
  throw usageError("method", "unknown method \"" + name + "\"" + didYouMean(name, known));
}

}  // namespace interleave
