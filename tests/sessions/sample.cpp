// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sessions/sample.h"

#include <cstdlib>
#include <cstring>
#include <tuple>

#include "backend/core/random.h"

namespace interleave {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool same(double a, double b) { return std::memcmp(&a, &b, sizeof(a)) == 0 || (a != a && b != b); }

template <class Range>
bool sameNumbers(const Range& a, const Range& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return same(x, y); });
}

bool same(const StepEvent& a, const StepEvent& b) {
  return std::tie(a.step, a.steps, a.tokens, a.operators, a.if_stopped_now, a.checkpoint) ==
             std::tie(b.step, b.steps, b.tokens, b.operators, b.if_stopped_now, b.checkpoint) &&
         same(a.seconds, b.seconds) && sameNumbers(a.logits, b.logits) &&
         sameNumbers(a.probabilities, b.probabilities) && sameNumbers(a.metrics, b.metrics);
}
bool same(const AlignmentEvent& a, const AlignmentEvent& b) {
  return std::tie(a.kind, a.step, a.steps, a.tokens, a.held_out) ==
             std::tie(b.kind, b.step, b.steps, b.tokens, b.held_out) &&
         same(a.seconds, b.seconds) && sameNumbers(a.relative_error, b.relative_error) &&
         sameNumbers(a.cosine, b.cosine);
}
bool same(const PhaseEvent& a, const PhaseEvent& b) {
  return std::tie(a.phase, a.title) == std::tie(b.phase, b.title) && same(a.fraction, b.fraction) &&
         same(a.elapsed, b.elapsed) && same(a.remaining, b.remaining);
}
bool same(const PlacementEvent& a, const PlacementEvent& b) {
  return std::tie(a.step, a.budget, a.placement, a.repaired) == std::tie(b.step, b.budget, b.placement, b.repaired) &&
         same(a.margin, b.margin) && same(a.soft_loss, b.soft_loss) && same(a.hard_loss, b.hard_loss);
}
bool same(const Score& a, const Score& b) {
  return std::tie(a.task, a.unit, a.samples, a.samples_id) == std::tie(b.task, b.unit, b.samples, b.samples_id) &&
         same(a.value, b.value) && same(a.standard_error, b.standard_error) && sameNumbers(a.per_sample, b.per_sample);
}
bool same(const ScoreEvent& a, const ScoreEvent& b) {
  return std::tie(a.label, a.placement, a.manner) == std::tie(b.label, b.placement, b.manner) &&
         same(a.seconds, b.seconds) &&
         std::equal(a.scores.begin(), a.scores.end(), b.scores.begin(), b.scores.end(),
                    [](const Score& x, const Score& y) { return same(x, y); });
}
bool same(const InterventionEvent& a, const InterventionEvent& b) { return a.change == b.change; }
bool same(const EnvironmentEvent& a, const EnvironmentEvent& b) {
  const auto facts = [](const EnvironmentEvent& e) {
    return std::tie(e.device, e.kernel, e.precision, e.library, e.layers, e.heads, e.kv_heads, e.threads, e.model_name,
                    e.model_fingerprint, e.operators, e.machine, e.program, e.chat, e.prompt_form);
  };
  const auto flat = [](const EnvironmentEvent& e) {
    std::vector<std::int64_t> numbers;
    for (const CostTable& table : e.costs) {
      numbers.push_back(table.context_tokens);
      for (const auto& row : table.rows) {
        for (const MixerCost& cost : row)
          numbers.insert(numbers.end(), {cost.parameters, cost.flops, cost.cache_bytes});
      }
    }
    return numbers;
  };
  return facts(a) == facts(b) && flat(a) == flat(b);
}
bool same(const LayerScoreEvent& a, const LayerScoreEvent& b) {
  return std::tie(a.step, a.score, a.unit) == std::tie(b.step, b.score, b.unit) && sameNumbers(a.values, b.values);
}
bool same(const TrialEvent& a, const TrialEvent& b) {
  return std::tie(a.step, a.placement, a.asked) == std::tie(b.step, b.placement, b.asked) &&
         sameNumbers(a.text, b.text) && sameNumbers(a.prompts, b.prompts);
}
bool same(const CostEvent& a, const CostEvent& b) {
  return std::tie(a.label, a.cost, a.teacher) == std::tie(b.label, b.cost, b.teacher);
}
bool same(const LogEvent& a, const LogEvent& b) { return std::tie(a.level, a.text) == std::tie(b.level, b.text); }

}  // namespace

RunSpec sampleSpec(const std::string& title) {
  RunSpec spec;
  spec.title = title;
  spec.model_path = "/models/sample";
  spec.seed = 0xffff'ffff'ffff'fff7;
  spec.search_settings = {{"steps", 48}, {"learning_rate", 0.1}};
  return spec;
}

