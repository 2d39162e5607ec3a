// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "sessions/chunk.h"
#include "sessions/database.h"
#include "sessions/event_codec.h"
#include "sessions/ledger.h"
#include "sessions/writer_lock.h"

namespace interleave {
namespace {

constexpr std::int64_t kOldest = std::numeric_limits<std::int64_t>::min();

std::string placeOf(RunId id) { return "run " + std::to_string(id); }

/// Which of `count` rows a reader who wants at most `most` gets: the k-th, evenly, first and last kept.
struct Thinning {
  std::int64_t count, most;
  std::int64_t kept() const { return most > 0 ? std::min(most, count) : count; }
  std::int64_t operator()(std::int64_t k) const {
    if (kept() == count) return k;
    if (kept() == 1) return count - 1;
    return std::llround(static_cast<double>(k) * static_cast<double>(count - 1) / static_cast<double>(kept() - 1));
  }
};

}  // namespace

struct Store::Impl {
  std::filesystem::path file;
  SQLite::Database database;

  /// Runs `body` on one state of the file, with SQLite's errors turned into ours.
  template <class Body>
  auto read(Body body) try {
    SQLite::Transaction snapshot(database);
    return body();
  } catch (const SQLite::Exception& problem) {
    throw storeError(file, problem);
  } catch (const nlohmann::json::exception& problem) {
    throw badInput(file.string(), "JSON", problem.what());
  }

  /// Scores as they were recorded, those of transfers or the others.
  std::vector<ScoreEvent> judged(RunId id, bool transfers);

  std::vector<RunSummary> summaries(const char* condition, std::int64_t value) {
    const bool writer = WriterLock::holder(file).has_value();
    SQLite::Statement row(database,
                          std::string("SELECT id, title, spec, model_name, model_fingerprint, note, phase, reason, "
                                      "dropped, step, steps, tokens, seconds, created, tags, baseline, deleted "
                                      "FROM runs WHERE ") +
                              condition + " ORDER BY id");
    bound(row, value);
    std::vector<RunSummary> runs;
    while (row.executeStep()) {
      RunSummary& run = runs.emplace_back();
      run.id = row.getColumn(0).getInt64();
      run.title = row.getColumn(1).getString();
      const RunSpec spec = specFrom(run.id, row.getColumn(2).getString());
      run.method = spec.method;
      run.preset = spec.preset;
      run.budget = spec.budget;
      run.seed = spec.seed;
      run.model_name = row.getColumn(3).getString();
      run.model_fingerprint = row.getColumn(4).getString();
      run.note = row.getColumn(5).getString();
      const std::int64_t phase = row.getColumn(6).getInt64();
      if (phase < 0 || phase > static_cast<std::int64_t>(Phase::Failed)) {
        throw badInput(file.string(), placeOf(run.id), "phase " + std::to_string(phase) + " does not exist");
      }
      run.phase = static_cast<Phase>(phase);
      const bool ended = run.phase == Phase::Done || run.phase == Phase::Failed;
      if (!ended && !writer) run.phase = Phase::Stopped;
      run.reason = row.getColumn(7).getString();
      if (const std::int64_t dropped = row.getColumn(8).getInt64(); dropped > 0) {
        run.reason += (run.reason.empty() ? "" : "; ") + std::to_string(dropped) +
                      " events were not recorded because the store could not be written";
      }
      run.step = row.getColumn(9).getInt64();
      run.steps = row.getColumn(10).getInt64();
      run.tokens = row.getColumn(11).getInt64();
      run.seconds = row.getColumn(12).getDouble();
      run.created = row.getColumn(13).getString();
      run.tags = nlohmann::json::parse(row.getColumn(14).getString()).get<std::vector<std::string>>();
      run.baseline = row.getColumn(15).getInt() != 0;
      run.deleted = row.getColumn(16).getInt() != 0;
    }
    return runs;
  }

  std::string placeIn(RunId id) const { return file.string() + ": " + placeOf(id); }

  RunSpec specFrom(RunId id, const std::string& text) const {
    return runSpecFromJson(nlohmann::json::parse(text), placeIn(id));
  }

  void require(RunId id) {
    SQLite::Statement row(database, "SELECT 1 FROM runs WHERE id = ?1");
    if (!bound(row, id).executeStep()) throw usageError(placeOf(id), "there is no such run in the store");
  }

