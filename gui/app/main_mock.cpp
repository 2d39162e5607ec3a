// SPDX-License-Identifier: GPL-3.0-or-later
// The studio in a build without LibTorch: only `--mock` works.
#include "gui/app/program.h"

int main(int argc, char** argv) { return interleave::gui::runProgram(argc, argv, nullptr); }
