// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "backend/core/error.h"
#include "backend/core/setting_differences.h"
#include "backend/engine/input_checks.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/mapped_file.h"

namespace interleave::cli {
namespace {

constexpr std::string_view kBank = "bank.";
constexpr JsonLimits kIdLists{.bytes = 512 << 20, .values = 20'000'000, .depth = 4};

std::vector<std::int32_t> idsIn(const nlohmann::json& list, std::int64_t vocabulary, const std::filesystem::path& file,
                                const std::string& place) {
  if (!list.is_array()) throw badInput(file, place, "expected a list of token ids");
  std::vector<std::int32_t> ids;
  ids.reserve(list.size());
  for (const nlohmann::json& entry : list) {
    const auto id = entry.is_number_integer() ? entry.get<std::int64_t>() : std::int64_t{-1};
    if (id < 0 || id >= vocabulary) {
      throw badInput(file, place + "[" + std::to_string(ids.size()) + "]",
                     entry.dump() + " is no token id: expected a whole number below " + std::to_string(vocabulary));
    }
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

bool hasKey(const Settings& settings, const std::string& key) {
  return std::ranges::any_of(settings.specs(), [&](const SettingSpec& spec) { return spec.key == key; });
}

std::vector<std::string> taskNames() {
  std::vector<std::string> names;
  for (const TaskInfo& task : evaluationTasks()) names.push_back(task.name);
  return names;
}

CLI::Option* chatOption(CLI::App& command, const std::function<void(const std::string&)>& take) {
  std::string names;
  for (const std::string& name : ChatForm::choices()) names.append(name).append(", ");
  return command
      .add_option_function(
          "--chat", take,
          "Form of prompts: " + names +
              "or a file with a Jinja template; auto: the model's own template if it has one, and plain "
              "text otherwise")
      ->type_name("FORM");
}

/// The tasks and what they are, for the help.
std::string taskTable() {
  std::string text = "Tasks:\n";
  for (const TaskInfo& task : evaluationTasks()) {
    text += fmt::format("  {:<20} {}{}{}\n", task.name, task.title, task.label.empty() ? "" : "; ", task.label);
  }
  return text;
}

}  // namespace

ModelFiles openModel(const std::filesystem::path& path, Terminal& terminal) {
  ModelFiles model = ModelFiles::open(path);
  for (const std::string& line : model.warnings()) terminal.warn(line);
  return model;
}

Tokenizer openTokenizer(const ModelFiles& model, Terminal& terminal, const std::string& chat) {
  Tokenizer tokenizer = Tokenizer::from(model, chat);
  for (const std::string& line : tokenizer.warnings()) terminal.warn(line);
  return tokenizer;
}

std::vector<std::int32_t> readIds(const std::filesystem::path& file, std::int64_t vocabulary) {
  return idsIn(readJson(file, kIdLists), vocabulary, file, {});
}

std::vector<std::vector<std::int32_t>> readPrompts(const std::filesystem::path& file, const Tokenizer& tokenizer) {
  const nlohmann::json list = readJson(file, kIdLists);
  if (!list.is_array() || list.empty()) throw badInput(file, {}, "expected a list of prompts");
  const ChatForm& form = tokenizer.chatForm();
  const auto idsOf = [&](const std::string& text) {
    if (form.isPlain()) return tokenizer.encode(text, SpecialTokens::Add);
    return tokenizer.encode(form.render(std::array{ChatMessage{"user", text}}, true));
  };
  std::vector<std::vector<std::int32_t>> prompts;
  for (const nlohmann::json& prompt : list) {
    const std::string place = "[" + std::to_string(prompts.size()) + "]";
    prompts.push_back(prompt.is_string() ? idsOf(prompt.get<std::string>())
                                         : idsIn(prompt, tokenizer.size(), file, place));
    if (prompts.back().empty()) throw badInput(file, place, "the prompt has no tokens");
  }
  return prompts;
}

std::string readText(const std::filesystem::path& file) {
  if (std::filesystem::is_regular_file(file) && std::filesystem::is_empty(file)) return {};  // cannot be mapped
  const MappedFile mapped = MappedFile::open(file);
  return {reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()};
}

void addExecutionOptions(CLI::App& command, Execution& execution) {
  command.add_option("--device", execution.device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--precision", execution.precision, "Precision of weights and activations")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
}

CLI::Option* addChatOption(CLI::App& command, std::string& chat) {
  return chatOption(command, [&chat](const std::string& asked) {
    Settings settings(searchSettingSpecs(methodNames().front()));
    settings.merge({{kChatSetting, asked}}, {});
    chat = settings.text(kChatSetting);
  });
}

void addChatOption(CLI::App& command, std::vector<std::string>& changes) {
  chatOption(command, [&changes](const std::string& asked) {
    changes.push_back(std::string(kChatSetting).append("=").append(asked));
  });
}

void tellChat(const RunCatalog::Prompts& prompts, const std::filesystem::path& bank, Terminal& terminal) {
  terminal.log(LogEvent::Level::Info, "prompts: " + prompts.words);
  if (bank.empty() || !std::filesystem::exists(bank / "card.json")) return;
  const nlohmann::json card = readBankCard(bank);
  const nlohmann::json& key = card.at("key");
  if (key.at("settings").value("prompt_share", 0.0) > 0 && key.value("prompts", prompts.earlier) != prompts.form) {
    terminal.log(LogEvent::Level::Warning, "the bank in " + bank.string() +
                                               " was aligned on prompts in another form: " +
                                               card.value("chat", std::string("as earlier programs wrote them")));
  }
}

void addPromptOptions(CLI::App& command, Workbench::EvaluationRequest& request) {
  command.add_option("--prompts", request.prompts, "Passkey prompts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--prompt-tokens", request.prompt_tokens, "Their length")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--wording", request.wording, "Of the prompts")
      ->check(CLI::IsMember(promptWordings()))
      ->capture_default_str();
  addChatOption(command, request.chat);
  command.add_option("--seed", request.seed, "Of the prompts")->capture_default_str();
}

void addEvaluationOptions(CLI::App& command, Workbench::EvaluationRequest& request) {
  command.add_option("--tasks", request.tasks, "What to measure; the list is below")
      ->delimiter(',')
      ->check(CLI::IsMember(taskNames()))
      ->capture_default_str();
  command.add_option("--tokens", request.text_tokens, "Held-out tokens in all")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--sequence", request.sequence_length, "Tokens a sequence")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  addPromptOptions(command, request);
  command.add_flag_callback(
      "--nll-only", [&request] { request.generate = false; },
      "Of long-context tasks, the NLL of the answer alone: nothing is generated");
  command.add_option("--hay", request.hay_file, "A text that needles hide in, instead of the bundled one");
  command.add_option("--squad", request.squad_file, "Questions for qa_1: a SQuAD file");
  command.add_option("--hotpot", request.hotpot_file, "Questions for qa_2: a HotpotQA file");
  command.add_option("--passkeys", request.passkeys, "Of flashmorph_passkey")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--passkey-words", request.passkey_words, "Words of each")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  addExecutionOptions(command, request.execution);
  command.footer(taskTable);
}

void addRecipeOption(CLI::App& command, std::vector<std::string>& changes) {
  command.add_option("--set", changes, "Windows of operators that need no bank: sliding_window=…, sliding_sinks=…")
      ->type_size(1)
      ->allow_extra_args(false);
}

std::string PresetOptions::name() const { return preset.empty() ? presetNames(method).front() : preset; }

void PresetOptions::addTo(CLI::App& command) {
  command.add_option("--preset", preset, "A preset's name, or a file of the same form; laptop, or the method's own");
  command.add_option("--set", changes, "Change a setting, key=value; may be repeated")
      ->type_size(1)
      ->allow_extra_args(false);
}

std::string settingsTable(const std::string& title, std::span<const SettingSpec> specs,
                          const std::vector<std::string>& without) {
  std::string text = title + ":\n";
  for (const SettingSpec& spec : specs) {
    if (std::ranges::find(without, spec.key) != without.end()) continue;
    text += fmt::format("  {:<20} {} [{}]{}\n", spec.key, spec.help, spec.fallback.dump(),
                        spec.inferred ? ", inferred" : "");
  }
  return text;
}

void assignSetting(Settings& bank, const std::string& key_value) {
  bank.assign(key_value.starts_with(kBank) ? key_value.substr(kBank.size()) : key_value);
}

void assignSetting(Settings& search, Settings& bank, const std::string& key_value) {
  if (key_value.starts_with(kBank)) return assignSetting(bank, key_value);
  const std::string key = key_value.substr(0, key_value.find('='));
  if (hasKey(search, key)) return search.assign(key_value);
  if (hasKey(bank, key)) return bank.assign(key_value);
  std::vector<std::string> known;
  for (const Settings* settings : {&search, &bank}) {
    for (const SettingSpec& spec : settings->specs()) known.push_back(spec.key);
  }
  throw usageError("--set", "unknown setting \"" + key + "\"" + didYouMean(key, known));
}

MixerKind restOperator(const std::optional<std::string>& named, const std::filesystem::path& bank,
                       const std::string& placement) {
  if (named) return mixerKindNamed(*named).value();
  const bool in_file = std::filesystem::exists(placement);
  if (bank.empty() || (in_file && !std::filesystem::exists(bank / "card.json"))) return MixerKind::SlidingWindow;
  const nlohmann::json card = readBankCard(bank);
  for (const MixerKind kind : {MixerKind::GdnWindow, MixerKind::Gdn}) {
    if (card.at("quality").contains(name(kind))) return kind;
  }
  return MixerKind::SlidingWindow;
}

std::vector<std::string> restOperatorNames() {
  std::vector<std::string> names = mixerKindNames();
  std::erase(names, name(MixerKind::Full));
  return names;
}

void checkMadeAs(const Settings& made, const Settings& asked, const std::filesystem::path& bank) {
  if (asked.json() == made.json()) return;
  throw usageError("--set", "the bank in " + bank.string() + " was made otherwise: there " +
                                settingDifferences(made.json(), asked.json()) +
                                ". Leave the setting out to use the bank as it is, or name another folder with --bank, "
                                "where one is prepared anew");
}

std::filesystem::path weightsFolder(const std::string& placement) {
  for (const std::string_view prefix : {"healed:", "hybrid:"}) {
    if (placement.starts_with(prefix)) return placement.substr(prefix.size());
  }
  return {};
}

Workbench::Candidates candidatesFor(const std::filesystem::path& bank, const std::string& placement,
                                    const std::vector<std::string>& changes) {
  Settings recipe(bankSettingSpecs());
  const nlohmann::json origin = provenanceOf(placement);
  const bool told = origin.contains("bank_settings");
  if (told) recipe.merge(origin.at("bank_settings"), placement);
  for (const std::string& change : changes) assignSetting(recipe, change);
  if (!changes.empty() && std::filesystem::exists(bank / "card.json")) {
    Settings made(bankSettingSpecs());
    made.merge(readBankCard(bank).at("key").at("settings"), bank.string());
    Settings asked = made;
    for (const std::string& change : changes) assignSetting(asked, change);
    checkMadeAs(made, asked, bank);
  }
  return {bank, told || !changes.empty() ? recipe.json() : nlohmann::json(), weightsFolder(placement)};
}

Placement placementFor(const std::string& text, const ModelFiles& model, MixerKind rest) {
  Placement placement = placementFrom(text, model.config().layers, rest);
  checkOrigin(text, model);
  return placement;
}

void HybridOptions::addTo(CLI::App& command) {
  command.add_option("--bank", bank, "The candidates' folder");
  addRecipeOption(command, changes);
  command.add_option("--operator", rest, "What stands elsewhere in uniform:K and the like; the bank's best")
      ->check(CLI::IsMember(restOperatorNames()));
}

CLI::Option* addPlacements(CLI::App& command, std::vector<std::string>& placements) {
  return command.add_option("--placement", placements, std::string(kPlacementHelp) + "; may be repeated")
      ->required()
      ->type_size(1)
      ->allow_extra_args(false);
}

Placement placementFor(const std::string& text, const ModelFiles& model, const std::optional<std::string>& named,
                       const std::filesystem::path& bank) {
  requirePlacement(text);
  requireBankOf(model, bank);
  return placementFor(text, model, restOperator(named, bank, text));
}

Placement HybridOptions::placement(const std::string& text, const ModelFiles& model) const {
  return placementFor(text, model, rest, bank);
}

std::vector<Placement> HybridOptions::placements(const std::vector<std::string>& texts, const ModelFiles& model) const {
  for (const std::string& text : texts) requirePlacement(text);
  std::vector<Placement> all;
  for (const std::string& text : texts) all.push_back(placement(text, model));
  return all;
}

Workbench::Candidates HybridOptions::candidates(const std::string& placement) const {
  return candidatesFor(bank, placement, changes);
}

}  // namespace interleave::cli
