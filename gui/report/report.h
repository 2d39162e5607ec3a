// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gui/app/workshop.h"
#include "sessions/store.h"

namespace interleave::gui {

/// What a report is to be of, and where it goes.
struct ReportRequest {
  std::filesystem::path store;
  std::vector<RunId> runs;     ///< None: all of the store.
  std::filesystem::path file;  ///< .html or .pdf, which need nothing beside them, or .md, with its figures in a folder.
  std::string against = {};    ///< What differences are from; see referencesOf().
  bool summary = false;        ///< Comparisons alone, without a part for each run.
};

/// Writes it, in the window's thread and in the theme that is set. Usage error: another suffix, no such run, nothing to
/// compare with. Failed: a file cannot be written. Errors of the store pass through.
void writeReport(Workshop& workshop, const ReportRequest& request);

}  // namespace interleave::gui
