// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>

namespace interleave::gui {

/// Magnitudes use viridis or cividis (uniform in lightness, safe for colour-vision deficiency), differences the
/// diverging map, whose middle is neutral.
enum class ColorMap { Viridis, Cividis, Diverging };

/// The colour of `position` in [0, 1] (clamped). Viridis: polynomial fit by M. Zucker (CC0) to the map of S. van der
/// Walt and N. Smith (CC0); cividis: the fit of d3-scale-chromatic to Nunez et al. 2018.
QColor mapped(ColorMap map, double position);

/// Okabe-Ito categories, in the order in which lines take them; black or white first, to suit the theme.
QColor category(int index);

}  // namespace interleave::gui
