// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/tour.h"

#include <QApplication>
#include <QPixmap>
#include <algorithm>
#include <exception>
#include <utility>

#include "gui/docks/evaluation_pane.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

constexpr int kLookEvery = 20;  // ms

}  // namespace

Tour::Tour(MainWindow& window, std::filesystem::path folder) : window_(window), folder_(std::move(folder)) {
  timer_.setInterval(kLookEvery);
  connect(&timer_, &QTimer::timeout, this, &Tour::advance);
  connect(&window_.studio(), &Studio::problem, this, [this](const QString& text) { problem_ = text; });
}

void Tour::start() {
  std::error_code refused;
  std::filesystem::create_directories(folder_, refused);
  if (refused) problem_ = tr("%1: %2").arg(qt(folder_.string()), qt(refused.message()));
  plan();
  timer_.start();
}

void Tour::plan() {
  Studio& studio = window_.studio();
  const auto searching = [&studio](double share) {
    return [&studio, share] {
      const StepEvent* step = studio.run().step();
      return !studio.controller().active() ||
             (step != nullptr && static_cast<double>(step->step) >= share * static_cast<double>(step->steps));
    };
  };
  const auto held = [&studio] { return !studio.controller().active() || studio.controller().paused(); };
  const auto photograph_and_resume = [this, &studio](const QString& name) {
    return [this, &studio, name] {
      photographWindow(name);
      studio.controller().resume();
    };
  };
  const auto quiet = [&studio] {
    return !studio.jobs().anyRunning() && !studio.reads().anyRunning() && !studio.comparisons().whatIf().busy() &&
           !studio.comparisons().judging().busy();
  };
  const auto at_once = [] { return true; };
  stops_ = {
      {tr("open the model"), [] {}, [&studio] { return studio.model().known(); }},
      {tr("start a search"), [&studio] { studio.startRun(); },
       [&studio] { return !studio.run().record().alignments.empty() || studio.run().step() != nullptr; }},
      {tr("hold it"), [&studio] { studio.controller().pause(); }, held},
      {tr("photograph the candidates"), photograph_and_resume(u"1-preparing"_s), searching(0.6)},
      {tr("hold it"), [&studio] { studio.controller().pause(); }, held},
      {tr("photograph the search going on"), photograph_and_resume(u"2-searching"_s),
       [&studio] { return !studio.controller().active(); }},
      {tr("wait for the store and the verdict"), [] {}, quiet},
      {tr("edit the placement"),
       [this, &studio] {
         const std::vector<int> kept = studio.editor().placement().kept();
         if (!kept.empty()) {
           studio.editor().set(kept.back(), restOf(studio.editor().placement(), MixerKind::GdnWindow));
         }
         window_.placement().chips().setFocus();
       },
       quiet},
      {tr("photograph what was found"),
       [this] {
         window_.arrangeAs(Arrangement::Search);
         photographWindow(u"3-found"_s);
       },
       at_once},
      {tr("photograph every view"), [this] { photographDocks(); }, at_once},
      {tr("photograph the comparison"),
       [this] {
         window_.arrangeAs(Arrangement::Compare);
         photographWindow(u"4-compare"_s);
       },
       at_once},
      {tr("go back in time"),
       [this, &studio] {
         window_.arrangeAs(Arrangement::Search);
         studio.run().setPosition(static_cast<int>(studio.run().record().steps.size()) / 2);
         photographWindow(u"5-back-in-time"_s);
         studio.run().setPosition(static_cast<int>(studio.run().record().steps.size()));
       },
       at_once},
  };
}

void Tour::advance() {
  if (!problem_.isEmpty() || at_ >= stops_.size()) {
    timer_.stop();
    Q_EMIT finished(problem_.isEmpty(), problem_);
    return;
  }
  const Stop& stop = stops_[at_];
  if (!std::exchange(acted_, true)) {
    Q_EMIT said(stop.title);
    try {
      stop.act();
    } catch (const std::exception& error) {
      problem_ = tr("%1: %2").arg(stop.title, QString::fromUtf8(error.what()));
      return;
    }
  }
  if (!stop.reached()) return;
  ++at_;
  acted_ = false;
}

void Tour::photographWindow(const QString& name) { save(window_, name); }

void Tour::photographDocks() {
  for (Dock* dock : window_.docks()) {
    dock->show();
    dock->raise();
    QApplication::sendPostedEvents();
    save(*dock, u"view-"_s + dock->objectName());
    if (auto* scores = dock->findChild<EvaluationPane*>()) {
      scores->showDifferences(true);
      save(*dock, u"view-"_s + dock->objectName() + u"-differences"_s);
      scores->showDifferences(false);
    }
  }
}

void Tour::save(QWidget& widget, const QString& name) {
  for (const auto& [theme_name, choice] :
       {std::pair{u"light"_s, ThemeChoice::Light}, std::pair{u"dark"_s, ThemeChoice::Dark}}) {
    window_.setThemeChoice(choice);
    // Let style, layout and the queued repaints of plots settle, without taking in the user's clicks.
    for (int turn = 0; turn < 4; ++turn) QApplication::processEvents(QEventLoop::ExcludeUserInputEvents);
    for (Pane* pane : widget.findChildren<Pane*>()) {
      if (pane->outdated()) pane->refreshNow();
    }
    for (int turn = 0; turn < 4; ++turn) QApplication::processEvents(QEventLoop::ExcludeUserInputEvents);
    const QString file = qt((folder_ / (name + u"-"_s + theme_name + u".png"_s).toStdString()).string());
    if (!widget.grab().save(file)) {
      problem_ = tr("%1 cannot be written").arg(file);
      return;
    }
    pictures_ << file;
  }
}

}  // namespace interleave::gui
