// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/log_model.h"

#include <algorithm>
#include <utility>

#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {

void LogModel::append(Line line) {
  constexpr std::size_t kMostLines = 10000;
  if (lines_.size() >= kMostLines) {
    beginRemoveRows({}, 0, 0);
    lines_.pop_front();
    endRemoveRows();
  }
  const int row = rowCount();
  beginInsertRows({}, row, row);
  lines_.push_back(std::move(line));
  endInsertRows();
}

void LogModel::add(LogEvent::Level level, const QString& text) { append({QTime::currentTime(), level, text, false}); }

void LogModel::follow(const std::shared_ptr<RunRecord>& record) {
  if (followed_.lock() != record) {
    beginResetModel();
    std::erase_if(lines_, [](const Line& line) { return line.of_run; });
    endResetModel();
    followed_ = record;
    seen_ = 0;
  }
  const auto size = static_cast<std::int64_t>(record->log.size());
  const std::int64_t fresh = std::min(record->logged - seen_, size);
  for (std::int64_t i = size - fresh; i < size; ++i) {
    const auto& [event, when] = record->log[static_cast<std::size_t>(i)];
    append({when, event.level, qt(event.text), true});
  }
  seen_ = record->logged;
}

int LogModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(lines_.size());
}

QVariant LogModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const Line& line = lines_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole: {
      const QString when = line.when.isValid() ? line.when.toString(QStringLiteral("HH:mm:ss")) : tr("  stored");
      const QString warned = line.level == LogEvent::Level::Warning ? tr("warning: ")
                             : line.level == LogEvent::Level::Error ? tr("error: ")
                                                                    : QString();
      return QStringLiteral("%1  %2%3").arg(when, warned, line.text);
    }
    case Qt::ForegroundRole:
      if (line.level == LogEvent::Level::Error) return theme().bad;
      if (line.level == LogEvent::Level::Warning) return theme().inferred;
      return line.level == LogEvent::Level::Debug ? theme().muted : theme().text;
    case Qt::ToolTipRole:
      return line.text;
    case LevelRole:
      return static_cast<int>(line.level);
    default:
      return {};
  }
}

void LogFilter::setLeast(LogEvent::Level level) {
  least_ = level;
  invalidateFilter();
}

bool LogFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const QModelIndex line = sourceModel()->index(row, 0, parent);
  return line.data(LogModel::LevelRole).toInt() >= static_cast<int>(least_) &&
         QSortFilterProxyModel::filterAcceptsRow(row, parent);
}

}  // namespace interleave::gui
