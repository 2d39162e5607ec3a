// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QString>
#include <filesystem>
#include <span>

#include "gui/app/workshop.h"
#include "gui/report/report_page.h"
#include "sessions/store.h"

namespace interleave::gui {

/// Writes a report of stored runs (all of the store where none are named) to one file that needs nothing beside it,
/// .html or .pdf by its suffix. In the window's thread, and in the theme that is set. Usage error: another suffix, no
/// such run. Failed: the file cannot be written. Errors of the store pass through.
void writeReport(Workshop& workshop, const std::filesystem::path& store, std::span<const RunId> runs,
                 const std::filesystem::path& file);

/// The two forms of a page.
QString reportHtml(const ReportPage& page, const QString& title);
QByteArray reportPdf(const ReportPage& page, const QString& title);

}  // namespace interleave::gui
