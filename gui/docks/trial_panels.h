// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "backend/core/events.h"
#include "gui/plots/figure.h"

namespace interleave::gui {

/// Placements to be told apart among those tried, with their names.
using MarkedPlacements = std::map<Placement, QString>;

/// The placements that a run tried: how many have which loss; the marked ones with their ranks and what they lose to
/// the best one, with its 95 % interval (of a random sample that is whole, of `sample` placements, also how many of all
/// may be better; 0: it is none); and the loss on prompts against that on text, where there are both.
std::vector<Panel> trialPanels(std::span<const TrialEvent> trials, const MarkedPlacements& marked, std::size_t sample);

/// How many placements the run of these settings draws at random; 0: none.
std::size_t sampleOf(const RunSpec& spec);

}  // namespace interleave::gui
