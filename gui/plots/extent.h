// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gui/plots/figure.h"

namespace interleave::gui {

/// Least and most of the finite values that an axis must show, errors included.
class Extent {
 public:
  void add(double value, double below = 0, double above = 0) {
    if (!std::isfinite(value)) return;
    least_ = std::min(least_, value - (std::isfinite(below) ? below : 0));
    most_ = std::max(most_, value + (std::isfinite(above) ? above : 0));
  }
  QCPRange range(const Axis& axis) const {
    double least = least_, most = most_;
    if (least > most) least = axis.logarithmic ? 1 : 0, most = axis.logarithmic ? 10 : 1;
    const bool padded = !axis.logarithmic && axis.kind != Axis::Kind::Category;
    const double pad = padded ? std::max((most - least) * 0.06, std::abs(most) * (most > least ? 0 : 0.1)) : 0;
    const double low = std::isnan(axis.least) ? least - pad : axis.least;
    double high = std::isnan(axis.most) ? most + pad : axis.most;
    if (high <= low) high = axis.logarithmic ? low * 10 : low + 1;
    return {low, high};
  }

 private:
  double least_ = std::numeric_limits<double>::infinity(), most_ = -std::numeric_limits<double>::infinity();
};

}  // namespace interleave::gui
