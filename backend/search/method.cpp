// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/method.h"

#include <algorithm>

#include "backend/core/error.h"
#include "backend/search/gate_search.h"
#include "backend/search/layer_scoring.h"
#include "backend/search/scored_methods.h"

namespace interleave {

std::span<const Method> methods() {
  static const std::vector<Method> table{
      {"dash", "DASH", "re-implementation from a published outline", dashSettings(), checkGateSearch, runDash},
      {"flashmorph", "FlashMorph", "follows published equations, with inferred constants", flashMorphSettings(),
       checkGateSearch, runFlashMorph},
      {"nll-guided", "NLL-guided selection", "follows published equations, with inferred constants",
       nllGuidedSettings(), checkScoring, runNllGuided},
      {"kl-ls", "KL-LS on the bank", "the published score without its training", klLsSettings(), checkScoring, runKlLs},
      {"perplexity-bypass", "Perplexity bypass", "follows the published comparison", perplexityBypassSettings(),
       checkScoring, runPerplexityBypass},
      {"candidate-error", "Candidate error", "our own baseline", candidateErrorSettings(), checkScoring,
       runCandidateError},
      {"light-transfer", "LightTransfer", "follows published equations, with inferred constants",
       lightTransferSettings(), checkScoring, runLightTransfer},
      {"retrieval-heads", "Retrieval heads", "follows published equations; the sum over heads is inferred",
       retrievalHeadsSettings(), checkScoring, runRetrievalHeads},
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
