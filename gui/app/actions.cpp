// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/actions.h"

#include <QFileDialog>

#include "gui/app/main_window.h"

namespace interleave::gui {
namespace {

template <class Receiver, class Slot>
QAction* make(MainWindow& window, const QString& text, const QString& short_text, const QKeySequence& keys,
              Receiver* receiver, Slot slot) {
  auto* action = new QAction(text, &window);
  action->setIconText(short_text);
  action->setShortcut(keys);
  QString tip = QString(text).remove(QLatin1Char('&')).remove(QStringLiteral("…"));
  if (!keys.isEmpty()) tip += QStringLiteral(" (%1)").arg(keys.toString(QKeySequence::NativeText));
  action->setToolTip(tip);
  QObject::connect(action, &QAction::triggered, receiver, slot);
  window.addAction(action);
  return action;
}

}  // namespace

Actions makeActions(MainWindow& window) {
  MainWindow* w = &window;
  Studio* studio = &window.studio();
  const auto tr = [](const char* text) { return MainWindow::tr(text); };
  Actions a{};
  a.open_model = make(*w, tr("&Open model…"), tr("Open model"), QKeySequence::Open, w, &MainWindow::openModel);
  a.open_store =
      make(*w, tr("Open &store…"), tr("Open store"), Qt::CTRL | Qt::SHIFT | Qt::Key_O, w, &MainWindow::openStore);
  a.export_placement =
      make(*w, tr("&Export placement…"), tr("Export"), Qt::CTRL | Qt::Key_E, w, &MainWindow::exportPlacement);
  a.open_batch = make(*w, tr("Open &batch…"), tr("Open batch"), {}, w, [w] { w->queue().askBatch(); });
  a.report = make(*w, tr("&Report of the selected runs…"), tr("Report"), Qt::CTRL | Qt::Key_R, w,
                  [w] { w->runs().askReport(); });
  a.quit = make(*w, tr("&Quit"), tr("Quit"), QKeySequence::Quit, w, &QWidget::close);
  a.undo = window.undoGroup().createUndoAction(w, tr("&Undo"));
  a.undo->setShortcut(QKeySequence::Undo);
  a.redo = window.undoGroup().createRedoAction(w, tr("&Redo"));
  a.redo->setShortcuts({QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
  a.clear_budget = make(*w, tr("Back to the &run's own placement"), tr("Own placement"), Qt::CTRL | Qt::Key_0, w,
                        [studio] { studio->setKept(-1); });
  a.add_to_compare = make(*w, tr("&Add this placement to Compare"), tr("Compare"), Qt::CTRL | Qt::Key_D, w, [studio] {
    const Placement& placement = studio->editor().placement();
    studio->book().add(MainWindow::tr("by hand, K = %1").arg(placement.fullCount()), placement);
  });
  a.open_published = make(*w, tr("Open &published placements…"), tr("Published…"), {}, w, [w, studio] {
    const QString file = QFileDialog::getOpenFileName(w, MainWindow::tr("Open published placements"), {},
                                                      MainWindow::tr("Placements (*.json)"));
    if (file.isEmpty()) return;
    studio->attempt(MainWindow::tr("Published placements"),
                    [&] { studio->comparisons().openPublished(file.toStdString()); });
  });
  a.open_hybrid = make(*w, tr("Open e&xported hybrid…"), tr("Exported…"), {}, w, [w, studio] {
    const QString folder = QFileDialog::getExistingDirectory(w, MainWindow::tr("Open exported hybrid"));
    if (folder.isEmpty()) return;
    studio->attempt(MainWindow::tr("Exported hybrid"), [&] { studio->comparisons().openHybrid(folder.toStdString()); });
  });
  a.prepare = make(*w, tr("Prepare &candidates"), tr("Candidates"), Qt::CTRL | Qt::Key_B, w,
                   [studio] { studio->prepareCandidates(); });
  a.start_pause =
      make(*w, tr("&Start, pause or go on"), tr("▶ Start"), Qt::CTRL | Qt::Key_Return, w, &MainWindow::startOrPause);
  a.stop = make(*w, tr("S&top"), tr("■ Stop"), Qt::CTRL | Qt::Key_Period, w, [studio] { studio->controller().stop(); });
  a.fork = make(*w, tr("&Fork from the step shown"), tr("Fork…"), Qt::CTRL | Qt::Key_K, w, &MainWindow::forkShown);
  a.resume_run = make(*w, tr("&Resume the run shown"), tr("Resume"), Qt::CTRL | Qt::SHIFT | Qt::Key_R, w,
                      [studio] { studio->resumeRun(studio->run().record().id); });
  a.replay = make(*w, tr("Re&play the run shown"), tr("Replay"), Qt::CTRL | Qt::SHIFT | Qt::Key_P, w,
                  [studio] { studio->replayRun(studio->run().record().id, 4); });
  a.heal = make(*w, tr("&Heal the placement shown…"), tr("Heal…"), Qt::CTRL | Qt::SHIFT | Qt::Key_H, w,
                [w] { w->placement().askHeal(); });
  a.evaluate = make(*w, tr("&Evaluate compared placements"), tr("Evaluate"), Qt::CTRL | Qt::SHIFT | Qt::Key_E,
                    &studio->comparisons(), &Comparisons::judgeCompared);
  a.transfer = make(*w, tr("&Judge the selected runs under…"), tr("Judge under…"), Qt::CTRL | Qt::SHIFT | Qt::Key_J, w,
                    [w] { w->transfer().askCondition(w->runs().chosen()); });
  a.reset_layout = make(*w, tr("&Reset layout"), tr("Reset"), {}, w, [w] { w->arrangeAs(Arrangement::Search); });
  a.save_layout = make(*w, tr("&Save layout as…"), tr("Save"), {}, w, &MainWindow::saveLayout);
  return a;
}

}  // namespace interleave::gui
