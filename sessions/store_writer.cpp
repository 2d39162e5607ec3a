// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "sessions/database.h"
#include "sessions/ledger.h"
#include "sessions/store.h"
#include "sessions/writer_lock.h"

namespace interleave {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBacklogBytes = 64u << 20;
constexpr std::size_t kGroupEvents = 2048;
constexpr std::chrono::milliseconds kFirstPause{250}, kLongestPause{4000};  // Before the disk is tried again.

/// An event waiting to be written.
struct Entry {
  std::int64_t number;
  RunId run;
  Event event;
  std::size_t bytes;
};

std::size_t bytesOf(const Event& event) {
  std::size_t bytes = sizeof(Entry);
  if (const auto* step = std::get_if<StepEvent>(&event)) {
    bytes += (step->logits.size() + step->probabilities.size()) * sizeof(float) + step->checkpoint.state.size() +
             step->operators.size() + static_cast<std::size_t>(step->if_stopped_now.layers());
  } else if (const auto* alignment = std::get_if<AlignmentEvent>(&event)) {
    bytes += (alignment->relative_error.size() + alignment->cosine.size()) * sizeof(float);
  } else if (const auto* line = std::get_if<LogEvent>(&event)) {
    bytes += line->text.size();
  }
  return bytes;
}

/// May be lost when the disk takes nothing: a point of a curve, a log line, a fraction. Never a result.
bool isDroppable(const Event& event) {
  if (const auto* phase = std::get_if<PhaseEvent>(&event)) return !isFinal(phase->phase);
  return std::holds_alternative<StepEvent>(event) || std::holds_alternative<AlignmentEvent>(event) ||
         std::holds_alternative<LogEvent>(event);
}

/// Must outlive a power failure once acknowledged.
bool isDurable(const Event& event) {
  if (const auto* step = std::get_if<StepEvent>(&event)) return !step->checkpoint.state.empty();
  return !isDroppable(event);
}

}  // namespace