StepEvent sampleStep(std::int64_t step, std::int64_t steps) {
  constexpr int kLayers = 30;
  Random random(static_cast<std::uint64_t>(step));
  StepEvent event;
  event.step = step;
  event.steps = steps;
  event.tokens = 512 * step;
  event.seconds = 0.1 * static_cast<double>(step);
  event.operators = {MixerKind::Full, MixerKind::GdnWindow};
  for (int i = 0; i < 2 * kLayers; ++i) event.logits.push_back(static_cast<float>(random.uniform() - 0.5));
  for (int i = 0; i < 2 * kLayers; ++i) event.probabilities.push_back(static_cast<float>(random.uniform()));
  event.metrics[static_cast<std::size_t>(Metric::Loss)] = random.uniform();
  if (step % 10 == 0) event.metrics[static_cast<std::size_t>(Metric::HardTextLoss)] = random.uniform();
  event.if_stopped_now = Placement::random(kLayers, 8, static_cast<std::uint64_t>(step), MixerKind::GdnWindow);
  event.checkpoint = {step, "state after step " + std::to_string(step) + std::string(200, 'x')};
  return event;
}

std::vector<Event> sampleEvents() {
  const Placement found = Placement::uniform(30, 8, 1, MixerKind::GdnWindow);
  const Placement all(30, MixerKind::Full);
  Intervention set, pin;
  set.step = 2;
  set.key = "temperature";
  set.value = 0.5;
  pin.kind = Intervention::Kind::Pin;
  pin.step = 3;
  pin.layer = 4;
  pin.mixer = MixerKind::SlidingWindow;
  EnvironmentEvent environment;
  environment.device = "cpu";
  environment.kernel = "avx512";
  environment.precision = "bf16";
  environment.library = "LibTorch 2.11";
  environment.layers = 30;
  environment.heads = 9;
  environment.kv_heads = 3;
  environment.threads = 2;
  environment.model_name = "Sample 30";
  environment.model_fingerprint = "abc";
  environment.operators = {MixerKind::Full, MixerKind::GdnWindow};
  environment.machine = "a machine";
  environment.program = "interleave 0";
  environment.chat = "none: a sample";
  environment.prompt_form = "f0";
  environment.costs = {{8192, {{{1, 2, 3}, {}, {}, {}}, {{4, 5, 6}, {1, 1, 1}, {1, 1, 7}, {}}}}};
  AlignmentEvent alignment{MixerKind::GdnWindow, 1, 20, 512, 0.5, false, {0.1f, 0.7f}, {0.9f, 1.0f}};
  AlignmentEvent held_out = alignment;
  held_out.held_out = true;
  held_out.relative_error[0] = std::numeric_limits<float>::infinity();
  const CostPoint point{.context_tokens = 512,
                        .prefill_samples = {1.5, 1.25},
                        .decode_samples = {0.1, 0.3},
                        .cache_bytes = 1000,
                        .computed_bytes = 500,
                        .prefill_flops = 1e12,
                        .decode_bytes = 3e9};
  const CostEvent cost{"found K=8", {found, {point}, "a machine"}, {all, {point}, "a machine"}};
  return {PhaseEvent{Phase::Loading, "Opening", 0.25, 0.5, -1},
          environment,
          alignment,
          held_out,
          PhaseEvent{Phase::Searching, "Searching", 0, 0, 10},
          sampleStep(1, 3),
          InterventionEvent{set},
          LayerScoreEvent{2, "loss that the layer takes away", "nats", {0.5, -0.25, 1e-300}},
          TrialEvent{2, Placement::first(3, 1, MixerKind::Gdn), {0.5, 1e-300}, {}, true},
          sampleStep(2, 3),
          LogEvent{LogEvent::Level::Warning, "a \"quoted\" line\nand another, ü"},
          InterventionEvent{pin},
          sampleStep(3, 3),
          PlacementEvent{3, Budget::layers(8), found, 0.25, false, 0.5, 0.75},
          PlacementEvent{3, Budget::bytes(54'000'000, 8192), all, kNaN, true, kNaN, 0.75},
          ScoreEvent{
              "found K=8",
              found,
              {{"kl", "nats", 0.1, 0.01, 3, {0.1, 0.09, 0.11}, "0123456789abcdef"}, {"passkey", "share", 1, 0, 8, {}}}},
          ScoreEvent{"teacher", all, {{"nll", "nats", 2.5, kNaN, 0, {}}}, "nll; 3072 tokens", 1.5},
          cost,
          PhaseEvent{Phase::Done, "Done", 1, 12, 0}};
}

Event withoutCheckpoint(Event event) {
  if (auto* step = std::get_if<StepEvent>(&event)) step->checkpoint = {};
  return event;
}

bool same(const Event& a, const Event& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&b](const auto& typed) { return same(typed, std::get<std::decay_t<decltype(typed)>>(b)); }, a);
}

}  // namespace interleave
