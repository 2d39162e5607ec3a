// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/search/method.h"
#include "backend/search/search_data.h"

namespace interleave {

/// Scores every layer on one example at a time; the mean over examples ranks the layers.
class LayerScorer {
 public:
  virtual ~LayerScorer() = default;
  struct Example {
    std::vector<double> scores;  ///< [C × L]; larger: full attention is worth more in this layer, where C is 1.
    std::int64_t tokens = 0;     ///< Run through the model for it, counted once for each pass.
  };
  virtual Example example(std::int64_t index, Progress& progress) const = 0;
};

/// What a scoring method adds to the common run: what its scores are, and who makes them.
struct LayerScoring {
  std::string score, unit;  ///< As LayerScoreEvent has them.
  std::span<const SettingSpec> table;
  /// `other`: the operator that stands where full attention does not.
  std::unique_ptr<LayerScorer> (*scorer)(const MethodInput& input, const Settings& settings, MixerKind other);
  /// Where a score is made of the means of several measures (C of them): [C × L] → [L]; null: C is 1.
  std::vector<double> (*joined)(std::span<const double> means, const Settings& settings) = nullptr;
  int measures = 1;  ///< C. Of several, the first is told by LayerScoreEvent.
};

/// The settings of every scoring method: operators (two), examples, data, precision, further budgets; then its own.
std::vector<SettingSpec> scoringSettings(const std::string& operators, std::int64_t examples,
                                         const SearchData::Fallbacks& data, std::vector<SettingSpec> own);
/// A run that scores layers, one example a step: the K layers with the largest mean score keep full attention, for
/// every K from the same run. p(full) of a step is the share of bootstrap resamples of the examples so far in which the
/// layer is among those kept at the run's budget: how sure the choice is.
void runScoring(const MethodInput& input, MethodContext& context, const LayerScoring& scoring);

}  // namespace interleave
