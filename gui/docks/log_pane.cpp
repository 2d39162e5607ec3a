// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/log_pane.h"

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QListView>
#include <QPainter>
#include <QPushButton>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>

#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

/// A job's fraction as a bar.
class BarDelegate final : public QStyledItemDelegate {
 public:
  BarDelegate(const JobList& jobs, QObject* parent) : QStyledItemDelegate(parent), jobs_(jobs) {}
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const double fraction = jobs_.state(index.row()) == JobList::JobState::Done ? 1 : jobs_.fraction(index.row());
    const QRectF track =
        QRectF(option.rect).adjusted(4, option.rect.height() / 2.0 - 3, -4, -option.rect.height() / 2.0 + 3);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(theme().track);
    painter->drawRoundedRect(track, 3, 3);
    if (fraction > 0) {
      painter->setBrush(theme().accent);
      painter->drawRoundedRect(QRectF(track.topLeft(), QSizeF(track.width() * fraction, track.height())), 3, 3);
    }
    painter->restore();
  }

 private:
  const JobList& jobs_;
};

}  // namespace

LogPane::LogPane(Studio& studio)
    : Pane(tr("Log and jobs"), studio.clock()), studio_(studio), lines_(new QListView), jobs_(new QTreeView) {
  filter_.setSourceModel(&studio_.log());
  filter_.setFilterCaseSensitivity(Qt::CaseInsensitive);
  lines_->setModel(&filter_);
  lines_->setFont(fixedFont());
  lines_->setUniformItemSizes(true);
  lines_->setAccessibleName(tr("Log"));
  lines_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  lines_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);

  auto* level = new QComboBox;
  level->setAccessibleName(tr("Least level shown"));
  level->addItems({tr("debug"), tr("info"), tr("warning"), tr("error")});
  level->setCurrentIndex(static_cast<int>(LogEvent::Level::Info));
  level->setFont(textFont(TextSize::Small));
  connect(level, &QComboBox::currentIndexChanged, this,
          [this](int index) { filter_.setLeast(static_cast<LogEvent::Level>(index)); });
  auto* search = new QLineEdit;
  search->setPlaceholderText(tr("filter ⌕"));
  search->setAccessibleName(tr("Filter the log"));
  search->setClearButtonEnabled(true);
  search->setFont(textFont(TextSize::Small));
  connect(search, &QLineEdit::textChanged, &filter_, &QSortFilterProxyModel::setFilterFixedString);

  jobs_->setModel(&studio_.jobs());
  jobs_->setRootIsDecorated(false);
  jobs_->setUniformRowHeights(true);
  jobs_->setAccessibleName(tr("Jobs"));
  jobs_->setFont(textFont(TextSize::Small));
  jobs_->setItemDelegateForColumn(JobList::Fraction, new BarDelegate(studio_.jobs(), jobs_));
  jobs_->header()->setStretchLastSection(false);
  jobs_->header()->setSectionResizeMode(JobList::Title, QHeaderView::Stretch);
  jobs_->header()->setFont(textFont(TextSize::Tick));
  jobs_->setColumnWidth(JobList::Fraction, 84);
  jobs_->setColumnWidth(JobList::Elapsed, 58);
  jobs_->setColumnWidth(JobList::Remaining, 46);
  jobs_->setColumnWidth(JobList::State, 62);
  jobs_->setMinimumWidth(340);  // leaves a name some words
  QPushButton* cancel = smallButton(tr("Cancel job"));
  const auto cancelCurrent = [this] { studio_.jobs().cancel(jobs_->currentIndex().row()); };
  connect(cancel, &QPushButton::clicked, this, cancelCurrent);
  auto* key = new QAction(tr("Cancel job"), jobs_);
  key->setShortcut(QKeySequence::Delete);
  key->setShortcutContext(Qt::WidgetShortcut);
  connect(key, &QAction::triggered, this, cancelCurrent);
  jobs_->addAction(key);

  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(8, 4, 8, 4);
  row->setSpacing(10);
  row->addWidget(lines_, 3);
  auto* tools = new QVBoxLayout;
  tools->setSpacing(4);
  tools->addWidget(level);
  tools->addWidget(search);
  tools->addWidget(cancel);
  tools->addStretch();
  level->setFixedWidth(110);
  search->setFixedWidth(110);
  cancel->setFixedWidth(110);
  row->addLayout(tools);
  row->addWidget(jobs_, 2);
  // Who stands at the end stays there, whether lines come or the window changes its size.
  QScrollBar* bar = lines_->verticalScrollBar();
  connect(bar, &QScrollBar::valueChanged, this, [this, bar](int value) { at_end_ = value >= bar->maximum(); });
  connect(bar, &QScrollBar::rangeChanged, this, [this, bar](int, int most) {
    if (at_end_) bar->setValue(most);
  });
  connect(&filter_, &QAbstractItemModel::modelReset, lines_, &QListView::scrollToBottom);
}

QString LogPane::csv() const {
  QString text;
  for (int row = 0; row < filter_.rowCount(); ++row)
    text += filter_.index(row, 0).data().toString() + QLatin1Char('\n');
  return text;
}

}  // namespace interleave::gui
