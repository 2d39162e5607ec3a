// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/mock_workshop.h"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <span>
#include <thread>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/random.h"

namespace interleave::gui {
namespace {

std::span<const SettingSpec> bankTable() {
  using namespace setting;
  static const std::array table{
      choice("kinds", "gdn-window", {"gdn", "gdn-window", "swa"}, "Operators that candidates are prepared for."),
      integer("tokens", 10240, 512, 1e9, "Text to align on."),
      inferred(real("learning_rate", 3e-3, 1e-6, 1, "Of the projections and gates.")),
  };
  return table;
}

std::span<const SettingSpec> searchTable() {
  using namespace setting;
  static const std::array table{
      integer("steps", 48, 1, 1e7, "Search steps."),
      inferred(real("prompt_share", 0.5, 0, 1, "Share of steps on retrieval prompts; the others are on text.")),
      inferred(choice("loss", "kl", {"kl", "ce", "mse"}, "What is minimised.")),
      live(inferred(real("temperature", 1.0, 0.01, 100, "Of the softmax over operators."))),
      live(inferred(real("learning_rate", 0.1, 1e-6, 10, "Of Adam on the logits."))),
      flag("repair", false, "1-swap repair on the discrete loss."),
      choiceOrPath(kChatSetting, "auto", {"auto", "none", "chatml"}, "Form of prompts."),
  };
  return table;
}

std::span<const SettingSpec> healTable() {
  using namespace setting;
  static const std::array table{
      text("placement", "", "What is healed."),
      path("folder", "Where the healed weights go."),
      inferred(choice("train", "all", {"attention", "all"}, "What of the hybrid is trained.")),
      inferred(choice("adapt", "full", {"lora", "full"}, "Pairs of low rank, or the weights themselves.")),
      integer("steps", 24, 1, 1e7, "Optimiser steps."),
      inferred(real("learning_rate", 1e-4, 0, 1, "Of the weights.")),
  };
  return table;
}

/// Works for a while, in pieces small enough to be stopped.
void take(int milliseconds, std::string_view title, Progress& progress) {
  constexpr int kPieces = 20;
  for (int piece = 0; piece < kPieces; ++piece) {
    progress.throwIfStopped();
    progress.report(title, static_cast<double>(piece) / kPieces);
    std::this_thread::sleep_for(std::chrono::microseconds(1000 * milliseconds / kPieces));
  }
  progress.throwIfStopped();
}

/// Knows the mock model, and of placements "uniform:K" alone.
class MockCatalog final : public RunCatalog {
 public:
  MockCatalog(MockWorkshop& workshop, int layers) : workshop_(workshop), layers_(layers) {}

  Model model(const std::filesystem::path&) override { return {"Mock model", "mock", layers_}; }
  Preset preset(const std::string& name, const std::string& method) override {
    return workshop_.preset(name.empty() ? "laptop" : name, method);
  }
  std::optional<Settings> bankRecipe(const std::filesystem::path&, const std::filesystem::path&) override {
    return std::nullopt;
  }
  Prompts prompts(const std::filesystem::path&, const std::string& chat, Progress&) override {
    return {chat, chat, "auto"};
  }
  void check(const RunSpec& run) override {
    if (run.budget.unit == Budget::Unit::FullLayers && run.budget.amount > layers_) {
      throw badInput(run.model_path, "budget", "keeps more layers than the mock has");
    }
  }
  void check(const Workbench::EvaluationRequest&) override {}
  Placement placement(const std::string& text, const std::filesystem::path&, MixerKind rest) override {
    if (text.starts_with("hybrid:")) {
      const std::filesystem::path config = std::filesystem::path(text.substr(7)) / "config.json";
      if (!std::filesystem::exists(config)) throw badInput(config.string(), {}, "there is no such file");
      return Placement::uniform(layers_, 1, 0, rest);
    }
    if (!text.starts_with("uniform:")) throw usageError("placement", "\"" + text + "\": the mock knows uniform:K");
    return Placement::uniform(layers_, std::atoi(text.c_str() + 8), 0, rest);
  }

