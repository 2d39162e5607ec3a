// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/plots/tickers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

/// Ticks of numbers, written as numberText() does, so that screen and crosshair agree.
class NumberTicker final : public QCPAxisTicker {
 public:
  explicit NumberTicker(bool whole) : whole_(whole) {}

 protected:
  double getTickStep(const QCPRange& range) override {
    const double step = QCPAxisTicker::getTickStep(range);
    return whole_ ? std::max(1.0, std::ceil(step)) : step;
  }
  QString getTickLabel(double tick, const QLocale&, QChar, int) override {
    if (whole_) return fixedText(tick, 0);
    return std::abs(tick) < 1e-12 ? fixedText(0, 0) : numberText(tick, 3);
  }

 private:
  bool whole_;
};

/// Powers of `base`, thinned to what fits; written as tokens, bytes or numbers.
class PowerTicker final : public QCPAxisTickerLog {
 public:
  PowerTicker(double base, Axis::Kind kind) : kind_(kind) {
    setLogBase(base);
    setSubTickCount(0);
  }

 protected:
  QString getTickLabel(double tick, const QLocale&, QChar, int) override {
    if (kind_ == Axis::Kind::Tokens) return tokensText(tick);
    return kind_ == Axis::Kind::Bytes ? bytesText(tick).replace(QLatin1String(".0"), QString()) : numberText(tick, 3);
  }

 private:
  Axis::Kind kind_;
};

class BytesTicker final : public QCPAxisTicker {
 protected:
  QString getTickLabel(double tick, const QLocale&, QChar, int) override { return bytesText(tick); }
};

/// Names of whole numbers, thinned to what fits.
class NameTicker final : public QCPAxisTicker {
 public:
  explicit NameTicker(QStringList names) : names_(std::move(names)) {}

 protected:
  double getTickStep(const QCPRange& range) override {
    return std::max(1.0, std::ceil(std::floor(range.size()) / std::max(tickCount(), 1)));
  }
  QString getTickLabel(double tick, const QLocale&, QChar, int) override {
    return names_.value(static_cast<qsizetype>(std::lround(tick)));
  }

 private:
  QStringList names_;
};

QString axisValue(const Axis& axis, double value) {
  switch (axis.kind) {
    case Axis::Kind::Tokens:
      return tokensText(value);
    case Axis::Kind::Bytes:
      return bytesText(value);
    case Axis::Kind::Category:
      return axis.categories.value(static_cast<qsizetype>(std::lround(value)));
    case Axis::Kind::Number:
      break;
  }
  return axis.whole ? fixedText(std::round(value), 0) : numberText(value);
}

}  // namespace

QSharedPointer<QCPAxisTicker> tickerFor(const Axis& axis) {
  if (axis.kind == Axis::Kind::Category) return QSharedPointer<NameTicker>::create(axis.categories);
  if (axis.logarithmic) return QSharedPointer<PowerTicker>::create(axis.kind == Axis::Kind::Tokens ? 2 : 10, axis.kind);
  if (axis.kind == Axis::Kind::Bytes) return QSharedPointer<BytesTicker>::create();
  return QSharedPointer<NumberTicker>::create(axis.whole);
}

QString readoutAt(const Panel& panel, double x, double y) {
  const auto named = [](const QString& name, const QString& value) {
    return name.isEmpty() ? value : name + u' ' + value;
  };
  QStringList lines;
  if (panel.grid) {
    const Grid& grid = *panel.grid;
    const int column = static_cast<int>(std::lround((x - grid.first_column) / grid.column_step));
    const int row = static_cast<int>(std::lround(y));
    if (column < 0 || column >= grid.columns || row < 0 || row >= grid.rows) return {};
    const qsizetype cell = static_cast<qsizetype>(row) * grid.columns + column;
    if (cell < grid.readouts.size()) return grid.readouts[cell];
    lines << named(panel.x.label, axisValue(panel.x, grid.first_column + column * grid.column_step)) + u" · "_s +
                 named(panel.y.label, axisValue(panel.y, row));
    lines << named(grid.name, numberText(static_cast<double>(grid.values[cell])));
    return lines.join(u'\n');
  }
  // Of rows, each series tells what it has in the row.
  const bool lying = panel.y.kind == Axis::Kind::Category ||
                     std::ranges::any_of(panel.series, [](const Series& s) { return s.style == Series::Style::Bars; });
  lines << (lying ? named(panel.y.label, axisValue(panel.y, y)) : named(panel.x.label, axisValue(panel.x, x)));
  for (const Series& series : panel.series) {
    const QVector<double>& keys = lying ? series.y : series.x;
    const QVector<double>& values = lying ? series.x : series.y;
    qsizetype nearest = -1;
    for (qsizetype i = 0; i < keys.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      if (nearest < 0 || std::abs(keys[i] - (lying ? y : x)) < std::abs(keys[nearest] - (lying ? y : x))) nearest = i;
    }
    if (nearest < 0 || (lying && std::abs(keys[nearest] - y) > 0.5)) continue;
    lines << (nearest < series.readouts.size() ? series.readouts[nearest]
                                               : named(series.labels.value(nearest, series.name),
                                                       axisValue(lying ? panel.x : panel.y, values[nearest])));
    if (lines.size() > 8) break;
  }
  return lines.join(u'\n');
}

}  // namespace interleave::gui
