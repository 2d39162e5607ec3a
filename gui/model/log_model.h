// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractListModel>
#include <QSortFilterProxyModel>
#include <QTime>
#include <cstdint>
#include <deque>

#include "gui/model/run_record.h"

namespace interleave::gui {

/// Lines of the studio and of the run shown, oldest first, bounded.
class LogModel final : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role { LevelRole = Qt::UserRole };
  explicit LogModel(QObject* parent = nullptr) : QAbstractListModel(parent) {}

  void add(LogEvent::Level level, const QString& text);
  /// Adds what `record` has logged since the last call; another record than last time starts anew.
  void follow(const std::shared_ptr<RunRecord>& record);

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;

 private:
  struct Line {
    QTime when;  ///< Invalid: not known.
    LogEvent::Level level;
    QString text;
    bool of_run;
  };
  void append(Line line);

  std::deque<Line> lines_;
  std::weak_ptr<RunRecord> followed_;
  std::int64_t seen_ = 0;
};

/// Lines of at least a level that contain a text.
class LogFilter final : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit LogFilter(QObject* parent = nullptr) : QSortFilterProxyModel(parent) {}
  void setLeast(LogEvent::Level level);

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  LogEvent::Level least_ = LogEvent::Level::Info;
};

}  // namespace interleave::gui
