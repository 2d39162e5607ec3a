// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "backend/core/error.h"
#include "backend/engine/workbench.h"

namespace interleave::cli {
namespace {

using nlohmann::json;

json rows(const StepEvent& step, const std::vector<float>& values) {
  json rows = json::array();
  const std::size_t width = std::max<std::size_t>(1, step.operators.size());
  for (std::size_t i = 0; i + width <= values.size(); i += width) {
    rows.push_back(std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(i),
                                      values.begin() + static_cast<std::ptrdiff_t>(i + width)));
  }
  return rows;
}

json toJson(const PlacementEvent& event) {
  json object = cli::toJson(event.placement);
  object["budget"] = event.budget.text();
  object["margin"] = number(event.margin);
  object["repaired"] = event.repaired;
  object["soft_loss"] = number(event.soft_loss);
  object["hard_loss"] = number(event.hard_loss);
  return object;
}

}  // namespace

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json toJson(const Placement& placement) {
  json operators = json::array();
  for (const MixerKind kind : placement.kinds()) operators.push_back(name(kind));
  return {{"kept_layers", placement.kept()}, {"operators", std::move(operators)}, {"line", placement.line()}};
}

json toJson(const RunSummary& run) {
  return {{"run", run.id},
          {"title", run.title},
          {"method", run.method},
          {"preset", run.preset},
          {"model_name", run.model_name},
          {"model_fingerprint", run.model_fingerprint},
          {"budget", run.budget.text()},
          {"seed", run.seed},
          {"status", name(run.phase)},
          {"reason", run.reason},
          {"step", run.step},
          {"steps", run.steps},
          {"tokens", run.tokens},
          {"seconds", run.seconds},
          {"created", run.created},
          {"note", run.note},
          {"tags", run.tags},
          {"baseline", run.baseline},
          {"deleted", run.deleted}};
}

json toJson(const StepEvent& step) {
  json object{{"step", step.step},
              {"tokens", step.tokens},
              {"seconds", step.seconds},
              {"logits", rows(step, step.logits)},
              {"probabilities", rows(step, step.probabilities)},
              {"line", step.if_stopped_now.line()}};
  for (int i = 0; i < kMetrics; ++i) {
    const double value = step.metrics[static_cast<std::size_t>(i)];
    if (std::isfinite(value)) object["metrics"][std::string(name(static_cast<Metric>(i)))] = value;
  }
  return object;
}

json toJson(const std::vector<Score>& scores) { return scoresJson(scores); }

json toJson(const MeasuredCost& cost) {
  json points = json::array();
  for (const CostPoint& point : cost.points) {
    points.push_back({{"context_tokens", point.context_tokens},
                      {"prefill_seconds", point.prefillSeconds()},
                      {"decode_seconds", point.decodeSeconds()},
                      {"cache_bytes", point.cache_bytes},
                      {"computed_cache_bytes", point.computed_bytes},
                      {"prefill_flops", point.prefill_flops},
                      {"decode_bytes", point.decode_bytes},
                      {"repeats", point.decode_samples.size()},
                      {"prefill_samples", point.prefill_samples},
                      {"decode_samples", point.decode_samples}});
  }
  return points;
}

json RunReport::json() const {
  nlohmann::json document{{"run", run}, {"status", name(phase)}, {"placements", nlohmann::json::array()}};
  for (const char* key : {"placement", "steps", "tokens", "seconds", "tokens_per_second", "logit_operators", "logits",
                          "probabilities", "soft_loss", "hard_loss", "margin"}) {
    document[key] = nullptr;  // until it is known
  }
  document["chat"] = chat.empty() ? nlohmann::json() : nlohmann::json(chat);
  if (last_step) {
    document["steps"] = last_step->step;
    document["tokens"] = last_step->tokens;
    document["seconds"] = last_step->seconds;
    document["tokens_per_second"] =
        number(last_step->seconds > 0 ? static_cast<double>(last_step->tokens) / last_step->seconds : NAN);
    document["logit_operators"] = nlohmann::json::array();
    for (const MixerKind kind : last_step->operators) document["logit_operators"].push_back(name(kind));
    document["logits"] = rows(*last_step, last_step->logits);
    document["probabilities"] = rows(*last_step, last_step->probabilities);
  }
  if (!placements.empty()) {
    document["placement"] = cli::toJson(placements.front().placement);
    document["soft_loss"] = number(placements.front().soft_loss);
    document["hard_loss"] = number(placements.front().hard_loss);
    document["margin"] = number(placements.front().margin);
    for (const PlacementEvent& event : placements) document["placements"].push_back(toJson(event));
  } else if (last_step) {
    document["placement"] = cli::toJson(last_step->if_stopped_now);
  }
  return document;
}

