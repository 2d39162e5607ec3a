// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "backend/core/error.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

struct CostOptions {
  Workbench::CostRequest request;
  HybridOptions hybrid;
  std::vector<std::string> placements;
};

struct Measure {
  const char *key, *words;
  CostReading reading;
};
const std::vector<Measure>& measures() {
  static const std::vector<Measure> all{{"prefill_seconds", "prefill", &CostPoint::prefillSeconds},
                                        {"decode_seconds", "decoding", &CostPoint::decodeSeconds},
                                        {"cache_bytes", "the cache", &CostPoint::cache_bytes}};
  return all;
}

nlohmann::json pointsOf(const MeasuredCost& cost) {
  nlohmann::json points = nlohmann::json::array();
  for (const CostPoint& point : cost.points) {
    points.push_back({{"context_tokens", point.context_tokens},
                      {"prefill_seconds", point.prefillSeconds()},
                      {"decode_seconds", point.decodeSeconds()},
                      {"cache_bytes", point.cache_bytes},
                      {"computed_cache_bytes", point.computed_bytes},
                      {"repeats", point.decode_samples.size()},
                      {"prefill_samples", point.prefill_samples},
                      {"decode_samples", point.decode_samples}});
  }
  return points;
}

std::string rowsOf(const std::string& label, const MeasuredCost& cost) {
  std::string text;
  for (const CostPoint& point : cost.points) {
    text += fmt::format("{:<28} {:>2} {:>9} {:>11.3f} {:>11.2f} {:>11.3f} {:>12.3f} {:>4}\n", label,
                        cost.placement.fullCount(), point.context_tokens, point.prefillSeconds(),
                        point.decodeSeconds() * 1e3, static_cast<double>(point.cache_bytes) / 1e6,
                        static_cast<double>(point.computed_bytes) / 1e6, point.decode_samples.size());
  }
  return text;
}

/// Where the placement becomes cheaper, for each measure, and a line of text on each.
nlohmann::json crossovers(const MeasuredCost& cost, const MeasuredCost& teacher, const std::string& label,
                          std::string& text) {
  nlohmann::json found;
  for (const Measure& measure : measures()) {
    const std::optional<Crossover> at = crossover(cost, teacher, measure.reading);
    found[measure.key] = at ? nlohmann::json(at->tokens) : nlohmann::json(nullptr);
    const std::string where = at ? fmt::format("from {:.0f} tokens on", at->tokens) : "at every length";
    text +=
        at || cheaperAtLast(cost, teacher, measure.reading)
            ? fmt::format("\n{}: {} is cheaper than the teacher's {}", label, measure.words, where)
            : fmt::format("\n{}: {} is not cheaper than the teacher's at the longest context", label, measure.words);
  }
  return found;
}

/// Where the operators of all of them come from: they are measured together.
Workbench::Candidates sharedCandidates(const CostOptions& options) {
  Workbench::Candidates first = options.hybrid.candidates(options.placements.front());
  for (const std::string& text : options.placements) {
    if (options.hybrid.candidates(text).bank_settings != first.bank_settings) {
      throw usageError("--placement", text + " has other windows than " + options.placements.front());
    }
  }
  return first;
}

void cost(const CostOptions& options, Terminal& terminal) {
  Workbench::CostRequest request = options.request;
  const ModelFiles files = ModelFiles::open(request.model);
  std::vector<Placement> placements;
  for (const std::string& text : options.placements) placements.push_back(options.hybrid.placement(text, files));
  request.candidates = sharedCandidates(options);
  const std::vector<MeasuredCost> found = Workbench().measureCost(request, placements, terminal);

  nlohmann::json results = nlohmann::json::array();
  std::string crossings, text = fmt::format("{:<28} {:>2} {:>9} {:>11} {:>11} {:>11} {:>12} {:>4}\n", "placement", "K",
                                            "tokens", "prefill s", "ms/token", "cache MB", "computed MB", "n");
  text += rowsOf("teacher", found.front());
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const std::string& label = options.placements[i];
    const MeasuredCost& cost = *std::ranges::find(found, placements[i], &MeasuredCost::placement);
    nlohmann::json result = toJson(placements[i]);
    result["placement"] = label;
    result["points"] = pointsOf(cost);
    if (&cost != &found.front()) {
      text += rowsOf(label, cost);
      result["crossover_tokens"] = crossovers(cost, found.front(), label, crossings);
    }
    results.push_back(std::move(result));
  }
  text.pop_back();
  terminal.print({{"teacher", pointsOf(found.front())}, {"results", std::move(results)}}, text + crossings);
}

}  // namespace

void declareCost(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<CostOptions>();
  Workbench::CostRequest& request = options->request;
  CLI::App* command = app.add_subcommand("cost", "Measure time and memory of placements beside the teacher's");
  command->add_option("MODEL", request.model, "A Hugging Face folder, or a .gguf file")->required();
  options->hybrid.addTo(*command);
  addPlacements(*command, options->placements);
  command->add_option("--lengths", request.lengths, "Of the contexts, in tokens")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--new-tokens", request.new_tokens, "Decoded behind each context")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--repeats", request.repeats, "Medians of so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  addExecutionOptions(*command, request.execution);
  command->callback([options, &terminal] { cost(*options, terminal); });
}

}  // namespace interleave::cli
