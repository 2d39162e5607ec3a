// SPDX-License-Identifier: GPL-3.0-or-later
#include <CLI/CLI.hpp>
#include <exception>
#include <new>

#include "backend/core/error.h"
#include "backend/engine/process.h"
#include "cli/commands/commands.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"

namespace interleave::cli {
namespace {

int exitCode(ErrorKind kind) { return static_cast<int>(kind); }

int run(int argc, const char* const* argv) {
  Terminal terminal;
  const auto fail = [&](ErrorKind kind, const std::string& reason) {
    terminal.log(LogEvent::Level::Error, reason);
    return exitCode(kind);
  };
  CLI::App app("Decide where a pretrained Transformer keeps softmax attention.", "interleave-cli");
  app.set_version_flag("--version", INTERLEAVE_VERSION);
  app.fallthrough();
  app.require_subcommand(1);
  app.add_flag_function(
      "--json", [&](std::int64_t) { terminal.setJson(true); }, "Print results as one JSON document");
  app.footer(
      "Results go to standard output, progress to standard error.\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 bad input file, 4 stopped.");
  for (const Declare declare : kCommands) declare(app, terminal);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exitCode(ErrorKind::Usage);
  } catch (const Error& error) {
    return fail(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::Failed, "not enough memory");
  } catch (const std::exception& error) {
    return fail(ErrorKind::Failed, error.what());
  }
}

}  // namespace
}  // namespace interleave::cli

int main(int argc, char** argv) {
  interleave::prepareProcess(argv);
  interleave::cli::installStopSignals();
  return interleave::cli::run(argc, argv);
}