 private:
  MockWorkshop& workshop_;
  int layers_;
};

}  // namespace

std::unique_ptr<RunCatalog> MockWorkshop::makeCatalog() { return std::make_unique<MockCatalog>(*this, script_.layers); }
std::span<const SettingSpec> MockWorkshop::bankSettings() const { return bankTable(); }
std::span<const SettingSpec> MockWorkshop::searchSettings(const std::string& method) const {
  return method == kHealMethod ? healTable() : searchTable();
}

Preset MockWorkshop::preset(const std::string& name, const std::string&) const {
  if (name != "laptop") throw badInput(name, "preset", "the mock has only \"laptop\"");
  return {name, "A mock", Settings(bankTable()), Settings(searchTable()), Budget::layers(8)};
}

DeviceReport MockWorkshop::device(const std::string& wanted) {
  return {.device = "cpu", .kernel = "mock", .library = "no LibTorch", .note = wanted == "cpu" ? "" : "a mock"};
}

nlohmann::json MockWorkshop::modelInfo(const std::filesystem::path& model) {
  nlohmann::json info{{"name", "Mock model"}, {"path", model.string()},   {"format", "mock"},
                      {"family", "mock"},     {"layers", script_.layers}, {"heads", 9},
                      {"kv_heads", 3},        {"parameters", 134515008}};
  info["tokenizer"] = {{"chat_form", "none: the model has no chat template"}, {"plain", true}};
  if (!model_warnings_.empty()) info["warnings"] = model_warnings_;
  return info;
}

std::vector<CostTable> MockWorkshop::costs(const std::filesystem::path&, const Settings&,
                                           std::span<const std::int64_t> context_tokens) {
  std::vector<CostTable> tables;
  for (const std::int64_t tokens : context_tokens) tables.push_back(mockCosts(tokens, script_.layers));
  return tables;
}

nlohmann::json MockWorkshop::prepareCandidates(const std::filesystem::path&, const std::filesystem::path&,
                                               const Settings&, const std::string& chat, std::uint64_t seed,
                                               const std::string&,
                                               const std::function<void(const AlignmentEvent&)>& watch,
                                               Progress& progress) {
  TurnProgress turn(*turns_, progress);
  Random random(seed);
  constexpr int kSteps = 24;
  for (int step = 1; step <= kSteps; ++step) {
    take(evaluation_milliseconds_ / kSteps, "aligning", turn);
    AlignmentEvent event{.step = step, .steps = kSteps, .tokens = 512 * step, .held_out = step == kSteps};
    for (int layer = 0; layer < script_.layers; ++layer) {
      event.relative_error.push_back(
          static_cast<float>((0.05 + 0.4 * std::exp(-step / 6.0)) * (0.5 + random.uniform())));
      event.cosine.push_back(std::sqrt(1 - event.relative_error.back()));
    }
    watch(event);
  }
  return {{"chat", chat + " (a mock)"}};
}

std::optional<PromptPreview> MockWorkshop::previewPrompt(const RunSpec& spec) {
  return PromptPreview{"A mock prompt, seed " + std::to_string(spec.seed) + ". The pass key is", " 12345", 40, 35};
}

std::vector<TaskInfo> MockWorkshop::tasks() const {
  return {{.name = "kl", .title = "invented", .scores = {{"kl", "KL on text, nats", "nats"}}},
          {.name = "nll", .title = "invented", .scores = {{"nll", "NLL on text, nats", "nats"}}},
          {.name = "passkey",
           .title = "invented",
           .scores = {{"passkey", "recall, share of prompts", "share"}, {"passkey_nll", "answer NLL, nats", "nats"}}}};
}

std::vector<Score> MockWorkshop::evaluate(const Workbench::EvaluationRequest& request, const Placement& placement,
                                          Progress& progress) {
  if (placement.layers() != script_.layers) throw badInput({}, "placement", "it has another count of layers");
  TurnProgress turn(*turns_, progress);
  take(evaluation_milliseconds_, "evaluating", turn);
  const double full = static_cast<double>(placement.fullCount()) / placement.layers();
  Random samples(request.seed), random(std::hash<Placement>{}(placement));
  const double luck = random.uniform();
  const double kl = (1 - full) * (0.1 + 0.1 * luck), recall = full == 1 ? 1 : luck < 0.5 ? 0 : luck;
  // Some samples are hard for every placement, and each placement finds some of its own hard.
  const auto hardness = [&] { return 0.5 + 0.8 * samples.uniform() + 0.2 * random.uniform(); };
  std::vector<double> divergences, likelihoods, answered, answers;
  for (std::int64_t i = 0; i < request.text_tokens / request.sequence_length; ++i) {
    const double hard = hardness();
    divergences.push_back(kl * hard);
    likelihoods.push_back(2.4 + hard / 2 + kl * hard);
  }
  for (std::int64_t i = 0; i < request.prompts; ++i) {
    const double hard = hardness();
    answered.push_back(recall == 1 || hard - 0.5 < recall ? 1 : 0);
    answers.push_back((18 * (1 - recall) + 0.03) * hard);
  }
  const auto identity = [&](std::initializer_list<std::int64_t> sizes) {
    Digest digest;
    digest.add(request.seed);
    digest.add(std::span(sizes.begin(), sizes.size()));
    return "mock " + digest.text();
  };
  const std::string texts = identity({request.text_tokens, request.sequence_length});
  const std::string prompts = identity({request.prompts, request.prompt_tokens});
  std::vector<Score> scores;
  const auto asked = [&](const char* task) { return std::ranges::find(request.tasks, task) != request.tasks.end(); };
  if (asked("kl")) scores.push_back(interleave::scoreOf("kl", "nats", std::move(divergences), texts));
  if (asked("nll")) scores.push_back(interleave::scoreOf("nll", "nats", std::move(likelihoods), texts));
  if (asked("passkey")) {
    scores.push_back(interleave::scoreOf("passkey", "share", std::move(answered), prompts));
    scores.push_back(interleave::scoreOf("passkey_nll", "nats", std::move(answers), prompts));
  }
  return scores;
}

std::vector<MeasuredCost> MockWorkshop::measureCost(const Workbench::CostRequest& request,
                                                    std::span<const Placement> placements, Progress& progress) {
  const std::string manner = "invented; medians of " + std::to_string(request.repeats);
  std::vector<MeasuredCost> costs{{.placement = Placement(script_.layers, MixerKind::Full), .manner = manner}};
  for (const Placement& placement : placements) {
    if (placement != costs.front().placement) costs.push_back({.placement = placement, .manner = manner});
  }
  TurnProgress turn(*turns_, progress, TurnProgress::At::Reports);
  for (const std::int64_t tokens : request.lengths) {
    take(evaluation_milliseconds_ / 4, "measuring contexts of " + std::to_string(tokens) + " tokens", turn);
    const CostTable table = mockCosts(tokens, script_.layers);
    for (MeasuredCost& cost : costs) {
      // Attention's time grows with the context; what stands elsewhere costs more at first.
      const double kept = static_cast<double>(cost.placement.fullCount()) / cost.placement.layers();
      const double token = 0.03 + 0.01 * (1 - kept) + 1e-5 * kept * static_cast<double>(tokens);
      CostPoint point{.context_tokens = tokens,
                      .cache_bytes = 2 * table.cacheBytes(cost.placement),
                      .computed_bytes = table.cacheBytes(cost.placement),
                      .prefill_flops = 1e9 * static_cast<double>(tokens) * (1 + kept),
                      .decode_bytes = 1e9 * (1 + kept)};
      for (int i = 0; i < request.repeats; ++i) {
        point.decode_samples.push_back(token * (1 + 0.01 * i));
        point.prefill_samples.push_back(token * static_cast<double>(tokens) / 40 * (1 + 0.01 * i));
      }
      cost.points.push_back(std::move(point));
    }
  }
  return costs;
}

std::vector<TrialEvent> MockWorkshop::tryPlacements(const RunSpec&, std::span<const Placement> placements,
                                                    std::int64_t first_step, Progress& progress) {
  TurnProgress turn(*turns_, progress);
  std::vector<TrialEvent> trials;
  for (const Placement& placement : placements) {
    take(evaluation_milliseconds_, "trying placements", turn);
    const double loss = 2.0 / (1 + placement.fullCount());
    trials.push_back({first_step + std::ssize(trials), placement, {loss, loss / 2}, {loss, loss / 2}, true});
  }
  return trials;
}

std::vector<std::string> MockWorkshop::exportPlacement(const Workbench::ExportRequest& request, Progress&) {
  std::filesystem::create_directories(request.out);
  std::ofstream(request.out / "placement.json")
      << nlohmann::json{{"line", request.placement.line()}, {"scores", request.scores.size()}}.dump();
  return {"placement.json"};
}

}  // namespace interleave::gui
