// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/inputs.h"

namespace interleave::cli {
namespace {

struct GenerateOptions {
  Workbench::GenerationRequest request;
  HybridOptions hybrid;
  std::string prompts, placement = "all", chat = std::string(ChatForm::kNone);
};

void generate(const GenerateOptions& options, Terminal& terminal) {
  Workbench::GenerationRequest request = options.request;
  const ModelFiles files = openModel(request.model, terminal);
  const Tokenizer tokenizer = openTokenizer(files, terminal, options.chat);
  const Placement placement = options.hybrid.placement(options.placement, files);
  request.candidates = options.hybrid.candidates(options.placement);
  request.prompts = readPrompts(options.prompts, tokenizer);
  request.end_ids = tokenizer.endIds();
  nlohmann::json answers = nlohmann::json::array();
  std::string text;
  for (const std::vector<std::int32_t>& ids : Workbench().generate(request, placement, terminal)) {
    answers.push_back({{"ids", ids}, {"text", tokenizer.decode(ids)}});
    text += fmt::format("{}[{}] {}", text.empty() ? "" : "\n", answers.size() - 1,
                        answers.back().at("text").get<std::string>());
  }
  terminal.print({{"answers", answers}}, text);
}

}  // namespace

void declareGenerate(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Continue prompts greedily, all together");
  command->add_option("MODEL", options->request.model, "A Hugging Face folder, or a .gguf file")->required();
  command->add_option("--prompts", options->prompts, "A JSON list of texts, or of lists of token ids")->required();
  addChatOption(*command, options->chat)
      ->description(
          "Texts are what a user says, in this form (auto, a family's, a file; see evaluate); otherwise they "
          "are gone on with as they are");
  command->add_option("--most", options->request.most, "Tokens of each continuation")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--placement", options->placement, kPlacementHelp)->capture_default_str();
  options->hybrid.addTo(*command);
  addExecutionOptions(*command, options->request.execution);
  command->callback([options, &terminal] { generate(*options, terminal); });
}

}  // namespace interleave::cli
