// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QSize>
#include <QString>

class QWidget;

namespace interleave::gui {

class Figure;

/// Writes what `view` shows to a file, chosen by its suffix: png (at twice the screen's density), svg and pdf (figures
/// as vectors). Error (Failed) naming the file when it cannot be written, Usage for another suffix.
void exportView(QWidget& view, const QString& file);
/// What `figure` draws at a size: an SVG document, as vectors but for heat maps. It need not be on screen.
QByteArray figureSvg(Figure& figure, QSize size);
/// The data of every figure inside `view`, as CSV in the C locale.
QString viewCsv(const QWidget& view);

}  // namespace interleave::gui
