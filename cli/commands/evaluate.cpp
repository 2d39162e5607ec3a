// SPDX-License-Identifier: GPL-3.0-or-later
#include <memory>

#include "backend/formats/atomic_file.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

struct EvaluateOptions {
  Workbench::EvaluationRequest request;
  std::vector<std::string> placements, changes;
  std::optional<std::string> rest;
  std::string bank, out;
};

void evaluate(const EvaluateOptions& options, Terminal& terminal) {
  const ModelFiles files = ModelFiles::open(options.request.model);
  std::vector<Placement> placements;
  for (const std::string& text : options.placements) {
    placements.push_back(placementFor(text, files, restOperator(options.rest, options.bank, text)));
  }

  Workbench workbench;
  nlohmann::json results = nlohmann::json::array();
  std::string text = scoreHeader();
  for (std::size_t i = 0; i < placements.size(); ++i) {
    Workbench::EvaluationRequest request = options.request;
    request.candidates = candidatesFor(options.bank, options.placements[i], options.changes);
    const std::vector<Score> scores = workbench.evaluate(request, placements[i], terminal);
    nlohmann::json result = toJson(placements[i]);
    result["placement"] = options.placements[i];
    result["tasks"] = toJson(scores);
    results.push_back(std::move(result));
    text += scoreRows(options.placements[i], placements[i], scores);
  }
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
  command->add_option("--bank", options->bank, "The candidates' folder");
  addRecipeOption(*command, options->changes);
  command
      ->add_option(
          "--placement", options->placements,
          "A file, layers:I,J,…, uniform:K[:OFFSET], first:K, last:K, random:K:SEED, all or none; may be repeated")
      ->required()
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--operator", options->rest, "What stands elsewhere in uniform:K and the like; the bank's best")
      ->check(CLI::IsMember(restOperatorNames()));
  command->add_option("--tasks", request.tasks, "Of kl, nll and passkey")
      ->delimiter(',')
      ->check(CLI::IsMember(evaluationTasks()))
      ->capture_default_str();
  command->add_option("--tokens", request.text_tokens, "Held-out tokens in all")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--sequence", request.sequence_length, "Tokens a sequence")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--prompts", request.prompts, "Passkey prompts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--prompt-tokens", request.prompt_tokens, "Their length")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--wording", request.wording, "Of the prompts")
      ->check(CLI::IsMember(promptWordings()))
      ->capture_default_str();
  command->add_option("--seed", request.seed, "Of the prompts")->capture_default_str();
  command->add_option("--output", options->out, "A file to write the results to as well, as JSON");
  addExecutionOptions(*command, request.execution);
  command->callback([options, &terminal] { evaluate(*options, terminal); });
}

}  // namespace interleave::cli
