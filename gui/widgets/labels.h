// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLabel>
#include <QPushButton>
#include <QToolButton>

namespace interleave::gui {

/// Small widgets in the windows' style. The caller's layout owns them.
QLabel* mutedLabel(const QString& text = {});
QLabel* bodyLabel(const QString& text = {}, bool bold = false);
QToolButton* headerButton(const QString& text, const QString& accessible_name);
QPushButton* smallButton(const QString& text);
/// Sets a label's tone: "muted", "inferred", "bad" or nothing; see the style sheet.
void setTone(QLabel& label, const char* tone);

}  // namespace interleave::gui