std::string RunReport::text(bool all_budgets) const {
  std::string text = fmt::format("run {}: {}", run, name(phase));
  if (last_step) {
    text += fmt::format("\n{} of {} steps, {} tokens in {:.1f} s", last_step->step, last_step->steps, last_step->tokens,
                        last_step->seconds);
  }
  if (!chat.empty()) text += "\nprompts " + chat;
  const std::size_t shown = all_budgets ? placements.size() : std::min<std::size_t>(1, placements.size());
  for (const PlacementEvent& event : std::span(placements).first(shown)) {
    text +=
        fmt::format("\nbudget {:<14} {}  keeps {}  margin {:.3f}  {} {:.4f}{}", event.budget.text(),
                    event.placement.line(), nlohmann::json(event.placement.kept()).dump(), event.margin,
                    std::isfinite(event.soft_loss) ? fmt::format("loss soft {:.4f}, hard", event.soft_loss) : "loss",
                    event.hard_loss, event.repaired ? "  (repaired)" : "");
  }
  if (shown < placements.size()) {
    text += fmt::format("\nand placements at {} other budgets (runs show {})", placements.size() - shown, run);
  }
  if (placements.empty() && last_step) text += "\nif stopped now   " + last_step->if_stopped_now.line();
  return text;
}

std::string chatOf(const Store& store, RunId run) {
  const std::optional<EnvironmentEvent> environment = store.environment(run);
  return environment ? environment->chat : std::string();
}

RunReport storedReport(const Store& store, RunId run) {
  const RunSummary summary = store.run(run);
  RunReport report{.run = run,
                   .phase = summary.phase,
                   .last_step = {},
                   .placements = store.placements(run),
                   .chat = chatOf(store, run)};
  std::vector<StepEvent> last = store.steps(run, summary.step);
  const std::string origin = last.empty() ? store.spec(run).forked_from : std::string();
  if (const std::size_t at = origin.find('@'); at != std::string::npos) {  // no step of its own yet
    try {
      last = store.steps(std::stoll(origin.substr(0, at)), std::stoll(origin.substr(at + 1)), 1);
    } catch (const Error&) {  // The origin is no longer there.
    }
  }
  if (!last.empty()) report.last_step = std::move(last.back());
  return report;
}

std::string scoreHeader() {
  return fmt::format("{:<28} {:>2}  {:<22} {:>10}   {:<8} {:<6} {:>8}", "placement", "K", "task", "value", "error",
                     "unit", "samples");
}

std::string scoreRows(const std::string& label, const Placement& placement, const std::vector<Score>& scores) {
  std::string text;
  for (const Score& score : scores) {
    const std::string task_label = taskLabel(score.task);
    text += fmt::format("\n{:<28} {:>2}  {:<22} {:>10.4f} ± {:<8.4f} {:<6} {:>8}{}{}", label, placement.fullCount(),
                        score.task, score.value, score.standard_error, score.unit, score.samples,
                        task_label.empty() ? "" : "  ", task_label);
  }
  return text;
}

const PlacementEvent& placementOf(const std::vector<PlacementEvent>& placements, const std::optional<Budget>& budget,
                                  RunId run) {
  if (placements.empty()) {
    throw usageError("run " + std::to_string(run), "has no placement yet; go on with it (search --resume)");
  }
  if (!budget) return placements.front();
  const auto found = std::ranges::find(placements, *budget, &PlacementEvent::budget);
  if (found != placements.end()) return *found;
  std::string known;
  for (const PlacementEvent& event : placements) known += (known.empty() ? "" : ", ") + event.budget.text();
  throw usageError("--budget", "run " + std::to_string(run) + " has placements for the budgets " + known);
}

}  // namespace interleave::cli
