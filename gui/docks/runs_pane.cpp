// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/runs_pane.h"

#include <QAction>
#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QInputDialog>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

struct Glyph {
  QString text;
  QColor colour;
};

Glyph glyphOf(Phase phase) {
  switch (phase) {
    case Phase::Done:
      return {QStringLiteral("✓"), theme().good};
    case Phase::Failed:
      return {QStringLiteral("✕"), theme().bad};
    case Phase::Stopped:
    case Phase::Paused:
      return {QStringLiteral("❚"), theme().inferred};
    default:
      return {QStringLiteral("●"), theme().accent};
  }
}

/// A run on two lines: glyph and title, the state below; quality and recall at the right.
class RunDelegate final : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    return {QStyledItemDelegate::sizeHint(option, index).width(), 37};
  }

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    if ((option.state & QStyle::State_Selected) != 0) painter->fillRect(option.rect, theme().selection);
    const QRect box = option.rect.adjusted(6, 3, -6, -3);
    const QRect upper(box.left(), box.top(), box.width(), 16), lower(box.left(), box.top() + 16, box.width(), 14);
    painter->setFont(textFont(TextSize::Body));
    if (index.column() == RunLibrary::Title) {
      const Glyph glyph = glyphOf(static_cast<Phase>(index.data(RunLibrary::PhaseRole).toInt()));
      painter->setPen(glyph.colour);
      painter->drawText(upper, Qt::AlignLeft | Qt::AlignVCenter, glyph.text);
      painter->setPen(theme().text);
      const QRect title = upper.adjusted(19, 0, 0, 0), state = lower.adjusted(19, 0, 0, 0);
      painter->drawText(title, Qt::AlignLeft | Qt::AlignVCenter,
                        painter->fontMetrics().elidedText(index.data().toString(), Qt::ElideRight, title.width()));
      painter->setFont(textFont(TextSize::Tick));
      painter->setPen(theme().muted);
      painter->drawText(state, Qt::AlignLeft | Qt::AlignVCenter,
                        painter->fontMetrics().elidedText(index.data(RunLibrary::StateRole).toString(), Qt::ElideRight,
                                                          state.width()));
    } else {
      const int better = index.data(RunLibrary::BetterRole).toInt();
      painter->setPen(better > 0 ? theme().good : better < 0 ? theme().bad : theme().text);
      painter->drawText(upper, Qt::AlignRight | Qt::AlignVCenter, index.data().toString());
      painter->setFont(textFont(TextSize::Tick));
      painter->setPen(theme().muted);
      painter->drawText(lower, Qt::AlignRight | Qt::AlignVCenter,
                        index.data(RunLibrary::CountRole).toString().trimmed());
    }
    painter->restore();
  }
};

}  // namespace

RunsPane::RunsPane(Studio& studio)
    : Pane(tr("Runs"), studio.clock()), studio_(studio), search_(new QLineEdit), list_(new QTreeView) {
  filter_.setSourceModel(&studio_.library());
  filter_.setFilterKeyColumn(-1);
  filter_.setFilterCaseSensitivity(Qt::CaseInsensitive);
  search_->setPlaceholderText(tr("filter by title, state, tag ⌕"));
  search_->setAccessibleName(tr("Filter runs"));
  search_->setClearButtonEnabled(true);
  connect(search_, &QLineEdit::textChanged, &filter_, &QSortFilterProxyModel::setFilterFixedString);

  list_->setModel(&filter_);
  list_->setRootIsDecorated(false);
  list_->setAllColumnsShowFocus(true);
  list_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  list_->setUniformRowHeights(true);
  list_->setItemDelegate(new RunDelegate(list_));
  list_->setAccessibleName(tr("Runs"));
  list_->setColumnHidden(RunLibrary::State, true);
  list_->setColumnHidden(RunLibrary::Tags, true);
  list_->header()->setStretchLastSection(false);
  list_->header()->setSectionResizeMode(RunLibrary::Title, QHeaderView::Stretch);
  list_->header()->setDefaultAlignment(Qt::AlignLeft);
  list_->header()->setFont(textFont(TextSize::Tick));
  list_->setColumnWidth(RunLibrary::Quality, 78);
  list_->setColumnWidth(RunLibrary::Recall, 58);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(list_, &QTreeView::customContextMenuRequested, this, &RunsPane::openMenu);
  connect(list_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
    if (selected() != 0) studio_.showRun(selected());
  });
  // A click on the row that is current already: back from a replay to what is stored.
  connect(list_, &QTreeView::clicked, this, [this] {
    if (selected() != 0 && !studio_.jobs().running(QStringLiteral("show"))) studio_.showRun(selected());
  });
  auto* removal = new QAction(tr("Delete run"), list_);
  removal->setShortcut(QKeySequence::Delete);
  removal->setShortcutContext(Qt::WidgetShortcut);
  connect(removal, &QAction::triggered, this,
          [this] { studio_.attempt(tr("Delete"), [this] { studio_.library().remove(selected()); }); });
  list_->addAction(removal);

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 6);
  column->setSpacing(4);
  column->addWidget(search_);
  column->addWidget(list_, 1);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
  connect(&studio_.controller(), &RunController::started, this, [this] {
    if (studio_.controller().recorded()) select(studio_.controller().record()->id);
  });
}

RunId RunsPane::selected() const {
  const QModelIndex current = list_->currentIndex();
  return current.isValid() ? current.data(RunLibrary::RunRole).toLongLong() : 0;
}

void RunsPane::select(RunId id) {
  for (int row = 0; row < filter_.rowCount(); ++row) {
    const QModelIndex index = filter_.index(row, 0);
    if (index.data(RunLibrary::RunRole).toLongLong() == id) list_->setCurrentIndex(index);
  }
}

