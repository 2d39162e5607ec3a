// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/studio.h"

#include <QDateTime>
#include <QTimer>
#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "backend/core/error.h"
#include "backend/engine/replay_engine.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

constexpr std::int64_t kReloadEvery = 1000;  // ms, of the run list while a run is recorded
constexpr int kStoredAfter = 1500;           // ms, after which the writer has committed an event

/// "SmolLM2-135M.Q8_0" of …/SmolLM2-135M.Q8_0.gguf; the folder's name of a Hugging Face model.
std::filesystem::path nameOf(const std::string& model) {
  std::filesystem::path path = std::filesystem::absolute(model).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // DIR/
  return path.extension() == ".gguf" ? path.stem() : path.filename();
}

/// The pins in force at a run's end: those that it began with, and those made since.
Pins pinsOf(const RunRecord& run) {
  std::vector<Intervention> changes = run.spec.interventions;
  changes.insert(changes.end(), run.changes.begin(), run.changes.end());
  return pinsAt(changes, std::numeric_limits<std::int64_t>::max());
}

/// One spelling for one file.
std::string normal(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

/// A run of the model that is open, by its fingerprint where both are known.
bool isOf(const RunSummary& run, const nlohmann::json& model) {
  const auto same = [&](const char* key, const std::string& of_run) {
    const auto found = model.find(key);
    return found != model.end() && found->is_string() && found->get_ref<const std::string&>() == of_run;
  };
  return model.contains("fingerprint") && !run.model_fingerprint.empty() ? same("fingerprint", run.model_fingerprint)
                                                                         : same("name", run.model_name);
}

}  // namespace

Studio::Studio(Workshop& workshop)
    : workshop_(workshop),
      setup_(workshop),
      model_(workshop, jobs_),
      comparisons_(workshop, jobs_, library_, run_, editor_, [this] { return evaluationRequest(); }),
      measured_cost_(workshop, jobs_, [this] { return evaluationRequest(); }),
      transfer_(workshop, jobs_, reads_, library_),
      neighbourhood_(reads_, library_),
      preparation_(workshop, jobs_, run_),
      queue_(workshop, jobs_, library_, controller_,
             [this](const PlannedRun& planned, RunId run, bool goes_on) { launchPlanned(planned, run, goes_on); }) {
  clock_.addSource([this] {
    const bool going_on = controller_.drain();
    preparation_.drain();
    jobs_.poll();
    return going_on || jobs_.anyRunning();
  });
  connect(&jobs_, &JobList::started, &clock_, &FrameClock::wake);
  connect(&jobs_, &JobList::failed, this, &Studio::tellProblem);
  connect(&jobs_, &JobList::warned, this, &Studio::tellWarning);
  connect(&reads_, &JobList::failed, this, &Studio::tellProblem);
  connect(&library_, &RunLibrary::failed, this, &Studio::tellProblem);
  connect(&preparation_, &Preparation::done, this,
          [this](const QString& text) { log_.add(LogEvent::Level::Info, text); });
  connect(&setup_, &SetupModel::changed, this, &Studio::setupChanged);
  connect(&model_, &OpenModel::opened, this,
          [this](const std::filesystem::path& path) { setup_.setModelPath(path.string()); });
  connect(&model_, &OpenModel::changed, this, [this] { model_.costWith(setup_.bank()); });
  connect(&model_, &OpenModel::warned, this, [this](const QStringList& lines) {
    for (const QString& line : lines) tellWarning(line);
    Q_EMIT notice(lines.size() == 1
                      ? lines.front()
                      : tr("The model's files contradict themselves in %1 things: see Log.").arg(lines.size()));
  });
  connect(&comparisons_, &Comparisons::recorded, this, &Studio::flushStore);
  connect(&measured_cost_, &CostMeasurement::measured, this,
          [this](const CostEvent& cost, const std::shared_ptr<RunRecord>& result_of) {
            if (!result_of || result_of->id == 0 || library_.writer() == nullptr) return;
            library_.writer()->record(result_of->id, cost);
            result_of->addCost(cost);
            flushStore(result_of->id);
          });
  connect(&run_, &RunModel::shownChanged, this, &Studio::runShown);
  connect(&run_, &RunModel::changed, this, &Studio::runChanged);
  connect(&neighbourhood_, &Neighbourhood::changed, this,
          [this] { comparisons_.suggest(neighbourhood_.of(run_.record().id).found); });
  connect(&report_, &ReportProcess::failed, this, [this](const QString& reason) { tellProblem(tr("Report"), reason); });
  connect(&report_, &ReportProcess::written, this, [this](const QString& file) {
    const QString text = tr("The report is written: %1").arg(file);
    log_.add(LogEvent::Level::Info, text);
    Q_EMIT notice(text);
  });
  connect(&transfer_, &TransferBoard::recorded, this, &Studio::flushStore);
  connectRun();
  connectQueue();
  since_reload_.start();
}

