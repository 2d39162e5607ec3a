// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/comparisons.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "backend/core/error.h"
#include "gui/style/format.h"

namespace interleave::gui {

std::string healedBy(const RunSpec& spec) { return spec.search_settings.value("folder", std::string()); }

Comparisons::Comparisons(Workshop& workshop, JobList& jobs, RunLibrary& library, const RunModel& run,
                         const PlacementEditor& editor, EvaluationQueue::RequestMaker make_request)
    : workshop_(workshop),
      library_(library),
      run_(run),
      editor_(editor),
      of_run_(std::move(make_request)),
      judging_(workshop, jobs, book_, {.slot = QStringLiteral("judge")},
               [this]() -> std::optional<Workbench::EvaluationRequest> {
                 const std::optional<Workbench::EvaluationRequest> of = of_run_();
                 if (!of) return std::nullopt;
                 Workbench::EvaluationRequest request = judged_by_;
                 request.model = of->model;
                 request.candidates = of->candidates;
                 request.execution = of->execution;
                 if (judged_as_found_) request.chat = of->chat;
                 return request;
               }),
      what_if_(workshop, jobs, book_,
               {.slot = QStringLiteral("what-if"),
                .rest = 250,
                .skip_known = true,
                .text_tokens = 1024,
                .prompts = 4,
                .parts = {{"kl", "nll"}, {"passkey"}}},
               of_run_) {
  connect(&judging_, &EvaluationQueue::judged, this, &Comparisons::keepScores);
  connect(&editor_, &PlacementEditor::changed, this, &Comparisons::editorChanged);
}

void Comparisons::stopJudging() {
  judging_.want({});
  what_if_.want({});
}

std::vector<KnownPlacement> Comparisons::references() const {
  const Placement& shown = editor_.placement();
  if (const RunSummary* run = library_.baseline()) {
    const Placement& placement = library_.baselinePlacement();
    if (placement.layers() == shown.layers())
      return {{.label = runTitle(run->id, run->title, run->method), .placement = placement}};
  }
  const int layers = shown.layers(), kept = shown.fullCount();
  const MixerKind rest = restOf(shown, MixerKind::GdnWindow);
  std::vector<KnownPlacement> found{
      {.label = tr("uniform K = %1").arg(kept), .placement = Placement::uniform(layers, kept, 0, rest)}};
  const int shift = kept == 0 ? 0 : layers - 1 - (kept - 1) * layers / kept;
  if (shift > 0) {
    found.push_back({.label = tr("uniform K = %1, offset %2").arg(kept).arg(shift),
                     .placement = Placement::uniform(layers, kept, shift, rest)});
  }
  return found;
}

void Comparisons::judgeCompared() {
  std::vector<EvaluationQueue::Wanted> list;
  for (const KnownPlacement* entry : book_.compared())
    list.push_back(wanted(entry->label, entry->placement, entry->healed));
  judging_.want(std::move(list));
}

EvaluationQueue::Wanted Comparisons::shown() const {
  const Placement& shown = editor_.placement();
  const KnownPlacement* known = book_.find(shown);
  const QString label = known != nullptr ? known->label
                        : editor_.edited()
                            ? tr("edited, K = %1").arg(shown.fullCount())
                            : tr("%1, K = %2")
                                  .arg(runTitle(run_.record().id, run_.record().spec.title, run_.record().spec.method))
                                  .arg(shown.fullCount());
  return wanted(label, shown);
}

void Comparisons::judgeShown() {
  const EvaluationQueue::Wanted what = shown();
  if (what.placement.layers() == 0) return;
  const std::string manner = judging_.manner();
  std::vector<EvaluationQueue::Wanted> list;
  const auto want = [&](const QString& name, const Placement& placement) {
    const KnownPlacement* entry = book_.find(placement);
    if (entry == nullptr || !entry->thorough || entry->manner != manner) list.push_back(wanted(name, placement));
  };
  want(what.label, what.placement);
  for (const KnownPlacement& reference : references()) want(reference.label, reference.placement);
  want(tr("teacher"), teacher());
  judging_.want(std::move(list));
}

EvaluationQueue::Wanted Comparisons::wanted(const QString& label, const Placement& placement,
                                            const std::string& healed) const {
  if (!healed.empty()) return {label, placement, nullptr, healed};
  const RunRecord& record = run_.record();
  const auto same = [&](const auto& known) { return known.placement == placement; };
  const KnownPlacement* known = book_.find(placement);
  const bool published = known != nullptr && !known->source.isEmpty();
  const bool its = published || placement == teacher() || std::ranges::any_of(record.placements, same) ||
                   std::ranges::any_of(references(), same);
  return {label, placement, its && record.id != 0 ? run_.shared() : nullptr, {}};
}

void Comparisons::keepScores(const ScoreEvent& result, const std::shared_ptr<RunRecord>& result_of) {
  if (!result_of || library_.writer() == nullptr) return;
  library_.writer()->record(result_of->id, result);
  result_of->scores.push_back(result);
  Q_EMIT recorded(result_of->id);
}

void Comparisons::collect() {
  const RunRecord& record = run_.record();
  const std::size_t known = record.placements.size() + record.scores.size();
  if (known == collected_ || record.layers() == 0) return;
  collected_ = known;
  const QString run = runTitle(record.id, record.spec.title, record.spec.method);
  book_.add(tr("teacher"), teacher());
  if (!record.placements.empty()) {
    // The one for the budget asked for; the others are a move of the budget slider away.
    const Placement& found = record.placements.front().placement;
    book_.add(tr("%1, K = %2").arg(run).arg(found.fullCount()), found);
    if (!record.steps.empty()) book_.setLayerScores(found, fullAdvantages(record.steps.back()));
  }
  for (const ScoreEvent& event : record.scores) {
    const bool healed = record.spec.isHeal() && event.label == ScoreEvent::kAfterHealing;
    book_.add(healed ? tr("%1, healed").arg(run) : qt(event.label), event.placement, event.scores, true,
              healed ? healedBy(record.spec) : std::string(), event.manner);
  }
  if (!record.placements.empty()) {
    for (const KnownPlacement& reference : references()) book_.add(reference.label, reference.placement);
    offerPublished(record.placements.front().placement);
  }
}

void Comparisons::suggest(const std::map<Placement, std::string>& found) {
  const std::vector<PlacementEvent>& own = run_.record().placements;
  for (const auto& [placement, finders] : found) {
    if (own.empty() || placement.fullCount() != own.front().placement.fullCount()) continue;
    book_.suggest(tr("%1, K = %2").arg(qt(finders)).arg(placement.fullCount()), placement);
  }
}

void Comparisons::openPublished(const std::filesystem::path& file) {
  const Placement& shown = editor_.placement();
  if (shown.layers() == 0) throw usageError("published placements", "show a run first: they are offered beside it");
  std::vector<PublishedSelection> found = readPublished(file);
  if (std::ranges::find(found, shown.layers(), &PublishedSelection::layers) == found.end()) {
    std::string depths;
    for (const PublishedSelection& selection : found) {
      depths.append(depths.empty() ? "" : ", ").append(std::to_string(selection.layers));
    }
    throw badInput(file.string(), "layers",
                   "placements of " + depths + " layers; the model has " + std::to_string(shown.layers()));
  }
  std::ranges::move(found, std::back_inserter(published_));
  offerPublished(shown);
}

void Comparisons::openHybrid(const std::filesystem::path& folder) {
  const std::optional<Workbench::EvaluationRequest> request = of_run_();
  if (!request || editor_.placement().layers() == 0) {
    throw usageError("hybrid", "open a model and show a run first: the hybrid stands beside it");
  }
  const Placement placement =
      workshop_.makeCatalog()->placement("hybrid:" + folder.string(), request->model, MixerKind::SlidingWindow);
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  const std::filesystem::path named = whole.has_filename() ? whole : whole.parent_path();
  book_.forget(named.string());  // its weights may be others by now
  book_.add(tr("%1, exported").arg(qt(named.filename().string())), placement, {}, true, named.string());
}

void Comparisons::offerPublished(const Placement& beside) {
  const MixerKind rest = restOf(editor_.placement(), MixerKind::GdnWindow);
  const std::array<const std::vector<PublishedSelection>*, 2> sources{&bundledPublished(), &published_};
  for (const std::vector<PublishedSelection>* selections : sources) {
    for (const PublishedSelection& selection : *selections) {
      if (selection.layers != beside.layers()) continue;
      const int count = selection.nearestCount(beside.fullCount());
      const Placement placement = selection.placement(count, rest);
      book_.offer(tr("%1 (%2), K = %3").arg(qt(selection.title), qt(selection.model)).arg(count), placement,
                  qt(selection.about()));
      book_.setLayerScores(placement, selection.layerScores());
    }
  }
}

void Comparisons::editorChanged() {
  if (!editor_.edited()) return what_if_.want({});
  const KnownPlacement reference = baseline();
  what_if_.want({{tr("edited, K = %1").arg(editor_.placement().fullCount()), editor_.placement()},
                 {reference.label, reference.placement},
                 {tr("teacher"), teacher()}});
}

}  // namespace interleave::gui
