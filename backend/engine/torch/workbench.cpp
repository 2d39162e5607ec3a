// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/workbench.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/part_progress.h"
#include "backend/engine/machine.h"
#include "backend/engine/torch/evaluation_maker.h"
#include "backend/engine/torch/exporter.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/evaluation/cost_meter.h"
#include "backend/formats/placement_io.h"
#include "backend/heal/heal.h"
#include "backend/heal/hybrid_model.h"
#include "backend/model/generate.h"
#include "backend/search/trial_methods.h"

namespace interleave {
namespace {

constexpr double kLoadingShare = 0.05;  ///< Of an evaluation: what loading counts for in its progress.

}  // namespace

struct Workbench::Impl {
  /// Jobs take turns: a model fills the machine anyway.
  std::mutex mutex;
  std::filesystem::path model_path;
  std::string model_identity;  ///< Of its files, which may be replaced under their name.
  Candidates candidates;
  std::filesystem::file_time_type bank_time;
  std::string device, precision;
  std::shared_ptr<const ModelFiles> files;
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers;  ///< Of the model, by the chat form.
  std::shared_ptr<const Model> model;
  std::shared_ptr<const CandidateBank> bank;
  std::shared_ptr<const HybridModel> healed;
  std::string healed_identity;
  std::map<std::string, std::unique_ptr<Evaluation>> evaluations;  ///< By EvaluationMaker::key().

  const Model& load(const std::filesystem::path& path, const Execution& execution, Progress& progress) {
    const std::string identity = identityOf(path);
    if (model && path == model_path && identity == model_identity && execution.device == device &&
        execution.precision == precision) {
      return *model;
    }
    forgetBank();
    tokenizers.clear();
    model.reset();
    files = openModel(path, progress);
    model_identity = identity;
    model = loadModel(files, execution, progress);
    model_path = path;
    device = execution.device;
    precision = execution.precision;
    return *model;
  }

  /// Of the model that is loaded; read when first needed, for token ids can do without.
  const std::shared_ptr<const Tokenizer>& tokenizer(const std::string& chat, Progress& progress) {
    std::shared_ptr<const Tokenizer>& known =
        tokenizers[ChatForm::isFile(chat) ? chat + "\n" + identityOf(chat) : chat];
    if (!known) known = tokenizerOf(*files, chat, progress);
    return known;
  }

  void forgetBank() {
    evaluations.clear();
    bank.reset();
    healed.reset();
  }

  /// The hybrid of a placement: of the bank's candidates, or as it was healed. KL is always to the teacher().
  Student student(const Candidates& from, const Placement& placement, Progress& progress) {
    if (from.healed.empty()) return bankFor(from, placement)->student(placement);
    bankFor(from, Placement(placement.layers(), MixerKind::Full));
    const std::string identity = identityOf(from.healed);
    if (!healed || identity != healed_identity) {
      healed.reset();  // before another is loaded: there is room for one
      healed = HybridModel::load(from.healed, model, progress);
      healed_identity = identity;
    }
    return healed->student(placement);
  }
  Student teacher() const { return bank->student(Placement(model->config().layers, MixerKind::Full)); }