void Studio::connectQueue() {
  connect(&queue_, &RunQueue::judged, this, [this](RunId run, const ScoreEvent& result) {
    if (run_.record().id == run) {
      run_.shared()->scores.push_back(result);
      run_.recordChanged();
    }
    flushStore(run);
  });
  connect(&queue_, &RunQueue::ended, this, [this] {
    const std::size_t failed = queue_.queue().count(BatchQueue::State::Failed);
    const QString text =
        failed > 0 ? tr("The queue is done; %1 of its runs failed.").arg(failed) : tr("The queue is done.");
    log_.add(failed > 0 ? LogEvent::Level::Warning : LogEvent::Level::Info, text);
    Q_EMIT notice(text);
  });
}

void Studio::connectRun() {
  connect(&controller_, &RunController::started, this, [this] {
    jobs_.cancelSlot(QStringLiteral("show"));  // it would take the view from the run that began
    run_.show(controller_.record());
    if (controller_.recorded()) reloadLibrary();  // now: windows look for the run's row
    clock_.wake();
  });
  connect(&controller_, &RunController::progressed, this, [this] {
    if (run_.shared() == controller_.record()) run_.recordChanged();
    if (!controller_.recorded()) return;
    // A change of phase is in the store a moment later, and no other event may follow.
    if (std::exchange(listed_phase_, controller_.record()->phase.phase) != controller_.record()->phase.phase) {
      QTimer::singleShot(kStoredAfter, this, &Studio::reloadLibrary);
    }
    if (since_reload_.hasExpired(kReloadEvery)) {
      since_reload_.restart();
      reloadLibrary();
    }
  });
  connect(&controller_, &RunController::finished, this, &Studio::runFinished);
}

void Studio::runFinished() {
  const PhaseEvent& phase = controller_.record()->phase;
  if (phase.phase == Phase::Failed) tellProblem(tr("The run failed"), qt(phase.title));
  if (controller_.recorded()) flushStore(controller_.record()->id);
  const bool shown = run_.shared() == controller_.record() && !editor_.edited();
  if (phase.phase != Phase::Done || !searching_ || !shown || queue_.active()) return;  // the queue judges itself
  run_.setKept(-1);  // what was found, not what the slider asked "what if" of
  if (!run_.record().placements.empty()) comparisons_.judgeShown();
}

void Studio::flushStore(RunId id) {
  StoreWriter* writer = library_.writer();
  if (writer == nullptr) return;
  unlisted_.insert(id);
  jobs_.start(tr("Store the run"), QStringLiteral("flush"), [this, writer](Progress&) -> std::function<void()> {
    if (!writer->flush()) throw failure(writer->file().string(), writer->status().problem);
    return [this] { library_.reloadScores(std::exchange(unlisted_, {})); };
  });
}

void Studio::reloadLibrary() {
  try {
    library_.reload();
    reload_failed_ = false;
  } catch (const std::exception& error) {
    if (!std::exchange(reload_failed_, true)) tellProblem(tr("Run list"), QString::fromUtf8(error.what()));
  }
}

void Studio::tellWarning(const QString& line) {
  if (warned_.insert(line).second) log_.add(LogEvent::Level::Warning, line);
}

