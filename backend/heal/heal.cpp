// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/heal.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/data/answered_prompt.h"
#include "backend/evaluation/evaluate.h"
#include "backend/formats/bounded_json.h"
#include "backend/heal/heal_folder.h"
#include "backend/heal/hybrid_model.h"
#include "backend/heal/trainee.h"
#include "backend/search/search_data.h"

namespace interleave {
namespace {

constexpr std::uint64_t kPairPurpose = 61, kJudgeSeed = 12345;  // as `evaluate` has it
constexpr int kCheckpointVersion = 1;

const std::vector<SettingSpec>& table() {
  using namespace setting;
  static const std::vector<SettingSpec> specs = [] {
    std::vector<SettingSpec> all{
        text("placement", "", "What is healed: one letter a layer, F full, W sliding window, G and H Gated DeltaNet."),
        path("folder", "Where the healed weights go, and the state of their training."),
        inferred(choice("train", "all", {"attention", "all"},
                        "attention: the operators of all layers; all: every weight of the hybrid.")),
        inferred(choice("adapt", "full", {"lora", "full"},
                        "lora: pairs of low rank beside the matrices of layers; full: the weights themselves.")),
        inferred(integer("rank", 16, 1, 4096, "Of LoRA's pairs.")),
        inferred(real("alpha", 32, 1e-3, 1e6, "LoRA's pairs count alpha / rank.")),
        inferred(integer("steps", 200, 1, 1e7, "Optimiser steps.")),
        inferred(integer("sequences", 1, 1, 1 << 16, "Sequences a step, run one after the other.")),
        inferred(real("learning_rate", 1e-4, 0, 1, "AdamW's peak rate.")),
        inferred(choice("schedule", "cosine", {"cosine", "constant"}, "How the rate goes on from its peak.")),
        inferred(integer("warmup_steps", 10, 0, 1e7, "Steps over which the rate rises to its peak.")),
        inferred(real("beta1", 0.9, 0, 0.9999, "AdamW's decay of the first moment.")),
        inferred(real("beta2", 0.95, 0, 0.999999, "AdamW's decay of the second moment.")),
        inferred(real("weight_decay", 0, 0, 10, "AdamW's decay of matrices.")),
        inferred(real("clip", 1, 0, 1e9, "The most that the gradient's norm may be; 0: any.")),
        inferred(real("temperature", 1, 1e-2, 100, "Of both sides' softmax in the KL.")),
    };
    for (SettingSpec& spec : SearchData::settings({.prompt_share = 0, .text_tokens = 512, .text_positions = 1 << 20})) {
      if (!spec.key.ends_with("_loss")) all.push_back(std::move(spec));
    }
    all.insert(
        all.end(),
        {path("held_out_file", "Held-out text while it trains; empty: the bundled one."),
         integer("held_out_every", 20, 0, 1e7, "Measure the held-out loss every so many steps; 0: never."),
         integer("held_out_batches", 4, 1, 1e6, "Held-out sequences and prompts that it is measured on."),
         integer("save_every", 25, 1, 1e7, "Keep the state of the training every so many steps."),
         integer("judge_tokens", 3072, 0, 1 << 30, "Held-out text before and after, in sequences of 512; 0: none."),
         integer("judge_prompts", 16, 0, 1 << 20, "Pass keys asked for before and after; 0: none."),
         integer("judge_prompt_tokens", 600, 32, 1 << 20, "Tokens of each."),
         flag("recompute", false, "Run each layer again for its gradient instead of keeping activations."),
         choice("precision", "fp32", {"bf16", "fp32"}, "Precision of the products.")});
    return all;
  }();
  return specs;
}

void check(const Settings& settings) {
  const std::string letters = settings.text("placement");
  if (letters.empty()) throw usageError("placement", "what is healed is missing");
  const Placement placement = Placement::fromLetters(letters);
  if (placement.fullCount() == placement.layers()) {
    throw usageError("placement", "every layer keeps full attention: there is nothing to heal");
  }
  if (settings.text("folder").empty()) throw usageError("folder", "where the healed weights go is missing");
  HealFolder::check(settings.text("folder"));
}

TraineeOptions traineeOptions(const Settings& settings, std::uint64_t seed) {
  return {.all = settings.text("train") == "all",
          .lora = settings.text("adapt") == "lora",
          .rank = settings.integer("rank"),
          .alpha = settings.real("alpha"),
          .temperature = settings.real("temperature"),
          .recompute = settings.flag("recompute"),
          .seed = derivedSeed(seed, kPairPurpose)};
}

Settings settingsOf(const RunSpec& spec) {
  Settings settings(table());
  settings.merge(spec.search_settings, "search settings");
  return settings;
}

/// On other text than it trains on, also where that is the user's.
Settings heldOutSettings(const Settings& settings) {
  Settings held_out = settings;
  held_out.merge({{"text_file", settings.text("held_out_file")}}, {});
  return held_out;
}

/// The card of a heal that has not begun. Its key is what the weights are a function of: not where they lie, nor how
/// often they are saved.
nlohmann::json cardOf(const MethodInput& input, const Settings& settings) {
  nlohmann::json counted = settings.json();
  for (const char* key : {"folder", "save_every", kChatSetting}) counted.erase(key);
  if (settings.real("prompt_share") > 0) {  // the form itself; that of earlier programs is not told by older cards
    const std::string prompts = promptDigest(*input.tokenizer);
    if (prompts != promptDigestOfEarlierPrograms(*input.tokenizer)) counted["prompts"] = prompts;
  }
  const nlohmann::json& bank = input.bank->card();
  const nlohmann::json bank_key = bank.is_object() ? bank.at("key") : nlohmann::json();
  return {{"format", "interleave-healed"},
          {"version", 1},
          {"model_name", input.model->config().name},
          {"placement", settings.text("placement")},
          {"bank_settings", bank_key.is_object() ? bank_key.at("settings") : input.spec.bank_settings},
          {"key",
           {{"model", input.model->fingerprint()},
            {"settings", std::move(counted)},
            {"seed", input.spec.seed},
            {"bank", bank_key},
            {"text", textDigest(calibrationText(settings.text("text_file")))}}},
          {"complete", false},
          {"tokens", 0},
          {"seconds", 0.0}};
}

/// One run of healing; holds what does not change while it goes on.
class Healing {
 public:
  Healing(const MethodInput& input, MethodContext& context)
      : input_(input),
        context_(context),
        settings_(settingsOf(input.spec)),
        placement_(Placement::fromLetters(settings_.text("placement"))),
        hybrid_(input.bank->student(placement_)),
        data_(input, settings_),
        held_out_(input, heldOutSettings(settings_), SearchData::Part::HeldOut),
        evaluations_(evaluations()),
        folder_(settings_.text("folder"), cardOf(input, settings_), input.spec.resume_from.has_value()) {}

