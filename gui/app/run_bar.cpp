// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/run_bar.h"

#include <QAction>
#include <QHBoxLayout>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <algorithm>
#include <chrono>
#include <cmath>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

QVBoxLayout* lines(std::initializer_list<QWidget*> widgets) {
  auto* column = new QVBoxLayout;  // owned by the layout that it goes into
  column->setSpacing(3);
  column->addStretch();
  for (QWidget* widget : widgets) column->addWidget(widget);
  column->addStretch();
  return column;
}

/// As wide as `most` where there is room: a small screen clips texts rather than refuse the window.
void setWidths(QWidget& widget, int least, int most) {
  widget.setMinimumWidth(least);
  widget.setMaximumWidth(most);
  widget.setSizePolicy(QSizePolicy::Expanding, widget.sizePolicy().verticalPolicy());
}

}  // namespace

RunBar::RunBar(Studio& studio, const Actions& actions)
    : Pane(tr("Run"), studio.clock()),
      studio_(studio),
      budget_(new QSlider(Qt::Horizontal)),
      kept_(bodyLabel({}, true)),
      bytes_(mutedLabel()),
      doing_(bodyLabel()),
      times_(bodyLabel()),
      rates_(mutedLabel()),
      progress_(new QProgressBar) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(8);
  row->addWidget(button(actions.open_model));
  row->addWidget(button(actions.prepare));
  row->addSpacing(8);
  start_ = button(actions.start_pause);
  start_->setProperty("role", QStringLiteral("primary"));
  start_->setMinimumWidth(start_->fontMetrics().horizontalAdvance(QStringLiteral("❚❚ Resume")) + 36);
  row->addWidget(start_);
  row->addWidget(button(actions.stop));
  row->addWidget(button(actions.fork));
  row->addSpacing(12);
  row->addWidget(mutedLabel(tr("Budget")));
  budget_->setAccessibleName(tr("Budget: layers with full attention"));
  setWidths(*budget_, 80, 150);
  budget_->setPageStep(1);
  row->addWidget(budget_);
  setWidths(*kept_, 100, 150);
  setWidths(*bytes_, 100, 150);
  row->addSpacing(4);
  row->addLayout(lines({kept_, bytes_}));
  row->addStretch(1);
  progress_->setTextVisible(false);
  setWidths(*progress_, 100, 200);
  progress_->setFixedHeight(8);
  progress_->setRange(0, 1000);
  progress_->setAccessibleName(tr("Progress of the run"));
  setWidths(*doing_, 100, 200);
  setWidths(*times_, 90, 170);
  setWidths(*rates_, 90, 170);
  row->addLayout(lines({doing_, progress_}));
  row->addSpacing(6);
  row->addLayout(lines({times_, rates_}));
  connect(budget_, &QSlider::valueChanged, this, [this](int kept) {
    if (studio_.run().step() != nullptr) {
      studio_.setKept(kept);
    } else {
      studio_.setup().setBudget(Budget::layers(kept));
    }
  });
  tick_.setInterval(std::chrono::seconds(1));
  connect(&tick_, &QTimer::timeout, this, &Pane::touch);
  connect(&studio_.run(), &RunModel::changed, this, &Pane::touch);
  connect(&studio_.setup(), &SetupModel::changed, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
  connect(&studio_.controller(), &RunController::finished, this, &Pane::touch);
}

QPushButton* RunBar::button(QAction* action) {
  auto* made = new QPushButton(action->iconText());
  made->setToolTip(action->toolTip());
  made->setEnabled(action->isEnabled());
  connect(made, &QPushButton::clicked, action, &QAction::trigger);
  connect(action, &QAction::changed, made, [made, action] {
    made->setText(action->iconText());
    made->setEnabled(action->isEnabled());
  });
  return made;
}

void RunBar::refresh() {
  refreshBudget();
  refreshProgress();
}

