// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>

#include "gui/app/workshop.h"

namespace interleave::gui {

/// The program from its command line to its exit code: 0 done, 1 failed, 2 usage. `make_workshop` gives the real
/// backend; null where the program is built without one, and then only --mock works.
int runProgram(int argc, char** argv, const std::function<std::unique_ptr<Workshop>()>& make_workshop);

}  // namespace interleave::gui
