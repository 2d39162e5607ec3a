// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "backend/core/error.h"
#include "backend/engine/input_checks.h"
#include "backend/engine/machine.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/placement_io.h"
#include "backend/formats/published.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/run_report.h"
#include "sessions/store.h"

namespace interleave::cli {
namespace {

struct ExchangeOptions {
  std::string store, placement, format, out, model, bank, file, dtype;
  RunId run = 0;
  int layers = 0;
  std::optional<std::string> budget, rest;
  std::vector<std::string> changes;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// A placement where no model is at hand: a file's, or a published one, which both say how many layers it has.
Placement placementAlone(const std::string& text, int layers, MixerKind rest) {
  if (text.starts_with(kPublishedPrefix)) return publishedPlacement(text, layers, rest);
  return weightsFolder(text).empty() ? importPlacement(text, layers, rest) : placementFrom(text, layers, rest);
}

/// A run's placement: what a search found, or what a heal is of, with its weights.
PlacementEvent placementOfRun(const ExchangeOptions& options, const Store& store, const RunSpec& spec,
                              Workbench::ExportRequest& request) {
  const auto budget = options.budget ? std::optional(Budget::parse(*options.budget)) : std::nullopt;
  if (!spec.isHeal()) return placementOf(store.placements(options.run), budget, options.run);
  if (budget) throw usageError("--budget", "run " + std::to_string(options.run) + " is a heal: it has one placement");
  request.candidates.healed = spec.search_settings.at("folder").get<std::string>();
  PlacementEvent event;
  event.budget = spec.budget;
  event.placement = Placement::fromLetters(spec.search_settings.at("placement").get<std::string>());
  return event;
}

/// The placement to export, and where it came from.
bool sameFile(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code missing;
  return std::filesystem::equivalent(a, b, missing);
}

void fillFromRun(const ExchangeOptions& options, Workbench::ExportRequest& request, Terminal& terminal) {
  const Store store = Store::open(options.store);
  const RunSummary summary = store.run(options.run);
  const RunSpec spec = store.spec(options.run);
  const PlacementEvent found = placementOfRun(options, store, spec, request);
  request.placement = found.placement;
  request.provenance = {{"run", options.run},
                        {"created", summary.created},
                        {"model_name", summary.model_name},
                        {"model_fingerprint", summary.model_fingerprint},
                        {"method", spec.method},
                        {"preset", spec.preset},
                        {"seed", spec.seed},
                        {"budget", found.budget.text()},
                        {"search_settings", spec.search_settings},
                        {"bank_settings", spec.bank_settings}};
  const bool own_bank = options.bank.empty() || sameFile(options.bank, spec.bank_dir);
  for (const ScoreEvent& event : store.scores(options.run)) {
    const bool healed = event.label == ScoreEvent::kAfterHealing;
    if (!own_bank || event.placement != found.placement || healed != spec.isHeal()) continue;
    for (const Score& score : event.scores) {  // of a task the newest
      std::erase_if(request.scores, [&](const Score& older) { return older.task == score.task; });
      request.scores.push_back(score);
    }
  }
  if (request.model.empty() && std::filesystem::exists(spec.model_path)) request.model = spec.model_path;
  request.candidates.bank_settings = spec.bank_settings;
  if (request.candidates.bank.empty() && std::filesystem::exists(spec.bank_dir))
    request.candidates.bank = spec.bank_dir;
  if (request.model.empty()) return;
  const ModelFiles files = openModel(request.model, terminal);
  if (!summary.model_fingerprint.empty() && summary.model_fingerprint != files.fingerprint()) {
    throw badInput(request.model, "fingerprint",
                   "the run is of \"" + summary.model_name + "\" (" + summary.model_fingerprint +
                       "), this model is \"" + files.config().name + "\" (" + files.fingerprint() + ")");
  }
}

void fillFromFile(const ExchangeOptions& options, Workbench::ExportRequest& request, Terminal& terminal) {
  request.placement =
      options.model.empty()
          ? placementAlone(options.placement, options.layers,
                           restOperator(options.rest, options.bank, options.placement))
          : placementFor(options.placement, openModel(options.model, terminal), options.rest, options.bank);
  request.provenance = provenanceOf(options.placement);
  request.provenance["source"] = options.placement;
}

/// The lists of layers go with a model's weights; the whole hybrid has its own.
bool holdsWeights(const ExchangeOptions& options) {
  return options.format.starts_with("hf:") || options.format == "hf";
}

void exportTo(const ExchangeOptions& options, Terminal& terminal) {
  Workbench::ExportRequest request;
  request.model = options.model;
  request.out = options.out;
  request.format = options.dtype.empty() ? options.format : options.format + ":" + options.dtype;
  if (options.run != 0) {
    if (options.store.empty()) throw usageError("--run", "names a run of a store: --store is needed");
    if (!options.changes.empty() || options.rest || options.layers != 0) {
      throw usageError("--run", "the run says it itself: --set, --operator and --layers go with a placement");
    }
    request.candidates.bank = options.bank;
    fillFromRun(options, request, terminal);
  } else {
    if (!options.store.empty() || options.budget) {
      throw usageError("--placement", "names a file: --store and --budget go with a run");
    }
    requirePlacement(options.placement);
    fillFromFile(options, request, terminal);
    request.candidates = candidatesFor(options.bank, options.placement, options.changes);
  }
  request.provenance["program"] = programVersion();
  const std::vector<std::string> files = Workbench().exportPlacement(request, terminal);
  if (options.run != 0) {
    const std::string folder = std::filesystem::absolute(options.out).lexically_normal();
    try {
      if (!request.scores.empty()) request.provenance["scores"] = scoresJson(request.scores);
      StoreWriter(options.store).addExport(options.run, {{}, options.format, folder, request.provenance});
    } catch (const Error& problem) {  // The files are there all the same.
      terminal.log(LogEvent::Level::Warning, std::string("the export is not noted in the store: ") + problem.what());
    }
  }
  const bool weights = holdsWeights(options);
  nlohmann::json told{{"format", options.format}, {"out", options.out}, {"files", files}, {"weights", weights}};
  std::string note = weights ? std::string() : std::string(" (") + kLayersOnly + ")";
  if (weights) {
    const nlohmann::json manifest = readJson(std::filesystem::path(options.out) / "provenance.json");
    told["dtype"] = manifest.at("dtype");
    note = " (" + manifest.at("dtype").get<std::string>() + ")";
    if (const nlohmann::json& reason = manifest.at("dtype_reason"); reason.is_string()) {
      terminal.log(LogEvent::Level::Info, manifest.at("dtype").get<std::string>() + ": " + reason.get<std::string>());
    }
  }
  terminal.print(told, options.out + ": " + joined(files) + note);
}

void import(const ExchangeOptions& options, Terminal& terminal) {
  requirePlacement(options.file);
  int layers = options.layers;
  if (!options.model.empty()) {
    const ModelFiles model = openModel(options.model, terminal);
    checkOrigin(options.file, model);
    layers = model.config().layers;
  }
  const Placement placement =
      placementAlone(options.file, layers, restOperator(options.rest, options.bank, options.file));
  nlohmann::json provenance = provenanceOf(options.file);
  provenance["source"] = options.file;
  const nlohmann::json document = placementDocument("interleave", placement, {}, provenance);
  if (!options.out.empty()) writeFileAtomically(options.out, document.dump(2) + "\n");
  terminal.print(document, fmt::format("{}  keeps {}", placement.line(), nlohmann::json(placement.kept()).dump()));
}

}  // namespace

void declareExchange(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<ExchangeOptions>();
  const auto addShared = [&](CLI::App* command) {
    command->add_option("--model", options->model, "The model: a Hugging Face folder, or a .gguf file");
    command->add_option("--bank", options->bank, "The candidates' folder");
    command
        ->add_option("--layers", options->layers, "How many layers the model has, where neither it nor the file tells")
        ->check(CLI::PositiveNumber);
    command->add_option("--operator", options->rest, "What stands where a file only says that attention is not kept")
        ->check(CLI::IsMember(restOperatorNames()));
  };

  CLI::App* command = app.add_subcommand("export", "Write a placement, or the whole hybrid, for other programs");
  CLI::Option* placement = command->add_option("--placement", options->placement,
                                               "A placement's file, published:NAME[:K], healed:DIR or hybrid:DIR");
  CLI::Option* run = command->add_option("--run", options->run, "A run of the store")->check(CLI::PositiveNumber);
  run->excludes(placement);
  command->add_option("--store", options->store, "The store's file");
  command->add_option("--budget", options->budget, "Which of the run's budgets; the one it was asked for");
  command->add_option("--format", options->format, "What to write")->required()->check(CLI::IsMember(exportFormats()));
  command->add_option("--out", options->out, "The folder to write into")->required();
  command
      ->add_option("--dtype", options->dtype,
                   "The one type of hf's weights; source: the model's. Without it that which they come in, or fp32")
      ->check(CLI::IsMember({"source", "bf16", "fp16", "fp32"}));
  addShared(command);
  addRecipeOption(*command, options->changes);
  command->callback([options, &terminal] {
    if (!options->dtype.empty() && options->format != "hf") {
      throw usageError("--dtype", "is of weights: it goes with --format hf");
    }
    if (options->run == 0 && options->placement.empty()) throw usageError("export", "--run or --placement is needed");
    exportTo(*options, terminal);
  });

  command = app.add_subcommand("import", "Read a placement that export, or another program, wrote");
  command->add_option("FILE", options->file, "A JSON file, a folder with one, or published:NAME[:K]")->required();
  command->add_option("--out", options->out, "The file to write in our own format");
  addShared(command);
  command->callback([options, &terminal] { import(*options, terminal); });
}

}  // namespace interleave::cli
