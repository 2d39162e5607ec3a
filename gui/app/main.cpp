// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/process.h"
#include "gui/app/backend_workshop.h"
#include "gui/app/program.h"

int main(int argc, char** argv) {
  interleave::prepareProcess(argv);
  return interleave::gui::runProgram(argc, argv, [] { return std::make_unique<interleave::gui::BackendWorkshop>(); });
}