  void run() {
    if (!input_.spec.resume_from) judge(ScoreEvent::kBeforeHealing, hybrid_);
    if (!folder_.finished()) train();
    const auto healed = HybridModel::load(folder_.path(), input_.model, context_.progress());
    judge(ScoreEvent::kAfterHealing, healed->student(placement_));
  }

 private:
  void train() {
    Trainee trainee(input_.model, *input_.bank, placement_, traineeOptions(settings_, input_.spec.seed));
    restore(trainee);
    context_.emit(LogEvent{LogEvent::Level::Info, std::to_string(trainee.parameters()) + " numbers are trained"});
    try {
      while (now_.step < settings_.integer("steps")) {
        refuseChanges();
        step(trainee);
      }
    } catch (const Error& problem) {
      if (problem.kind() == ErrorKind::Stopped && now_.step > 0) save(trainee);
      throw;
    }
    folder_.finish(now_, trainee.weights());
  }

  void restore(Trainee& trainee) {
    if (!input_.spec.resume_from) return;
    const Checkpoint& checkpoint = *input_.spec.resume_from;
    std::string expected;
    try {
      const nlohmann::json state = parseJson(checkpoint.state, "checkpoint");
      if (state.at("version") != kCheckpointVersion) {
        throw badInput("checkpoint", "version", "it is from another version of this program");
      }
      expected = state.at("state");
    } catch (const nlohmann::json::exception& problem) {
      throw badInput("checkpoint", {}, problem.what());
    }
    const auto warn = [&](const std::string& text) { context_.emit(LogEvent{LogEvent::Level::Warning, text}); };
    now_ = folder_.restore(checkpoint.step, expected, trainee.state(), warn).value_or(HealProgress{});
    if (now_.step > 0) saved_ = expected;
  }

