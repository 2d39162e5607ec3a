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

/// A line that asks for `width` pixels, whatever it says, and can do with `least`.
QLabel* line(TextSize size, int least, int width, bool bold = false) {
  auto* label = new ElidedLabel({}, width);
  label->setFont(textFont(size, bold));
  setWidths(*label, least, width);
  if (size == TextSize::Small) setTone(*label, "muted");
  return label;
}

}  // namespace

RunBar::RunBar(Studio& studio, const Actions& actions)
    : Pane(tr("Run"), studio.clock()),
      studio_(studio),
      budget_(new QSlider(Qt::Horizontal)),
      kept_(line(TextSize::Body, 92, 150, true)),
      bytes_(line(TextSize::Small, 92, 150)),
      doing_(line(TextSize::Body, 64, 200)),
      times_(line(TextSize::Body, 56, 170)),
      rates_(line(TextSize::Small, 56, 170)),
      progress_(new QProgressBar) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(6);
  row->addWidget(button(actions.open_model));
  row->addWidget(button(actions.prepare));
  row->addSpacing(8);
  start_ = button(actions.start_pause);
  start_->setProperty("role", QStringLiteral("primary"));
  start_->setMinimumWidth(start_->fontMetrics().horizontalAdvance(QStringLiteral("❚❚ Resume")) + 36);
  row->addWidget(start_);
  QPushButton* stop = button(actions.stop);
  stop->setMinimumWidth(stop->fontMetrics().horizontalAdvance(tr("Stopping …")) + 26);
  row->addWidget(stop);
  row->addWidget(button(actions.fork));
  row->addSpacing(12);
  row->addWidget(mutedLabel(tr("Budget")));
  budget_->setAccessibleName(tr("Budget: layers with full attention"));
  setWidths(*budget_, 48, 150);
  budget_->setPageStep(1);
  row->addWidget(budget_);
  row->addSpacing(4);
  row->addLayout(lines({kept_, bytes_}));
  row->addStretch(1);
  progress_->setTextVisible(false);
  setWidths(*progress_, 50, 200);
  progress_->setFixedHeight(8);
  progress_->setRange(0, 1000);
  progress_->setAccessibleName(tr("Progress of the run"));
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
  connect(&studio_.jobs(), &JobList::started, this, &Pane::touch);
  connect(&studio_.jobs(), &JobList::finished, this, &Pane::touch);
}

QPushButton* RunBar::button(QAction* action) {
  auto* made = new QPushButton(action->iconText());
  made->setToolTip(action->toolTip());
  made->setEnabled(action->isEnabled());
  connect(made, &QPushButton::clicked, action, &QAction::trigger);
  connect(action, &QAction::changed, made, [made, action] {
    made->setText(action->iconText());
    made->setToolTip(action->toolTip());
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
  const RunController& controller = studio_.controller();
  const StepEvent* newest = record.steps.empty() ? nullptr : &record.steps.back();
  const PhaseEvent& phase = record.phase;
  const bool running = controller.active() && controller.record() == studio_.run().shared();
  const bool stepping = newest != nullptr && (!running || newest->step < newest->steps);
  double fraction = phase.fraction;
  if (stepping && phase.phase != Phase::Evaluating) {
    fraction = static_cast<double>(newest->step) / static_cast<double>(std::max<std::int64_t>(newest->steps, 1));
    doing_->setText(tr("Step %1 of %2 · %3 tokens")
                        .arg(newest->step)
                        .arg(newest->steps)
                        .arg(tokensText(static_cast<double>(newest->tokens))));
  } else if (!record.alignments.empty() && record.alignments.back().steps > 0 && newest == nullptr) {
    const AlignmentEvent& alignment = record.alignments.back();
    fraction = static_cast<double>(alignment.step) / static_cast<double>(std::max<std::int64_t>(alignment.steps, 1));
    doing_->setText(tr("Candidates: %1 of %2").arg(alignment.step).arg(alignment.steps));
  } else {
    doing_->setText(!running && record.id == 0 ? readyText()
                    : phase.phase == Phase::Evaluating
                        ? tr("Evaluating")
                        : qt(phase.title.empty() ? std::string(name(phase.phase)) : phase.title));
  }
  const bool works = running && phase.phase != Phase::Paused && !isFinal(phase.phase);
  if (works != tick_.isActive()) works ? tick_.start() : tick_.stop();
  const TimeLeft::Left left = running ? controller.left() : TimeLeft::Left{};
  const double elapsed = controller.elapsed();
  // Of the whole, where that is known: a part that is done is no reason for a full bar.
  if (running && left.seconds > 0) fraction = elapsed / (elapsed + left.seconds);
  progress_->setValue(static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * 1000)));
  const QString time = left.rough ? tr("≈ %1").arg(durationText(left.seconds)) : durationText(left.seconds);
  times_->setText(running             ? tr("%1 · %2 left").arg(durationText(elapsed), time)
                  : newest != nullptr ? tr("%1 · %2").arg(durationText(newest->seconds), qt(name(phase.phase)))
                                      : QString());
  times_->setToolTip(running
                         ? tr("Of the whole run, by its last steps; ≈: some of it by how much it computes. It stands "
                              "still while the run is paused.")
                         : QString());
  const Turns::State turns = studio_.workshop().turns().state();
  const auto metric = [&](Metric which) { return newest->metrics[static_cast<std::size_t>(which)]; };
  if (running && turns.run && turns.jobs > 0) {
    rates_->setText(tr("%1 % for an evaluation").arg(fixedText(Turns::kShare * 100, 0)));
    rates_->setToolTip(
        tr("What is evaluated meanwhile has its turn between two steps, with at most so much of the time. "
           "While the run is paused it has all of it."));
    return;
  }
  rates_->setToolTip({});
  const QString why_not = controller.active() ? QString() : studio_.whyNotStart();
  rates_->setText(!why_not.isEmpty() && record.id != 0 ? why_not
                  : newest == nullptr
                      ? QString()
                      : tr("%1 tokens/s · %2")
                            .arg(numberText(metric(Metric::TokensPerSecond)), bytesText(metric(Metric::MemoryBytes))));
}

QString RunBar::readyText() const {
  const QString why = studio_.whyNotStart();
  return why.isEmpty() ? tr("Ready") : why;
}

}  // namespace interleave::gui
