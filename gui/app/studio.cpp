// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/studio.h"

#include <QDateTime>
#include <utility>

#include "backend/engine/replay_engine.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

constexpr std::int64_t kReloadEvery = 1000;  // ms, of the run list while a run is recorded

}  // namespace

Studio::Studio(Workshop& workshop)
    : workshop_(workshop),
      setup_(workshop),
      model_(workshop, jobs_),
      judging_(workshop, jobs_, book_, {.slot = QStringLiteral("judge")}, [this] { return evaluationRequest(); }),
      what_if_(workshop, jobs_, book_,
               {.slot = QStringLiteral("what-if"), .rest = 250, .skip_known = true, .text_tokens = 1024, .prompts = 4},
               [this] { return evaluationRequest(); }) {
  clock_.addSource([this] {
    const bool going_on = controller_.drain();
    drainPreparation();
    jobs_.poll();
    return going_on || jobs_.anyRunning();
  });
  connect(&jobs_, &JobList::started, &clock_, &FrameClock::wake);
  connect(&jobs_, &JobList::failed, this, [this](const QString& title, const QString& reason) {
    const QString text = tr("%1: %2").arg(title, reason);
    log_.add(LogEvent::Level::Error, text);
    Q_EMIT problem(text);
  });
  connect(&controller_, &RunController::started, this, [this] {
    run_.show(controller_.record());
    clock_.wake();
  });
  connect(&controller_, &RunController::progressed, this, [this] {
    if (run_.shared() == controller_.record()) run_.recordChanged();
    if (controller_.recorded() && since_reload_.hasExpired(kReloadEvery)) {
      since_reload_.restart();
      library_.reload();
    }
  });
  connect(&controller_, &RunController::finished, this, [this] {
    const PhaseEvent& phase = controller_.record()->phase;
    if (phase.phase == Phase::Failed) Q_EMIT problem(tr("The run failed: %1").arg(qt(phase.title)));
    if (StoreWriter* writer = library_.writer(); writer != nullptr && controller_.recorded()) {
      jobs_.start(tr("Store the run"), QStringLiteral("flush"), [this, writer](Progress&) -> std::function<void()> {
        writer->flush();
        return [this] { library_.reload(); };
      });
    }
  });
  connect(&run_, &RunModel::shownChanged, this, &Studio::runShown);
  connect(&run_, &RunModel::changed, this, &Studio::runChanged);
  connect(&editor_, &PlacementEditor::changed, this, &Studio::editorChanged);
  since_reload_.start();
}

void Studio::attempt(const QString& what, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const QString text = tr("%1: %2").arg(what, QString::fromUtf8(error.what()));
    log_.add(LogEvent::Level::Error, text);
    Q_EMIT problem(text);
  }
}

void Studio::openStore(const std::filesystem::path& file) {
  attempt(tr("Open store"), [&] {
    library_.open(file);
    if (setup_.bankDir().empty()) setup_.setBankDir((file.parent_path() / "banks").string());
    log_.add(LogEvent::Level::Info, tr("store %1: %2 runs").arg(qt(file.string())).arg(library_.rowCount()));
    if (!library_.readOnlyReason().isEmpty()) log_.add(LogEvent::Level::Warning, library_.readOnlyReason());
  });
}

void Studio::openModel(const std::filesystem::path& path) {
  setup_.setModelPath(path.string());
  model_.open(path, setup_.bank(), setup_.device());
}

void Studio::prepareCandidates() {
  const RunSpec spec = setup_.spec();
  if (spec.model_path.empty()) return attempt(tr("Prepare"), [] { throw usageError("model", "open a model first"); });
  prepared_ = std::make_shared<RunRecord>();
  prepared_->spec = spec;
  prepared_->spec.title = tr("candidates").toStdString();
  preparing_ = std::make_shared<Mailbox>();
  run_.show(prepared_);
  jobs_.start(tr("Prepare candidates"), QStringLiteral("prepare"),
              [&workshop = workshop_, this, mailbox = preparing_, spec,
               settings = setup_.bank()](Progress& progress) -> std::function<void()> {
                workshop.prepareCandidates(
                    spec.model_path, spec.bank_dir, settings, spec.seed, spec.device,
                    [&](const AlignmentEvent& event) { mailbox->onEvent(event); }, progress);
                return [this] { log_.add(LogEvent::Level::Info, tr("candidates are ready")); };
              });
}