void Studio::tellProblem(const QString& what, const QString& reason) {
  const QString text = tr("%1: %2").arg(what, reason);
  log_.add(LogEvent::Level::Error, text);
  Q_EMIT problem(text);
}

void Studio::attempt(const QString& what, const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    tellProblem(what, QString::fromUtf8(error.what()));
  }
}

void Studio::openStore(const std::filesystem::path& file) {
  attempt(tr("Open store"), [&] {
    std::error_code unlike;
    if (library_.writer() != nullptr && std::filesystem::equivalent(file, library_.file(), unlike)) {
      return library_.reload();
    }
    const bool recording = controller_.active() && controller_.recorded();
    if (recording || jobs_.running(QStringLiteral("flush"))) {
      throw usageError("store", "a run is being recorded in the open store; stop it first");
    }
    library_.open(std::filesystem::absolute(file));
    // What was asked of the store before means nothing in this one, and its runs have other numbers.
    for (const QString& slot : {QStringLiteral("show"), QStringLiteral("begin")}) jobs_.cancelSlot(slot);
    comparisons_.stopJudging();
    measured_cost_.forget();
    unlisted_.clear();
    if (run_.record().id != 0) run_.show(std::make_shared<RunRecord>());
    setupChanged();
    log_.add(LogEvent::Level::Info, tr("store %1: %2 runs").arg(qt(file.string())).arg(library_.rowCount()));
    if (!library_.readOnlyReason().isEmpty()) log_.add(LogEvent::Level::Warning, library_.readOnlyReason());
  });
}

void Studio::openBatch(const std::filesystem::path& file) {
  attempt(tr("Open batch"), [&] {
    Batch batch = readBatch(file);
    std::error_code unlike;
    const bool open = library_.isOpen() && std::filesystem::equivalent(batch.store, library_.file(), unlike);
    if (!open) openStore(batch.store);
    if (!library_.isOpen() || !std::filesystem::equivalent(batch.store, library_.file(), unlike)) {
      throw usageError("batch", "its store " + batch.store.string() + " is not open");
    }
    queue_.add(std::move(batch));
  });
}

void Studio::openModel(const std::filesystem::path& path) {
  // A run may be resumed from another working folder.
  std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // DIR/
  model_.open(whole, setup_.bank(), setup_.device());
}

void Studio::setupChanged() {
  if (!setup_.modelPath().empty()) {
    // Beside the store, a folder for each model: candidates of one do not fit another.
    const std::filesystem::path folder =
        library_.isOpen() ? library_.file().parent_path() : std::filesystem::current_path();
    setup_.setDefaultBankDir((folder / "banks" / nameOf(setup_.modelPath())).string());
  }
  model_.costWith(setup_.bank());
  refreshSubject();
}

void Studio::refreshSubject() {
  const RunSpec& spec = run_.record().spec;
  const Workbench::Candidates candidates = candidatesOf(spec);
  // Windows need no bank, and are as wide as the recipe says.
  std::string subject = normal(candidates.bank.string());
  for (const char* key : {"sliding_window", "sliding_sinks"}) {
    if (candidates.bank_settings.contains(key)) subject.append("\n").append(candidates.bank_settings.at(key).dump());
  }
  subject.append("\n").append(chatOf(spec));  // prompts are judged in that form
  if (!book().setSubject(normal(modelOf(spec)), subject)) return;
  if (comparisons_.judging().busy()) {
    log_.add(LogEvent::Level::Warning, tr("evaluation stopped: another model or bank is shown"));
  }
  comparisons_.stopJudging();
  measured_cost_.forget();
  comparisons_.collectAnew();
}

void Studio::prepareCandidates() {
  const RunSpec spec = setup_.spec();
  if (spec.model_path.empty()) return attempt(tr("Prepare"), [] { throw usageError("model", "open a model first"); });
  // One bank is not trained twice at a time.
  if (controller_.active()) return attempt(tr("Prepare"), [] { throw usageError("run", "a run is going on"); });
  preparation_.start(spec, setup_.bank());
}

