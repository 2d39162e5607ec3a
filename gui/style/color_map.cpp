// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/style/color_map.h"

#include <algorithm>
#include <array>

#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

/// One polynomial a channel, lowest power first, giving [0, 1].
struct Fit {
  std::array<double, 7> red, green, blue;
};

constexpr Fit kViridis{
    {0.2777273272, 0.1050930431, -0.3308618287, -4.6342304990, 6.2282699363, 4.7763849977, -5.4354558559},
    {0.0054073445, 1.4046135299, 0.2148475595, -5.7991009734, 14.1799333668, -13.7451453777, 4.6458526122},
    {0.3340998053, 1.3845901626, 0.0950951630, -19.3324409563, 56.6905526007, -65.3530326334, 26.3124352496}};
constexpr double k255 = 1.0 / 255;
constexpr Fit kCividis{
    {-4.54 * k255, -35.34 * k255, 2381.73 * k255, -6402.7 * k255, 7024.72 * k255, -2710.57 * k255, 0},
    {32.49 * k255, 170.73 * k255, 52.82 * k255, -131.46 * k255, 176.58 * k255, -67.37 * k255, 0},
    {81.24 * k255, 442.36 * k255, -2482.43 * k255, 6167.24 * k255, -6614.94 * k255, 2475.67 * k255, 0}};

double evaluate(const std::array<double, 7>& fit, double t) {
  double value = 0;
  for (auto coefficient = fit.rbegin(); coefficient != fit.rend(); ++coefficient) value = value * t + *coefficient;
  return std::clamp(value, 0.0, 1.0);
}

QColor between(const QColor& a, const QColor& b, double t) {
  return QColor::fromRgbF(static_cast<float>(a.redF() + (b.redF() - a.redF()) * t),
                          static_cast<float>(a.greenF() + (b.greenF() - a.greenF()) * t),
                          static_cast<float>(a.blueF() + (b.blueF() - a.blueF()) * t));
}

}  // namespace

QColor mapped(ColorMap map, double position) {
  const double t = std::clamp(position, 0.0, 1.0);
  if (map == ColorMap::Diverging) {
    const QColor middle = theme().dark ? QColor(0x30353d) : QColor(0xf1f2f4);
    return t < 0.5 ? between(QColor(0x0072b2), middle, 2 * t) : between(middle, QColor(0xd55e00), 2 * t - 1);
  }
  const Fit& fit = map == ColorMap::Viridis ? kViridis : kCividis;
  return QColor::fromRgbF(static_cast<float>(evaluate(fit.red, t)), static_cast<float>(evaluate(fit.green, t)),
                          static_cast<float>(evaluate(fit.blue, t)));
}

QColor category(int index) {
  static constexpr std::array<QRgb, 7> kOkabeIto{0x0072b2, 0xd55e00, 0x009e73, 0xe69f00, 0xcc79a7, 0x56b4e9, 0xf0e442};
  if (index == 0) return theme().text;
  const QColor colour(kOkabeIto.at(static_cast<std::size_t>(index - 1) % kOkabeIto.size()));
  return theme().dark ? colour.lighter(125) : colour;
}

}  // namespace interleave::gui
