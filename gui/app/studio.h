// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gui/app/comparisons.h"
#include "gui/app/cost_measurement.h"
#include "gui/app/frame_clock.h"
#include "gui/app/neighbourhood.h"
#include "gui/app/open_model.h"
#include "gui/app/preparation.h"
#include "gui/app/run_controller.h"
#include "gui/app/run_library.h"
#include "gui/app/run_queue.h"
#include "gui/app/transfer_board.h"
#include "gui/app/workshop.h"
#include "gui/model/job_list.h"
#include "gui/model/log_model.h"
#include "gui/model/placement_editor.h"
#include "gui/model/run_model.h"
#include "gui/model/setup_model.h"
#include "gui/report/report_process.h"

namespace interleave::gui {

/// The parts that windows are made of, and what the user can do that concerns more than one of them. Lives in the
/// window's thread; the long halves of its actions are jobs.
class Studio final : public QObject {
  Q_OBJECT
 public:
  explicit Studio(Workshop& workshop);

  Workshop& workshop() { return workshop_; }
  FrameClock& clock() { return clock_; }
  JobList& jobs() { return jobs_; }
  JobList& reads() { return reads_; }  ///< Of the store, in the background: nothing that the user waits for.
  LogModel& log() { return log_; }
  RunLibrary& library() { return library_; }
  RunController& controller() { return controller_; }
  RunQueue& queue() { return queue_; }
  ReportProcess& report() { return report_; }
  RunModel& run() { return run_; }
  SetupModel& setup() { return setup_; }
  OpenModel& model() { return model_; }
  Comparisons& comparisons() { return comparisons_; }
  PlacementBook& book() { return comparisons_.book(); }
  PlacementEditor& editor() { return editor_; }
  CostMeasurement& measuredCost() { return measured_cost_; }
  TransferBoard& transfer() { return transfer_; }
  Neighbourhood& neighbourhood() { return neighbourhood_; }

  /// The store that is open already is read anew. Refused while something is written to the open one.
  void openStore(const std::filesystem::path& file);
  void openModel(const std::filesystem::path& path);
  void openBatch(const std::filesystem::path& file);  ///< Its runs into the queue, and its store open.
  void prepareCandidates();

  QString whyNotStart() const;                ///< Why no run can begin, for the screen; empty: one can, or goes on.
  QString whyNotPrepare() const;              ///< The same of preparing candidates.
  void startRun();                            ///< What Setup says.
  void resumeRun(RunId id);                   ///< From its newest checkpoint.
  void forkRun(RunId id, std::int64_t step);  ///< With Setup's budget and settings of the method.
  void replayRun(RunId id, double speed);     ///< Recorded nowhere; at `speed` times its pace.
  void showRun(RunId id);                     ///< As it is stored; the run going on is shown live.
  void takeSettings(RunId id);                ///< Into Setup: to look at, or to begin another run with.
  /// Tries what other runs found and this enumeration did not, on its own batches, and keeps that with it.
  void tryFound(RunId enumeration);
  /// Trains the hybrid that Placement shows: a run of its own with these settings of healing.
  void healShown(const nlohmann::json& settings);
  std::string healFolder() const;  ///< One that is free, beside the store.
  /// Of these runs of the store; see ReportRequest. A notice says when it is written.
  void writeReport(const std::filesystem::path& file, const std::vector<RunId>& runs, const std::string& against);
  void exportShown(const std::string& format, const std::filesystem::path& folder);

  /// Every budget from the same run: shows the `kept` layers with the largest advantage.
  void setKept(int kept);

  /// Pins a layer of the placement shown to the operator that it has, or releases it; in the run going on, too, where
  /// that is the run shown.
  void setPinned(int layer, bool pinned);

  /// The newest run of the open model by this method that is done; null: none is.
  const RunSummary* doneLike(const std::string& method) const;

  /// Costs of the model of the run shown, else of the open model.
  const std::vector<CostTable>& costs() const;

  bool preparing() const { return preparation_.running(); }
  bool beginning() const { return jobs_.running(QStringLiteral("begin")); }  ///< Loading a run to go on from.
  /// Reads the list of runs anew. What goes wrong is told once until it goes well again: this is done every second.
  void reloadLibrary();

  /// Runs `action`; what it throws becomes a line in the log and problem().
  void attempt(const QString& what, const std::function<void()>& action);
  void tellProblem(const QString& what, const QString& reason);  ///< As attempt() does.

 Q_SIGNALS:
  void problem(const QString& text);
  void notice(const QString& text);  ///< Worth knowing; nothing has failed.

 private:
  void connectRun();
  void connectQueue();
  void runFinished();
  void setupChanged();
  void refreshSubject();
  void flushStore(RunId id);
  void tellWarning(const QString& line);  ///< To the log, once: whatever opens a model says what is odd about it.
  /// Reads run `id` on a job's thread, then launches what `load` made of it.
  struct Launch {
    std::unique_ptr<Engine> engine;  ///< Null: a search.
    RunSpec spec;
    bool record = true;
    RunId into = 0;
    std::shared_ptr<RunRecord> so_far;
  };
  void launchFrom(RunId id, const QString& what, std::function<Launch(const Store&)> load);
  void launch(Launch what);
  void launchPlanned(const PlannedRun& planned, RunId run, bool goes_on);
  /// What leads from the pins of a checkpoint to those wanted, at `step`; told in the log.
  std::vector<Intervention> pinChanges(const Pins& before, const Pins& after, std::int64_t step);
  void runShown();
  void runChanged();
  std::optional<Workbench::EvaluationRequest> evaluationRequest() const;
  const std::string& modelOf(const RunSpec& spec) const;          ///< Setup's where the run names none.
  Workbench::Candidates candidatesOf(const RunSpec& spec) const;  ///< The same.
  std::string chatOf(const RunSpec& spec) const;                  ///< The same: in which form prompts are written.
  void logMoves();

  Workshop& workshop_;
  FrameClock clock_;
  LogModel log_;
  RunLibrary library_;
  RunModel run_;
  SetupModel setup_;
  PlacementEditor editor_;
  JobList jobs_, reads_;  // their threads use what stands above
  OpenModel model_;
  Comparisons comparisons_;
  CostMeasurement measured_cost_;
  TransferBoard transfer_;
  Neighbourhood neighbourhood_;
  Preparation preparation_;
  RunController controller_;  // first to go: its engine records into the library
  RunQueue queue_;            // before that: it watches the controller
  ReportProcess report_;
  bool searching_ = false;        ///< The run going on, or the last one, is a search, not a replay.
  Placement logged_;              ///< As the log told it last.
  std::size_t told_changes_ = 0;  ///< Changes of the shown record that the log has told.
  Phase listed_phase_{};          ///< As the run list was last asked to show it.
  /// Runs whose scores are on their way into the store: a flush takes the place of the one before it, and lists all.
  std::set<RunId> unlisted_;
  std::set<QString> warned_;  ///< What tellWarning() has told.
  bool reload_failed_ = false;
  QElapsedTimer since_reload_;
};

/// Context length at which caches are quoted throughout the windows.
inline constexpr std::int64_t kQuotedContext = 8192;

}  // namespace interleave::gui
