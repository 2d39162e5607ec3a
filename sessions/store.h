// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/events.h"
#include "backend/core/run_spec.h"

namespace interleave {

using RunId = std::int64_t;

/// A line of the run list.
struct RunSummary {
  RunId id = 0;
  std::string title, method, preset, model_name, model_fingerprint, note;
  Budget budget;
  std::uint64_t seed = 0;
  Phase phase = Phase::Loading;  ///< As last recorded; a run whose process died shows as Stopped (resumable).
  std::string reason;            ///< Of a failure, or of what was dropped (see Recorder).
  std::int64_t step = 0, steps = 0, tokens = 0;
  double seconds = 0;
  std::string created;  ///< ISO 8601, UTC.
  std::vector<std::string> tags;
  bool baseline = false;
  bool deleted = false;  ///< In the bin: hidden, and undone by restore().
};

/// One series point: a metric at a step.
struct SeriesPoint {
  std::int64_t step;
  double value;
};

/// An export that was made of a run.
struct ExportRecord {
  std::string created, format, path;
  nlohmann::json provenance;
};

/// The runs in one SQLite file, as a reader sees them: its own read-only connection. One Store per thread.
class Store {
 public:
  /// Opens for reading; the file must exist and be ours. BadInput: not an Interleave store, or from a newer version.
  static Store open(const std::filesystem::path& file);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  std::vector<RunSummary> runs(bool with_deleted = false) const;
  RunSummary run(RunId id) const;  ///< Usage error when there is none.
  RunSpec spec(RunId id) const;    ///< With every recorded intervention.
  std::optional<EnvironmentEvent> environment(RunId id) const;
  /// Steps in order, from `first` on; checkpoints left out. `most` > 0 thins evenly, first and last kept.
  std::vector<StepEvent> steps(RunId id, std::int64_t first = 0, std::int64_t most = 0) const;
  std::vector<SeriesPoint> series(RunId id, Metric metric) const;
  std::vector<AlignmentEvent> alignments(RunId id) const;
  std::vector<LayerScoreEvent> layerScores(RunId id) const;  ///< In the order of their examples.
  std::vector<TrialEvent> trials(RunId id) const;            ///< In the order in which they were tried.
  std::vector<PlacementEvent> placements(RunId id) const;
  std::vector<ScoreEvent> scores(RunId id) const;
  std::vector<ScoreEvent> transfers(RunId id) const;  ///< Judged otherwise than found: ScoreEvent::isTransfer().
  std::vector<CostEvent> costs(RunId id) const;       ///< Each placement's newest of a manner.
  std::vector<LogEvent> log(RunId id) const;
  std::vector<ExportRecord> exports(RunId id) const;
  std::optional<Checkpoint> checkpoint(RunId id) const;  ///< The newest.
  std::optional<Checkpoint> checkpointAt(RunId id, std::int64_t step) const;
  /// The events of a run in the order they were recorded, checkpoints left out, for the replay engine.
  std::vector<Event> events(RunId id) const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Findings of a check: empty when all is well.
struct StoreCheck {
  std::vector<std::string> problems;
  int schema_version = 0;  ///< Of the file, which may be older than the program's.
  std::int64_t runs = 0, steps = 0;
};
StoreCheck checkStore(const std::filesystem::path& file);

/// The one writing connection of a store, on a thread of its own. Creates the file, migrates an old schema in one
/// transaction after a backup beside it, and holds a lock that keeps a second writer out. Thread-safe.
class StoreWriter {
 public:
  /// Usage error: another process writes to it (the message names its process id). BadInput: not ours, newer, damaged.
  /// Failed: the folder cannot be written.
  explicit StoreWriter(const std::filesystem::path& file);
  ~StoreWriter();  ///< Writes what is queued, then closes.
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  const std::filesystem::path& file() const;

  /// Committed (synchronous=FULL) when this returns.
  RunId addRun(const RunSpec& spec);
  void setPhase(RunId id, Phase phase, const std::string& reason);
  void addExport(RunId id, const ExportRecord& record);
  void setTitle(RunId id, const std::string& title);
  void setNote(RunId id, const std::string& note);
  void setTags(RunId id, const std::vector<std::string>& tags);
  void setBaseline(RunId id, bool baseline);  ///< There is one at most, deleted runs included.
  void remove(RunId id);                      ///< Into the bin.
  void restore(RunId id);
  void purge(RunId id);  ///< For good.

  /// Queued and committed in groups; never blocks and never throws. When the disk refuses, events are kept in a bounded
  /// backlog and tried again; what had to be dropped is told by status() and in the run's reason.
  void record(RunId id, const Event& event);
  /// Blocks until all that was recorded before the call is committed, or the disk refused it (false).
  bool flush();

  struct Status {
    std::int64_t queued = 0, dropped = 0, committed = 0;
    double seconds_since_commit = 0;
    std::string problem;                 ///< Empty: none. "disk full", or why an event could not be recorded.
    std::int64_t acknowledged_step = 0;  ///< Of the run recorded last.
  };
  Status status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Listens to an engine and records one run. onEvent() only queues.
class Recorder final : public EventSink {
 public:
  Recorder(StoreWriter& writer, RunId id) : writer_(writer), id_(id) {}
  void onEvent(const Event& event) override { writer_.record(id_, event); }
  RunId run() const { return id_; }

 private:
  StoreWriter& writer_;
  RunId id_;
};

}  // namespace interleave
