// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/placement_pane.h"

#include <QGridLayout>
#include <QPushButton>
#include <QVBoxLayout>
#include <array>
#include <set>
#include <string>

#include "gui/app/heal_dialog.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/style/verdict.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

/// Rows of the table: the task, and whether it is a share of prompts.
struct Row {
  std::string task;
  bool share;
};
const std::array<Row, 4> kRowsOfTasks{{{"passkey", true}, {"passkey_nll", false}, {"kl", false}, {"nll", false}}};

QString scoreText(const Score* score, bool share) {
  if (score == nullptr) return QStringLiteral("–");
  return share ? shareText(score->value, score->samples) : withError(score->value, score->standard_error);
}

/// Of a table whose columns share the room, whatever stands in them.
QLabel* cell(bool bold) {
  auto* label = new ElidedLabel;
  label->setFont(textFont(TextSize::Small, bold));
  label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  return label;
}

}  // namespace

PlacementPane::PlacementPane(Studio& studio)
    : Pane(tr("Placement"), studio.clock()),
      studio_(studio),
      chips_(new ChipGrid),
      note_(mutedLabel()),
      judge_(smallButton(tr("Measure"))),
      heal_(smallButton(tr("Heal…"))) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 8, 12, 8);
  column->setSpacing(6);
  column->addWidget(chips_, 1);
  note_->setWordWrap(true);
  note_->setAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  note_->setFixedHeight(2 * note_->fontMetrics().lineSpacing());  // what it says does not move the chips
  note_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  column->addWidget(note_);
  auto* buttons = new QHBoxLayout;
  buttons->addStretch();
  buttons->addWidget(judge_);
  buttons->addWidget(heal_);
  column->addLayout(buttons);
  judge_->setToolTip(tr("Measures this placement, and what it is compared with, with all samples"));
  connect(judge_, &QPushButton::clicked, &studio_.comparisons(), &Comparisons::judgeShown);
  heal_->setToolTip(tr("Trains the hybrid of this placement towards the original model's predictions"));
  connect(heal_, &QPushButton::clicked, this, &PlacementPane::askHeal);
  connect(&studio_.controller(), &RunController::started, this, &Pane::touch);
  connect(&studio_.controller(), &RunController::finished, this, &Pane::touch);
  auto* table = new QGridLayout;
  buildTable(*table);
  column->addLayout(table);
  setHint(tr("undo ↶ Ctrl+Z · redo ↷ Ctrl+Shift+Z"));
  connect(chips_, &ChipGrid::changeRequested, this,
          [this](int layer, MixerKind kind) { studio_.editor().set(layer, kind); });
  connect(chips_, &ChipGrid::exchangeRequested, this, [this](int layer, int other) {
    PlacementEditor& editor = studio_.editor();
    if (editor.pinned().contains(layer) || editor.pinned().contains(other)) return;
    Placement exchanged = editor.placement();
    exchanged.set(layer, editor.placement()[other]);
    exchanged.set(other, editor.placement()[layer]);
    editor.replace(exchanged, tr("exchange layers %1 and %2").arg(layer).arg(other));
  });
  connect(chips_, &ChipGrid::pinRequested, this, [this](int layer, bool pinned) { studio_.setPinned(layer, pinned); });
  connect(&studio_.editor(), &PlacementEditor::changed, this, &Pane::touch);
  connect(&studio_.editor(), &PlacementEditor::pinsChanged, this, &Pane::touch);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::finished, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::started, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
}

void PlacementPane::buildTable(QGridLayout& grid) {
  grid.setHorizontalSpacing(8);
  grid.setVerticalSpacing(3);
  for (int column = 0; column < kColumns; ++column) {
    grid.setColumnStretch(column + 1, 1);
    grid.addWidget(heads_[column] = cell(column == 0), 0, column + 1);
    setTone(*heads_[column], column == 0 ? "" : "muted");
  }
  for (int row = 0; row < kRows; ++row) {
    names_[row] = mutedLabel();
    grid.addWidget(names_[row], row + 1, 0);
    for (int column = 0; column < kColumns; ++column) {
      grid.addWidget(cells_[row][column] = cell(false), row + 1, column + 1);
    }
  }
}

