// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/typed_number.h"

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>
#include <cmath>
#include <limits>

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

constexpr QChar kArabicPoint(u'\u066b'), kMinus(u'\u2212');

QString tr(const char* text) { return QCoreApplication::translate("Numbers", text); }

/// The text in ASCII, a point before the decimals.
struct Plain {
  QString text, why_not;
  QChar separator = {};  ///< As it was typed; null: none.
};

Plain plainly(const QString& typed) {
  Plain plain;
  const QString trimmed = typed.trimmed();
  if (trimmed.isEmpty()) return {{}, tr("a number is missing")};
  for (const QChar c : trimmed) {
    if (c.digitValue() >= 0) {
      plain.text += QChar(u'0' + c.digitValue());
    } else if (c == u'.' || c == u',' || c == kArabicPoint) {
      if (!plain.separator.isNull()) {
        return {{}, tr("\u201c%1\u201d has two separators: write no mark between thousands").arg(trimmed)};
      }
      plain.separator = c;
      plain.text += u'.';
    } else if (c == u'-' || c == kMinus) {
      plain.text += u'-';
    } else if (c == u'+' || c == u'e' || c == u'E') {
      plain.text += c.toLower();
    } else if (c.isSpace() || c == u'\'' || c == u'\u2019') {
      return {{}, tr("\u201c%1\u201d: write no mark between thousands").arg(trimmed)};
    } else {
      return {{}, tr("\u201c%1\u201d is no number").arg(trimmed)};
    }
  }
  static const QRegularExpression form(u"^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)(e[+-]?[0-9]{1,4})?$"_s);
  if (!form.match(plain.text).hasMatch()) return {{}, tr("\u201c%1\u201d is no number").arg(trimmed)};
  return plain;
}

/// "1.000" and "12,500": a point or comma that is not the locale's own, where thousands would have it.
bool mayBeThousands(const Plain& plain) {
  static const QRegularExpression thousands(u"^[+-]?[1-9][0-9]{0,2}\\.[0-9]{3}$"_s);
  return !plain.separator.isNull() && QLocale().decimalPoint() != plain.separator &&
         thousands.match(plain.text).hasMatch();
}

}  // namespace

Typed<double> realTyped(const QString& text) {
  const Plain plain = plainly(text);
  if (!plain.why_not.isEmpty()) return {{}, plain.why_not};
  if (mayBeThousands(plain)) {
    const qsizetype point = plain.text.indexOf(u'.');
    return {{},
            tr("\u201c%1\u201d may be %2 or %3: write %3, or %4")
                .arg(text.trimmed(), textToType(plain.text.toDouble()), QString(plain.text).remove(point, 1),
                     plain.text.left(point) + QLocale().decimalPoint() + plain.text.mid(point + 1))};
  }
  bool read = false;
  const double value = plain.text.toDouble(&read);  // of the C locale
  if (!read || !std::isfinite(value)) return {{}, tr("\u201c%1\u201d is too large").arg(text.trimmed())};
  return {value, {}};
}

Typed<std::int64_t> wholeTyped(const QString& text) {
  const Plain plain = plainly(text);
  if (!plain.why_not.isEmpty()) return {{}, plain.why_not};
  if (!plain.separator.isNull()) {
    return {{},
            tr("\u201c%1\u201d: a whole number is written without \u201c%2\u201d")
                .arg(text.trimmed(), QString(plain.separator))};
  }
  bool read = false;
  if (const qlonglong value = plain.text.toLongLong(&read); read) return {value, {}};
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const double value = plain.text.toDouble(&read);
  if (!read || std::abs(value) > kExact) return {{}, tr("\u201c%1\u201d is too large").arg(text.trimmed())};
  if (value != std::floor(value)) return {{}, tr("\u201c%1\u201d is no whole number").arg(text.trimmed())};
  return {static_cast<std::int64_t>(value), {}};
}

Typed<std::uint64_t> seedTyped(const QString& text) {
  const QString trimmed = text.trimmed();
  static const QRegularExpression digits(u"^[0-9]+$"_s);
  if (!digits.match(trimmed).hasMatch()) {
    return {{},
            trimmed.isEmpty() ? tr("a number is missing") : tr("\u201c%1\u201d: a seed is digits alone").arg(trimmed)};
  }
  bool read = false;
  const qulonglong value = trimmed.toULongLong(&read);
  if (!read) return {{}, tr("\u201c%1\u201d is too large").arg(trimmed)};
  return {value, {}};
}

QString textToType(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return QString::number(static_cast<qlonglong>(value));
  return QString::number(value, 'g', QLocale::FloatingPointShortest).replace(u'.', QLocale().decimalPoint());
}

}  // namespace interleave::gui
