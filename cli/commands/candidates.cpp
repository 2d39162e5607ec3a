// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/inputs.h"

namespace interleave::cli {
namespace {

struct CandidateOptions {
  std::string model, bank, device = "cpu", chat = "auto";
  std::uint64_t seed = 0;
  PresetOptions preset;
};

void printCard(const nlohmann::json& card, Terminal& terminal) {
  std::string text =
      fmt::format("bank of {} (fingerprint {})", card.value("model_name", "?"), card.at("key").value("model", "?"));
  if (card.contains("chat")) text += "\nprompts: " + card.at("chat").get<std::string>();
  text += fmt::format("\n{} tokens in {:.1f} s{}", card.value("tokens", std::int64_t{0}), card.value("seconds", 0.0),
                      card.value("complete", true) ? "" : "; not complete");
  for (const auto& [kind, quality] : card.at("quality").items()) {
    text += fmt::format("\n{:<12} mean relative error {:.3f}", kind, quality.value("mean_relative_error", 0.0));
  }
  terminal.print(card, text);
}

void prepare(const CandidateOptions& options, Terminal& terminal) {
  Preset preset = loadPreset(options.preset.name(), options.preset.method);
  for (const std::string& change : options.preset.changes) assignSetting(preset.bank, change);
  const RunCatalog::Prompts prompts = makeRunCatalog()->prompts(options.model, options.chat, terminal);
  if (preset.bank.real("prompt_share") > 0) tellChat(prompts, {}, terminal);
  printCard(Workbench().prepareCandidates(
                options.model, options.bank, preset.bank, options.chat, options.seed, options.device,
                [&](const AlignmentEvent& event) { terminal.onEvent(event); }, terminal),
            terminal);
}

}  // namespace

void declareCandidates(CLI::App& app, Terminal& terminal) {
  CLI::App* group = app.add_subcommand("candidates", "Operators aligned to a model's layers");
  group->require_subcommand(1);
  const auto options = std::make_shared<CandidateOptions>();

  CLI::App* command = group->add_subcommand("prepare", "Make a bank, go on with one, or find it made");
  command->add_option("MODEL", options->model, "A Hugging Face folder, or a .gguf file")->required();
  command->add_option("--bank", options->bank, "The bank's folder")->required();
  command->add_option("--seed", options->seed, "Of initialisation and data order")->capture_default_str();
  command->add_option("--device", options->device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  addChatOption(*command, options->chat);
  options->preset.addTo(*command);
  command->footer([] { return settingsTable("Settings (--set key=value). Presets change some", bankSettingSpecs()); });
  command->callback([options, &terminal] { prepare(*options, terminal); });

  command = group->add_subcommand("show", "A bank's card: model, recipe, quality");
  command->add_option("DIR", options->bank, "The bank's folder")->required();
  command->callback([options, &terminal] { printCard(readBankCard(options->bank), terminal); });
}

}  // namespace interleave::cli
