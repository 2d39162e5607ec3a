// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstdint>
#include <string>
#include <string_view>

#include "backend/core/statistics.h"

namespace interleave::gui {

QString settingTitle(const std::string& key);  ///< "learning_rate" as "Learning rate".

/// Numbers as the screen shows them, in the user's locale. Files use the C locale instead (see Figure::csv).
QString numberText(double value, int digits = 3);        ///< Significant digits; "–" when not finite.
QString fixedText(double value, int decimals);           ///< "–" when not finite.
QString bytesText(double bytes);                         ///< "53.6 MB", decimal units.
QString tokensText(double tokens);                       ///< "8k" for multiples of 1024, "11.6k" otherwise.
QString durationText(double seconds);                    ///< "1:12", "1:02:03"; "–" when below 0.
QString withError(double value, double standard_error);  ///< "0.66 ± 0.07".
QString shareText(double share, std::int64_t samples);   ///< "10/10".
QString percentText(double fraction);                    ///< "−72 %".
QString signedText(double value);                        ///< "+0.031": numberText() with its sign.
/// "−0.031 [−0.052, −0.011]; won 12, lost 3, tied 1: ▲ better": mean, 95 % interval, pairs, verdict.
QString differenceText(const PairedDifference& difference);

QString fitForXml(const QString& text);  ///< Characters that XML does not have are replaced.
QString csvCell(QString text);           ///< In quotes, with those inside doubled.

inline QString qt(const std::string& text) { return QString::fromStdString(text); }
inline QString qt(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

}  // namespace interleave::gui