void Studio::launch(Launch what) {
  // One bank is not trained twice at a time.
  if (preparing()) throw usageError("candidates", "they are being prepared; wait, or cancel that job");
  const bool unrecorded = what.record && library_.writer() == nullptr;
  const bool search = what.engine == nullptr && !what.spec.isHeal();
  const RunSummary* like = what.engine == nullptr ? doneLike(what.spec.method) : nullptr;
  const auto pace =
      like != nullptr ? std::optional(like->seconds / static_cast<double>(like->step)) : std::optional<double>();
  controller_.start(what.engine ? std::move(what.engine) : workshop_.makeEngine(), std::move(what.spec),
                    what.record ? library_.writer() : nullptr, what.into, std::move(what.so_far), pace);
  searching_ = search;
  if (!unrecorded) return;
  const QString text = library_.isOpen() ? tr("This run is not recorded: the store is open for reading only.")
                                         : tr("This run is not recorded: no store is open.");
  log_.add(LogEvent::Level::Warning, text);
  Q_EMIT notice(text);
}

void Studio::launchFrom(RunId id, const QString& what, std::function<Launch(const Store&)> load) {
  if (controller_.active()) return attempt(what, [] { throw usageError("run", "another run is going on"); });
  jobs_.start(tr("%1 run %2").arg(what).arg(id), QStringLiteral("begin"),
              [this, load = std::move(load), file = library_.file()](Progress&) -> std::function<void()> {
                auto found = std::make_shared<Launch>(load(Store::open(file)));
                return [this, found] { launch(std::move(*found)); };
              });
}

void Studio::launchPlanned(const PlannedRun& planned, RunId run, bool goes_on) {
  if (!goes_on) return launch({.spec = planned.spec, .into = run});
  launchFrom(run, tr("Resume"), [planned, run](const Store& store) {
    Launch found{.spec = resumedSpec(planned, run, store), .into = run};
    found.so_far = std::make_shared<RunRecord>(loadRecord(store, run));
    return found;
  });
}

std::vector<Intervention> Studio::pinChanges(const Pins& before, const Pins& after, std::int64_t step) {
  std::vector<Intervention> changes;
  QStringList words;
  for (const auto& [layer, kind] : before) {
    if (!after.contains(layer)) {
      changes.push_back({.kind = Intervention::Kind::Release, .step = step, .layer = layer});
    }
  }
  for (const auto& [layer, kind] : after) {
    if (before.contains(layer) && before.at(layer) == kind) continue;
    changes.push_back({.kind = Intervention::Kind::Pin, .step = step, .layer = layer, .mixer = kind});
    words << tr("%1 to %2").arg(layer).arg(qt(title(kind)));
  }
  if (!words.isEmpty()) log_.add(LogEvent::Level::Info, tr("begins with pinned layers: %1").arg(words.join(u", ")));
  return changes;
}

void Studio::startRun() {
  attempt(tr("Start"), [this] {
    if (setup_.modelPath().empty()) throw usageError("model", "open a model first");
    RunSpec spec = setup_.spec();
    spec.interventions = pinChanges({}, editor_.pinned(), 1);  // the first step sees them
    launch({.spec = std::move(spec)});
  });
}

QString Studio::whyNotStart() const {
  if (model_.opening()) return tr("The model is being opened");
  if (setup_.modelPath().empty()) return tr("Open a model first");
  if (preparing()) return tr("Candidates are being prepared");
  if (beginning()) return tr("A run is being loaded");
  return {};
}

QString Studio::whyNotPrepare() const { return controller_.active() ? tr("A run is going on") : whyNotStart(); }

std::string Studio::healFolder() const {
  const std::filesystem::path base =
      (library_.isOpen() ? library_.file().parent_path() : std::filesystem::current_path()) / "healed";
  const std::string name =
      nameOf(modelOf(run_.record().spec)).string() + "-k" + std::to_string(editor_.placement().fullCount());
  std::filesystem::path folder = base / name;
  std::error_code unreadable;
  for (int number = 2; std::filesystem::exists(folder, unreadable); ++number) {
    folder = base / (name + "-" + std::to_string(number));
  }
  return folder.string();
}

