// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "backend/core/events.h"
#include "gui/model/placement_book.h"
#include "gui/plots/figure.h"

namespace interleave::gui {

/// The placements that a run tried: how many have which loss, with the compared placements marked by rank, and the loss
/// on prompts against that on text, where there are both.
std::vector<Panel> trialPanels(std::span<const TrialEvent> trials, const std::vector<const KnownPlacement*>& compared);

}  // namespace interleave::gui