void Studio::drainPreparation() {
  if (!preparing_) return;
  MailboxContents contents = preparing_->take();
  if (contents.empty()) return;
  prepared_->take(std::move(contents));
  if (run_.shared() == prepared_) run_.recordChanged();
}

void Studio::launch(std::unique_ptr<Engine> engine, RunSpec spec, bool record, RunId into,
                    std::shared_ptr<RunRecord> so_far) {
  controller_.start(std::move(engine), std::move(spec), record ? library_.writer() : nullptr, into, std::move(so_far));
  if (controller_.recorded()) library_.reload();
}

void Studio::startRun() {
  attempt(tr("Start"), [this] {
    if (setup_.modelPath().empty()) throw usageError("model", "open a model first");
    RunSpec spec = setup_.spec();
    for (const int layer : editor_.pinned()) {
      spec.interventions.push_back(
          {.kind = Intervention::Kind::Pin, .step = 0, .layer = layer, .mixer = editor_.placement()[layer]});
    }
    launch(workshop_.makeEngine(), std::move(spec), true);
  });
}

void Studio::resumeRun(RunId id) {
  attempt(tr("Resume"), [&] {
    RunSpec spec = library_.store().spec(id);
    spec.resume_from = library_.store().checkpoint(id);
    auto so_far = std::make_shared<RunRecord>(loadRecord(library_.store(), id));
    launch(workshop_.makeEngine(), std::move(spec), true, id, std::move(so_far));
  });
}

void Studio::forkRun(RunId id, std::int64_t step) {
  attempt(tr("Fork"), [&] {
    const RunSpec origin = library_.store().spec(id);
    RunSpec spec = setup_.spec();
    spec.model_path = origin.model_path;
    spec.bank_dir = origin.bank_dir;
    spec.bank_settings = origin.bank_settings;
    spec.title += "-fork" + std::to_string(id);
    spec.forked_from = std::to_string(id) + "@" + std::to_string(step);
    spec.resume_from = library_.store().checkpointAt(id, step);
    if (!spec.resume_from) throw usageError(spec.forked_from, "the store has no checkpoint of this step");
    launch(workshop_.makeEngine(), std::move(spec), true);
  });
}

void Studio::replayRun(RunId id, double speed) {
  attempt(tr("Replay"), [&] {
    RunSpec spec = library_.store().spec(id);
    spec.interventions.clear();
    auto pace = std::make_shared<ReplaySpeed>(speed);
    launch(makeReplayEngine(library_.store().events(id), std::move(pace)), std::move(spec), false);
  });
}

void Studio::showRun(RunId id) {
  if (controller_.record() && controller_.active() && controller_.record()->id == id) {
    run_.show(controller_.record());
    return;
  }
  if (run_.record().id == id && !library_.runs().empty()) return;
  jobs_.start(tr("Load run %1").arg(id), QStringLiteral("show"),
              [this, id, file = library_.file()](Progress&) -> std::function<void()> {
                auto record = std::make_shared<RunRecord>(loadRecord(Store::open(file), id));
                return [this, record] { run_.show(record); };
              });
}

void Studio::exportShown(const std::string& format, const std::filesystem::path& folder) {
  const RunRecord& record = run_.record();
  Workbench::ExportRequest request{
      .model = record.spec.model_path.empty() ? setup_.modelPath() : record.spec.model_path,
      .bank = record.spec.bank_dir.empty() ? setup_.bankDir() : record.spec.bank_dir,
      .out = folder,
      .format = format,
      .placement = editor_.placement(),
      .provenance = {{"run", record.id}, {"spec", toJson(record.spec)}, {"edited_by_hand", editor_.edited()}}};
  jobs_.start(tr("Export as %1").arg(qt(format)), QStringLiteral("export"),
              [this, &workshop = workshop_, request, id = record.id](Progress& progress) -> std::function<void()> {
                const std::vector<std::string> files = workshop.exportPlacement(request, progress);
                return [this, request, id, count = files.size()] {
                  log_.add(LogEvent::Level::Info,
                           tr("exported %1 files to %2").arg(count).arg(qt(request.out.string())));
                  if (StoreWriter* writer = library_.writer(); writer != nullptr && id != 0) {
                    const QDateTime now = QDateTime::currentDateTimeUtc();
                    writer->addExport(id, {.created = now.toString(Qt::ISODate).toStdString(),
                                           .format = request.format,
                                           .path = request.out.string(),
                                           .provenance = request.provenance});
                  }
                };
              });
}