void PlacementPane::refresh() {
  const PlacementEditor& editor = studio_.editor();
  std::set<int> pinned;
  for (const auto& [layer, kind] : editor.pinned()) pinned.insert(layer);
  chips_->setPlacement(editor.placement(), editor.operators(), pinned);
  const bool any = editor.placement().layers() > 0;
  const KnownPlacement baseline = any ? studio_.comparisons().baseline() : KnownPlacement{};
  heads_[0]->setText(editor.edited() ? tr("edited") : tr("this"));
  heads_[1]->setText(studio_.library().baseline() != nullptr ? tr("baseline ⚑") : tr("uniform"));
  heads_[1]->setToolTip(baseline.label);
  heads_[2]->setText(tr("teacher"));
  names_[0]->setText(tr("recall of prompts"));
  names_[1]->setText(tr("answer NLL"));
  names_[2]->setText(tr("KL on text"));
  names_[3]->setText(tr("NLL on text"));
  names_[4]->setText(tr("cache at %1").arg(tokensText(kQuotedContext)));
  judge_->setEnabled(any && !studio_.comparisons().judging().busy());
  heal_->setEnabled(editor.placement().fullCount() < editor.placement().layers() && !studio_.controller().active());
  if (!any) {
    for (auto& row : cells_) {
      for (QLabel* cell : row) cell->clear();
    }
    return note_->setText(tr("Click a chip, drag one onto another, or use the arrow keys and F, G, W, H."));
  }
  fillColumn(0, {.placement = editor.placement()});
  fillColumn(1, baseline);
  fillColumn(2, {.placement = studio_.comparisons().teacher()});
  tellDifferences(baseline.placement);
  const bool beside = studio_.workshop().turns().state().run;  // a search computes, and goes first
  const QString text =
      studio_.comparisons().whatIf().busy()
          ? beside ? tr("Measured between the search's steps, in %1 % of the time; Pause gives it all.")
                         .arg(fixedText(Turns::kShare * 100, 0))
                   : tr("The edit is being measured in the background …")
      : editor.edited()
          ? tr("Edited by hand, judged on few samples; Evaluation takes more.")
          : tr("Click, drag, or arrow keys and F / G / W / H; P pins. Edits are measured in the background.");
  note_->setText(text);
  note_->setToolTip(text);
}

void PlacementPane::fillColumn(int column, const KnownPlacement& shown) {
  const KnownPlacement* known = studio_.book().find(shown.placement);
  for (int row = 0; row < kRows - 1; ++row) {
    const Row& what = kRowsOfTasks[static_cast<std::size_t>(row)];
    const Score* score = known == nullptr ? nullptr : scoreOf(known->scores, what.task);
    cells_[row][column]->setText(scoreText(score, what.share));
    cells_[row][column]->setToolTip(score == nullptr ? tr("not measured") : tr("%1 samples").arg(score->samples));
  }
  cells_[kRows - 1][column]->setText(bytesText(cacheBytes(costsAt(studio_.costs(), kQuotedContext), shown.placement)));
}

/// ▲ and ▼ are what is better and worse than the baseline by more than its bootstrap interval; the tool tip tells the
/// difference. Where scores of a row are of different counts of samples, these stand beside them.
void PlacementPane::tellDifferences(const Placement& baseline) {
  const KnownPlacement* shown = studio_.book().find(studio_.editor().placement());
  const KnownPlacement* against = studio_.book().find(baseline);
  for (int row = 0; row < kRows - 1; ++row) {
    const std::string& task = kRowsOfTasks[static_cast<std::size_t>(row)].task;
    ScoreDifference found;
    if (shown != nullptr && against != nullptr && shown != against) {
      found = differenceOn(task, shown->scores, against->scores);
    }
    QLabel& own = *cells_[row][0];
    const VerdictLook look = lookOf(found);
    own.setText(look.mark + own.text());
    QPalette palette = own.palette();
    palette.setColor(QPalette::WindowText, look.color);
    own.setPalette(palette);
    std::vector<const Score*> scores;
    for (const Placement& placement : {studio_.editor().placement(), baseline, studio_.comparisons().teacher()}) {
      const KnownPlacement* known = studio_.book().find(placement);
      scores.push_back(known == nullptr ? nullptr : scoreOf(known->scores, task));
    }
    const QStringList counts = countsBeside(scores);
    for (int column = 0; column < kColumns && !kRowsOfTasks[static_cast<std::size_t>(row)].share; ++column) {
      if (counts[column].isEmpty()) continue;  // else the error gives way: both would not fit
      QLabel& cell = *cells_[row][column];
      const Score& score = *scores[static_cast<std::size_t>(column)];
      cell.setToolTip(tr("%1, %2").arg(withError(score.value, score.standard_error), cell.toolTip()));
      cell.setText((column == 0 ? look.mark : QString()) + numberText(score.value, 4) + counts[column]);
    }
    if (found.paired) {
      own.setToolTip(tr("%1\n%2: %3").arg(own.toolTip(), heads_[1]->text(), differenceText(*found.paired)));
    } else if (!found.why_not.empty()) {
      own.setToolTip(tr("%1\n%2: not paired, %3").arg(own.toolTip(), heads_[1]->text(), qt(found.why_not)));
    }
  }
}

void PlacementPane::askHeal() { HealDialog(studio_, this).exec(); }

QString PlacementPane::csv() const {
  QString text = QStringLiteral("layer,operator\n");
  const Placement& placement = studio_.editor().placement();
  for (int layer = 0; layer < placement.layers(); ++layer) {
    text += QStringLiteral("%1,%2\n").arg(layer).arg(qt(name(placement[layer])));
  }
  return text;
}

}  // namespace interleave::gui
