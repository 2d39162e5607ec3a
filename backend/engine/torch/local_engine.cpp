// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "backend/core/error.h"
#include "backend/core/setting_differences.h"
#include "backend/engine/thread_engine.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/heal/heal.h"

namespace interleave {
namespace {

/// The worker's thread, and the ones that LibTorch starts from it, yield to the window.
void lowerPriority() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + 5);
}

/// A run's control as a method sees it.
class EngineContext final : public MethodContext {
 public:
  explicit EngineContext(RunControl& control) : control_(control) {}
  std::vector<Intervention> beginStep(std::int64_t step) override {
    control_.proceed();
    return control_.takeInterventions(step);
  }
  void emit(const Event& event) override { control_.emit(event); }
  Progress& progress() override { return control_; }

 private:
  RunControl& control_;
};

/// A run goes on with the model it was begun with: with another one its logits would mean nothing.
void checkModel(const RunSpec& spec, const Model& model) {
  if (spec.model_fingerprint.empty() || spec.model_fingerprint == model.fingerprint()) return;
  throw badInput(spec.model_path, "fingerprint",
                 "the run was begun with the model of fingerprint " + spec.model_fingerprint + ", this one's is " +
                     model.fingerprint());
}

/// The recipe that counts: the bank's own where a finished one is there, else the run's.
Settings recipeOf(const RunSpec& spec, const Model& model, RunControl& control) {
  Settings wanted = completeBankSettings(spec.bank_settings);
  if (!holdsBank(spec.bank_dir)) return wanted;
  const StoredBank bank = StoredBank::open(spec.bank_dir, model.config(), model.fingerprint());
  Settings stored = completeBankSettings(bank.card().at("key").at("settings"));
  if (stored.json() != wanted.json()) {
    control.emit(LogEvent{LogEvent::Level::Warning, "The bank in " + spec.bank_dir +
                                                        " was made with other settings than the run's; they count: " +
                                                        settingDifferences(stored.json(), wanted.json())});
  }
  return stored;
}

/// What a run works on.
struct Material {
  std::shared_ptr<const ModelFiles> files;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const Model> model;
};

Material materialOf(const RunSpec& spec, const Settings& settings, const Execution& execution, RunControl& control) {
  Material material;
  material.files = openModel(spec.model_path, control);
  material.tokenizer = tokenizerOf(*material.files, settings.text(kChatSetting), control);
  if (spec.resume_from && !spec.startsFork()) checkBegunWith(spec, *material.tokenizer);
  checkPrompts(*material.files, *material.tokenizer, settings, completeBankSettings(spec.bank_settings), spec.bank_dir);
  material.model = loadModel(material.files, execution, control);
  checkModel(spec, *material.model);
  return material;
}

/// The bank of a run: loaded, made, or none where no operator needs training.
std::shared_ptr<const CandidateBank> bankFor(const RunSpec& spec, const Material& material,
                                             const Settings& bank_settings, const std::vector<MixerKind>& operators,
                                             RunControl& control) {
  if (holdsBank(spec.bank_dir)) return CandidateBank::load(spec.bank_dir, material.model);
  if (std::ranges::none_of(operators, isTrained)) {
    return CandidateBank::untrained(material.model, operatorWindows(bank_settings));
  }
  if (spec.bank_dir.empty()) throw usageError("bank", "these operators need candidates: name a folder for the bank");
  control.enter(Phase::Preparing, "Preparing candidates");
  const std::string precision = bank_settings.text("precision");
  const bool same = precision == spec.search_settings.value("precision", precision);
  const auto model = same ? material.model : loadModel(material.files, {spec.device, precision}, control);
  auto bank = CandidateBank::prepare(
      spec.bank_dir, model, material.tokenizer, bank_settings, spec.seed,
      [&](const AlignmentEvent& event) { control.emit(event); }, control);
  return same ? bank : CandidateBank::load(spec.bank_dir, material.model);
}

/// The quality stored with a bank, so that it is shown beside the logits also when the bank was not made in this run.
void tellQuality(const CandidateBank& bank, RunControl& control) {
  if (!bank.card().is_object()) return;
  for (const auto& [kind, quality] : bank.card().at("quality").items()) {
    AlignmentEvent event;
    event.kind = mixerKindNamed(kind).value_or(MixerKind::GdnWindow);
    event.tokens = bank.card().at("tokens");
    event.seconds = bank.card().at("seconds");
    event.held_out = true;
    event.relative_error = quality.at("relative_error").get<std::vector<float>>();
    event.cosine = quality.at("cosine").get<std::vector<float>>();
    control.emit(event);
  }
}

void run(const RunSpec& spec, RunControl& control) {
  lowerPriority();
  const Method& method = runMethodNamed(spec.method);
  Settings settings(method.settings);
  settings.merge(spec.search_settings, "search settings");
  method.check(settings);
  const std::vector<MixerKind> operators = operatorsOf(settings);
  const Execution execution{spec.device, settings.text("precision")};

  control.enter(Phase::Loading, "Loading " + std::filesystem::path(spec.model_path).filename().string());
  const Material material = materialOf(spec, settings, execution, control);
  const Model& model = *material.model;
  const Settings bank_settings = recipeOf(spec, model, control);
  checkKinds(settings, bank_settings);
  control.emit(environmentOf(model, *material.tokenizer, execution, operatorWindows(bank_settings), operators));
  control.emit(LogEvent{LogEvent::Level::Info, "Prompts: " + material.tokenizer->chatForm().words()});
  if (!model.deviceNote().empty()) control.emit(LogEvent{LogEvent::Level::Warning, model.deviceNote()});
  const std::shared_ptr<const CandidateBank> bank = bankFor(spec, material, bank_settings, operators, control);
  tellQuality(*bank, control);

  control.enter(Phase::Searching, spec.isHeal() ? "Healing" : "Searching");
  EngineContext context(control);
  method.run({material.model, bank, material.tokenizer, spec}, context);
}

}  // namespace

std::unique_ptr<Engine> makeEngine(std::shared_ptr<Turns> turns) {
  return std::make_unique<ThreadEngine>(
      [](const RunSpec& spec, RunControl& control) { guarded([&] { run(spec, control); }); }, std::move(turns));
}

}  // namespace interleave
