// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/model/placement_book.h"

#include <algorithm>
#include <utility>

namespace interleave::gui {

std::vector<const KnownPlacement*> PlacementBook::compared() const {
  std::vector<const KnownPlacement*> chosen;
  for (const KnownPlacement& entry : entries_) {
    if (entry.compared) chosen.push_back(&entry);
  }
  return chosen;
}

std::vector<KnownPlacement>::iterator PlacementBook::entryOf(const Placement& placement, const std::string& healed) {
  return std::ranges::find_if(
      entries_, [&](const KnownPlacement& entry) { return entry.placement == placement && entry.healed == healed; });
}

const KnownPlacement* PlacementBook::find(const Placement& placement, const std::string& healed) const {
  const auto found = std::ranges::find_if(
      entries_, [&](const KnownPlacement& entry) { return entry.placement == placement && entry.healed == healed; });
  return found == entries_.end() ? nullptr : &*found;
}

bool PlacementBook::setSubject(const std::string& model, const std::string& candidates) {
  if (model == model_ && candidates == candidates_) return false;
  model_ = model;
  candidates_ = candidates;
  entries_.clear();
  Q_EMIT changed();
  return true;
}

void PlacementBook::forget(const std::string& healed) {
  if (std::erase_if(entries_, [&](const KnownPlacement& entry) { return entry.healed == healed; }) > 0) {
    Q_EMIT changed();
  }
}

void PlacementBook::add(const QString& label, const Placement& placement, const std::vector<Score>& scores,
                        bool thorough, const std::string& healed, const std::string& manner) {
  if (placement.layers() == 0) return;
  if (!entries_.empty() && entries_.front().placement.layers() != placement.layers()) entries_.clear();
  auto entry = entryOf(placement, healed);
  if (entry == entries_.end()) {
    entry = entries_.insert(entry, {.label = label, .placement = placement, .healed = healed});
  }
  if (!scores.empty() && (thorough || !entry->thorough)) {
    if (thorough != entry->thorough) entry->scores.clear();  // no mixture of many and few samples
    entry->thorough = thorough;
    entry->manner = manner;
    for (const Score& score : scores) {
      const auto known = std::ranges::find(entry->scores, score.task, &Score::task);
      if (known == entry->scores.end()) {
        entry->scores.push_back(score);
      } else {
        *known = score;
      }
    }
  }
  Q_EMIT changed();
}

void PlacementBook::suggest(const QString& label, const Placement& placement) {
  if (!entries_.empty() && entries_.front().placement.layers() != placement.layers()) return;
  if (entryOf(placement) != entries_.end()) return;
  entries_.push_back({.label = label, .placement = placement, .scores = {}, .compared = false});
  Q_EMIT changed();
}

void PlacementBook::offer(const QString& label, const Placement& placement, const QString& source) {
  suggest(label, placement);
  const auto entry = entryOf(placement);
  if (entry == entries_.end() || entry->source.contains(source)) return;
  entry->source += (entry->source.isEmpty() ? QString() : QStringLiteral("\n\n")) + source;
  Q_EMIT changed();
}

void PlacementBook::setCompared(std::size_t entry, bool compared) {
  if (entry >= entries_.size()) return;  // of a list that is a frame old
  entries_[entry].compared = compared;
  Q_EMIT changed();
}

void PlacementBook::setLayerScores(const Placement& placement, std::vector<double> scores) {
  const auto entry = entryOf(placement);
  if (entry == entries_.end() || !entry->layer_scores.empty()) return;
  if (scores.size() != static_cast<std::size_t>(placement.layers())) return;  // of a damaged step
  entry->layer_scores = std::move(scores);
  Q_EMIT changed();
}

}  // namespace interleave::gui