void Studio::healShown(const nlohmann::json& settings) {
  attempt(tr("Heal"), [&] {
    const Placement& placement = editor_.placement();
    if (placement.layers() == 0) throw usageError("placement", "none is shown");
    const Workbench::Candidates candidates = candidatesOf(run_.record().spec);
    Settings heal(workshop_.searchSettings(std::string(kHealMethod)));
    heal.merge(settings, {});
    heal.merge({{"placement", placement.letters()}}, {});
    const bool has_chat = heal.json().contains(kChatSetting);
    if (has_chat) heal.merge({{kChatSetting, chatOf(run_.record().spec)}}, {});
    RunSpec spec = setup_.spec();  // seed and device
    spec.model_path = modelOf(run_.record().spec);
    if (spec.model_path.empty()) throw usageError("model", "open a model first");
    spec.bank_dir = candidates.bank.string();
    spec.bank_settings = candidates.bank_settings;
    spec.method = kHealMethod;
    spec.preset.clear();
    spec.budget = Budget::layers(placement.fullCount());
    spec.search_settings = heal.json();
    spec.title = standardTitle(spec);
    launch({.spec = std::move(spec)});
  });
}

void Studio::resumeRun(RunId id) {
  launchFrom(id, tr("Resume"), [id](const Store& store) {
    Launch found{.spec = store.spec(id), .into = id};
    found.spec.resume_from = store.checkpoint(id);
    found.so_far = std::make_shared<RunRecord>(loadRecord(store, id));
    return found;
  });
}

void Studio::forkRun(RunId id, std::int64_t step) {
  std::vector<Intervention> pins;
  if (run_.record().id == id) {  // What the user has pinned since, on top of what was pinned at that step.
    const Pins at_step = pinsAt(run_.record().changes, step), own = pinsOf(run_.record());
    Pins wanted = at_step;
    for (const auto& [layer, kind] : editor_.pinned()) {
      if (!own.contains(layer) || own.at(layer) != kind) wanted[layer] = kind;
    }
    for (const auto& [layer, kind] : own) {
      if (!editor_.pinned().contains(layer)) wanted.erase(layer);
    }
    pins = pinChanges(at_step, wanted, step + 1);
  }
  launchFrom(id, tr("Fork"), [id, step, pins, setup = setup_.spec()](const Store& store) {
    std::optional<Checkpoint> checkpoint = store.checkpointAt(id, step);
    if (!checkpoint) throw usageError("run " + std::to_string(id), "the store has no checkpoint of this step");
    Launch found{.spec = forkOf(store.spec(id), id, std::move(*checkpoint))};
    if (setup.method != found.spec.method) {
      throw usageError("method", "a fork keeps that of its origin, " + found.spec.method);
    }
    changeFork(found.spec, setup.search_settings);
    found.spec.budget = setup.budget;
    found.spec.title = standardTitle(found.spec) + "-fork" + std::to_string(id);
    found.spec.interventions.insert(found.spec.interventions.end(), pins.begin(), pins.end());
    return found;
  });
}

void Studio::replayRun(RunId id, double speed) {
  launchFrom(id, tr("Replay"), [id, speed](const Store& store) {
    Launch found{.spec = store.spec(id), .record = false};
    found.spec.interventions.clear();
    found.engine = makeReplayEngine(store.events(id), std::make_shared<ReplaySpeed>(speed));
    return found;
  });
}

void Studio::takeSettings(RunId id) {
  jobs_.start(tr("Settings of run %1").arg(id), QStringLiteral("settings"),
              [this, id, file = library_.file()](Progress&) -> std::function<void()> {
                return [this, spec = Store::open(file).spec(id)] {
                  attempt(tr("Settings"), [&] {
                    if (spec.isHeal()) throw usageError("method", "Setup is for searches; this run is a heal");
                    setup_.take(spec);
                  });
                };
              });
}

