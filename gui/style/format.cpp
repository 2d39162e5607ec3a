// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/style/format.h"

#include <QLocale>
#include <QObject>
#include <algorithm>
#include <array>
#include <cmath>

#include "backend/core/verdict.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

const QString kUnknown = u"–"_s;

int decimalsFor(double value, int digits) {
  if (value == 0) return 0;
  return std::clamp(digits - 1 - static_cast<int>(std::floor(std::log10(std::abs(value)))), 0, 12);
}

}  // namespace

QString settingTitle(const std::string& key) {
  QString text = qt(key).replace(QLatin1Char('_'), QLatin1Char(' '));
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  return text;
}

QString numberText(double value, int digits) {
  if (!std::isfinite(value)) return kUnknown;
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e7)) return QLocale().toString(value, 'e', digits - 1);
  const QLocale locale;
  QString text = locale.toString(value, 'f', decimalsFor(value, digits));
  if (!text.contains(locale.decimalPoint())) return text;
  while (text.endsWith(locale.zeroDigit())) text.chop(1);
  if (text.endsWith(locale.decimalPoint())) text.chop(locale.decimalPoint().size());
  return text;
}

QString fixedText(double value, int decimals) {
  return std::isfinite(value) ? QLocale().toString(value, 'f', decimals) : kUnknown;
}

QString bytesText(double bytes) {
  if (!std::isfinite(bytes)) return kUnknown;
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || bytes >= 1000 ? 0 : 1;
  return QLocale().toString(bytes, 'f', decimals) + u'\u00a0' + QLatin1StringView(kUnits.at(unit));
}

QString tokensText(double tokens) {
  if (!std::isfinite(tokens)) return kUnknown;
  const auto whole = static_cast<std::int64_t>(tokens);
  if (whole >= 1024 && whole % 1024 == 0) return QLocale().toString(whole / 1024) + u'k';
  if (tokens >= 1e6) return QLocale().toString(tokens / 1e6, 'f', 2) + u'M';
  if (tokens >= 1e4) return QLocale().toString(tokens / 1e3, 'f', 1) + u'k';
  return QLocale().toString(whole);
}

QString durationText(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) return kUnknown;
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  const QString tail = u"%1:%2"_s.arg(whole / 60 % 60, whole >= 3600 ? 2 : 1, 10, QLatin1Char('0'))
                           .arg(whole % 60, 2, 10, QLatin1Char('0'));
  return whole >= 3600 ? u"%1:%2"_s.arg(whole / 3600).arg(tail) : tail;
}

QString withError(double value, double standard_error) {
  if (!std::isfinite(standard_error) || standard_error <= 0) return numberText(value);
  const int decimals = std::clamp(decimalsFor(standard_error, 1), 0, 4);
  return u"%1 ± %2"_s.arg(fixedText(value, decimals), fixedText(standard_error, decimals));
}

QString shareText(double share, std::int64_t samples) {
  return u"%1/%2"_s.arg(QLocale().toString(static_cast<qlonglong>(std::llround(share * static_cast<double>(samples)))),
                        QLocale().toString(static_cast<qlonglong>(samples)));
}

QString percentText(double fraction) {
  if (!std::isfinite(fraction)) return kUnknown;
  const QString size = QLocale().toString(std::abs(fraction) * 100, 'f', 0);
  return (fraction < 0 ? u"−"_s : u"+"_s) + size + u"\u00a0%"_s;
}

QString signedText(double value) { return (value > 0 ? u"+"_s : QString()) + numberText(value); }

QString differenceText(const PairedDifference& difference) {
  return QObject::tr("%1 [%2, %3]; won %4, lost %5, tied %6: %7")
      .arg(signedText(difference.mean), signedText(difference.interval.low), signedText(difference.interval.high))
      .arg(difference.won)
      .arg(difference.lost)
      .arg(difference.tied)
      .arg(qt(markedVerdict(difference)));
}

QString fitForXml(const QString& text) {
  QString fit;
  for (const char32_t c : text.toUcs4()) {
    const bool allowed = c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xd800) ||
                         (c >= 0xe000 && c < 0xfffe) || (c >= 0x10000 && c <= 0x10ffff);
    fit += QString::fromUcs4(allowed ? &c : U"\ufffd", 1);
  }
  return fit;
}

QString csvCell(QString text) { return u'"' + text.replace(u'"', u"\"\""_s) + u'"'; }

}  // namespace interleave::gui
