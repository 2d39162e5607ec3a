// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "backend/core/error.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/run_report.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct CostOptions {
  Workbench::CostRequest request;
  HybridOptions hybrid;
  std::vector<std::string> placements;
  std::string store;
  RunId run = 0;
};

/// A placement that is measured, by its name.
struct Subject {
  std::string label;
  Placement placement;
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

std::string head() {
  return fmt::format("{:<28} {:>2} {:>9} {:>11} {:>9} {:>11} {:>9} {:>11} {:>12} {:>4}\n", "placement", "K", "tokens",
                     "prefill s", "computed", "ms/token", "computed", "cache MB", "computed MB", "n");
}

/// See computedPrefillSeconds().
std::string rowsOf(const std::string& label, const MeasuredCost& cost, const MeasuredCost& teacher) {
  std::string text;
  for (std::size_t i = 0; i < cost.points.size(); ++i) {
    const CostPoint& point = cost.points[i];
    text +=
        fmt::format("{:<28} {:>2} {:>9} {:>11.3f} {:>9.3f} {:>11.2f} {:>9.2f} {:>11.3f} {:>12.3f} {:>4}\n", label,
                    cost.placement.fullCount(), point.context_tokens, point.prefillSeconds(),
                    computedPrefillSeconds(point, teacher.points[i]), point.decodeSeconds() * 1e3,
                    computedDecodeSeconds(point, teacher.points[i]) * 1e3, static_cast<double>(point.cache_bytes) / 1e6,
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

/// The run that costs are kept with: its model has to be the one measured, and operators come from its bank, unless the
/// command line names another.
void takeFromRun(CostOptions& options, const ModelFiles& files, std::vector<Subject>& subjects) {
  const Store store = Store::open(options.store);
  const RunSpec spec = store.spec(options.run);
  if (!spec.model_fingerprint.empty() && spec.model_fingerprint != files.fingerprint()) {
    throw badInput(options.store, "run " + std::to_string(options.run), "it is of another model");
  }
  if (options.hybrid.bank.empty() && std::filesystem::exists(std::filesystem::path(spec.bank_dir) / "card.json")) {
    options.hybrid.bank = spec.bank_dir;
  }
  options.request.candidates = {options.hybrid.bank, spec.bank_settings, {}};
  if (!options.placements.empty()) return;
  if (!options.hybrid.changes.empty()) throw usageError("--set", "what the run found has the run's own recipe");
  for (const PlacementEvent& found : store.placements(options.run)) {
    subjects.push_back({"found, budget " + found.budget.text(), found.placement});
  }
  if (subjects.empty()) throw usageError("--run", "run " + std::to_string(options.run) + " has found no placement");
}

void cost(CostOptions options, Terminal& terminal) {
  const ModelFiles files = openModel(options.request.model, terminal);
  std::vector<Subject> subjects;
  if (options.run != 0) takeFromRun(options, files, subjects);
  const std::vector<Placement> named_placements = options.hybrid.placements(options.placements, files);
  for (std::size_t i = 0; i < named_placements.size(); ++i) {
    subjects.push_back({options.placements[i], named_placements[i]});
  }
  if (!options.placements.empty()) {
    const Workbench::Candidates named = sharedCandidates(options);
    if (options.run == 0 || !named.bank_settings.is_null()) options.request.candidates = named;
  }
  // Opened first: where another process writes to the store, it is told before anything is measured.
  const auto writer = options.run != 0 ? std::make_unique<StoreWriter>(options.store) : nullptr;
  std::vector<Placement> placements;
  for (const Subject& subject : subjects) placements.push_back(subject.placement);
  const std::vector<MeasuredCost> found = Workbench().measureCost(options.request, placements, terminal);

  nlohmann::json results = nlohmann::json::array();
  const MeasuredCost& teacher = found.front();
  std::string crossings, text = head() + rowsOf("teacher", teacher, teacher);
  std::vector<CostEvent> costs;
  for (const auto& [label, placement] : subjects) {
    const MeasuredCost& cost = *std::ranges::find(found, placement, &MeasuredCost::placement);
    nlohmann::json result = toJson(placement);
    result["placement"] = label;
    result["points"] = toJson(cost);
    if (&cost != &teacher) {
      text += rowsOf(label, cost, teacher);
      result["crossover_tokens"] = crossovers(cost, teacher, label, crossings);
    }
    results.push_back(std::move(result));
    costs.push_back({label, cost, teacher});
  }
  text.pop_back();
  text += "\n" + teacher.manner + "; computed: from the teacher's, by FLOPs and by bytes read" + crossings;
  terminal.print({{"manner", teacher.manner}, {"teacher", toJson(teacher)}, {"results", std::move(results)}}, text);
  if (writer == nullptr) return;
  for (const CostEvent& each : costs) writer->record(options.run, each);
  if (!writer->flush()) throw failure(options.store, writer->status().problem);
}

}  // namespace

void declareCost(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<CostOptions>();
  Workbench::CostRequest& request = options->request;
  CLI::App* command = app.add_subcommand("cost", "Measure time and memory of placements beside the teacher's");
  command->add_option("MODEL", request.model, "A Hugging Face folder, or a .gguf file")->required();
  options->hybrid.addTo(*command);
  CLI::Option* placement = addPlacements(*command, options->placements)->required(false);
  CLI::Option* run = command
                         ->add_option("--run", options->run,
                                      "A run of the store: what is measured is kept with it, "
                                      "what it found unless placements are named, with its bank")
                         ->check(CLI::PositiveNumber);
  command->add_option("--store", options->store, "That of the run")->needs(run);
  run->needs("--store");
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
  command->callback([options, &terminal, placement, run] {
    if (placement->count() == 0 && run->count() == 0) throw usageError("--placement", "name one, or a --run");
    cost(*options, terminal);
  });
}

}  // namespace interleave::cli