  /// The bank that holds what `placement` needs. Loaded again when its card has changed.
  const std::shared_ptr<const CandidateBank>& bankFor(const Candidates& from, const Placement& placement) {
    const bool stored = holdsBank(from.bank);
    const bool trained = std::ranges::any_of(placement.kinds(), isTrained);
    std::error_code ignored;
    const auto time =
        stored ? std::filesystem::last_write_time(from.bank / "card.json", ignored) : std::filesystem::file_time_type{};
    if (bank && !(trained && !stored) && from.bank == candidates.bank && time == bank_time &&
        (stored || from.bank_settings == candidates.bank_settings)) {
      return bank;
    }
    forgetBank();
    if (stored || (trained && !from.bank.empty())) {  // an absent or unfinished bank is named there
      bank = CandidateBank::load(from.bank, model);
    } else {
      const Settings recipe =
          completeBankSettings(from.bank_settings.is_null() ? nlohmann::json::object() : from.bank_settings);
      bank = CandidateBank::untrained(model, operatorWindows(recipe));
    }
    candidates = from;
    bank_time = time;
    return bank;
  }
};

Workbench::Workbench() : impl_(std::make_unique<Impl>()) {}
Workbench::~Workbench() = default;

std::vector<float> Workbench::logits(const std::filesystem::path& model, std::span<const std::int32_t> ids,
                                     const Placement* placement, const Candidates& candidates,
                                     const Execution& execution, Progress& progress) {
  return guarded([&]() -> std::vector<float> {
    const std::lock_guard guard(impl_->mutex);
    const Model& loaded = impl_->load(model, execution, progress);
    const Placement teacher(loaded.config().layers, MixerKind::Full);
    const Placement& wanted = placement != nullptr ? *placement : teacher;
    if (ids.empty()) throw usageError("ids", "there are no tokens");
    const Student student = impl_->student(candidates, wanted, progress);
    progress.throwIfStopped();
    const at::NoGradGuard no_grad;
    const at::Tensor batch = tokenBatch(ids, loaded.device());
    const at::Tensor result =
        interleave::logits(*student.model, student.mixers, batch)[0].to(at::kCPU, at::kFloat).contiguous();
    const float* values = result.const_data_ptr<float>();
    return {values, values + result.numel()};
  });
}

std::vector<std::vector<std::int32_t>> Workbench::generate(const GenerationRequest& request, const Placement& placement,
                                                           Progress& progress) {
  return guarded([&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->load(request.model, request.execution, progress);
    const Student student = impl_->student(request.candidates, placement, progress);
    return generateBatch(student.model, student.mixers, request.prompts, request.most, request.end_ids, progress);
  });
}

std::vector<std::vector<std::int32_t>> passkeyPrompts(const Workbench::EvaluationRequest& request) {
  NoProgress none;
  const PasskeyTask task = judgedPasskeys(tokenizerOf(*openModel(request.model, none), request.chat, none),
                                          request.prompt_tokens, request.wording, request.seed);
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::int64_t i = 0; i < request.prompts; ++i) {
    const AnsweredPrompt prompt = task.prompt(i);
    prompts.emplace_back(prompt.ids.begin(), prompt.ids.begin() + prompt.answer_begin);
  }
  return prompts;
}

nlohmann::json Workbench::prepareCandidates(const std::filesystem::path& model, const std::filesystem::path& bank,
                                            const Settings& settings, const std::string& chat, std::uint64_t seed,
                                            const std::string& device,
                                            const std::function<void(const AlignmentEvent&)>& watch,
                                            Progress& progress) {
  return guarded([&] {
    const std::lock_guard guard(impl_->mutex);
    impl_->load(model, {device, settings.text("precision")}, progress);
    return CandidateBank::prepare(bank, impl_->model, impl_->tokenizer(chat, progress), settings, seed, watch, progress)
        ->card();
  });
}

std::vector<Score> Workbench::evaluate(const EvaluationRequest& request, const Placement& placement,
                                       Progress& progress) {
  return guarded([&] {
    const std::vector<TaskInfo> tasks = tasksOf(request);
    const std::lock_guard guard(impl_->mutex);
    PartProgress loading(progress, 0, kLoadingShare);
    impl_->load(request.model, request.execution, loading);
    const Student student = impl_->student(request.candidates, placement, loading);
    EvaluationMaker maker(request, impl_->teacher(), impl_->tokenizer(request.chat, progress), progress);
    // All samples are made before the first is judged: what cannot be asked for shows at once.
    std::vector<Evaluation*> evaluations;
    std::vector<double> work;  // of each, in tokens
    std::set<std::string> wanted;
    for (const TaskInfo& task : tasks) {
      std::unique_ptr<Evaluation>& evaluation = impl_->evaluations[maker.key(task.name)];
      if (!evaluation) evaluation = maker.make(task.name);
      if (std::ranges::find(evaluations, evaluation.get()) == evaluations.end()) {
        evaluations.push_back(evaluation.get());
        const bool text = task.name == "kl" || task.name == "nll";
        work.push_back(static_cast<double>(text ? request.text_tokens : request.prompts * request.prompt_tokens));
      }
      for (const TaskInfo::ScoreInfo& score : task.scores) wanted.insert(score.name);
    }
    std::vector<Score> scores;
    const double all = std::max(1.0, std::accumulate(work.begin(), work.end(), 0.0));
    double done = kLoadingShare;
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
      const double end = done + (1 - kLoadingShare) * work[i] / all;
      PartProgress part(progress, std::exchange(done, end), end);
      for (Score& score : evaluations[i]->scores(student, part)) {
        if (wanted.contains(score.task)) scores.push_back(std::move(score));
      }
    }
    return scores;
  });
}

std::vector<CostTable> Workbench::costs(const std::filesystem::path& model, const Settings& bank_settings,
                                        std::span<const std::int64_t> context_tokens) {
  const ModelFiles files = ModelFiles::open(model);
  std::vector<CostTable> tables;
  for (std::int64_t tokens : context_tokens)
    tables.push_back(costTable(files.config(), operatorWindows(bank_settings), tokens));
  return tables;
}

