// SPDX-License-Identifier: GPL-3.0-or-later
// victim FILE STEPS: records a run of that many steps, going on from the newest checkpoint, and prints each step number
// that the store acknowledged. Made to be killed.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "sessions/store.h"
#include "tests/sessions/sample.h"

using namespace interleave;

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const std::string file = argv[1];
  const std::int64_t steps = std::strtoll(argv[2], nullptr, 10);
  StoreWriter writer(file);
  const Store store = Store::open(file);
  const auto runs = store.runs();
  const RunId id = runs.empty() ? writer.addRun(sampleSpec("victim")) : runs[0].id;
  const auto checkpoint = store.checkpoint(id);
  std::int64_t told = 0;
  const auto tell = [&] {
    const std::int64_t acknowledged = writer.status().acknowledged_step;
    if (acknowledged == told) return;
    told = acknowledged;
    const std::string line = std::to_string(acknowledged) + "\n";
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(1);
  };
  writer.record(id, PhaseEvent{Phase::Searching, "Searching"});
  for (std::int64_t step = checkpoint ? checkpoint->step + 1 : 1; step <= steps; ++step) {
    writer.record(id, sampleStep(step, steps));
    tell();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  writer.record(id, PhaseEvent{Phase::Done, "Done"});
  if (!writer.flush()) return 1;
  tell();
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
