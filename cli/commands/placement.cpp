// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "backend/formats/published.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"

namespace interleave::cli {
namespace {

struct PlacementOptions {
  std::string model, file;
  int layers = 0;
};

nlohmann::json toJson(const PublishedSelection& selection) {
  nlohmann::json document{{"name", selection.name},     {"title", selection.title},     {"model", selection.model},
                          {"layers", selection.layers}, {"counts", selection.counts()}, {"source", selection.source},
                          {"url", selection.url},       {"notes", selection.notes}};
  document["year"] = selection.year > 0 ? nlohmann::json(selection.year) : nlohmann::json();
  if (!selection.sets.empty()) document["sets"] = selection.sets;
  if (selection.window > 0) document["sliding_window"] = {{"layers", selection.windowed}, {"tokens", selection.window}};
  if (!selection.ranking.empty()) document["ranking"] = selection.ranking;
  if (!selection.scores.empty()) {
    document["scores"] = selection.scores;
    document["scored_by"] = selection.scored_by;
  }
  document["results"] = nlohmann::json::array();
  for (const PublishedResult& result : selection.results) {
    document["results"].push_back(
        {{"kept", result.kept}, {"task", result.task}, {"value", result.value}, {"unit", result.unit}});
  }
  return document;
}

/// "5, 9, 12", or "1–18" of a ranking.
std::string countsOf(const PublishedSelection& selection) {
  if (!selection.ranking.empty()) return fmt::format("1–{}", selection.ranking.size());
  return fmt::format("{}", fmt::join(selection.counts(), ", "));
}

void listPublished(const PlacementOptions& options, Terminal& terminal) {
  const int layers = options.model.empty() ? options.layers : openModel(options.model, terminal).config().layers;
  nlohmann::json found = nlohmann::json::array();
  std::string text = fmt::format("{:<38} {:>6}  {:<12} {:<26} {}", "name", "layers", "K", "of", "source");
  for (const PublishedSelection& selection : options.file.empty() ? bundledPublished() : readPublished(options.file)) {
    if (layers != 0 && selection.layers != layers) continue;
    found.push_back(toJson(selection));
    text += fmt::format("\n{:<38} {:>6}  {:<12} {:<26} {}", selection.name, selection.layers, countsOf(selection),
                        selection.model, selection.source.substr(0, selection.source.find(';')));
  }
  if (found.empty()) text = fmt::format("none for a model of {} layers", layers);
  terminal.print({{"published", std::move(found)}}, text);
}

}  // namespace

void declarePlacement(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<PlacementOptions>();
  CLI::App* group = app.add_subcommand("placement", "Placements that others have published");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand("published", "List them; --placement published:NAME[:K] takes one");
  CLI::Option* model = command->add_option("--model", options->model, "Only those for a model of as many layers");
  command->add_option("--layers", options->layers, "Only those for a model of so many layers")
      ->check(CLI::PositiveNumber)
      ->excludes(model);
  command->add_option("--file", options->file, "Those of a file of the same form, not the bundled ones");
  command->callback([options, &terminal] { listPublished(*options, terminal); });
}

}  // namespace interleave::cli
