// SPDX-License-Identifier: GPL-3.0-or-later
//
// The error of each layer's candidate on the teacher's own stream: the ranking without interaction. With "sum" it is
// FlashMorph's closed form: a gate that sees nothing of other layers ends at clip(1 − λL/(2·e)), which grows with e.
#include <ATen/ATen.h>

#include <algorithm>

#include "backend/search/scored_methods.h"
#include "backend/search/teacher_scorer.h"

namespace interleave {
namespace {

const std::vector<SettingSpec>& candidateErrorTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs =
      scoringSettings("full,gdn-window", 16, {.prompt_share = 0.5},
                      {inferred(choice("error_scale", "relative", {"relative", "sum"},
                                       "‖a − â‖² divided by ‖a‖², or by the number of positions."))});
  return specs;
}

/// At the positions that count.
double errorOf(const TeacherLook& seen, MixerKind other, bool relative) {
  const at::Tensor at =
      at::tensor(at::ArrayRef<std::int64_t>(seen.batch.positions), at::kLong).to(seen.attention.device());
  const auto wanted = [&](const at::Tensor& output) { return output[0].index_select(0, at).to(at::kDouble); };
  const at::Tensor teacher = wanted(seen.attention);
  const at::Tensor candidate = wanted(seen.bank.mixer(seen.layer, other).forward(seen.input));
  const double error = (teacher - candidate).square().sum().item<double>();
  return error / (relative ? std::max(teacher.square().sum().item<double>(), kSilent)
                           : static_cast<double>(seen.batch.positions.size()));
}

}  // namespace

std::span<const SettingSpec> candidateErrorSettings() { return candidateErrorTable(); }

void runCandidateError(const MethodInput& input, MethodContext& context) {
  runScoring(input, context,
             {{{"error of the layer's candidate", ""}},
              candidateErrorTable(),
              [](const MethodInput& in, const Settings& settings, MixerKind other) {
                const bool relative = settings.text("error_scale") == "relative";
                return teacherScorer(in, settings,
                                     [=](const TeacherLook& seen) { return errorOf(seen, other, relative); });
              }});
}

}  // namespace interleave
