// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "gui/app/store_reading.h"
#include "sessions/neighbours.h"

namespace interleave::gui {

/// What other runs of the open store tell beside the run shown. Lives in the window's thread.
class Neighbourhood final : public QObject {
  Q_OBJECT
 public:
  Neighbourhood(JobList& reads, RunLibrary& library)
      : reading_(*this, reads, library, tr("Read other runs"), QStringLiteral("neighbours"), neighboursOf,
                 [this] { Q_EMIT changed(); }) {}

  /// Beside this run of the store; what is not known yet comes with changed(). 0: it is in none, and has no others.
  const Neighbours& of(RunId run) {
    run != 0 ? reading_.want(run) : reading_.clear();
    return reading_.value();
  }

 Q_SIGNALS:
  void changed();

 private:
  StoreReading<RunId, Neighbours> reading_;
};

}  // namespace interleave::gui