  /// Hands each chunk that reaches to `first` or beyond to `take`, in order.
  template <class Take>
  void eachChunk(RunId id, std::int64_t first, Take take) {
    SQLite::Statement row(
        database, std::string("SELECT ") + kChunkColumns + " FROM chunks WHERE run = ?1 AND last >= ?2 ORDER BY first");
    bound(row, id, first);
    while (row.executeStep()) take(chunkFrom(row, 0, placeIn(id)));
  }

  /// The run's events of type T, in the order they were recorded.
  template <class T>
  std::vector<T> eventsOf(RunId id) {
    return read([&] {
      require(id);
      SQLite::Statement row(database, "SELECT data FROM events WHERE run = ?1 AND kind = ?2 ORDER BY seq");
      bound(row, id, static_cast<std::int64_t>(kEventKind<T>));
      std::vector<T> events;
      while (row.executeStep()) {
        events.push_back(std::get<T>(eventFrom(kEventKind<T>, row.getColumn(0).getString(), placeIn(id))));
      }
      return events;
    });
  }

  std::optional<Checkpoint> checkpoint(RunId id, const char* condition, std::int64_t step) {
    return read([&] {
      require(id);
      SQLite::Statement row(database, std::string("SELECT step, state FROM checkpoints WHERE run = ?1 AND step ") +
                                          condition + " ?2 ORDER BY step DESC LIMIT 1");
      if (!bound(row, id, step).executeStep()) return std::optional<Checkpoint>();
      return std::optional(Checkpoint{row.getColumn(0).getInt64(), row.getColumn(1).getString()});
    });
  }
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& file) {
  return Store(std::unique_ptr<Impl>(new Impl{file, openForReading(file)}));  // NOLINT: an aggregate
}

std::vector<RunSummary> Store::runs(bool with_deleted) const {
  return impl_->read([&] { return impl_->summaries("deleted <= ?1", with_deleted ? 1 : 0); });
}

RunSummary Store::run(RunId id) const {
  return impl_->read([&] {
    impl_->require(id);
    return impl_->summaries("id = ?1", id).at(0);
  });
}

RunSpec Store::spec(RunId id) const {
  RunSpec spec = impl_->read([&] {
    impl_->require(id);
    SQLite::Statement row(impl_->database,
                          "SELECT spec, model_fingerprint, (SELECT iif(json_valid(data), json_extract(data, "
                          "'$.prompt_form'), NULL) FROM events WHERE run = ?1 AND kind = ?2 ORDER BY seq DESC LIMIT 1) "
                          "FROM runs WHERE id = ?1");
    bound(row, id, static_cast<std::int64_t>(kEventKind<EnvironmentEvent>)).executeStep();
    RunSpec stored = impl_->specFrom(id, row.getColumn(0).getString());
    stored.model_fingerprint = row.getColumn(1).getString();
    stored.prompt_form = row.getColumn(2).getString();
    return stored;
  });
  for (InterventionEvent& event : impl_->eventsOf<InterventionEvent>(id)) {
    spec.interventions.push_back(std::move(event.change));
  }
  std::ranges::stable_sort(spec.interventions, {}, &Intervention::step);
  return spec;
}

std::optional<EnvironmentEvent> Store::environment(RunId id) const {
  auto events = impl_->eventsOf<EnvironmentEvent>(id);
  if (events.empty()) return std::nullopt;
  return std::move(events.back());
}

std::vector<StepEvent> Store::steps(RunId id, std::int64_t first, std::int64_t most) const {
  return impl_->read([&] {
    impl_->require(id);
    SQLite::Statement sum(impl_->database, "SELECT ifnull(sum(count), 0) FROM chunks WHERE run = ?1 AND last >= ?2");
    bound(sum, id, first).executeStep();
    Thinning thinning{sum.getColumn(0).getInt64(), most};
    std::vector<StepEvent> steps;
    std::int64_t index = 0;  // Of the next row from `first` on.
    impl_->eachChunk(id, first, [&](const Chunk& chunk) {
      for (std::size_t row = 0; row < chunk.count(); ++row) {
        if (chunk.head(row).step < first) {
          --thinning.count;
        } else if (index++ == thinning(static_cast<std::int64_t>(steps.size()))) {
          steps.push_back(chunk.step(row));
        }
      }
    });
    return steps;
  });
}

std::vector<SeriesPoint> Store::series(RunId id, Metric metric) const {
  return impl_->read([&] {
    impl_->require(id);
    SQLite::Statement row(impl_->database,
                          "SELECT substr(head, 1, 8 * count), substr(metrics, 1 + 8 * count * ?2, 8 * count) "
                          "FROM chunks WHERE run = ?1 ORDER BY first");
    bound(row, id, static_cast<std::int64_t>(metric));
    std::vector<SeriesPoint> points;
    while (row.executeStep()) {
      const SQLite::Column steps = row.getColumn(0), values = row.getColumn(1);
      const std::size_t count = static_cast<std::size_t>(std::min(steps.getBytes(), values.getBytes())) / 8;
      for (std::size_t i = 0; i < count; ++i) {
        SeriesPoint point{};
        std::memcpy(&point.step, static_cast<const char*>(steps.getBlob()) + 8 * i, 8);
        std::memcpy(&point.value, static_cast<const char*>(values.getBlob()) + 8 * i, 8);
        if (!std::isnan(point.value)) points.push_back(point);
      }
    }
    return points;
  });
}

std::vector<AlignmentEvent> Store::alignments(RunId id) const { return impl_->eventsOf<AlignmentEvent>(id); }
std::vector<LayerScoreEvent> Store::layerScores(RunId id) const { return impl_->eventsOf<LayerScoreEvent>(id); }
std::vector<CostEvent> Store::costs(RunId id) const { return impl_->eventsOf<CostEvent>(id); }
std::vector<TrialEvent> Store::trials(RunId id) const { return impl_->eventsOf<TrialEvent>(id); }
std::vector<PlacementEvent> Store::placements(RunId id) const { return impl_->eventsOf<PlacementEvent>(id); }
std::vector<LogEvent> Store::log(RunId id) const { return impl_->eventsOf<LogEvent>(id); }

std::vector<ScoreEvent> Store::Impl::judged(RunId id, bool transfers) {
  std::vector<ScoreEvent> scores;
  for (ScoreEvent& next : eventsOf<ScoreEvent>(id)) {
    if (next.isTransfer() != transfers) continue;
    const auto joined = [&](ScoreEvent& event) { return join(event, next); };
    if (!std::ranges::any_of(scores, joined)) scores.push_back(std::move(next));
  }
  return scores;
}

std::vector<ScoreEvent> Store::scores(RunId id) const { return impl_->judged(id, false); }
std::vector<ScoreEvent> Store::transfers(RunId id) const { return impl_->judged(id, true); }

std::vector<ExportRecord> Store::exports(RunId id) const {
  return impl_->read([&] {
    impl_->require(id);
    SQLite::Statement row(impl_->database,
                          "SELECT created, format, path, provenance FROM exports WHERE run = ?1 ORDER BY id");
    bound(row, id);
    std::vector<ExportRecord> records;
    while (row.executeStep()) {
      records.push_back({row.getColumn(0).getString(), row.getColumn(1).getString(), row.getColumn(2).getString(),
                         nlohmann::json::parse(row.getColumn(3).getString())});
    }
    return records;
  });
}

std::optional<Checkpoint> Store::checkpoint(RunId id) const { return impl_->checkpoint(id, ">=", kOldest); }
std::optional<Checkpoint> Store::checkpointAt(RunId id, std::int64_t step) const {
  return impl_->checkpoint(id, "=", step);
}

std::vector<Event> Store::events(RunId id) const {
  return impl_->read([&] {
    impl_->require(id);
    SQLite::Statement row(impl_->database, "SELECT seq, kind, data FROM events WHERE run = ?1 ORDER BY seq");
    bound(row, id);
    std::vector<Event> events;
    bool more = row.executeStep();
    const auto takeBefore = [&](std::int64_t seq) {
      while (more && row.getColumn(0).getInt64() < seq) {
        const auto kind = static_cast<std::size_t>(row.getColumn(1).getInt64());
        Event event = eventFrom(kind, row.getColumn(2).getString(), impl_->placeIn(id));
        auto* last = events.empty() ? nullptr : std::get_if<ScoreEvent>(&events.back());
        const auto* next = std::get_if<ScoreEvent>(&event);
        if (!last || !next || !join(*last, *next)) events.push_back(std::move(event));
        more = row.executeStep();
      }
    };
    impl_->eachChunk(id, kOldest, [&](const Chunk& chunk) {
      for (std::size_t i = 0; i < chunk.count(); ++i) {
        takeBefore(chunk.head(i).seq);
        events.emplace_back(chunk.step(i));
      }
    });
    takeBefore(std::numeric_limits<std::int64_t>::max());
    return events;
  });
}

}  // namespace interleave
