// SPDX-License-Identifier: GPL-3.0-or-later
//
// LightTransfer (arXiv 2410.13846): lazy layers look at the first and the last tokens only. A layer is worth the
// attention, a mean over heads and the last queries, that falls on what lies between.
#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "backend/search/scored_methods.h"
#include "backend/search/teacher_scorer.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& lightTransferTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs =
      scoringSettings("full,swa", 16, {.prompt_share = 1},
                      {integer("lazy_sinks", 4, 0, 1 << 20, "First tokens that a lazy layer still sees; published: 4."),
                       inferred(integer("lazy_recent", 64, 1, 1 << 20,
                                        "Last tokens that a lazy layer still sees; published: 1020, for long texts.")),
                       inferred(integer("last_queries", 32, 1, 1 << 20,
                                        "Queries at the end whose attention counts; published: 32 to 64."))});
  return specs;
}

}  // namespace

std::span<const SettingSpec> lightTransferSettings() { return lightTransferTable(); }

void runLightTransfer(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"attention beyond sinks and recent tokens", "share"}},
              lightTransferTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind) {
                const std::int64_t sinks = settings.integer("lazy_sinks"), recent = settings.integer("lazy_recent"),
                                   last = settings.integer("last_queries");
                return teacherScorer(in, settings, [=](const TeacherLook& seen) {
                  const auto tokens = static_cast<std::int64_t>(seen.batch.ids.size());
                  std::vector<std::int64_t> rows(static_cast<std::size_t>(std::min(last, tokens)));
                  std::iota(rows.begin(), rows.end(), tokens - static_cast<std::int64_t>(rows.size()));
                  const at::Tensor attention = attentionOf(seen.input, rows);
                  const at::Tensor columns = at::arange(tokens, attention.options().dtype(at::kLong));
                  const at::Tensor row = at::tensor(at::ArrayRef<std::int64_t>(rows), columns.options()).unsqueeze(1);
                  const at::Tensor between = (columns >= sinks).logical_and(row - columns >= recent);
                  return (attention * between).sum(-1).mean().item<double>();
                });
              }});
}

}  // namespace interleave
