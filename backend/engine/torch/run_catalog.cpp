// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/run_catalog.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/data/answered_prompt.h"
#include "backend/engine/torch/evaluation_maker.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/formats/model_files.h"
#include "backend/formats/placement_io.h"

namespace interleave {
namespace {

/// The least and the most cache bytes that the operators of a search take at a context length.
std::pair<std::int64_t, std::int64_t> cacheRange(const CostTable& costs, const std::vector<std::string>& operators) {
  std::int64_t least = 0, most = 0;
  for (const std::vector<MixerCost>& row : costs.rows) {
    std::vector<std::int64_t> bytes;
    for (const std::string& word : operators) {
      bytes.push_back(row.at(static_cast<std::size_t>(mixerKindNamed(word).value())).cache_bytes);
    }
    least += std::ranges::min(bytes);
    most += std::ranges::max(bytes);
  }
  return {least, most};
}

class Catalog final : public RunCatalog {
 public:
  Model model(const std::filesystem::path& path) override {
    const ModelFiles& files = open(path);
    return {files.config().name, files.fingerprint(), files.config().layers};
  }

  Prompts prompts(const std::filesystem::path& model, const std::string& chat, Progress& progress) override {
    const Tokenizer& own = *tokenizer(model, chat);
    for (const auto* warnings : {&open(model).warnings(), &own.warnings()}) {
      for (const std::string& line : *warnings) progress.warn(line);
    }
    return {own.chatForm().words(), promptDigest(own), promptDigestOfEarlierPrograms(own)};
  }

  Preset preset(const std::string& name, const std::string& method) override {
    searchSettingSpecs(method);  // names an unknown method
    return loadPreset(name.empty() ? presetNames(method).at(0) : name, method);
  }

  std::optional<Settings> bankRecipe(const std::filesystem::path& bank, const std::filesystem::path& model) override {
    const std::filesystem::path file = bank / "card.json";
    if (bank.empty() || !std::filesystem::exists(file)) return std::nullopt;
    const nlohmann::json card = readBankCard(bank);
    checkBankModel(card, open(model).config(), open(model).fingerprint(), bank);
    Settings recipe(bankSettingSpecs());
    recipe.merge(card.at("key").at("settings"), file);
    return recipe;
  }

  void check(const RunSpec& run) override {
    Settings search(searchSettingSpecs(run.method));
    search.merge(run.search_settings, {});
    const std::optional<Settings> stored = bankRecipe(run.bank_dir, run.model_path);
    const Settings bank = stored ? *stored : completeBankSettings(run.bank_settings);
    checkSearchSettings(run.method, search);
    checkKinds(search, bank);
    checkBudget(run, search, bank);
    checkPrompts(open(run.model_path), *tokenizer(run.model_path, search.text(kChatSetting)), search, bank,
                 run.bank_dir);
  }

  void check(const Workbench::EvaluationRequest& request) override {
    const std::vector<TaskInfo> tasks = tasksOf(request);
    const auto isText = [](const TaskInfo& task) { return task.name == "kl" || task.name == "nll"; };
    if (!std::ranges::all_of(tasks, isText)) asked(*tokenizer(request.model, request.chat), "?", {});
    const std::vector<std::string> known = promptWordings();
    if (std::ranges::find(known, request.wording) != known.end()) return;
    throw usageError("wording", "\"" + request.wording + "\" is unknown" + didYouMean(request.wording, known));
  }

  Placement placement(const std::string& text, const std::filesystem::path& model, MixerKind rest) override {
    const ModelFiles& files = open(model);
    checkOrigin(text, files);
    return placementFrom(text, files.config().layers, rest);
  }

 private:
  const ModelFiles& open(const std::filesystem::path& path) {
    const auto found = models_.find(path);
    return found != models_.end() ? found->second : models_.emplace(path, ModelFiles::open(path)).first->second;
  }

  std::shared_ptr<const Tokenizer> tokenizer(const std::filesystem::path& model, const std::string& chat) {
    std::shared_ptr<const Tokenizer>& known = tokenizers_[{model, chat}];
    NoProgress none;
    if (!known) known = tokenizerOf(open(model), chat, none);
    return known;
  }

  void checkBudget(const RunSpec& run, const Settings& search, const Settings& bank) {
    const ModelFiles& files = open(run.model_path);
    const Budget& budget = run.budget;
    if (budget.unit == Budget::Unit::FullLayers) {
      const int layers = files.config().layers;
      if (budget.amount <= layers) return;
      throw badInput(files.path(), "budget", "keeps " + budget.text() + " layers of " + std::to_string(layers));
    }
    const CostTable costs = costTable(files.config(), operatorWindows(bank), budget.context_tokens);
    const auto [least, most] = cacheRange(costs, wordsOf(search.text("operators")));
    if (budget.amount >= least && budget.amount <= most) return;
    throw badInput(files.path(), "budget",
                   budget.text() + " is outside what these operators take at that length: " + std::to_string(least) +
                       " to " + std::to_string(most) + " bytes");
  }

  std::map<std::filesystem::path, ModelFiles> models_;
  std::map<std::pair<std::filesystem::path, std::string>, std::shared_ptr<const Tokenizer>> tokenizers_;
};

}  // namespace

std::unique_ptr<RunCatalog> makeRunCatalog() { return std::make_unique<Catalog>(); }

}  // namespace interleave
