// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/ledger.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "backend/core/error.h"
#include "sessions/database.h"
#include "sessions/event_codec.h"

namespace interleave {
namespace {

std::string chunkSelect(const char* condition) {
  return std::string("SELECT ") + kChunkColumns + " FROM chunks WHERE " + condition;
}

}  // namespace

Chunk chunkFrom(SQLite::Statement& row, int at, const std::string& place) {
  const auto blob = [&](int column) { return row.getColumn(at + column).getString(); };
  const std::int64_t count = row.getColumn(at).getInt64();
  return {static_cast<std::size_t>(count), {blob(1), blob(2), blob(3), blob(4), blob(5), blob(6)}, place};
}

Ledger::Ledger(SQLite::Database& database)
    : database_(database),
      add_run_(database, "INSERT INTO runs (created, spec, title, phase) VALUES (?1, ?2, ?3, ?4)"),
      set_phase_(database, "UPDATE runs SET phase = ?2, reason = ?3 WHERE id = ?1"),
      set_position_(database, "UPDATE runs SET step = ?2, steps = ?3, tokens = ?4, seconds = ?5 WHERE id = ?1"),
      set_model_(database, "UPDATE runs SET model_name = ?2, model_fingerprint = ?3 WHERE id = ?1"),
      add_dropped_(database, "UPDATE runs SET dropped = dropped + ?2 WHERE id = ?1"),
      known_(database, "SELECT ifnull((SELECT max(seq) FROM events WHERE run = ?1), 0) FROM runs WHERE id = ?1"),
      add_event_(database, "INSERT INTO events (run, seq, kind, topic, step, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      replace_events_(database, "DELETE FROM events WHERE run = ?1 AND kind = ?2 AND topic = ?3 AND step >= ?4"),
      earlier_event_(database,
                     "SELECT data FROM events WHERE run = ?1 AND kind = ?2 AND step = ?3 AND seq < ?4 ORDER BY seq "
                     "LIMIT 1 OFFSET ?5"),
      add_chunk_(database, std::string("INSERT INTO chunks (run, first, last, ") + kChunkColumns +
                               ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
      cut_chunks_(database, "DELETE FROM chunks WHERE run = ?1 AND first >= ?2"),
      straddling_(database, chunkSelect("run = ?1 AND first < ?2 ORDER BY first DESC LIMIT 1")),
      tail_chunks_(database,
                   chunkSelect("run = ?1 AND first > ifnull((SELECT max(first) FROM chunks WHERE run = ?1 AND "
                               "count >= ?2), -1) ORDER BY first")),
      add_checkpoint_(database, "INSERT INTO checkpoints (run, step, state) VALUES (?1, ?2, ?3)"),
      cut_checkpoints_(database, "DELETE FROM checkpoints WHERE run = ?1 AND step >= ?2"),
      cut_placements_(database, "DELETE FROM events WHERE run = ?1 AND kind = ?2 AND step >= ?3") {}

std::int64_t Ledger::addRun(const RunSpec& spec) {
  std::string text;
  try {
    text = toJson(spec).dump();
  } catch (const nlohmann::json::exception&) {
    throw usageError("run", "its title or a path is not valid UTF-8");
  }
  execute(add_run_, utcNow(), text, spec.title, static_cast<int>(Phase::Loading));
  const std::int64_t id = database_.getLastInsertRowid();
  if (spec.resume_from) {  // A fork that is cut off before its first step begins from there again.
    const std::int64_t steps = spec.search_settings.value("steps", std::int64_t{0});
    execute(set_position_, id, spec.resume_from->step, steps, 0, 0.0);
    execute(add_checkpoint_, id, spec.resume_from->step, BlobOf{spec.resume_from->state});
  }
  return id;
}

void Ledger::setPhase(std::int64_t id, Phase phase, const std::string& reason) {
  Run& run = find(id);
  execute(set_phase_, id, static_cast<int>(phase), reason);
  run.ended = isFinal(phase);
}

void Ledger::addDropped(std::int64_t run, std::int64_t count) { execute(add_dropped_, run, count); }

std::int64_t Ledger::lastStep(std::int64_t run) { return find(run).last_step; }

void Ledger::begin() {
  for (auto& [id, run] : runs_) run.repeated_before = run.repeated;
}

void Ledger::forget() {
  for (auto& [id, run] : runs_) {
    run.loaded = false;
    run.repeated = run.repeated_before;
  }
}

Ledger::Run& Ledger::find(std::int64_t id) {
  Run& run = runs_[id];
  if (!run.loaded) load(id, run);
  return run;
}

void Ledger::load(std::int64_t id, Run& run) {
  if (!bound(known_, id).executeStep()) {
    runs_.erase(id);
    throw usageError("run " + std::to_string(id), "there is no such run in the store");
  }
  std::int64_t last_seq = known_.getColumn(0).getInt64();
  known_.tryReset();
  const std::string place = "run " + std::to_string(id);
  run.last_step = 0;
  run.moved = false;
  if (bound(straddling_, id, std::numeric_limits<std::int64_t>::max()).executeStep()) {
    const Chunk newest = chunkFrom(straddling_, 0, place);
    run.last_step = newest.last();
    last_seq = std::max(last_seq, newest.head(newest.count() - 1).seq);
  }
  straddling_.tryReset();
  run.tail = {};
  bound(tail_chunks_, id, static_cast<std::int64_t>(kChunkRows));
  while (tail_chunks_.executeStep()) {
    const Chunk part = chunkFrom(tail_chunks_, 0, place);
    if (!run.tail.fits(part) || run.tail.count() + part.count() > kChunkRows) run.tail = {};
    run.tail.append(part);
  }
  tail_chunks_.tryReset();
  run.written = run.tail.count();
  run.next_seq = std::max(run.next_seq, last_seq + 1);
  if (run.life == 0) run.life = run.next_seq;
  run.loaded = true;
}

void Ledger::apply(std::int64_t id, const Event& event) {
  Run& run = find(id);
  if (run.ended) {
    run.ended = false;
    run.life = run.next_seq;
    run.repeated = {};
  }
  if (const auto* step = std::get_if<StepEvent>(&event)) {
    applyStep(id, run, *step);
    return;
  }
  const auto* change = std::get_if<InterventionEvent>(&event);
  for (const EventRow& row : rowsOf(event)) {
    const auto kind = static_cast<std::int64_t>(row.kind);
    if (change != nullptr) {
      if (isRepeated(id, run, change->change)) return;
    } else if (!row.topic.empty()) {
      execute(replace_events_, id, kind, row.topic, row.step);
    }
    execute(add_event_, id, run.next_seq++, kind, row.topic, row.step, row.data);
  }
  if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    setPhase(id, phase->phase, phase->phase == Phase::Failed ? phase->title : "");
    if (run.ended) compact(id, run);
  } else if (const auto* environment = std::get_if<EnvironmentEvent>(&event)) {
    execute(set_model_, id, environment->model_name, environment->model_fingerprint);
  }
}

/// A run that goes on repeats the changes that an earlier life recorded, in their order and before any new one. They
/// stay as they are: written anew one by one, a kill between two commits would lose the rest.
bool Ledger::isRepeated(std::int64_t id, Run& run, const Intervention& change) {
  if (run.repeated.step != change.step) run.repeated = {change.step, 0};
  const std::size_t kind = Event(InterventionEvent{}).index();
  bool found = false;
  if (bound(earlier_event_, id, static_cast<std::int64_t>(kind), change.step, run.life, run.repeated.count)
          .executeStep()) {
    const Event earlier = eventFrom(kind, earlier_event_.getColumn(0).getString(), "run " + std::to_string(id));
    found = std::get<InterventionEvent>(earlier).change == change;
  }
  earlier_event_.tryReset();
  if (found) ++run.repeated.count;
  return found;
}

void Ledger::applyStep(std::int64_t id, Run& run, const StepEvent& event) {
  if (event.step <= run.last_step) rewind(id, run, event.step);
  if (run.tail.count() == kChunkRows || !run.tail.fits(event)) {
    writeTail(id, run);
    run.tail = {};
    run.written = 0;
  }
  run.tail.append(event, run.next_seq++);
  run.last_step = event.step;
  run.moved = true;
  if (!event.checkpoint.state.empty()) execute(add_checkpoint_, id, event.step, BlobOf{event.checkpoint.state});
}

void Ledger::rewind(std::int64_t id, Run& run, std::int64_t step) {
  writeTail(id, run);
  execute(cut_chunks_, id, step);
  if (bound(straddling_, id, step).executeStep()) {
    Chunk chunk = chunkFrom(straddling_, 0, "run " + std::to_string(id));
    straddling_.tryReset();
    if (chunk.last() >= step) {
      std::size_t rows = 0;
      while (chunk.head(rows).step < step) ++rows;
      chunk.truncate(rows);
      execute(cut_chunks_, id, chunk.first());
      insertChunk(id, chunk, 0, rows);
    }
  }
  straddling_.tryReset();
  execute(cut_checkpoints_, id, step);
  execute(cut_placements_, id, static_cast<std::int64_t>(kEventKind<PlacementEvent>), step);
  load(id, run);
}

void Ledger::writeTail(std::int64_t id, Run& run) {
  const std::size_t rows = run.tail.count();
  if (rows == run.written) return;
  if (rows == kChunkRows) {
    compact(id, run);
  } else {
    insertChunk(id, run.tail, run.written, rows);
    run.written = rows;
  }
}

void Ledger::compact(std::int64_t id, Run& run) {
  if (run.tail.empty()) return;
  if (run.written > 0) execute(cut_chunks_, id, run.tail.first());
  run.written = run.tail.count();
  insertChunk(id, run.tail, 0, run.written);
}

void Ledger::insertChunk(std::int64_t id, const Chunk& chunk, std::size_t from, std::size_t to) {
  const Chunk::Blobs blobs = chunk.blobs(from, to);
  execute(add_chunk_, id, chunk.head(from).step, chunk.head(to - 1).step, static_cast<std::int64_t>(to - from),
          BlobOf{blobs.operators}, BlobOf{blobs.head}, BlobOf{blobs.metrics}, BlobOf{blobs.logits},
          BlobOf{blobs.probabilities}, BlobOf{blobs.placements});
}

void Ledger::settle() {
  for (auto& [id, run] : runs_) {
    if (!run.loaded || !run.moved) continue;
    writeTail(id, run);
    const ChunkHead& newest = run.tail.head(run.tail.count() - 1);
    execute(set_position_, id, newest.step, newest.steps, newest.tokens, newest.seconds);
    run.moved = false;
  }
}

}  // namespace interleave
