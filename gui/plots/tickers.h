// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <qcustomplot.h>

#include "gui/plots/figure.h"

namespace interleave::gui {

/// Where an axis has its ticks and what they say, in the user's locale.
QSharedPointer<QCPAxisTicker> tickerFor(const Axis& axis);

/// What the crosshair says at a place of a panel, a line each; empty where there is nothing.
QString readoutAt(const Panel& panel, double x, double y);

}  // namespace interleave::gui
