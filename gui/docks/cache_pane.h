// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QLabel;

namespace interleave::gui {

/// Bytes of cache, states included, against the context length, for the teacher and placements; where a placement
/// begins to save is marked.
class CachePane final : public Pane {
  Q_OBJECT
 public:
  explicit CachePane(Studio& studio);

 protected:
  void refresh() override;

 private:
  struct Line {
    QString name;
    Placement placement;
    QColor color;
    bool dashed;
  };
  std::vector<Line> lines() const;

  Studio& studio_;
  Figure* figure_;
  QLabel* legend_;
};

}  // namespace interleave::gui
