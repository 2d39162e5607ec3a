// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "backend/formats/safetensors.h"
#include "backend/formats/tokenizer.h"
#include "cli/commands/commands.h"
#include "cli/inputs.h"

namespace interleave::cli {
namespace {

struct ModelOptions {
  std::string model, text_file, ids, out;
  std::optional<std::string> placement;
  HybridOptions hybrid;
  bool special = false, plain = false;
  int layers = 9;
  std::uint64_t seed = 0;
  Workbench::EvaluationRequest evaluation;  ///< Its prompts.
  Execution execution;
};

std::string asLines(const nlohmann::json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += fmt::format("{}{:<22} {}", text.empty() ? "" : "\n", key,
                        value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

void info(const ModelOptions& options, Terminal& terminal) {
  nlohmann::json facts = Workbench().modelInfo(options.model);
  for (const auto& line : facts.value("warnings", std::vector<std::string>())) {
    terminal.log(LogEvent::Level::Warning, line);
  }
  if (!terminal.json()) facts.erase("warnings");
  terminal.print(facts, asLines(facts));
}

void tokenize(const ModelOptions& options, Terminal& terminal) {
  const Tokenizer tokenizer = openTokenizer(openModel(options.model, terminal), terminal);
  const SpecialTokens mode = options.special ? SpecialTokens::Add
                             : options.plain ? SpecialTokens::Plain
                                             : SpecialTokens::Recognise;
  terminal.printRaw(nlohmann::json(tokenizer.encode(readText(options.text_file), mode)).dump() + "\n");
}

void detokenize(const ModelOptions& options, Terminal& terminal) {
  const Tokenizer tokenizer = openTokenizer(openModel(options.model, terminal), terminal);
  const std::string text = tokenizer.decode(readIds(options.ids, tokenizer.size()), options.plain);
  if (terminal.json()) {
    terminal.print({{"text", text}}, {});
  } else {
    terminal.printRaw(text);
  }
}

void prompts(const ModelOptions& options, Terminal& terminal) {
  Workbench::EvaluationRequest request = options.evaluation;
  request.model = options.model;
  tellChat(makeRunCatalog()->prompts(request.model, request.chat, terminal), {}, terminal);
  terminal.printRaw(nlohmann::json(passkeyPrompts(request)).dump() + "\n");
}

void logits(const ModelOptions& options, Terminal& terminal) {
  const ModelFiles files = openModel(options.model, terminal);
  const std::int64_t vocabulary = files.config().vocabulary;
  const std::vector<std::int32_t> ids = readIds(options.ids, vocabulary);
  if (ids.empty()) throw badInput(options.ids, {}, "the list of token ids is empty");
  std::optional<Placement> placement;
  if (options.placement) placement = options.hybrid.placement(*options.placement, files);
  const std::vector<float> values =
      Workbench().logits(options.model, ids, placement ? &*placement : nullptr,
                         options.hybrid.candidates(options.placement.value_or("")), options.execution, terminal);
  const auto wrong = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
  if (wrong != values.end()) {
    const auto at = wrong - values.begin();
    throw badInput(options.model, fmt::format("logits[{}, {}]", at / vocabulary, at % vocabulary), "is not finite");
  }
  const auto tokens = static_cast<std::int64_t>(ids.size());
  const TensorView tensor{"logits", DType::F32, {tokens, vocabulary}, std::as_bytes(std::span(values))};
  writeSafetensors(options.out, std::span(&tensor, 1));
  terminal.print({{"out", options.out}, {"shape", tensor.shape}},
                 fmt::format("logits [{}, {}] in {}", tokens, vocabulary, options.out));
}

void plant(const ModelOptions& options, Terminal& terminal) {
  const nlohmann::json roles = plantModel(options.model, options.layers, options.seed);
  terminal.print({{"model", options.model}, {"roles", roles}}, asLines(roles));
}

}  // namespace

void declareModel(CLI::App& app, Terminal& terminal) {
  CLI::App* group = app.add_subcommand("model", "What a model is, its tokenizer and its logits");
  group->require_subcommand(1);
  const auto options = std::make_shared<ModelOptions>();
  const auto add = [&](const char* name, const char* help, void (*run)(const ModelOptions&, Terminal&)) {
    CLI::App* command = group->add_subcommand(name, help);
    command->add_option("MODEL", options->model, "A Hugging Face folder, or a .gguf file")->required();
    command->callback([options, run, &terminal] { run(*options, terminal); });
    return command;
  };
  add("info", "Format, architecture and sizes; reads no weights", info);

  CLI::App* planted = group->add_subcommand(
      "plant", "Write a small model whose best placements are known, to try methods on (docs/methods.md)");
  planted->add_option("FOLDER", options->model, "Where to")->required();
  planted->add_option("--layers", options->layers, "How many")->capture_default_str();
  planted->add_option("--seed", options->seed, "Which layer does what")->capture_default_str();
  planted->callback([options, &terminal] { plant(*options, terminal); });

  CLI::App* command = add("tokenize", "The token ids of a text, as a JSON list", tokenize);
  command->add_option("--text-file", options->text_file, "The text, UTF-8")->required();
  CLI::Option* special =
      command->add_flag("--special", options->special, "Add what the tokenizer's post-processor adds");
  command->add_flag("--plain", options->plain, "Take special tokens in the text as text")->excludes(special);

  command = add("detokenize", "The text of token ids", detokenize);
  command->add_option("--ids", options->ids, "A JSON list of token ids")->required();
  command->add_flag("--skip-special", options->plain, "Leave special tokens out");

  addPromptOptions(*add("prompts", "The pass key prompts of evaluate, as a JSON list of lists of token ids", prompts),
                   options->evaluation);

  command = add("logits", "Logits [T, V] of one sequence, to a safetensors file", logits);
  command->add_option("--ids", options->ids, "A JSON list of token ids")->required();
  command->add_option("--out", options->out, "The file to write; its tensor is \"logits\", fp32")->required();
  command->add_option("--placement", options->placement, kPlacementHelp);
  options->hybrid.addTo(*command);
  addExecutionOptions(*command, options->execution);
}

}  // namespace interleave::cli
