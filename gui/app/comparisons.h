// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/formats/published.h"
#include "gui/app/evaluation_queue.h"
#include "gui/app/run_library.h"
#include "gui/model/placement_book.h"
#include "gui/model/placement_editor.h"
#include "gui/model/run_model.h"

namespace interleave::gui {

/// The placements that stand beside the run shown: collects them into the book (what the run found and was judged, what
/// it is compared with, what others have published), and has them judged; an edit at once, as a "what if". Lives in the
/// window's thread.
class Comparisons final : public QObject {
  Q_OBJECT
 public:
  Comparisons(Workshop& workshop, JobList& jobs, RunLibrary& library, const RunModel& run,
              const PlacementEditor& editor, EvaluationQueue::RequestMaker make_request);

  PlacementBook& book() { return book_; }
  EvaluationQueue& judging() { return judging_; }  ///< Asked for: as judgedBy() says.
  EvaluationQueue& whatIf() { return what_if_; }   ///< Of edits: with few.

  /// That of the run pinned as baseline, else as many layers evenly spaced, from the first one on and up to the last
  /// one (which of the two is better differs from model to model). Never empty.
  std::vector<KnownPlacement> references() const;
  KnownPlacement baseline() const { return references().front(); }
  Placement teacher() const { return Placement(editor_.placement().layers(), MixerKind::Full); }

  /// Tasks and samples from now on; without model and candidates. `as_found`: prompts in the chat form of the run.
  void judgeBy(Workbench::EvaluationRequest request, bool as_found) {
    judged_by_ = std::move(request);
    judged_as_found_ = as_found;
  }
  const Workbench::EvaluationRequest& judgedBy() const { return judged_by_; }
  bool judgedAsFound() const { return judged_as_found_; }
  /// With the model, candidates, device and chat form of the run shown, or of Setup; nothing where no model is open.
  std::optional<Workbench::EvaluationRequest> ofRun() const { return of_run_(); }
  void judgeCompared();                   ///< The placements ticked in Compare.
  void judgeShown();                      ///< What Placement shows, and what it is compared with.
  EvaluationQueue::Wanted shown() const;  ///< That placement, by its name, and the run whose result it is.
  void collect();                         ///< What the run shown tells by now.
  /// What other runs found, by whom: those that keep as many layers as the run shown are there to be ticked.
  void suggest(const std::map<Placement, std::string>& found);
  void collectAnew() { collected_ = 0; }  ///< Another run is shown, or the book is of another subject.
  void stopJudging();

  /// Offers the placements of a user's file (docs/formats.md) beside the bundled ones, here and for every run shown
  /// afterwards. BadInput naming the place in it; and the depths that it is for, where the placement shown has another.
  void openPublished(const std::filesystem::path& file);
  /// Adds the hybrid of an exported folder (docs/formats.md), with the weights that are in it now, ticked to be judged.
  /// Usage error: no model is open, or no run is shown. BadInput: the folder holds no hybrid, or one of another depth.
  void openHybrid(const std::filesystem::path& folder);

 Q_SIGNALS:
  void recorded(RunId run);  ///< A score; it is on its way into the store.

 private:
  /// A placement to be judged; with the run shown it is kept where it is that run's own, or what it is compared with:
  /// references and published ones.
  EvaluationQueue::Wanted wanted(const QString& label, const Placement& placement,
                                 const std::string& healed = {}) const;
  void keepScores(const ScoreEvent& result, const std::shared_ptr<RunRecord>& result_of);
  void editorChanged();
  /// Into the book: what others have published for models of as many layers, with as many of them kept, or nearly.
  void offerPublished(const Placement& beside);

  Workshop& workshop_;
  RunLibrary& library_;
  const RunModel& run_;
  const PlacementEditor& editor_;
  PlacementBook book_;
  EvaluationQueue::RequestMaker of_run_;
  Workbench::EvaluationRequest judged_by_;
  bool judged_as_found_ = true;
  EvaluationQueue judging_, what_if_;
  std::vector<PublishedSelection> published_;  ///< Of the user's files.
  std::size_t collected_ = 0;                  ///< Placements and scores of the shown record that the book has.
};

/// Where a heal's run puts its weights.
std::string healedBy(const RunSpec& spec);

}  // namespace interleave::gui
