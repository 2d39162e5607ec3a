// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>

class QMainWindow;

namespace interleave::gui {

inline constexpr int kLayoutVersion = 4;  ///< Of stored states of the window: a new dock makes it one more.

/// The arrangements of docks that come with the studio; the user's own are kept by name.
enum class Arrangement { Search, Compare, Placement };

/// Arranges the docks, found by their object names.
void arrange(QMainWindow& window, Arrangement arrangement);

QStringList savedLayouts();
void saveLayout(const QMainWindow& window, const QString& name);
bool restoreLayout(QMainWindow& window, const QString& name);  ///< False when it does not fit this version.
void removeLayout(const QString& name);

}  // namespace interleave::gui
