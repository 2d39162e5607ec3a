// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/stop_signals.h"

#include <atomic>
#include <csignal>

namespace interleave::cli {
namespace {

std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void onSignal(int number) {
  if (!asked.exchange(true)) return;
  std::signal(number, SIG_DFL);
  std::raise(number);
}

}  // namespace

void installStopSignals() {
  struct sigaction action {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stopSignalled() { return asked.load(); }

}  // namespace interleave::cli