std::vector<RunId> RunsPane::chosen() const {
  std::vector<RunId> runs;
  for (int row = 0; row < filter_.rowCount(); ++row) {
    const QModelIndex index = filter_.index(row, 0);
    if (list_->selectionModel()->isSelected(index)) runs.push_back(index.data(RunLibrary::RunRole).toLongLong());
  }
  return runs;
}

QString RunsPane::firstName() { return tr("the first"); }

/// What a report's differences may be from, of these runs.
QStringList RunsPane::referenceNames(const std::vector<RunId>& runs) const {
  QStringList names{firstName(), QStringLiteral("uniform")};
  for (const RunId id : runs) {
    const RunSummary* run = studio_.library().find(id);
    if (run != nullptr && !names.contains(qt(run->method))) names << qt(run->method);
  }
  for (const RunId id : runs) names << QString::number(id);
  return names;
}

void RunsPane::askReport() {
  std::vector<RunId> runs = chosen();
  std::ranges::sort(runs);  // the oldest first, however the list is sorted
  if (runs.empty()) return studio_.attempt(tr("Report"), [] { throw usageError("runs", "select some in Runs first"); });
  QString file = QFileDialog::getSaveFileName(
      this, runs.size() == 1 ? tr("Report of 1 run") : tr("Report of %1 runs").arg(runs.size()), {},
      tr("Reports (*.html *.pdf *.md)"));
  if (file.isEmpty()) return;
  if (QFileInfo(file).suffix().isEmpty()) file += QStringLiteral(".html");
  bool chosen_reference = false;
  const QString against = QInputDialog::getItem(
      this, tr("Report"), tr("Differences from: a run's number, a method, or a placement that was judged"),
      referenceNames(runs), 0, true, &chosen_reference);
  if (!chosen_reference) return;
  studio_.writeReport(file.toStdString(), runs, against == firstName() ? std::string() : against.toStdString());
}

void RunsPane::refresh() {
  const int count = studio_.library().rowCount();
  const QString runs = count == 1 ? tr("1 run") : tr("%1 runs").arg(count);
  const bool read_only = studio_.library().isOpen() && studio_.library().writer() == nullptr;
  setHint(read_only ? tr("read-only · %1").arg(runs) : runs);
}

void RunsPane::openMenu(const QPoint& position) {
  const RunId id = selected();
  const RunSummary* run = studio_.library().find(id);
  if (run == nullptr) return;
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  const bool writable = studio_.library().writer() != nullptr, idle = !studio_.controller().active();
  const auto add = [&](const QString& text, bool enabled, auto action) {
    menu->addAction(text, this, action)->setEnabled(enabled);
  };
  const auto attempt = [this](const QString& what, std::function<void()> action) { studio_.attempt(what, action); };
  add(tr("&Resume"), writable && idle && run->phase != Phase::Done, [this, id] { studio_.resumeRun(id); });
  add(tr("Re&play"), idle, [this, id] { studio_.replayRun(id, 4); });
  add(tr("Its &settings into Setup"), idle, [this, id] { studio_.takeSettings(id); });
  add(tr("&Fork from its last step"), writable && idle, [this, id, step = run->step] { studio_.forkRun(id, step); });
  if (run->method == kEnumerationMethod) {
    add(tr("Tr&y what other runs found"), writable && run->phase == Phase::Done, [this, id] { studio_.tryFound(id); });
  }
  add(tr("Rep&ort of the selected runs…"), true, [this] { askReport(); });
  menu->addSeparator();
  add(run->baseline ? tr("No longer the &baseline") : tr("Pin as &baseline"), writable,
      [this, id, attempt] { attempt(tr("Baseline"), [this, id] { studio_.library().setBaseline(id); }); });
  add(tr("&Tags…"), writable, [this, id] { editTags(id); });
  add(tr("Re&name…"), writable, [this, id] { rename(id); });
  menu->addSeparator();
  add(tr("&Delete"), writable,
      [this, id, attempt] { attempt(tr("Delete"), [this, id] { studio_.library().remove(id); }); });
  menu->popup(list_->viewport()->mapToGlobal(position));
}

void RunsPane::editTags(RunId id) {
  const RunSummary* run = studio_.library().find(id);
  if (run == nullptr) return;
  QStringList tags;
  for (const std::string& tag : run->tags) tags << qt(tag);
  bool taken = false;
  const QString text = QInputDialog::getText(this, tr("Tags"), tr("Tags, separated by commas"), QLineEdit::Normal,
                                             tags.join(QStringLiteral(", ")), &taken);
  if (taken) studio_.attempt(tr("Tags"), [&] { studio_.library().setTags(id, text.split(QLatin1Char(','))); });
}

void RunsPane::rename(RunId id) {
  const RunSummary* run = studio_.library().find(id);
  if (run == nullptr) return;
  bool taken = false;
  const QString text =
      QInputDialog::getText(this, tr("Rename"), tr("Title"), QLineEdit::Normal, qt(run->title), &taken);
  if (taken) studio_.attempt(tr("Rename"), [&] { studio_.library().rename(id, text); });
}

QString RunsPane::csv() const {
  QString text = QStringLiteral("run,title,state,step,steps,tokens,seconds\n");
  for (const RunSummary& run : studio_.library().runs()) {
    text += QStringLiteral("%1,%2,%3,%4,%5,%6,%7\n")
                .arg(QString::number(run.id), csvCell(qt(run.title)), qt(name(run.phase)), QString::number(run.step),
                     QString::number(run.steps), QString::number(run.tokens), QString::number(run.seconds));
  }
  return text;
}

}  // namespace interleave::gui