  void save(const Trainee& trainee) { saved_ = folder_.save(now_, trainee.state()); }

  void refuseChanges() {
    for (const Intervention& change : context_.beginStep(now_.step + 1)) {
      context_.emit(LogEvent{LogEvent::Level::Warning,
                             "A change was refused: a heal takes none (" + toJson(change).dump() + ")"});
    }
  }

  double rate() const {
    const double warmup = static_cast<double>(settings_.integer("warmup_steps"));
    const double rise = warmup > 0 ? std::min(1.0, static_cast<double>(now_.step + 1) / warmup) : 1;
    const double done = static_cast<double>(now_.step) / static_cast<double>(settings_.integer("steps"));
    const bool cosine = settings_.text("schedule") == "cosine";
    return settings_.real("learning_rate") * rise * (cosine ? 0.5 * (1 + std::cos(std::numbers::pi * done)) : 1);
  }

  void step(Trainee& trainee) {
    const auto began = std::chrono::steady_clock::now();
    const std::int64_t sequences = settings_.integer("sequences");
    double loss = 0;
    std::array<double, 2> losses{};  // of text, of prompts
    std::array<std::int64_t, 2> counts{};
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < sequences; ++i) {
      context_.progress().throwIfStopped();
      const std::int64_t index = now_.step * sequences + i;
      const SearchBatch batch = data_.batch(index);
      const double found = trainee.accumulate(batch, 1 / static_cast<double>(sequences));
      const std::size_t kind = data_.isPrompt(index) ? 1 : 0;
      losses[kind] += found;
      ++counts[kind];
      loss += found / static_cast<double>(sequences);
      tokens += static_cast<std::int64_t>(batch.ids.size());
    }
    if (!std::isfinite(loss)) throw failure("healing", "the loss is not finite; lower the learning rate");
    StepEvent event;
    const auto metric = [&event](Metric which) -> double& { return event.metrics[static_cast<std::size_t>(which)]; };
    metric(Metric::LearningRate) = rate();
    metric(Metric::GradientNorm) = trainee.descend(now_.step + 1, {.rate = rate(),
                                                                   .beta1 = settings_.real("beta1"),
                                                                   .beta2 = settings_.real("beta2"),
                                                                   .weight_decay = settings_.real("weight_decay"),
                                                                   .clip = settings_.real("clip")});
    ++now_.step;
    now_.tokens += tokens;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    now_.seconds += seconds;
    metric(Metric::Loss) = loss;
    if (settings_.real("prompt_share") > 0) {
      if (counts[0] > 0) metric(Metric::TextLoss) = losses[0] / static_cast<double>(counts[0]);
      if (counts[1] > 0) metric(Metric::PromptLoss) = losses[1] / static_cast<double>(counts[1]);
    }
    if (measuresHeldOut()) metric(Metric::HeldOutLoss) = heldOutLoss(trainee);
    metric(Metric::TokensPerSecond) = static_cast<double>(tokens) / seconds;
    metric(Metric::MemoryBytes) = residentBytes();
    if (now_.step % settings_.integer("save_every") == 0) save(trainee);
    tell(std::move(event));
  }

