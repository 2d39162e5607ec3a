// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "backend/core/progress.h"
#include "backend/engine/workbench.h"

namespace interleave {

/// What Workbench::exportPlacement() does. Reads the files of model and bank directly, one tensor at a time, so that
/// nothing needs to be loaded. The format "hf" is a whole folder; "hf:bf16" and the like say which type its weights
/// get.
std::vector<std::string> exportFiles(const Workbench::ExportRequest& request, Progress& progress);

}  // namespace interleave
