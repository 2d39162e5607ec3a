// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QLabel;
class QPushButton;

namespace interleave::gui {

/// Bytes of cache, states included, against the context length, for the teacher and placements; and once measured, the
/// time that decoding and prefill take, beside what counting alone makes of the teacher's. Where a placement begins
/// to save is marked.
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
  Panel bytesPanel(const std::vector<Line>& lines) const;
  struct Time;
  static Panel timePanel(const Time& time, const CostEvent& measured, const std::vector<Line>& lines);
  const CostEvent* measured(const std::vector<Line>& lines) const;  ///< Of the placement shown; null: it was not.
  QString legendOf(const std::vector<Line>& lines) const;
  QString measuredText(const std::vector<Line>& lines) const;
  void refreshButton();

  Studio& studio_;
  Figure* figure_;
  QLabel *legend_, *measured_;
  QPushButton* measure_;
};

}  // namespace interleave::gui
