// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QStringList>
#include <QTimer>
#include <filesystem>
#include <functional>
#include <vector>

#include "gui/app/main_window.h"

namespace interleave::gui {

/// Drives the real windows through the demonstration: opens the model, searches, judges, edits, and writes a picture
/// of the window and of each view, in both themes. Everything goes through the event loop, as if a user did it.
class Tour final : public QObject {
  Q_OBJECT
 public:
  Tour(MainWindow& window, std::filesystem::path folder);

  void start();
  const QStringList& pictures() const { return pictures_; }  ///< Files written so far.

 Q_SIGNALS:
  void said(const QString& line);  ///< What it is doing, for a terminal.
  void finished(bool well, const QString& reason);

 private:
  /// Something done once, then waited for.
  struct Stop {
    QString title;
    std::function<void()> act;
    std::function<bool()> reached;
  };
  void plan();
  void advance();
  void photographWindow(const QString& name);
  void photographDocks();
  void save(QWidget& widget, const QString& name);

  MainWindow& window_;
  std::filesystem::path folder_;
  std::vector<Stop> stops_;
  std::size_t at_ = 0;
  bool acted_ = false;
  QTimer timer_;
  QString problem_;
  QStringList pictures_;
};

}  // namespace interleave::gui