  /// As a search would tell it that is sure of the placement.
  void tell(StepEvent event) {
    event.step = now_.step;
    event.steps = settings_.integer("steps");
    event.tokens = now_.tokens;
    event.seconds = now_.seconds;
    event.operators = operatorsOf(settings_);
    for (const MixerKind kind : placement_.kinds()) {
      for (const MixerKind column : event.operators) event.probabilities.push_back(kind == column ? 1 : 0);
    }
    event.logits = event.probabilities;
    event.if_stopped_now = placement_;
    const nlohmann::json state{{"version", kCheckpointVersion}, {"state", saved_}};
    event.checkpoint = {.step = now_.step, .state = state.dump()};
    context_.emit(event);
  }

  bool measuresHeldOut() const {
    const std::int64_t every = settings_.integer("held_out_every");
    return every > 0 && (now_.step % every == 0 || now_.step == 1 || now_.step == settings_.integer("steps"));
  }

  double heldOutLoss(Trainee& trainee) {
    double sum = 0;
    const std::int64_t batches = settings_.integer("held_out_batches");
    for (std::int64_t i = 0; i < batches; ++i) sum += trainee.loss(held_out_.batch(i));
    return sum / static_cast<double>(batches);
  }

  void judge(std::string_view label, const Student& student) {
    ScoreEvent event{std::string(label), placement_, {}};
    for (const auto& evaluation : evaluations_) {
      for (Score& score : evaluation->scores(student, context_.progress())) event.scores.push_back(std::move(score));
    }
    if (!event.scores.empty()) context_.emit(event);
  }

  std::vector<std::unique_ptr<Evaluation>> evaluations() const {
    constexpr std::int64_t kSequence = 512;
    std::vector<std::unique_ptr<Evaluation>> all;
    const std::int64_t tokens = settings_.integer("judge_tokens"), prompts = settings_.integer("judge_prompts");
    if (tokens > 0) {
      const Student teacher = input_.bank->student(Placement(placement_.layers(), MixerKind::Full));
      all.push_back(makeTextEvaluation(teacher, input_.tokenizer, tokens, std::min(tokens, kSequence), kJudgeSeed));
    }
    if (prompts > 0) {
      all.push_back(makePasskeyEvaluation(input_.tokenizer, prompts, settings_.integer("judge_prompt_tokens"),
                                          "standard", kJudgeSeed));
    }
    return all;
  }

  const MethodInput& input_;
  MethodContext& context_;
  Settings settings_;
  Placement placement_;
  Student hybrid_;
  SearchData data_, held_out_;
  std::vector<std::unique_ptr<Evaluation>> evaluations_;
  HealFolder folder_;  ///< Last: what cannot be done is refused before anything is written.
  HealProgress now_;
  std::string saved_;  ///< The newest state's file.
};

void runHealing(const MethodInput& input, MethodContext& context) {
  if (input.spec.startsFork()) throw usageError("fork", "a heal has no forks: its state is one run's");
  Healing(input, context).run();
}

}  // namespace

const Method& healing() {
  static const Method method{std::string(kHealMethod),
                             "Healing",
                             "the usual last stage, distillation by KL; papers differ in its constants",
                             table(),
                             check,
                             runHealing};
  return method;
}

const Method& runMethodNamed(const std::string& name) { return name == kHealMethod ? healing() : methodNamed(name); }

std::vector<MixerKind> operatorsOf(const Settings& settings) {
  const auto specs = settings.specs();
  if (std::ranges::find(specs, "operators", &SettingSpec::key) != specs.end()) {
    return kindsListed(settings.text("operators"), "operators");
  }
  const Placement placement = Placement::fromLetters(settings.text("placement"));
  std::vector<MixerKind> kinds(placement.kinds().begin(), placement.kinds().end());
  kinds.push_back(MixerKind::Full);
  std::ranges::sort(kinds);
  kinds.erase(std::ranges::unique(kinds).begin(), kinds.end());
  return kinds;
}

}  // namespace interleave
