// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <map>
#include <string>

#include "backend/core/events.h"
#include "backend/core/run_spec.h"
#include "sessions/chunk.h"

namespace interleave {

/// Turns events into rows, within a transaction that the caller opens and ends. A step at or before one that is there
/// replaces it and all later ones, so that a resumed run reads like one that never stopped. Not thread-safe.
class Ledger {
 public:
  explicit Ledger(SQLite::Database& database);

  std::int64_t addRun(const RunSpec& spec);
  void setPhase(std::int64_t run, Phase phase, const std::string& reason);
  /// Usage error when there is no such run.
  void apply(std::int64_t run, const Event& event);
  void addDropped(std::int64_t run, std::int64_t count);
  /// Call before what is committed, or rolled back, together.
  void begin();
  /// Writes what apply() collected; call before each commit.
  void settle();
  /// After a rollback: what was collected is void.
  void forget();

  std::int64_t lastStep(std::int64_t run);

 private:
  /// How many changes of a step were repeated in this life, which the table had already.
  struct Repeated {
    std::int64_t step = 0, count = 0;
  };
  struct Run {
    bool loaded = false;  // What follows is what the tables say and what is still to be written.
    std::int64_t next_seq = 1;
    std::int64_t life = 0;  // Events from this number on were recorded since the run was last started.
    bool ended = false;     // The next event starts another life.
    std::int64_t last_step = 0;
    Repeated repeated, repeated_before;  // Now, and at begin().
    bool moved = false;                  // The row in the table of runs is behind.
    Chunk tail;                          // The steps since the last full chunk…
    std::size_t written = 0;             // …and how many of them are in the table, in one part or several.
  };

  Run& find(std::int64_t run);
  void load(std::int64_t id, Run& run);
  bool isRepeated(std::int64_t id, Run& run, const Intervention& change);
  void applyStep(std::int64_t id, Run& run, const StepEvent& event);
  void rewind(std::int64_t id, Run& run, std::int64_t step);
  void writeTail(std::int64_t id, Run& run);
  void compact(std::int64_t id, Run& run);
  void insertChunk(std::int64_t id, const Chunk& chunk, std::size_t from, std::size_t to);

  SQLite::Database& database_;
  std::map<std::int64_t, Run> runs_;
  SQLite::Statement add_run_, set_phase_, set_position_, set_model_, add_dropped_, known_, add_event_, replace_events_,
      earlier_event_, add_chunk_, cut_chunks_, straddling_, tail_chunks_, add_checkpoint_, cut_checkpoints_,
      cut_placements_;
};

/// The chunk in the columns count, operators, head, metrics, logits, probabilities, placements, from column `at` on.
Chunk chunkFrom(SQLite::Statement& row, int at, const std::string& place);
inline constexpr const char* kChunkColumns = "count, operators, head, metrics, logits, probabilities, placements";

}  // namespace interleave