std::vector<TrialEvent> Workbench::tryPlacements(const RunSpec& enumeration, std::span<const Placement> placements,
                                                 std::int64_t first_step, Progress& progress) {
  return guarded([&] {
    if (enumeration.method != kEnumerationMethod) throw usageError("run", "it is no enumeration of placements");
    Settings settings(enumerationSettings());
    settings.merge(enumeration.search_settings, "search settings");
    const std::vector<MixerKind> operators = operatorsOf(settings);
    for (const Placement& placement : placements) {
      const bool its = std::ranges::all_of(
          placement.kinds(), [&](MixerKind kind) { return std::ranges::find(operators, kind) != operators.end(); });
      if (!its) throw usageError(placement.line(), "the run has other operators");
    }
    const std::lock_guard guard(impl_->mutex);
    const Execution execution{enumeration.device, settings.text("precision")};
    const Model& loaded = impl_->load(enumeration.model_path, execution, progress);
    if (!enumeration.model_fingerprint.empty() && enumeration.model_fingerprint != loaded.fingerprint()) {
      throw badInput(enumeration.model_path, "fingerprint", "the run was made with another model");
    }
    const Placement any(loaded.config().layers,
                        operators.back() == MixerKind::Full ? operators.front() : operators.back());
    const auto& bank = impl_->bankFor({enumeration.bank_dir, enumeration.bank_settings}, any);
    if (bank->card().is_object() && completeBankSettings(bank->card().at("key").at("settings")).json() !=
                                        completeBankSettings(enumeration.bank_settings).json()) {
      throw badInput(enumeration.bank_dir, "settings", "the run was made with another bank");
    }
    const std::shared_ptr<const Tokenizer>& tokenizer = impl_->tokenizer(settings.text(kChatSetting), progress);
    checkBegunWith(enumeration, *tokenizer);
    RunSpec spec = enumeration;
    spec.resume_from.reset();
    return tryBesideEnumeration({impl_->model, bank, tokenizer, spec}, placements, first_step, progress);
  });
}

namespace {

constexpr std::int64_t kTimedTokens = 256;

std::string mannerOf(const Workbench::CostRequest& request) {
  const DeviceReport report = deviceReport(request.execution.device);
  std::string manner = machineText() + "; " + report.device + ", " + request.execution.precision + ", ";
  manner += std::to_string(report.threads) + " threads; " + std::to_string(request.new_tokens) + " tokens decoded, ";
  return manner + "medians of " + std::to_string(request.repeats);
}

}  // namespace

std::vector<MeasuredCost> Workbench::measureCost(const CostRequest& request, std::span<const Placement> placements,
                                                 Progress& progress) {
  return guarded([&] {
    const std::lock_guard guard(impl_->mutex);
    const Model& loaded = impl_->load(request.model, request.execution, progress);
    const Placement teacher(loaded.config().layers, MixerKind::Full);
    std::vector<Placement> all{teacher};
    std::ranges::copy_if(placements, std::back_inserter(all), [&](const Placement& one) { return one != teacher; });
    // One bank serves all: that of a placement that needs one.
    const auto trained = [](const Placement& one) { return std::ranges::any_of(one.kinds(), isTrained); };
    const auto needs = std::ranges::find_if(all, trained);
    const auto& bank = impl_->bankFor(request.candidates, needs != all.end() ? *needs : teacher);
    std::vector<MeasuredCost> costs =
        CostMeter(impl_->model, bank, {request.lengths, request.new_tokens, request.repeats}).measure(all, progress);
    for (MeasuredCost& cost : costs) cost.manner = mannerOf(request);
    return costs;
  });
}

double Workbench::secondsPerToken(const std::filesystem::path& model, const Execution& execution, Progress& progress) {
  return guarded([&] {
    const std::lock_guard guard(impl_->mutex);
    const Model& loaded = impl_->load(model, execution, progress);
    const Placement teacher(loaded.config().layers, MixerKind::Full);
    const CostMeter meter(impl_->model, CandidateBank::untrained(impl_->model, {}), {{kTimedTokens}, 1, 3});
    return meter.measure(std::span(&teacher, 1), progress).front().points.front().prefillSeconds() / kTimedTokens;
  });
}

std::vector<std::string> Workbench::exportPlacement(const ExportRequest& request, Progress& progress) {
  return guarded([&] { return exportFiles(request, progress); });
}

}  // namespace interleave
