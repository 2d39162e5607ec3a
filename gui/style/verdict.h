// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QString>
#include <QStringList>
#include <vector>

#include "backend/core/score.h"

namespace interleave::gui {

/// What a difference shows, in shape and colour, wherever windows tell one: ▲ better, ▼ worse; neither where it shows
/// nothing, whatever its sign.
struct VerdictLook {
  QString mark;  ///< "▲ ", "▼ ", or nothing.
  QColor color;  ///< Of the theme: good, bad, or that of text.
};
VerdictLook lookOf(const PairedDifference& difference);
VerdictLook lookOf(const ScoreDifference& difference);  ///< As of none where there is none.

/// What stands beside scores that are read together, null where one is missing: " n=4", or nothing beside any where
/// all are of as many samples.
QStringList countsBeside(const std::vector<const Score*>& scores);

}  // namespace interleave::gui
