// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "backend/formats/atomic_file.h"
#include "cli/commands/commands.h"
#include "cli/comparison.h"
#include "cli/inputs.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

struct EvaluateOptions {
  Workbench::EvaluationRequest request;
  HybridOptions hybrid;
  std::vector<std::string> placements;
  std::string out, against;
};

void evaluate(const EvaluateOptions& options, Terminal& terminal) {
  const ModelFiles files = openModel(options.request.model, terminal);
  const std::vector<Placement> placements = options.hybrid.placements(options.placements, files);
  // What is wrong or odd with the model is told before any weight is read.
  const RunCatalog::Prompts prompts = makeRunCatalog()->prompts(options.request.model, options.request.chat, terminal);

  const auto asks = [&](const char* task) {
    return std::ranges::find(options.request.tasks, task) != options.request.tasks.end();
  };
  for (const auto& [task, file, flag] : {std::tuple("qa_1", &options.request.squad_file, "--squad"),
                                         std::tuple("qa_2", &options.request.hotpot_file, "--hotpot")}) {
    if (!asks("ruler") || !file->empty()) continue;
    terminal.log(LogEvent::Level::Info, std::string(task) + " is left out of ruler: it needs a file (" + flag + ")");
  }
  const auto isText = [](const std::string& task) { return task == "kl" || task == "nll"; };
  const bool asks_prompts = !std::ranges::all_of(options.request.tasks, isText);
  if (asks_prompts) tellChat(prompts, options.hybrid.bank, terminal);
  const std::size_t reference = options.against.empty() ? 0 : namedBy(options.against, options.placements);

  Workbench workbench;
  std::vector<Judged> judged;
  nlohmann::json results = nlohmann::json::array();
  std::string text = scoreHeader();
  for (std::size_t i = 0; i < placements.size(); ++i) {
    Workbench::EvaluationRequest request = options.request;
    request.candidates = options.hybrid.candidates(options.placements[i]);
    std::vector<Score> scores = workbench.evaluate(request, placements[i], terminal);
    nlohmann::json result = toJson(placements[i]);
    result["placement"] = options.placements[i];
    result["tasks"] = toJson(scores);
    results.push_back(std::move(result));
    text += scoreRows(options.placements[i], placements[i], scores);
    judged.push_back({options.placements[i], placements[i], std::move(scores), {}});
  }
  nlohmann::json document = results.front();
  if (results.size() > 1) {
    const Comparison comparison(std::move(judged), reference);
    document = comparison.json();
    document["results"] = std::move(results);
    text += "\n\n" + comparison.text();
  }
  if (asks_prompts) {
    document["chat"] = prompts.words;
    text += "\nprompts: " + prompts.words;
  }
  if (!options.out.empty()) writeFileAtomically(options.out, document.dump(2) + "\n");
  terminal.print(document, text);
}

}  // namespace

void declareEvaluate(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<EvaluateOptions>();
  Workbench::EvaluationRequest& request = options->request;
  CLI::App* command = app.add_subcommand("evaluate", "Judge placements on held-out text and long-context tasks");
  command->add_option("MODEL", request.model, "A Hugging Face folder, or a .gguf file")->required();
  options->hybrid.addTo(*command);
  addPlacements(*command, options->placements);
  command->add_option("--against", options->against,
                      "The placement that others are compared with: as given, or its number from 1 on; the first");
  addEvaluationOptions(*command, request);
  command->add_option("--output", options->out, "A file to write the results to as well, as JSON");
  command->callback([options, &terminal] { evaluate(*options, terminal); });
}

}  // namespace interleave::cli
