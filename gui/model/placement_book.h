// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <cstddef>
#include <string>
#include <vector>

#include "backend/core/events.h"

namespace interleave::gui {

/// A placement that can be compared, with what is known of it.
struct KnownPlacement {
  QString label;
  Placement placement;
  std::vector<Score> scores;  ///< Empty: not judged yet.
  bool compared = true;       ///< Ticked in Compare.
  bool thorough = false;      ///< Judged with all samples, not with the few of an edit.
  std::string manner = {};    ///< And how it was last, as ScoreEvent has it; empty: not known.
  QString source;             ///< Of one that was published: by whom, and what they say of it.
  /// Of the run that proposed it, at its end: fullAdvantages(). Empty: not known.
  std::vector<double> layer_scores = {};
  /// The folder of its weights where they were healed, or exported and trained elsewhere; empty: as the bank has them.
  std::string healed = {};
};

/// The placements that the windows compare: teacher, baselines, what runs found, what the user made, what others have
/// published. Equal placements are one entry, and one more for each time they were healed; all have as many layers as
/// the first. Scores are of one model with one bank.
class PlacementBook final : public QObject {
  Q_OBJECT
 public:
  explicit PlacementBook(QObject* parent = nullptr) : QObject(parent) {}

  const std::vector<KnownPlacement>& entries() const { return entries_; }
  std::vector<const KnownPlacement*> compared() const;
  /// The entry with the weights in this folder; "": with the bank's.
  const KnownPlacement* find(const Placement& placement, const std::string& healed = {}) const;

  /// Says which model and candidates the book is of; when they are others than before, it starts afresh: true.
  bool setSubject(const std::string& model, const std::string& candidates);
  /// Adds, or keeps the entry that is there; scores replace those of the same task, but never thorough ones by others.
  /// A placement with another number of layers starts the book afresh: it is of another model.
  void add(const QString& label, const Placement& placement, const std::vector<Score>& scores = {},
           bool thorough = true, const std::string& healed = {}, const std::string& manner = {});
  /// Takes off the entry with the weights in this folder.
  void forget(const std::string& healed);
  /// Adds a placement for the user to tick, unless it is there. One with another number of layers is left out: it is of
  /// another model.
  void suggest(const QString& label, const Placement& placement);
  /// Adds a published placement for the user to tick, or notes its source with the entry that is there. One with
  /// another number of layers is left out.
  void offer(const QString& label, const Placement& placement, const QString& source);
  void setCompared(std::size_t entry, bool compared);
  void setLayerScores(const Placement& placement, std::vector<double> scores);  ///< Of an entry; the first stay.

 Q_SIGNALS:
  void changed();

 private:
  std::vector<KnownPlacement>::iterator entryOf(const Placement& placement, const std::string& healed = {});

  std::string model_, candidates_;
  std::vector<KnownPlacement> entries_;
};

}  // namespace interleave::gui