struct StoreWriter::Impl {
  explicit Impl(const std::filesystem::path& path)
      : file(path), lock(checked(path)), database(openForWriting(path)), ledger(database) {
    if (stat(file.c_str(), &identity) != 0) throw Error(ErrorKind::Failed, file.string(), {}, "cannot be found");
    // Runs of a process that died: nothing writes to them any more.
    durably([&] {
      SQLite::Statement stop(database, "UPDATE runs SET phase = ?1 WHERE phase NOT IN (?1, ?2, ?3)");
      execute(stop, static_cast<int>(Phase::Stopped), static_cast<int>(Phase::Done), static_cast<int>(Phase::Failed));
    });
    worker = std::thread([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard guard(mutex);
      stopping = true;
    }
    wake.notify_all();
    worker.join();
    forsakeFile();
  }

  /// A file that is not ours is left alone: no lock is put beside it.
  static const std::filesystem::path& checked(const std::filesystem::path& path) {
    if (path.empty()) throw usageError("store", "the name of its file is empty");
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    if (std::filesystem::exists(path) && (none || size > 0)) checkHeader(path);
    return path;
  }

  // Any thread.

  void record(RunId run, const Event& event) {
    {
      const std::lock_guard guard(mutex);
      entries.push_back({++last_number, run, event, bytesOf(event)});
      bytes += entries.back().bytes;
      bound();
    }
    wake.notify_one();
  }

  /// Runs `job` on the writing thread after what was queued before it; its result, or what it threw.
  template <class Job>
  auto ask(Job job) {
    std::packaged_task<std::invoke_result_t<Job>()> task(std::move(job));
    auto result = task.get_future();
    {
      const std::lock_guard guard(mutex);
      jobs.push_back({last_number, [&task] { task(); }});
    }
    wake.notify_one();
    return result.get();
  }

  /// A change that is durable when this returns.
  template <class Job>
  auto change(Job job) {
    return ask([this, job = std::move(job)] {
      requireFile();
      return durably(job);
    });
  }

  template <class Value>
  void update(RunId id, const char* sql, const Value& value) {
    change([&] {
      SQLite::Statement statement(database, sql);
      if (execute(statement, id, value) == 0) {
        throw usageError("run " + std::to_string(id), "there is no such run in the store");
      }
    });
  }

  /// The number of the event recorded last.
  std::int64_t newest() const {
    const std::lock_guard guard(mutex);
    return last_number;
  }

  /// Whether no event up to that number waits. In a job of ask(), when none is on its way.
  bool holdsUpTo(std::int64_t number) const {
    const std::lock_guard guard(mutex);
    return entries.empty() || entries.front().number > number;
  }

  Status status() const {
    const std::lock_guard guard(mutex);
    Status now = state;
    now.queued = static_cast<std::int64_t>(entries.size()) + in_flight;
    now.seconds_since_commit = std::chrono::duration<double>(Clock::now() - last_commit).count();
    return now;
  }

  // The mutex is held.

  /// Keeps the backlog within its bound: the oldest of what may be lost goes first.
  void bound() {
    auto oldest = entries.begin();
    while (bytes > kBacklogBytes && oldest != entries.end()) {
      if (!isDroppable(oldest->event)) {
        ++oldest;
        continue;
      }
      bytes -= oldest->bytes;
      ++state.dropped;
      ++dropped[oldest->run];
      oldest = entries.erase(oldest);
    }
  }

  // The writing thread.

  void work() {
    std::unique_lock guard(mutex);
    while (true) {
      const auto due = [this] { return stopping || !jobs.empty(); };
      if (entries.empty()) {
        wake.wait(guard, [&] { return due() || !entries.empty(); });
      } else {
        wake.wait_until(guard, retry_at, due);
      }
      const bool last = stopping, has_job = !jobs.empty();
      const std::int64_t until = has_job ? jobs.front().after : last_number;
      bool written = true;
      while (written && !entries.empty() && entries.front().number <= until) written = writeGroup(guard, until);
      if (has_job) {
        const auto job = std::move(jobs.front().run);
        jobs.pop_front();
        guard.unlock();
        job();
        guard.lock();
      } else if (last) {
        return;
      }
    }
  }

  /// Commits some of the oldest entries together; false when the disk refused, and they are back in the queue.
  bool writeGroup(std::unique_lock<std::mutex>& guard, std::int64_t until) {
    std::deque<Entry> group;
    while (!entries.empty() && entries.front().number <= until && group.size() < kGroupEvents) {
      group.push_back(std::move(entries.front()));
      entries.pop_front();
    }
    in_flight = static_cast<std::int64_t>(group.size());
    const auto lost = std::exchange(dropped, {});
    guard.unlock();
    std::string problem;
    Written result;
    try {
      requireFile();
      result = commit(group, lost);
    } catch (const SQLite::Exception& refused) {
      problem = storeError(file, refused).reason();
    } catch (const std::exception& refused) {
      problem = refused.what();
    }
    guard.lock();
    in_flight = 0;
    if (unusable.empty()) unusable = result.problem;
    state.problem = problem.empty() ? unusable : problem;
    if (!problem.empty()) {
      for (const auto& [run, count] : lost) dropped[run] += count;
      while (!group.empty()) {
        entries.push_front(std::move(group.back()));
        group.pop_back();
      }
      bound();
      pause = std::min(pause * 2, kLongestPause);
      retry_at = Clock::now() + pause;
      return false;
    }
    for (const Entry& entry : group) bytes -= entry.bytes;
    state.committed += static_cast<std::int64_t>(group.size()) - result.unusable;
    state.dropped += result.unusable;
    state.acknowledged_step = result.step;
    last_commit = Clock::now();
    pause = kFirstPause;
    retry_at = {};
    return true;
  }

  struct Written {
    std::int64_t unusable = 0;  ///< Events of a run that is not there (purged meanwhile), or is damaged.
    std::string problem;        ///< Of the first of them.
    std::int64_t step = 0;      ///< The newest step of the run recorded last.
  };

  Written commit(const std::deque<Entry>& group, const std::map<RunId, std::int64_t>& lost) {
    const bool durable = std::ranges::any_of(group, [](const Entry& entry) { return isDurable(entry.event); });
    return transact(
        [&] {
          Written written;
          for (const Entry& entry : group) {
            try {
              ledger.apply(entry.run, entry.event);
              written.step = ledger.lastStep(entry.run);
            } catch (const SQLite::Exception&) {
              throw;
            } catch (const std::exception& problem) {
              if (++written.unusable == 1) written.problem = problem.what();
            }
          }
          for (const auto& [run, count] : lost) ledger.addDropped(run, count);
          ledger.settle();
          return written;
        },
        durable);
  }

  template <class Job>
  std::invoke_result_t<Job> durably(Job job) try {
    return transact(job, true);
  } catch (const SQLite::Exception& problem) {
    throw storeError(file, problem);
  }

  template <class Job>
  std::invoke_result_t<Job> transact(Job job, bool durable) {
    if (durable != synchronous_full) {
      database.exec(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
      synchronous_full = durable;
    }
    ledger.begin();
    try {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      if constexpr (std::is_void_v<std::invoke_result_t<Job>>) {
        job();
        transaction.commit();
      } else {
        auto result = job();
        transaction.commit();
        return result;
      }
    } catch (...) {
      ledger.forget();
      throw;
    }
  }

  bool isOurs() const noexcept {
    struct stat found {};
    return stat(file.c_str(), &found) == 0 && found.st_ino == identity.st_ino && found.st_dev == identity.st_dev;
  }

  /// Writing on to a file that was deleted or replaced would lose what is written, and could damage the other.
  void requireFile() {
    if (isOurs()) return;
    throw Error(ErrorKind::Failed, file.string(), {}, "the file was moved, deleted or replaced while in use");
  }

  /// Our log must not stay beside a file that has taken our file's place: it would be merged into that one when it is
  /// next opened. What it holds goes into our file, wherever that is now. Nothing where the file is in its place.
  void forsakeFile() noexcept {
    if (isOurs()) return;
    try {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const std::exception&) {  // It is lost either way.
    }
    std::error_code ignored;
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(file.string() + suffix, ignored);
  }

  struct QueuedJob {
    std::int64_t after;  // Runs when the entries up to this number were tried.
    std::function<void()> run;
  };

  const std::filesystem::path file;
  WriterLock lock;
  SQLite::Database database;
  Ledger ledger;
  struct stat identity {};
  bool synchronous_full = false;

  mutable std::mutex mutex;  // Guards all that follows but the thread.
  std::condition_variable wake;
  std::deque<Entry> entries;
  std::deque<QueuedJob> jobs;
  std::map<RunId, std::int64_t> dropped;  // Not yet told in the store.
  std::int64_t last_number = 0, in_flight = 0;
  std::size_t bytes = 0;
  bool stopping = false;
  Status state;
  std::string unusable;  // Why events could first not be used: told from then on, for they are lost.
  Clock::time_point last_commit = Clock::now(), retry_at;
  std::chrono::milliseconds pause = kFirstPause;
  std::thread worker;
};

StoreWriter::StoreWriter(const std::filesystem::path& file) try : impl_(std::make_unique<Impl>(file)) {
} catch (const SQLite::Exception& problem) {  // Our header, but not our tables.
  throw storeError(file, problem);
}
StoreWriter::~StoreWriter() = default;

const std::filesystem::path& StoreWriter::file() const { return impl_->file; }

RunId StoreWriter::addRun(const RunSpec& spec) {
  return impl_->change([&] { return impl_->ledger.addRun(spec); });
}
void StoreWriter::setPhase(RunId id, Phase phase, const std::string& reason) {
  impl_->change([&] { impl_->ledger.setPhase(id, phase, reason); });
}
void StoreWriter::addExport(RunId id, const ExportRecord& record) {
  impl_->change([&] {
    impl_->ledger.lastStep(id);  // The run must be there.
    SQLite::Statement add(impl_->database,
                          "INSERT INTO exports (run, created, format, path, provenance) VALUES (?1, ?2, ?3, ?4, ?5)");
    execute(add, id, record.created.empty() ? utcNow() : record.created, record.format, record.path,
            record.provenance.dump());
  });
}
void StoreWriter::setTitle(RunId id, const std::string& title) {
  impl_->update(id, "UPDATE runs SET title = ?2 WHERE id = ?1", title);
}
void StoreWriter::setNote(RunId id, const std::string& note) {
  impl_->update(id, "UPDATE runs SET note = ?2 WHERE id = ?1", note);
}
void StoreWriter::setTags(RunId id, const std::vector<std::string>& tags) {
  impl_->update(id, "UPDATE runs SET tags = ?2 WHERE id = ?1", nlohmann::json(tags).dump());
}
void StoreWriter::setBaseline(RunId id, bool baseline) {
  impl_->update(id,
                "UPDATE runs SET baseline = (id = ?1 AND ?2) "
                "WHERE (id = ?1 OR baseline) AND EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
                static_cast<int>(baseline));
}
void StoreWriter::remove(RunId id) { impl_->update(id, "UPDATE runs SET deleted = ?2 WHERE id = ?1", 1); }
void StoreWriter::restore(RunId id) { impl_->update(id, "UPDATE runs SET deleted = ?2 WHERE id = ?1", 0); }
void StoreWriter::purge(RunId id) {
  impl_->update(id, "DELETE FROM runs WHERE id = ?1 AND ?2", 1);
  impl_->ask([this] { impl_->ledger.forget(); });
}

void StoreWriter::record(RunId id, const Event& event) {
  try {
    impl_->record(id, event);
  } catch (const std::exception&) {
    // No memory for a copy: the event is lost, the search is not.
  }
}

bool StoreWriter::flush() {
  const std::int64_t until = impl_->newest();
  return impl_->ask([this, until] { return impl_->holdsUpTo(until); });
}

StoreWriter::Status StoreWriter::status() const { return impl_->status(); }

}  // namespace interleave
