// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QFont>

#include "backend/core/placement.h"

class QApplication;

namespace interleave::gui {

/// The colours of the windows. Views read theme() when they paint and repaint on QEvent::PaletteChange.
struct Theme {
  bool dark = false;
  QColor window, bar, card, border, grid;  ///< Backgrounds and lines, from the outside in.
  QColor text, muted, accent, on_accent;
  QColor inferred, changed, good, bad;  ///< Amber ≈, orange ▲▼, green ✓, vermilion ✕.
  QColor chip, track, selection;
};

enum class ThemeChoice { System, Light, Dark };

const Theme& theme();
/// Sets palette, style sheet and theme(). Qt then sends PaletteChange to every widget. Call from the window's thread.
void applyTheme(QApplication& application, ThemeChoice choice);

/// The three sizes of text that the windows use.
enum class TextSize { Body, Small, Tick };
QFont textFont(TextSize size, bool bold = false);
QFont fixedFont();

/// Fill of a chip with this operator, and the letter's colour on it. The letter itself is letter(kind): colour is never
/// the only carrier.
QColor chipFill(MixerKind kind);
QColor chipText(MixerKind kind);

}  // namespace interleave::gui
