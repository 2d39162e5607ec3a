// SPDX-License-Identifier: GPL-3.0-or-later
#include <limits>

#include "sessions/chunk.h"
#include "sessions/database.h"
#include "sessions/event_codec.h"
#include "sessions/ledger.h"
#include "sessions/store.h"

namespace interleave {
namespace {

class Checker {
 public:
  explicit Checker(const std::filesystem::path& file) : database_(openForReading(file)) {
    check_.schema_version = storedSchemaVersion(file);
  }

  StoreCheck run() {
    attempt("integrity_check", [this] { integrity(); });
    attempt("foreign_key_check", [this] { foreignKeys(); });
    attempt("runs", [this] {
      SQLite::Statement row(database_, "SELECT id, step, spec FROM runs ORDER BY id");
      while (row.executeStep()) {
        ++check_.runs;
        const RunId id = row.getColumn(0).getInt64();
        const std::string place = "run " + std::to_string(id);
        attempt(place, [&] { runSpecFromJson(nlohmann::json::parse(row.getColumn(2).getString()), place); });
        attempt(place, [&] { steps(id, row.getColumn(1).getInt64(), place); });
        attempt(place, [&] { events(id, place); });
      }
    });
    return std::move(check_);
  }

 private:
  template <class Part>
  void attempt(const std::string& place, Part part) {
    try {
      part();
    } catch (const Error& problem) {
      check_.problems.emplace_back(problem.what());
    } catch (const std::exception& problem) {
      report(place, problem.what());
    }
  }

  void report(const std::string& place, const std::string& problem) {
    check_.problems.push_back(place + ": " + problem);
  }

  void integrity() {
    SQLite::Statement row(database_, "PRAGMA integrity_check(20)");
    while (row.executeStep()) {
      if (const std::string line = row.getColumn(0).getString(); line != "ok") report("integrity_check", line);
    }
  }

  void foreignKeys() {
    SQLite::Statement row(database_, "PRAGMA foreign_key_check");
    while (row.executeStep()) {
      report("foreign_key_check", "a row of " + row.getColumn(0).getString() + " belongs to no run");
    }
  }

  /// Chunks decode, follow on each other, end at the run's step, and no checkpoint lies beyond.
  void steps(RunId id, std::int64_t recorded, const std::string& place) {
    SQLite::Statement row(
        database_, std::string("SELECT first, last, ") + kChunkColumns + " FROM chunks WHERE run = ?1 ORDER BY first");
    bound(row, id);
    std::int64_t last = std::numeric_limits<std::int64_t>::min(), seq = 0;
    while (row.executeStep()) {
      const Chunk chunk = chunkFrom(row, 2, place);
      check_.steps += static_cast<std::int64_t>(chunk.count());
      if (chunk.first() != row.getColumn(0).getInt64() || chunk.last() != row.getColumn(1).getInt64()) {
        report(place, "the chunk from step " + std::to_string(chunk.first()) + " is filed under other steps");
      }
      if (chunk.first() <= last || chunk.head(0).seq <= seq) {
        report(place, "the chunk from step " + std::to_string(chunk.first()) + " overlaps the one before");
      }
      last = chunk.last();
      seq = chunk.head(chunk.count() - 1).seq;
    }
    if (seq > 0 && last != recorded) {
      report(place,
             "it is at step " + std::to_string(recorded) + ", its last recorded step is " + std::to_string(last));
    }
    SQLite::Statement beyond(database_, "SELECT count(*) FROM checkpoints WHERE run = ?1 AND step > ?2");
    if (bound(beyond, id, recorded).executeStep() && beyond.getColumn(0).getInt64() > 0) {
      report(place, "there are checkpoints beyond its last step");
    }
  }

  void events(RunId id, const std::string& place) {
    SQLite::Statement row(database_, "SELECT seq, kind, data FROM events WHERE run = ?1 ORDER BY seq");
    bound(row, id);
    while (row.executeStep()) {
      const std::string where = place + ", event " + row.getColumn(0).getString();
      attempt(where, [&] {
        eventFrom(static_cast<std::size_t>(row.getColumn(1).getInt64()), row.getColumn(2).getString(), where);
      });
    }
  }

  SQLite::Database database_;
  StoreCheck check_;
};

}  // namespace

StoreCheck checkStore(const std::filesystem::path& file) { return Checker(file).run(); }

}  // namespace interleave
