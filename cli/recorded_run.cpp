// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/recorded_run.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "backend/engine/mailbox.h"
#include "backend/engine/workbench.h"
#include "cli/stop_signals.h"

namespace interleave::cli {
namespace {

/// Keeps a run's last step, which the report shows.
class LastStep final : public EventSink {
 public:
  explicit LastStep(std::optional<StepEvent>& step) : step_(step) {}
  void onEvent(const Event& event) override {
    if (const auto* step = std::get_if<StepEvent>(&event)) step_ = *step;
  }

 private:
  std::optional<StepEvent>& step_;
};

Outcome runToEnd(RunSpec spec, EventSink& sink) {
  const std::unique_ptr<Engine> engine = makeEngine();
  engine->start(std::move(spec), sink);
  const std::jthread watch([&](const std::stop_token& over) {
    bool asked = false;
    while (!over.stop_requested() && !asked) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      asked = stopSignalled();
      if (asked) engine->stop();
    }
  });
  return engine->wait();
}

}  // namespace

RecordedRun recordRun(StoreWriter& writer, RunSpec spec, RunId into, EventSink& watcher) {
  RecordedRun done;
  done.run = into != 0 ? into : writer.addRun(spec);
  Recorder recorder(writer, done.run);
  LastStep last(done.last_step);
  FanOut sinks({&recorder, &last, &watcher});
  done.outcome = runToEnd(std::move(spec), sinks);
  writer.flush();
  const StoreWriter::Status status = writer.status();
  if (!status.problem.empty()) {
    done.problem = "not all of the run could be stored: " + status.problem;
  } else if (status.dropped > 0) {
    done.problem = fmt::format("{} of the run's events are not in it", status.dropped);
  }
  return done;
}

}  // namespace interleave::cli
