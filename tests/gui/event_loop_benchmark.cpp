// SPDX-License-Identifier: GPL-3.0-or-later
// How late the window's event loop gets while events of a run arrive as fast as asked: the delay of a timer that is due
// every 5 ms. Usage: gui_event_loop_benchmark [EVENTS_PER_SECOND] [SECONDS]
#include <QApplication>
#include <QElapsedTimer>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "backend/engine/thread_engine.h"
#include "gui/app/main_window.h"
#include "gui/app/mock_workshop.h"

namespace {

using namespace interleave;

/// A run of steps sent at a fixed rate, in bursts of one millisecond.
std::unique_ptr<Engine> flood(double events_per_second, double seconds) {
  return std::make_unique<ThreadEngine>([=](const RunSpec&, RunControl& control) {
    const auto began = std::chrono::steady_clock::now();
    const auto total = static_cast<std::int64_t>(events_per_second * seconds);
    StepEvent step;
    step.steps = total;
    step.operators = {MixerKind::Full, MixerKind::GdnWindow};
    step.logits.assign(60, 0.f);
    step.probabilities.assign(60, 0.5f);
    control.enter(Phase::Searching, "flood");
    while (step.step < total) {
      const std::chrono::duration<double> now = std::chrono::steady_clock::now() - began;
      const auto due = std::min(total, static_cast<std::int64_t>(now.count() * events_per_second));
      while (step.step < due) {
        ++step.step;
        step.seconds = now.count();
        step.probabilities[static_cast<std::size_t>(step.step % 60)] = static_cast<float>(step.step % 100) / 100;
        step.if_stopped_now = Placement::random(30, 8, static_cast<std::uint64_t>(step.step), MixerKind::GdnWindow);
        control.emit(step);
      }
      control.proceed();
      control.sleep(std::chrono::milliseconds(1));
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  const double rate = argc > 1 ? std::atof(argv[1]) : 1e5, seconds = argc > 2 ? std::atof(argv[2]) : 10;
  QApplication application(argc, argv);
  gui::applyTheme(application, gui::ThemeChoice::Light);
  gui::MockWorkshop workshop;
  gui::Studio studio(workshop);
  gui::MainWindow window(studio, false);
  window.show();
  std::vector<double> delays;
  QElapsedTimer clock;
  QTimer probe;
  probe.setTimerType(Qt::PreciseTimer);
  QObject::connect(&probe, &QTimer::timeout, [&] {
    if (clock.isValid()) delays.push_back(std::max(0.0, static_cast<double>(clock.nsecsElapsed()) / 1e6 - 5));
    clock.restart();
  });
  QObject::connect(&studio.controller(), &gui::RunController::finished, &application, &QApplication::quit);
  QTimer::singleShot(300, &application, [&] {
    probe.start(5);
    studio.controller().start(flood(rate, seconds), {}, nullptr);
  });
  QApplication::exec();
  if (delays.empty()) return 1;
  std::sort(delays.begin(), delays.end());
  const auto at = [&](double share) {
    return delays[static_cast<std::size_t>(share * static_cast<double>(delays.size() - 1))];
  };
  std::printf(
      "events/s %.0f  delay of the event loop, ms: median %.2f  p99 %.2f  worst %.2f  (%zu samples, %zu steps kept)\n",
      rate, at(0.5), at(0.99), delays.back(), delays.size(), studio.run().record().steps.size());
  return at(0.99) < 50 ? 0 : 1;
}
