// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/style/verdict.h"

#include <QObject>
#include <algorithm>

#include "backend/core/verdict.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {

VerdictLook lookOf(const PairedDifference& difference) {
  const QString mark = qt(markOf(difference));
  if (mark.isEmpty()) return {{}, theme().text};
  return {mark + QLatin1Char(' '), isBetter(difference) ? theme().good : theme().bad};
}

VerdictLook lookOf(const ScoreDifference& difference) {
  return difference.paired ? lookOf(*difference.paired) : VerdictLook{{}, theme().text};
}

QStringList countsBeside(const std::vector<const Score*>& scores) {
  std::int64_t first = -1;
  bool differ = false;
  for (const Score* score : scores) {
    if (score == nullptr) continue;
    differ = differ || (first >= 0 && score->samples != first);
    first = score->samples;
  }
  QStringList counts;
  for (const Score* score : scores) {
    counts << (differ && score != nullptr ? QObject::tr(" n=%1").arg(score->samples) : QString());
  }
  return counts;
}

}  // namespace interleave::gui
