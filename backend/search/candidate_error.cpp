// SPDX-License-Identifier: GPL-3.0-or-later
//
// The error of each layer's candidate on the teacher's own stream, ‖a − â‖² / ‖a‖²: what a ranking without interaction
// gives, and what FlashMorph's closed form comes to when nothing propagates.
#include <ATen/ATen.h>

#include "backend/search/scored_methods.h"
#include "backend/search/teacher_scorer.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& table() {
  static const std::vector<SettingSpec> specs = scoringSettings("full,gdn-window", 16, {.prompt_share = 0.5}, {});
  return specs;
}

/// At the positions that count.
double errorOf(const TeacherLook& seen, MixerKind other) {
  const at::Tensor at =
      at::tensor(at::ArrayRef<std::int64_t>(seen.batch.positions), at::kLong).to(seen.attention.device());
  const auto wanted = [&](const at::Tensor& output) { return output[0].index_select(0, at).to(at::kDouble); };
  const at::Tensor teacher = wanted(seen.attention);
  const at::Tensor candidate = wanted(seen.bank.mixer(seen.layer, other).forward(seen.input));
  return ((teacher - candidate).square().sum() / teacher.square().sum()).item<double>();
}

}  // namespace

std::span<const SettingSpec> candidateErrorSettings() { return table(); }

void runCandidateError(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {"relative error of the layer's candidate", "share", table(),
              [](const MethodInput& in, const Settings& settings, MixerKind other) {
                return teacherScorer(in, settings, [other](const TeacherLook& seen) { return errorOf(seen, other); });
              }});
}

}  // namespace interleave
