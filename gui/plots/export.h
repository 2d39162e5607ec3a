// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

class QWidget;

namespace interleave::gui {

/// Writes what `view` shows to a file, chosen by its suffix: png (at twice the screen's density), svg and pdf (figures
/// as vectors). Error (Failed) naming the file when it cannot be written, Usage for another suffix.
void exportView(QWidget& view, const QString& file);
/// The data of every figure inside `view`, as CSV in the C locale.
QString viewCsv(const QWidget& view);

}  // namespace interleave::gui
