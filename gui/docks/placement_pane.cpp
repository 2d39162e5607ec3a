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
  auto* remarks = new QHBoxLayout;
  remarks->addWidget(note_, 1);
  remarks->addWidget(judge_);
  remarks->addWidget(heal_);
  column->addLayout(remarks);
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
  connect(chips_, &ChipGrid::pinRequested, this, [this](int layer, bool pinned) {
    studio_.editor().setPinned(layer, pinned);
    // A stored run shown meanwhile can be pinned, but that is no change of the run that goes on.
    const RunController& controller = studio_.controller();
    if (!controller.active() || !controller.recorded() || studio_.run().shared() != controller.record()) return;
    studio_.controller().intervene({.kind = pinned ? Intervention::Kind::Pin : Intervention::Kind::Release,
                                    .layer = layer,
                                    .mixer = studio_.editor().placement()[layer]});
  });
  connect(&studio_.editor(), &PlacementEditor::changed, this, &Pane::touch);
  connect(&studio_.editor(), &PlacementEditor::pinsChanged, this, &Pane::touch);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::finished, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::started, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
}

void PlacementPane::buildTable(QGridLayout& grid) {
  grid.setHorizontalSpacing(12);
  grid.setVerticalSpacing(3);
  grid.setColumnStretch(0, 1);
  for (int column = 0; column < kColumns; ++column) {
    heads_[column] = column == 0 ? bodyLabel({}, true) : mutedLabel();
    heads_[column]->setFont(textFont(TextSize::Small, column == 0));
    grid.addWidget(heads_[column], 0, column + 1, Qt::AlignRight);
  }
  for (int row = 0; row < kRows; ++row) {
    names_[row] = mutedLabel();
    grid.addWidget(names_[row], row + 1, 0);
    for (int column = 0; column < kColumns; ++column) {
      cells_[row][column] = bodyLabel();
      cells_[row][column]->setFont(textFont(TextSize::Small));
      grid.addWidget(cells_[row][column], row + 1, column + 1, Qt::AlignRight);
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
  const QString text =
      studio_.comparisons().whatIf().busy() ? tr("The edit is being measured in the background …")
      : editor.edited()
          ? tr("Edited by hand, judged on few samples; Evaluation takes more.")
          : tr("Click, drag, or arrow keys and F / G / W / H; P pins. Edits are measured in the background.");
  note_->setText(text);
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

/// Bold is what differs from the baseline by more than its bootstrap interval; the tool tip tells the difference.
void PlacementPane::tellDifferences(const Placement& baseline) {
  const KnownPlacement* shown = studio_.book().find(studio_.editor().placement());
  const KnownPlacement* against = studio_.book().find(baseline);
  for (int row = 0; row < kRows - 1; ++row) {
    const std::string& task = kRowsOfTasks[static_cast<std::size_t>(row)].task;
    ScoreDifference found;
    if (shown != nullptr && against != nullptr && shown != against) {
      found = differenceOn(task, shown->scores, against->scores);
    }
    QLabel& cell = *cells_[row][0];
    cell.setFont(textFont(TextSize::Small, found.paired && found.paired->carries()));
    if (found.paired) {
      cell.setToolTip(tr("%1\n%2: %3").arg(cell.toolTip(), heads_[1]->text(), differenceText(*found.paired)));
    } else if (!found.why_not.empty()) {
      cell.setToolTip(tr("%1\n%2: not paired, %3").arg(cell.toolTip(), heads_[1]->text(), qt(found.why_not)));
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
