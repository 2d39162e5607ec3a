// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/layouts.h"

#include <QDockWidget>
#include <QMainWindow>
#include <QSettings>
#include <algorithm>

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

constexpr int kLow = 640;  // pixels of height

QDockWidget* dock(const QMainWindow& window, const QString& name) {
  return window.findChild<QDockWidget*>(name, Qt::FindDirectChildrenOnly);
}

}  // namespace

void arrange(QMainWindow& window, Arrangement arrangement) {
  QDockWidget *runs = dock(window, u"runs"_s), *setup = dock(window, u"setup"_s), *logits = dock(window, u"logits"_s),
              *placement = dock(window, u"placement"_s), *cache = dock(window, u"cache"_s),
              *curves = dock(window, u"curves"_s), *method = dock(window, u"method"_s),
              *compare = dock(window, u"compare"_s), *evaluation = dock(window, u"evaluation"_s),
              *transfer = dock(window, u"transfer"_s), *front = dock(window, u"front"_s),
              *queue = dock(window, u"queue"_s), *log = dock(window, u"log"_s);
  const QList<QDockWidget*> all{runs,    setup,      logits,   placement, cache, curves, method,
                                compare, evaluation, transfer, front,     queue, log};
  for (QDockWidget* each : all) {
    each->setFloating(false);
    window.removeDockWidget(each);
  }
  QDockWidget* above = arrangement == Arrangement::Compare ? compare : logits;
  const QList<QDockWidget*> below =
      arrangement == Arrangement::Compare
          ? QList<QDockWidget*>{logits, cache, curves, method, evaluation, transfer, queue}
          : QList<QDockWidget*>{cache, curves, method, compare, evaluation, transfer, queue};
  // A low window has no room for three views one above the other: those of a column share it as tabs.
  const bool low = window.height() < kLow;
  window.addDockWidget(Qt::LeftDockWidgetArea, runs);
  if (!low) window.splitDockWidget(runs, log, Qt::Vertical);
  window.splitDockWidget(runs, above, Qt::Horizontal);
  window.splitDockWidget(above, placement, Qt::Horizontal);
  low ? window.tabifyDockWidget(runs, setup) : window.splitDockWidget(runs, setup, Qt::Vertical);
  window.splitDockWidget(above, below.front(), Qt::Vertical);
  for (qsizetype i = 1; i < below.size(); ++i) window.tabifyDockWidget(below[i - 1], below[i]);
  if (low) window.tabifyDockWidget(below.back(), log);
  low ? window.tabifyDockWidget(placement, front) : window.splitDockWidget(placement, front, Qt::Vertical);
  for (QDockWidget* each : all) each->show();
  below.front()->raise();
  if (low) setup->raise(), placement->raise();
  const bool editing = arrangement == Arrangement::Placement;
  const int left = std::clamp(window.width() / 5, 215, 270);
  const int right = std::clamp(window.width() * (editing ? 36 : 32) / 100, 250, editing ? 520 : 460);
  window.resizeDocks({runs, above, placement}, {left, std::max(window.width() - left - right - 28, 200), right},
                     Qt::Horizontal);
  window.resizeDocks({above, below.front()}, {430, 240}, Qt::Vertical);
  if (low) return;
  window.resizeDocks({runs, setup}, {270, 400}, Qt::Vertical);
  window.resizeDocks({placement, front}, {editing ? 470 : 430, 240}, Qt::Vertical);
  window.resizeDocks({log}, {112}, Qt::Vertical);
}

QStringList savedLayouts() {
  QSettings settings;
  settings.beginGroup(u"layouts"_s);
  return settings.childKeys();
}

void saveLayout(const QMainWindow& window, const QString& name) {
  QSettings().setValue(u"layouts/"_s + name, window.saveState(kLayoutVersion));
}

bool restoreLayout(QMainWindow& window, const QString& name) {
  return window.restoreState(QSettings().value(u"layouts/"_s + name).toByteArray(), kLayoutVersion);
}

void removeLayout(const QString& name) { QSettings().remove(u"layouts/"_s + name); }

}  // namespace interleave::gui
