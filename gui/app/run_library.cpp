// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/run_library.h"

#include <QUndoCommand>
#include <algorithm>
#include <array>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/verdict.h"
#include "gui/model/readings.h"
#include "gui/style/format.h"
#include "gui/style/verdict.h"

namespace interleave::gui {

/// A run that was deleted; pushed on the stack when that has been done. Nothing may be thrown through Qt's undo stack.
class RunLibrary::Removal final : public QUndoCommand {
 public:
  Removal(RunLibrary& library, RunId id, const QString& title)
      : QUndoCommand(tr("delete %1").arg(title)), library_(library), id_(id) {}
  void redo() override {
    if (std::exchange(done_, true)) attempt([this] { library_.writable().remove(id_); });
  }
  void undo() override {
    attempt([this] { library_.writable().restore(id_); });
  }

 private:
  template <class Change>
  void attempt(Change change) {
    try {
      change();
      library_.reload();
    } catch (const std::exception& error) {
      Q_EMIT library_.failed(text(), QString::fromUtf8(error.what()));
    }
  }

  RunLibrary& library_;
  RunId id_;
  bool done_ = false;
};

void RunLibrary::open(const std::filesystem::path& file) {
  std::unique_ptr<StoreWriter> writer;
  QString reason;
  try {
    writer = std::make_unique<StoreWriter>(file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::BadInput || !std::filesystem::exists(file)) throw;
    reason = QString::fromUtf8(error.what());
  }
  Store store = Store::open(file);
  Verdicts known;
  Listing listing = read(store, known);
  store_ = std::move(store);
  writer_ = std::move(writer);
  read_only_reason_ = reason;
  file_ = file;
  final_ = std::move(known);
  undo_.clear();
  show(std::move(listing), true);
}

void RunLibrary::reload() {
  if (store_) show(read(*store_, final_), false);
}

void RunLibrary::reloadScores(const std::set<RunId>& runs) {
  for (const RunId id : runs) final_.erase(id);
  reload();
}

RunLibrary::Listing RunLibrary::read(const Store& store, Verdicts& known) {
  Listing listing{.runs = store.runs()};
  std::ranges::sort(listing.runs, std::greater{}, &RunSummary::id);
  for (const RunSummary& run : listing.runs) verdictOf(store, run, known);
  const auto pinned = std::ranges::find(listing.runs, true, &RunSummary::baseline);
  if (pinned != listing.runs.end()) {
    const std::vector<PlacementEvent> found = store.placements(pinned->id);
    if (!found.empty()) listing.baseline = found.front().placement;
  }
  compare(known, pinned == listing.runs.end() ? 0 : pinned->id);
  std::vector<const Score*> kl, passkey;
  for (const RunSummary& run : listing.runs) {
    listing.verdicts.push_back(verdictOf(store, run, known));
    const auto scored = known.find(run.id);
    const bool any = scored != known.end();
    kl.push_back(any && scored->second.kl ? &*scored->second.kl : nullptr);
    passkey.push_back(any && scored->second.passkey ? &*scored->second.passkey : nullptr);
  }
  listing.kl_counts = countsBeside(kl);
  listing.passkey_counts = countsBeside(passkey);
  return listing;
}

/// Tells of each run that is done how its scores differ from the baseline's, where that is not told yet.
void RunLibrary::compare(Verdicts& known, RunId baseline) {
  const auto against = known.find(baseline);
  const bool anew = against != known.end() && against->second.compared_with != baseline;  // it was judged since
  for (auto& [id, verdict] : known) {
    if (verdict.compared_with == baseline && !anew) continue;
    verdict.compared_with = baseline;
    const auto difference = [&](const std::optional<Score>& score, const std::optional<Score>& reference) {
      if (against == known.end() || id == baseline || !score || !reference) return PairedDifference{};
      return differenceOf(*score, *reference).paired.value_or(PairedDifference{});
    };
    verdict.kl_from = against == known.end() ? PairedDifference{} : difference(verdict.kl, against->second.kl);
    verdict.passkey_from =
        against == known.end() ? PairedDifference{} : difference(verdict.passkey, against->second.passkey);
  }
}

void RunLibrary::show(Listing listing, bool other_store) {
  // A list of the same runs keeps its selection.
  const bool same =
      !other_store && std::ranges::equal(listing.runs, listing_.runs, {}, &RunSummary::id, &RunSummary::id);
  if (!same) beginResetModel();
  listing_ = std::move(listing);
  if (!same) endResetModel();
  if (same && rowCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
  Q_EMIT changed();
}

RunLibrary::Verdict RunLibrary::verdictOf(const Store& store, const RunSummary& run, Verdicts& known) {
  if (run.phase != Phase::Done) {
    return {run.steps > 0 ? QStringLiteral("%1/%2").arg(run.step).arg(run.steps) : QString(), QString()};
  }
  if (const auto found = known.find(run.id); found != known.end()) return found->second;
  Verdict quality;
  const std::vector<PlacementEvent> placements = store.placements(run.id);
  for (const ScoreEvent& event : store.scores(run.id)) {
    const bool its = run.method == kHealMethod ? event.label == ScoreEvent::kAfterHealing
                                               : !placements.empty() && event.placement == placements.front().placement;
    if (!its) continue;
    if (const Score* kl = scoreOf(event.scores, "kl")) {
      quality.value = tr("KL %1").arg(numberText(kl->value, 2));
      quality.kl = *kl;
    }
    if (const Score* passkey = scoreOf(event.scores, "passkey")) {
      quality.recall = shareText(passkey->value, passkey->samples);
      quality.passkey = *passkey;
    }
  }
  if (quality.value.isEmpty()) quality.value = tr("%1 steps").arg(run.step);
  return known[run.id] = quality;
}

QString runTitle(RunId id, const std::string& title, const std::string& method) {
  return title.empty() ? RunLibrary::tr("run %1, %2").arg(id).arg(qt(method)) : qt(title);
}

const RunSummary* RunLibrary::find(RunId id) const {
  const auto found = std::ranges::find(listing_.runs, id, &RunSummary::id);
  return found == listing_.runs.end() ? nullptr : &*found;
}

const RunSummary* RunLibrary::baseline() const {
  const auto found = std::ranges::find(listing_.runs, true, &RunSummary::baseline);
  return found == listing_.runs.end() ? nullptr : &*found;
}

StoreWriter& RunLibrary::writable() {
  if (!writer_) throw usageError("store", "the store is open for reading only");
  return *writer_;
}

void RunLibrary::remove(RunId id) {
  StoreWriter& writer = writable();
  const RunSummary* run = find(id);
  if (run == nullptr) return;
  const QString title = runTitle(id, run->title, run->method);
  writer.remove(id);
  undo_.push(std::make_unique<Removal>(*this, id, title).release());  // the stack owns it
  reload();
}

void RunLibrary::setTags(RunId id, const QStringList& tags) {
  std::vector<std::string> words;
  for (const QString& tag : tags) {
    if (!tag.trimmed().isEmpty()) words.push_back(tag.trimmed().toStdString());
  }
  writable().setTags(id, words);
  reload();
}

void RunLibrary::setBaseline(RunId id) {
  const RunSummary* before = baseline();
  writable().setBaseline(id, before == nullptr || before->id != id);
  reload();
}

void RunLibrary::rename(RunId id, const QString& title) {
  writable().setTitle(id, title.toStdString());
  reload();
}

int RunLibrary::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(listing_.runs.size());
}

QVariant RunLibrary::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const RunSummary& run = listing_.runs[static_cast<std::size_t>(index.row())];
  const Verdict& verdict = listing_.verdicts[static_cast<std::size_t>(index.row())];
  switch (role) {
    case RunRole:
      return QVariant::fromValue(static_cast<qlonglong>(run.id));
    case PhaseRole:
      return static_cast<int>(run.phase);
    case BaselineRole:
      return run.baseline;
    case StateRole: {
      QString state = qt(name(run.phase));
      if (!run.reason.empty()) state = qt(run.reason);
      if (run.baseline) state = tr("baseline ⚑");
      QStringList words{state};
      for (const std::string& tag : run.tags) words << QStringLiteral("#") + qt(tag);
      return words.join(QStringLiteral("  "));
    }
    case Qt::ToolTipRole:
      return tr("Run %1 · %2 · budget %3 · seed %4\n%5 · %6 tokens in %7 · %8")
          .arg(run.id)
          .arg(qt(run.method), qt(run.budget.text()))
          .arg(run.seed)
          .arg(qt(run.model_name), tokensText(static_cast<double>(run.tokens)), durationText(run.seconds),
               qt(run.created));
    case BetterRole: {
      const PairedDifference& from = index.column() == Recall ? verdict.passkey_from : verdict.kl_from;
      if (index.column() != Quality && index.column() != Recall) return 0;
      return !from.carries() ? 0 : isBetter(from) ? 1 : -1;
    }
    case CountRole:
      return index.column() == Quality  ? listing_.kl_counts.value(index.row())
             : index.column() == Recall ? listing_.passkey_counts.value(index.row())
                                        : QString();
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      break;
    default:
      return {};
  }
  switch (index.column()) {
    case Title:
      return runTitle(run.id, run.title, run.method);
    case State:
      return qt(name(run.phase));
    case Quality:
      return lookOf(verdict.kl_from).mark + verdict.value;
    case Recall:
      return lookOf(verdict.passkey_from).mark + verdict.recall;
    default: {
      QStringList tags;
      for (const std::string& tag : run.tags) tags << qt(tag);
      return tags.join(QStringLiteral(", "));
    }
  }
}

QVariant RunLibrary::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  const std::array names{tr("run"), tr("state"), tr("quality"), tr("recall"), tr("tags")};
  return names.at(static_cast<std::size_t>(section));
}

}  // namespace interleave::gui
