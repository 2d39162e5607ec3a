// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "backend/formats/atomic_file.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

struct EvaluateOptions {
  Workbench::EvaluationRequest request;
  HybridOptions hybrid;
  std::vector<std::string> placements;
  std::string out;
};

std::string rowsOf(const std::string& label, const Placement& placement, const std::vector<Score>& scores) {
  std::string text;
  for (const Score& score : scores) {
    text += fmt::format("{:<28} {:>2}  {:<12} {:>10.4f} ± {:<8.4f} {:<6} {:>8}\n", label, placement.fullCount(),
                        score.task, score.value, score.standard_error, score.unit, score.samples);
  }
  return text;
}

void evaluate(const EvaluateOptions& options, Terminal& terminal) {
  const ModelFiles files = ModelFiles::open(options.request.model);
  std::vector<Placement> placements;
  for (const std::string& text : options.placements) {
    placements.push_back(options.hybrid.placement(text, files));
  }

  Workbench workbench;
  nlohmann::json results = nlohmann::json::array();
  std::string text = fmt::format("{:<28} {:>2}  {:<12} {:>10}   {:<8} {:<6} {:>8}\n", "placement", "K", "task", "value",
                                 "error", "unit", "samples");
  for (std::size_t i = 0; i < placements.size(); ++i) {
    Workbench::EvaluationRequest request = options.request;
    request.candidates = options.hybrid.candidates(options.placements[i]);
    const std::vector<Score> scores = workbench.evaluate(request, placements[i], terminal);
    nlohmann::json result = toJson(placements[i]);
    result["placement"] = options.placements[i];
    result["tasks"] = toJson(scores);
    results.push_back(std::move(result));
    text += rowsOf(options.placements[i], placements[i], scores);
  }
  text.pop_back();
  const nlohmann::json document = results.size() == 1 ? results.front() : nlohmann::json{{"results", results}};
  if (!options.out.empty()) writeFileAtomically(options.out, document.dump(2) + "\n");
  terminal.print(document, text);
}

}  // namespace

void declareEvaluate(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<EvaluateOptions>();
  Workbench::EvaluationRequest& request = options->request;
  CLI::App* command = app.add_subcommand("evaluate", "Judge placements on held-out text and retrieval prompts");
  command->add_option("MODEL", request.model, "A Hugging Face folder, or a .gguf file")->required();
  options->hybrid.addTo(*command);
  command->add_option("--placement", options->placements, std::string(kPlacementHelp) + "; may be repeated")
      ->required()
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--tasks", request.tasks, "Of kl, nll and passkey")
      ->delimiter(',')
      ->check(CLI::IsMember({"kl", "nll", "passkey"}))
      ->capture_default_str();
  command->add_option("--tokens", request.text_tokens, "Held-out tokens in all")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--sequence", request.sequence_length, "Tokens a sequence")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  addPromptOptions(*command, request);
  command->add_option("--output", options->out, "A file to write the results to as well, as JSON");
  addExecutionOptions(*command, request.execution);
  command->callback([options, &terminal] { evaluate(*options, terminal); });
}

}  // namespace interleave::cli
