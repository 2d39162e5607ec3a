// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <array>

#include "cli/terminal.h"

namespace interleave::cli {

/// Adds a group's commands; the one that the command line names runs when it is parsed. Throws interleave::Error.
using Declare = void (*)(CLI::App& app, Terminal& terminal);

void declareModel(CLI::App& app, Terminal& terminal);
void declareCandidates(CLI::App& app, Terminal& terminal);
void declareSearch(CLI::App& app, Terminal& terminal);
void declareBatch(CLI::App& app, Terminal& terminal);
void declareHeal(CLI::App& app, Terminal& terminal);
void declareRuns(CLI::App& app, Terminal& terminal);
void declareEvaluate(CLI::App& app, Terminal& terminal);
void declareGenerate(CLI::App& app, Terminal& terminal);
void declareCost(CLI::App& app, Terminal& terminal);
void declareExchange(CLI::App& app, Terminal& terminal);
void declarePlacement(CLI::App& app, Terminal& terminal);
void declareTransfer(CLI::App& app, Terminal& terminal);
void declareRegret(CLI::App& app, Terminal& terminal);
void declareBench(CLI::App& app, Terminal& terminal);

/// A new group of commands is a file beside this one, and a line here.
inline constexpr std::array kCommands{declareModel,  declareCandidates, declareSearch,    declareBatch,
                                      declareHeal,   declareRuns,       declareEvaluate,  declareGenerate,
                                      declareCost,   declareExchange,   declarePlacement, declareTransfer,
                                      declareRegret, declareBench};

}  // namespace interleave::cli
