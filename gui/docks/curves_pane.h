// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <initializer_list>

#include "gui/app/studio.h"
#include "gui/docks/trial_panels.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

namespace interleave::gui {

/// Scalars over the steps. What was measured with the soft mixture is a thin line and says so; what was measured with
/// the discrete placement is drawn as diamonds and says "hard": one is never shown as the other. Of a method that
/// scores layers or tries placements, its scores or trials.
class CurvesPane final : public Pane {
  Q_OBJECT
 public:
  explicit CurvesPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  Panel budgetPanel() const;
  Panel panelOf(const QString& title, std::initializer_list<Metric> metrics, bool logarithmic) const;
  Panel alignmentPanel() const;
  Panel bankPanel() const;
  Panel scorePanel() const;         ///< Of methods that score layers: the mean over examples, with its interval.
  Panel examplePanel() const;       ///< Layers × examples.
  MarkedPlacements marked() const;  ///< Among the placements tried: what other runs found, and what is compared.
  template <class T>
  std::size_t seen(const std::vector<T>& events) const;  ///< How many of them the step shown has seen.

  Studio& studio_;
  Figure* figure_;
};

}  // namespace interleave::gui