void Studio::showRun(RunId id) {
  jobs_.cancelSlot(QStringLiteral("show"));
  if (controller_.active() && controller_.record()->id == id) {
    if (run_.shared() != controller_.record()) run_.show(controller_.record());
    return;
  }
  // Another process may be writing to a run that only it goes on with.
  const bool may_grow = library_.writer() == nullptr && !isFinal(run_.record().phase.phase);
  if (run_.record().id == id && !may_grow) return;
  jobs_.start(tr("Load run %1").arg(id), QStringLiteral("show"),
              [this, id, file = library_.file()](Progress&) -> std::function<void()> {
                auto record = std::make_shared<RunRecord>(loadRecord(Store::open(file), id));
                return [this, record] { run_.show(record); };
              });
}

const std::string& Studio::modelOf(const RunSpec& spec) const {
  return spec.model_path.empty() ? setup_.modelPath() : spec.model_path;
}

Workbench::Candidates Studio::candidatesOf(const RunSpec& spec) const {
  if (spec.bank_dir.empty()) return {setup_.bankDir(), setup_.bank().json()};
  return {spec.bank_dir, spec.bank_settings};
}

std::string Studio::chatOf(const RunSpec& spec) const {
  return spec.model_path.empty() ? setup_.spec().chat() : spec.chat();
}

void Studio::tryFound(RunId id) {
  if (library_.writer() == nullptr)
    return attempt(tr("Regret"), [] { throw usageError("store", "none is open for writing"); });
  jobs_.start(tr("Try what others found"), QStringLiteral("try found"),
              [this, id, file = library_.file(), &workshop = workshop_](Progress& progress) -> std::function<void()> {
                const Store store = Store::open(file);
                const Untried untried = untriedIn(store, id);
                if (untried.placements.empty()) {
                  return [this] { Q_EMIT notice(tr("All of this size that other runs found is among the trials.")); };
                }
                const std::vector<TrialEvent> trials =
                    workshop.tryPlacements(store.spec(id), untried.placements, untried.next_step, progress);
                return [this, id, file, trials] {
                  if (library_.writer() == nullptr || library_.file() != file) return;
                  for (const TrialEvent& trial : trials) {
                    library_.writer()->record(id, trial);
                    if (run_.record().id == id) run_.shared()->trials.push_back(trial);
                  }
                  if (run_.record().id == id) run_.recordChanged();
                  flushStore(id);
                };
              });
}

void Studio::exportShown(const std::string& format, const std::filesystem::path& folder) {
  const RunRecord& record = run_.record();
  Workbench::ExportRequest request{.model = modelOf(record.spec),
                                   .candidates = candidatesOf(record.spec),
                                   .out = folder,
                                   .format = format,
                                   .placement = editor_.placement(),
                                   .provenance = toJson(record.spec)};
  // What stands in the layers of a heal is what it has trained.
  if (record.spec.isHeal() && !editor_.edited()) request.candidates.healed = healedBy(record.spec);
  request.provenance["run"] = record.id;
  request.provenance["edited_by_hand"] = editor_.edited();
  const KnownPlacement* known = book().find(request.placement, request.candidates.healed.string());
  if (known != nullptr && known->thorough) request.scores = known->scores;
  jobs_.start(tr("Export as %1").arg(qt(format)), QStringLiteral("export"),
              [this, &workshop = workshop_, request, id = record.id,
               store = library_.file()](Progress& progress) -> std::function<void()> {
                const std::vector<std::string> files = workshop.exportPlacement(request, progress);
                return [this, request, id, store, count = files.size()] {
                  log_.add(LogEvent::Level::Info,
                           tr("exported %1 files to %2").arg(count).arg(qt(request.out.string())));
                  StoreWriter* writer = library_.writer();
                  if (writer != nullptr && id != 0 && library_.file() == store) {
                    const QDateTime now = QDateTime::currentDateTimeUtc();
                    writer->addExport(id, {.created = now.toString(Qt::ISODate).toStdString(),
                                           .format = request.format,
                                           .path = request.out.string(),
                                           .provenance = request.provenance});
                  }
                };
              });
}

