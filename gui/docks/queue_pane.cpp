// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/queue_pane.h"

#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QTreeView>
#include <QVBoxLayout>

#include "gui/docks/queue_dialog.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

QueuePane::QueuePane(Studio& studio)
    : Pane(tr("Queue"), studio.clock()),
      studio_(studio),
      list_(new QTreeView),
      left_(mutedLabel()),
      start_(smallButton(tr("▶ Start queue"))),
      up_(smallButton(tr("Earlier"))),
      down_(smallButton(tr("Later"))),
      remove_(smallButton(tr("Remove"))),
      retry_(smallButton(tr("Retry failed"))) {
  RunQueue& queue = studio_.queue();
  list_->setModel(&queue);
  list_->setRootIsDecorated(false);
  list_->setUniformRowHeights(true);
  list_->setAllColumnsShowFocus(true);
  list_->setAccessibleName(tr("Runs in the queue"));
  list_->setFont(textFont(TextSize::Small));
  list_->header()->setFont(textFont(TextSize::Tick));
  list_->header()->setStretchLastSection(false);
  list_->header()->setSectionResizeMode(RunQueue::State, QHeaderView::Stretch);
  list_->setColumnWidth(RunQueue::Title, 220);
  list_->setColumnWidth(RunQueue::Time, 96);
  auto* add = smallButton(tr("Add runs…"));
  auto* open = smallButton(tr("Open batch…"));
  connect(add, &QPushButton::clicked, this, &QueuePane::add);
  connect(open, &QPushButton::clicked, this, &QueuePane::askBatch);
  connect(start_, &QPushButton::clicked, this, [this] {
    RunQueue& runs = studio_.queue();
    studio_.attempt(tr("Queue"), [&] { runs.active() ? runs.stop() : runs.start(); });
  });
  connect(up_, &QPushButton::clicked, this,
          [this] { change(tr("Move"), [this](int row) { studio_.queue().move(row, -1); }); });
  connect(down_, &QPushButton::clicked, this,
          [this] { change(tr("Move"), [this](int row) { studio_.queue().move(row, 1); }); });
  connect(remove_, &QPushButton::clicked, this,
          [this] { change(tr("Remove"), [this](int row) { studio_.queue().remove(row); }); });
  connect(retry_, &QPushButton::clicked, this, [this] { studio_.queue().retry(); });
  connect(&queue, &RunQueue::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);

  auto* tools = new QHBoxLayout;
  tools->setSpacing(4);
  for (QPushButton* button : {add, open, up_, down_, remove_, retry_}) tools->addWidget(button);
  tools->addStretch();
  tools->addWidget(left_);
  tools->addWidget(start_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 6, 8, 6);
  column->setSpacing(4);
  column->addWidget(list_, 1);
  column->addLayout(tools);
}

void QueuePane::refresh() {
  const RunQueue& queue = studio_.queue();
  const int runs = queue.rowCount();
  const auto count = [&](BatchQueue::State state) { return static_cast<int>(queue.queue().count(state)); };
  start_->setText(queue.active() ? tr("■ Stop queue") : tr("▶ Start queue"));
  start_->setEnabled(queue.active() || queue.queue().next().has_value());
  retry_->setEnabled(count(BatchQueue::State::Failed) > 0);
  for (QPushButton* button : {up_, down_, remove_}) button->setEnabled(runs > 0);
  left_->setText(!queue.active() && !queue.queue().next() ? QString()
                                                          : tr("time left: %1").arg(estimateText(queue.remaining())));
  setHint(runs == 0 ? tr("methods × budgets × seeds, one after another")
                    : tr("%1 of %2 done").arg(count(BatchQueue::State::Done)).arg(runs));
}

void QueuePane::askBatch() {
  const QString file = QFileDialog::getOpenFileName(this, tr("Open a batch of runs"), {}, tr("Batches (*.json)"));
  if (!file.isEmpty()) studio_.openBatch(file.toStdString());
}

void QueuePane::add() {
  QueueDialog dialog(studio_, this);
  while (dialog.exec() == QDialog::Accepted) {
    bool taken = false;
    studio_.attempt(tr("Add runs"), [&] {
      studio_.queue().add(dialog.batch());
      taken = true;
    });
    if (taken) break;  // else the reason is told, and the user may correct it
  }
}

void QueuePane::change(const QString& what, const std::function<void(int row)>& change) {
  const int row = list_->currentIndex().row();
  if (row < 0) return;
  const BatchQueue::Entry& entry = studio_.queue().queue().entries()[static_cast<std::size_t>(row)];
  const RunSpec spec = entry.planned.spec;
  studio_.attempt(what, [&] { change(row); });
  const auto& entries = studio_.queue().queue().entries();  // the row goes with its run
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (toJson(entries[i].planned.spec) != toJson(spec)) continue;
    list_->setCurrentIndex(studio_.queue().index(static_cast<int>(i), 0));
  }
}

QString QueuePane::csv() const {
  const RunQueue& queue = studio_.queue();
  QString text = QStringLiteral("run,state,time\n");
  for (int row = 0; row < queue.rowCount(); ++row) {
    QStringList cells;
    for (int column = 0; column < RunQueue::kColumns; ++column) {
      cells << csvCell(queue.index(row, column).data().toString());
    }
    text += cells.join(u',') + u'\n';
  }
  return text;
}

}  // namespace interleave::gui