const std::vector<CostTable>& Studio::costs() const {
  const auto& environment = run_.record().environment;
  if (!environment || environment->costs.empty()) return model_.costs();
  // The engine quotes a few lengths; those of the same model that is open draw the finer curve.
  const bool same = model_.known() && model_.layers() == environment->layers &&
                    std::filesystem::path(run_.record().spec.model_path) == model_.path();
  return same && model_.costs().size() > environment->costs.size() ? model_.costs() : environment->costs;
}

KnownPlacement Studio::baseline() const {
  const Placement& shown = editor_.placement();
  if (const RunSummary* run = library_.baseline()) {
    const Placement& placement = library_.baselinePlacement();
    if (placement.layers() == shown.layers()) return {.label = qt(run->title), .placement = placement};
  }
  const int kept = shown.fullCount();
  return {.label = tr("uniform K = %1").arg(kept),
          .placement = Placement::uniform(shown.layers(), kept, 0, restOf(shown, MixerKind::GdnWindow))};
}

std::optional<Workbench::EvaluationRequest> Studio::evaluationRequest() const {
  const RunSpec& spec = run_.record().spec;
  Workbench::EvaluationRequest request;
  request.model = spec.model_path.empty() ? setup_.modelPath() : spec.model_path;
  request.bank = spec.bank_dir.empty() ? setup_.bankDir() : spec.bank_dir;
  request.execution.device = spec.device;
  if (request.model.empty()) return std::nullopt;
  return request;
}

void Studio::judgeCompared() {
  std::vector<EvaluationQueue::Wanted> wanted;
  for (const KnownPlacement* entry : book_.compared()) wanted.push_back({entry->label, entry->placement});
  judging_.want(std::move(wanted));
}

void Studio::setKept(int kept) {
  // The run's own placement for its own budget, which may be repaired; the logits for every other.
  const std::vector<PlacementEvent>& found = run_.record().placements;
  if (run_.following() && !found.empty() && found.front().placement.fullCount() == kept) kept = -1;
  run_.setKept(kept);
  if (editor_.edited()) editor_.replace(run_.placement(), tr("budget %1").arg(run_.kept()));
}

void Studio::runShown() {
  collected_ = 0;
  editor_.load(run_.placement(), run_.record().operators());
}

void Studio::runChanged() {
  const bool live = controller_.active() && run_.shared() == controller_.record();
  if (live) logMoves();
  log_.follow(run_.shared(), live);
  if (!editor_.edited()) editor_.load(run_.placement(), run_.record().operators());
  collectPlacements();
}

void Studio::logMoves() {
  const RunRecord& record = run_.record();
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

void Studio::collectPlacements() {
  const RunRecord& record = run_.record();
  const std::size_t known = record.placements.size() + record.scores.size();
  if (known == collected_ || record.layers() == 0) return;
  collected_ = known;
  const QString run = qt(record.spec.title);
  book_.add(tr("teacher"), teacher());
  if (!record.placements.empty()) {
    // The one for the budget asked for; the others are a move of the budget slider away.
    const Placement& found = record.placements.front().placement;
    book_.add(tr("%1, K = %2").arg(run).arg(found.fullCount()), found);
  }
  for (const ScoreEvent& event : record.scores) book_.add(qt(event.label), event.placement, event.scores);
  if (!record.placements.empty()) {
    const KnownPlacement reference = baseline();
    book_.add(reference.label, reference.placement);
  }
}

void Studio::editorChanged() {
  if (!editor_.edited()) return what_if_.want({});
  const KnownPlacement reference = baseline();
  what_if_.want({{tr("edited, K = %1").arg(editor_.placement().fullCount()), editor_.placement()},
                 {reference.label, reference.placement},
                 {tr("teacher"), teacher()}});
}

}  // namespace interleave::gui
