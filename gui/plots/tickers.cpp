// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/plots/tickers.h"

#include <cmath>

#include "gui/style/format.h"

namespace interleave::gui {
namespace {

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
    return std::abs(tick) < 1e-12 ? fixedText(0, 0) : numberText(tick, 2);
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
    return kind_ == Axis::Kind::Bytes ? bytesText(tick).replace(QLatin1String(".0"), QString()) : numberText(tick, 2);
  }

 private:
  Axis::Kind kind_;
};

class BytesTicker final : public QCPAxisTicker {
 public:
 protected:
  QString getTickLabel(double tick, const QLocale&, QChar, int) override { return bytesText(tick); }
};

}  // namespace

QSharedPointer<QCPAxisTicker> tickerFor(const Axis& axis) {
  if (axis.kind == Axis::Kind::Category) {
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    for (qsizetype i = 0; i < axis.categories.size(); ++i) {
      ticker->addTick(static_cast<double>(i), axis.categories[i]);
    }
    return ticker;
  }
  if (axis.logarithmic) return QSharedPointer<PowerTicker>::create(axis.kind == Axis::Kind::Tokens ? 2 : 10, axis.kind);
  if (axis.kind == Axis::Kind::Bytes) return QSharedPointer<BytesTicker>::create();
  return QSharedPointer<NumberTicker>::create(axis.whole);
}

}  // namespace interleave::gui
