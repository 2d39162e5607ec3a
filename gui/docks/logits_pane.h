// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"
#include "gui/widgets/placement_strip.h"

class QLabel;
class QSlider;

namespace interleave::gui {

/// Layers × steps of p(full attention), where the layers stand now, how good their candidates are, and what would be
/// kept if the search stopped now; a slider goes back in time. While candidates are being prepared: their errors.
class LogitsPane final : public Pane {
  Q_OBJECT
 public:
  explicit LogitsPane(Studio& studio);
  QSlider& timeSlider() { return *time_; }

 protected:
  void refresh() override;

 private:
  std::vector<Panel> searchPanels() const;
  std::vector<Panel> preparationPanels() const;
  void refreshFoot();

  Studio& studio_;
  Figure* figure_;
  PlacementStrip* strip_;
  QLabel *strip_name_, *reading_, *where_;
  QSlider* time_;
};

}  // namespace interleave::gui