void RunBar::refreshBudget() {
  const RunModel& run = studio_.run();
  const int layers = run.record().layers() > 0 ? run.record().layers() : studio_.model().layers();
  const bool searched = run.step() != nullptr;
  const Budget& wanted = studio_.setup().budget();
  const bool counts = wanted.unit == Budget::Unit::FullLayers;
  const int kept = searched ? run.kept() : counts ? static_cast<int>(wanted.amount) : 0;
  const QSignalBlocker quiet(budget_);
  // A run that has not begun to search has the budget that Setup gave it; Setup's own field changes it.
  budget_->setEnabled(layers > 0 && (searched || (counts && !studio_.controller().active())));
  budget_->setRange(0, std::max(layers, 1));
  budget_->setValue(kept);
  if (layers == 0) {
    kept_->setText(tr("no model open"));
    bytes_->setText({});
    return;
  }
  const Placement placement =
      searched ? run.placement() : Placement::uniform(layers, std::min(kept, layers), 0, MixerKind::GdnWindow);
  if (!searched && !counts) {
    kept_->setText(bytesText(static_cast<double>(wanted.amount)));
    bytes_->setText(tr("at %1 tokens").arg(tokensText(static_cast<double>(wanted.context_tokens))));
    return;
  }
  const bool what_if = !run.placementIsRuns() && studio_.controller().active();
  kept_->setText(what_if ? tr("what if %1 of %2?").arg(kept).arg(layers) : tr("%1 of %2 layers").arg(kept).arg(layers));
  bytes_->setText(
      tr("= %1 at %2 tokens")
          .arg(bytesText(cacheBytes(costsAt(studio_.costs(), kQuotedContext), placement)), tokensText(kQuotedContext)));
}

void RunBar::refreshProgress() {
  const RunRecord& record = studio_.run().record();
  const StepEvent* newest = record.steps.empty() ? nullptr : &record.steps.back();
  const PhaseEvent& phase = record.phase;
  const bool running = studio_.controller().active() && studio_.controller().record() == studio_.run().shared();
  double fraction = phase.fraction;
  if (newest != nullptr && newest->steps > 0 && phase.phase != Phase::Evaluating) {
    fraction = static_cast<double>(newest->step) / static_cast<double>(newest->steps);
    doing_->setText(tr("Step %1 of %2 · %3 tokens")
                        .arg(newest->step)
                        .arg(newest->steps)
                        .arg(tokensText(static_cast<double>(newest->tokens))));
  } else if (!record.alignments.empty() && record.alignments.back().steps > 0 && newest == nullptr) {
    const AlignmentEvent& alignment = record.alignments.back();
    fraction = static_cast<double>(alignment.step) / static_cast<double>(std::max<std::int64_t>(alignment.steps, 1));
    doing_->setText(tr("Candidates: %1 of %2").arg(alignment.step).arg(alignment.steps));
  } else {
    doing_->setText(!running && record.id == 0 ? tr("Ready")
                    : phase.phase == Phase::Evaluating
                        ? tr("Evaluating")
                        : qt(phase.title.empty() ? std::string(name(phase.phase)) : phase.title));
  }
  progress_->setValue(static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * 1000)));
  const AlignmentEvent* aligned = newest == nullptr && !record.alignments.empty() ? &record.alignments.back() : nullptr;
  const double told = newest != nullptr ? newest->seconds : aligned != nullptr ? aligned->seconds : phase.elapsed;
  const double since = secondsSince(told, running && phase.phase != Phase::Paused && !isFinal(phase.phase));
  double left = phase.remaining;
  if (running && left < 0 && newest != nullptr && newest->step > 0) {
    left = newest->seconds / static_cast<double>(newest->step) * static_cast<double>(newest->steps - newest->step);
  }
  if (running && left < 0 && aligned != nullptr && aligned->step > 0) {
    left = aligned->seconds / static_cast<double>(aligned->step) * static_cast<double>(aligned->steps - aligned->step);
  }
  if (left >= 0) left = std::max(left - since, 0.0);
  times_->setText(running             ? tr("%1 · %2 left").arg(durationText(told + since), durationText(left))
                  : newest != nullptr ? tr("%1 · %2").arg(durationText(told), qt(name(phase.phase)))
                                      : QString());
  const auto metric = [&](Metric which) { return newest->metrics[static_cast<std::size_t>(which)]; };
  rates_->setText(newest == nullptr
                      ? QString()
                      : tr("%1 tokens/s · %2")
                            .arg(numberText(metric(Metric::TokensPerSecond)), bytesText(metric(Metric::MemoryBytes))));
}

/// Since the run told that it had taken `told` seconds; 0 while it does not work.
double RunBar::secondsSince(double told, bool working) {
  if (!working) {
    tick_.stop();
    told_ = -1;
    return 0;
  }
  if (told != told_ || !since_.isValid()) since_.start();
  told_ = told;
  if (!tick_.isActive()) tick_.start();
  return static_cast<double>(since_.elapsed()) / 1000;
}

}  // namespace interleave::gui