void Studio::writeReport(const std::filesystem::path& file, const std::vector<RunId>& runs,
                         const std::string& against) {
  report_.start({library_.file(), runs, file, against}, workshop_.invents());
}

const RunSummary* Studio::doneLike(const std::string& method) const {
  const std::vector<RunSummary>& runs = library_.runs();
  const auto like = std::ranges::find_if(runs, [&](const RunSummary& run) {
    return run.phase == Phase::Done && run.method == method && run.step > 0 && run.seconds > 0 &&
           isOf(run, model_.info());
  });
  return like == runs.end() ? nullptr : &*like;
}

const std::vector<CostTable>& Studio::costs() const {
  const auto& environment = run_.record().environment;
  return environment && !environment->costs.empty() ? environment->costs : model_.costs();
}

std::optional<Workbench::EvaluationRequest> Studio::evaluationRequest() const {
  const RunSpec& spec = run_.record().spec;
  Workbench::EvaluationRequest request;
  request.model = modelOf(spec);
  request.candidates = candidatesOf(spec);
  request.execution.device = spec.device;
  request.chat = chatOf(spec);
  if (request.model.empty()) return std::nullopt;
  return request;
}

void Studio::setKept(int kept) {
  // The run's own placement for its own budget, which may be repaired; the logits for every other.
  const std::vector<PlacementEvent>& found = run_.record().placements;
  if (run_.following() && !found.empty() && found.front().placement.fullCount() == kept) kept = -1;
  run_.setKept(kept);
  if (editor_.edited()) editor_.replace(run_.placement(), tr("budget %1").arg(run_.kept()));
}

void Studio::setPinned(int layer, bool pinned) {
  editor_.setPinned(layer, pinned);
  // A stored run shown meanwhile can be pinned, but that is no change of the run that goes on.
  if (!controller_.active() || !controller_.recorded() || run_.shared() != controller_.record()) return;
  controller_.intervene({.kind = pinned ? Intervention::Kind::Pin : Intervention::Kind::Release,
                         .layer = layer,
                         .mixer = editor_.placement()[layer]});
}

void Studio::runShown() {
  comparisons_.collectAnew();
  logged_ = {};
  told_changes_ = run_.record().changes.size();
  refreshSubject();
  measured_cost_.know(run_.record().costs);
  editor_.load(run_.placement(), run_.record().operators());
  editor_.setPins(pinsOf(run_.record()));
}

void Studio::runChanged() {
  if (controller_.active() && run_.shared() == controller_.record()) logMoves();
  log_.follow(run_.shared());
  if (!editor_.edited()) editor_.load(run_.placement(), run_.record().operators());
  comparisons_.collect();
}

void Studio::logMoves() {
  const RunRecord& record = run_.record();
  for (; told_changes_ < record.changes.size(); ++told_changes_) {
    const Intervention& change = record.changes[told_changes_];
    const QString what = change.kind == Intervention::Kind::Set
                             ? tr("%1 = %2").arg(qt(change.key), qt(change.value.dump()))
                         : change.kind == Intervention::Kind::Pin
                             ? tr("layer %1 pinned to %2").arg(change.layer).arg(qt(title(change.mixer)))
                             : tr("layer %1 released").arg(change.layer);
    log_.add(LogEvent::Level::Info, tr("from step %1: %2").arg(change.step).arg(what));
  }
  if (record.steps.empty()) return;
  const StepEvent& step = record.steps.back();
  const Placement before = std::exchange(logged_, step.if_stopped_now);
  if (before.layers() != logged_.layers() || before == logged_) return;
  QStringList words;
  for (const int layer : differingLayers(before, logged_)) {
    words << (logged_[layer] == MixerKind::Full ? tr("layer %1 in") : tr("layer %1 out")).arg(layer);
  }
  log_.add(LogEvent::Level::Info, tr("search step %1: %2; margin %3")
                                      .arg(step.step)
                                      .arg(words.join(QStringLiteral(", ")),
                                           numberText(step.metrics[static_cast<std::size_t>(Metric::Margin)])));
}

}  // namespace interleave::gui
