// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "cli/batch_report.h"
#include "cli/commands/commands.h"
#include "cli/recorded_run.h"
#include "cli/stop_signals.h"
#include "sessions/batch_queue.h"

namespace interleave::cli {
namespace {

struct BatchOptions {
  std::string file;
  bool dry_run = false, retry = false;
};

double secondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Where the store tells nothing of how long things take. What cannot be timed stays unknown: the run says why.
void timeTheModel(BatchQueue& queue, Terminal& terminal) {
  if (queue.remaining(0).unknown == 0) return;
  const RunSpec& spec = queue.entries().front().planned.spec;
  try {
    queue.assume(spec.model_fingerprint, spec.device,
                 Workbench().secondsPerToken(spec.model_path, {.device = spec.device}, terminal));
  } catch (const Error& problem) {
    if (problem.kind() == ErrorKind::Stopped) throw;
  }
}

/// A batch under way: does what the queue says is next.
class BatchJob {
 public:
  BatchJob(const std::filesystem::path& store, const BatchPlan& plan, bool retry, Terminal& terminal)
      : writer_(store), store_(Store::open(store)), terminal_(terminal), queue_(plan, &store_) {
    if (retry) queue_.retry();
  }

  /// Ends when nothing is left to do, or a stop signal came.
  void run() {
    timeTheModel(queue_, terminal_);
    terminal_.log(LogEvent::Level::Info, fmt::format("{} of {} runs to go; time {}", left(), queue_.entries().size(),
                                                     timeText(queue_.remaining(secondsNow()))));
    while (!stopSignalled()) {
      const std::optional<BatchQueue::Task> task = queue_.next();
      if (!task) break;
      tellWhere();
      task->evaluation ? judge(*task) : search(task->entry);
    }
  }

  const BatchQueue& queue() const { return queue_; }

 private:
  /// Keeps the queue and the headline up to date while a run goes on.
  class Watch final : public EventSink {
   public:
    Watch(BatchJob& job, std::size_t entry) : job_(job), entry_(entry) {}
    void onEvent(const Event& event) override {
      job_.queue_.observe(entry_, event, secondsNow());
      if (secondsNow() - job_.told_ > 0.5) job_.tellWhere();
      job_.terminal_.onEvent(event);
    }

   private:
    BatchJob& job_;
    std::size_t entry_;
  };

  std::size_t left() const {
    using State = BatchQueue::State;
    return queue_.entries().size() - queue_.count(State::Done) - queue_.count(State::Failed);
  }

  void tellWhere() {
    const double now = told_ = secondsNow();
    terminal_.setHeadline(fmt::format("[{} of {} runs, {}, left: {}]", queue_.entries().size() - left(),
                                      queue_.entries().size(), clockText(now - began_),
                                      timeText(queue_.remaining(now))));
  }

  void search(std::size_t index) {
    const BatchQueue::Entry& entry = queue_.entries()[index];
    RunSpec spec = entry.run != 0 ? resumedSpec(entry.planned, entry.run, store_) : entry.planned.spec;
    const std::string title = entry.planned.spec.title;
    const RunId run = entry.run != 0 ? entry.run : writer_.addRun(spec);
    terminal_.log(LogEvent::Level::Info, fmt::format("{}: run {}{}", title, run, spec.resume_from ? " goes on" : ""));
    queue_.began(index, run, secondsNow());
    Watch watch(*this, index);
    const RecordedRun done = recordRun(writer_, std::move(spec), run, watch);
    queue_.ended(index, done.outcome, secondsNow());
    if (!done.problem.empty()) throw failure(writer_.file().string(), done.problem);
    if (done.outcome.phase == Phase::Failed) {
      terminal_.log(LogEvent::Level::Error, title + ": " + done.outcome.reason);
    }
  }

  void judge(const BatchQueue::Task& task) {
    const BatchQueue::Entry& entry = queue_.entries()[task.entry];
    const BatchQueue::Evaluation& evaluation = *task.evaluation;
    const double began = secondsNow();
    try {
      std::vector<Score> scores = evaluation.known ? evaluation.known->scores : measure(entry, evaluation);
      const double seconds = evaluation.known ? evaluation.known->seconds : secondsNow() - began;
      writer_.record(entry.run, queue_.judged(task, std::move(scores), seconds));
    } catch (const Error& problem) {
      if (problem.kind() == ErrorKind::Stopped) return;
      const std::string reason = evaluation.label + " was not judged: " + problem.what();
      queue_.failedToJudge(task, problem.what());
      writer_.record(entry.run, LogEvent{LogEvent::Level::Error, reason});
      terminal_.log(LogEvent::Level::Error, reason);
    }
    if (!writer_.flush()) throw failure(writer_.file().string(), writer_.status().problem);
  }

  std::vector<Score> measure(const BatchQueue::Entry& entry, const BatchQueue::Evaluation& evaluation) {
    return workbench_.evaluate(entry.judging->request, evaluation.placement, terminal_);
  }

  StoreWriter writer_;
  Store store_;
  Terminal& terminal_;
  BatchQueue queue_;
  Workbench workbench_;
  const double began_ = secondsNow();
  double told_ = 0;  ///< When the headline was last made.
};

/// "2 of 9 runs failed, 1 placement was not judged", or nothing.
std::string failuresOf(const BatchQueue& queue) {
  std::string text;
  if (const std::size_t failed = queue.count(BatchQueue::State::Failed); failed > 0) {
    text = fmt::format("{} of {} runs failed", failed, queue.entries().size());
  }
  std::size_t unjudged = 0;
  for (const BatchQueue::Entry& entry : queue.entries()) unjudged += entry.unjudged.size();
  if (unjudged > 0) text += fmt::format("{}{} placements were not judged", text.empty() ? "" : ", ", unjudged);
  return text;
}

void batch(const BatchOptions& options, Terminal& terminal) {
  const Batch batch = readBatch(options.file);
  const BatchPlan plan = planBatch(batch, *makeRunCatalog());
  const auto print = [&](const BatchQueue& queue, const Estimate& remaining, const std::string& foot) {
    terminal.print(batchJson(queue, remaining), batchText(queue) + foot);
  };
  if (options.dry_run) {
    std::optional<Store> store;
    if (std::filesystem::exists(batch.store)) store.emplace(Store::open(batch.store));
    BatchQueue queue(plan, store ? &*store : nullptr);
    if (options.retry) queue.retry();
    timeTheModel(queue, terminal);
    const Estimate remaining = queue.remaining(0);
    return print(queue, remaining, "\ntime " + timeText(remaining));
  }
  BatchJob job(batch.store, plan, options.retry, terminal);
  job.run();
  terminal.setHeadline({});
  print(job.queue(), job.queue().remaining(secondsNow()), {});
  if (job.queue().next()) {
    throw Error(ErrorKind::Stopped, options.file, {}, "stopped; the same command goes on");
  }
  const std::string failed = failuresOf(job.queue());
  if (!failed.empty()) throw failure(options.file, failed);
}

}  // namespace

void declareBatch(CLI::App& app, Terminal& terminal) {
  const auto options = std::make_shared<BatchOptions>();
  CLI::App* command = app.add_subcommand("batch", "Runs of several methods, budgets and seeds, one after another");
  command->add_option("FILE", options->file, "The batch's file; see docs/formats.md")->required();
  command->add_flag("--dry-run", options->dry_run, "Only tell what would be done, and how long it would take");
  command->add_flag("--retry", options->retry, "Go on with runs that failed, too");
  command->callback([options, &terminal] { batch(*options, terminal); });
}

}  // namespace interleave::cli
