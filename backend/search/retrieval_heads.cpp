// SPDX-License-Identifier: GPL-3.0-or-later
//
// Retrieval heads (arXiv 2404.15574) summed to layers: a head copies where, while an answer's token is predicted, its
// attention is largest on that very token in the passage that holds the answer. The published score follows greedy
// decoding; here the answer is given (teacher forcing). How heads make up a layer's score is inferred.
#include <ATen/ATen.h>

#include <algorithm>

#include "backend/search/scored_methods.h"
#include "backend/search/teacher_scorer.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& retrievalHeadsTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs = scoringSettings(
      "full,gdn-window", 16, {.prompt_share = 1},
      {inferred(choice("heads", "sum", {"sum", "max"}, "How the scores of a layer's heads are joined."))});
  return specs;
}

/// Where the answer stands in the prompt, as offsets from the answer itself: every place of its longest part (from the
/// answer's end backwards) that occurs before it. A tokenizer may join the first digits otherwise.
std::vector<std::int64_t> sources(const std::vector<std::int32_t>& ids, std::int64_t answer) {
  const auto begin = ids.begin() + answer;
  for (auto from = begin; from != ids.end(); ++from) {
    const auto length = ids.end() - from;
    std::vector<std::int64_t> shifts;
    for (auto at = ids.begin(); at + length <= begin; ++at) {
      if (std::equal(from, ids.end(), at)) shifts.push_back(from - at);
    }
    if (!shifts.empty()) return shifts;
  }
  return {};
}

double copied(const TeacherLook& seen, bool sum) {
  if (!seen.prompt) return 0;
  const std::vector<std::int64_t>& rows = seen.batch.positions;  // row i predicts the answer's token i
  const std::vector<std::int64_t> shifts = sources(seen.batch.ids, rows.front() + 1);
  const at::Tensor looked = attentionOf(seen.input, rows).argmax(-1).to(at::kCPU).contiguous();  // [H, n]
  const std::int64_t* at = looked.const_data_ptr<std::int64_t>();
  const auto answers = static_cast<std::int64_t>(rows.size());
  double total = 0, most = 0;
  for (std::int64_t head = 0; head < looked.size(0); ++head) {
    std::int64_t hits = 0;
    for (std::int64_t i = 0; i < answers; ++i) {
      const std::int64_t shift = rows[static_cast<std::size_t>(i)] + 1 - at[head * answers + i];
      hits += std::ranges::find(shifts, shift) != shifts.end() ? 1 : 0;
    }
    const double share = static_cast<double>(hits) / static_cast<double>(answers);
    total += share;
    most = std::max(most, share);
  }
  return sum ? total : most;
}

}  // namespace

std::span<const SettingSpec> retrievalHeadsSettings() { return retrievalHeadsTable(); }

void runRetrievalHeads(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"share of the answer that the layer's heads copy", "heads"}},
              retrievalHeadsTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind) {
                const bool sum = settings.text("heads") == "sum";
                return teacherScorer(in, settings, [sum](const TeacherLook& seen) { return copied(seen, sum); });
              }});
}

}  // namespace interleave
