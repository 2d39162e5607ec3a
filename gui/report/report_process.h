// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>

#include "gui/report/report.h"

namespace interleave::gui {

/// Has reports written by a second process of this program, so that no window waits, or changes its colours for them.
/// Lives in the window's thread.
class ReportProcess final : public QObject {
  Q_OBJECT
 public:
  explicit ReportProcess(QObject* parent = nullptr) : QObject(parent) {}

  void setProgram(const QString& program) { program_ = program; }  ///< This one's own file, unless it is told.
  /// With `mock`, by a process that invents everything, as this one does.
  void start(const ReportRequest& request, bool mock);

 Q_SIGNALS:
  void written(const QString& file);
  void failed(const QString& reason);

 private:
  QString program_;
};

}  // namespace interleave::gui
