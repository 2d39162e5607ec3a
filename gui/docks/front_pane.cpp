// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/front_pane.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "backend/core/tasks.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/style/verdict.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

/// A measure of a placement.
enum class Measure { Kl, Recall, AnswerNll, Nll, Bytes, Kept };
constexpr Measure kMeasures[] = {Measure::Kl,  Measure::Recall, Measure::AnswerNll,
                                 Measure::Nll, Measure::Bytes,  Measure::Kept};

const char* taskOf(Measure measure) {
  switch (measure) {
    case Measure::Kl:
      return "kl";
    case Measure::Recall:
      return "passkey";
    case Measure::AnswerNll:
      return "passkey_nll";
    case Measure::Nll:
      return "nll";
    case Measure::Bytes:
    case Measure::Kept:
      break;
  }
  return "";
}

constexpr std::size_t kMostLabels = 24;  // that a figure has room for; beyond, the crosshair tells the others' names

bool isCost(Measure measure) { return measure == Measure::Bytes || measure == Measure::Kept; }

/// Without its unit, which the axis tells.
QString nameOf(Measure measure) {
  if (measure == Measure::Kept) return FrontPane::tr("layers kept");
  if (measure == Measure::Bytes) return FrontPane::tr("cache at %1").arg(tokensText(kQuotedContext));
  return qt(taskFacts(taskOf(measure)).title);
}

QString titleOf(Measure measure) {
  if (isCost(measure)) return nameOf(measure);
  const TaskFacts facts = taskFacts(taskOf(measure));
  return FrontPane::tr("%1 (%2)").arg(qt(facts.title), qt(facts.unit));
}

/// −1 where more is better.
double signOf(Measure measure) {
  return !isCost(measure) && taskFacts(taskOf(measure)).better == Better::Higher ? -1 : 1;
}

struct Reading {
  double value = kAuto, error = 0;
  const Score* score = nullptr;
};

struct Point {
  const KnownPlacement* placement;
  double x, y, x_error, y_error;
  const Score* score;  ///< Of what is shown upwards, else across; null: neither is a score.
  QString count = {};  ///< Of its samples, where others are of other counts.
};

Reading read(const KnownPlacement& placement, Measure measure, const CostTable* costs) {
  if (measure == Measure::Bytes) return {cacheBytes(costs, placement.placement)};
  if (measure == Measure::Kept) return {static_cast<double>(placement.placement.fullCount())};
  const Score* score = scoreOf(placement.scores, taskOf(measure));
  return score == nullptr ? Reading{} : Reading{score->value, score->standard_error, score};
}

}  // namespace

FrontPane::FrontPane(Studio& studio)
    : Pane(tr("Front"), studio.clock()),
      studio_(studio),
      across_(new QComboBox),
      up_(new QComboBox),
      figure_(new Figure(tr("Quality of placements on two measures"))) {
  for (QComboBox* box : {across_, up_}) {
    for (const Measure measure : kMeasures) box->addItem(nameOf(measure));
    box->setFont(textFont(TextSize::Small));
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(6);
    connect(box, &QComboBox::currentIndexChanged, this, &Pane::touch);
  }
  across_->setCurrentIndex(0);
  up_->setCurrentIndex(1);
  across_->setAccessibleName(tr("Measure across"));
  up_->setAccessibleName(tr("Measure upwards"));
  auto* tools = new QHBoxLayout;
  tools->addWidget(up_, 1);
  tools->addWidget(mutedLabel(tr("against")));
  tools->addWidget(across_, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 6, 8, 4);
  column->setSpacing(2);
  column->addLayout(tools);
  column->addWidget(figure_, 1);
  connect(&studio_.book(), &PlacementBook::changed, this, &Pane::touch);
  connect(&studio_.editor(), &PlacementEditor::changed, this, &Pane::touch);
}

void FrontPane::refresh() {
  const Measure across = kMeasures[std::max(across_->currentIndex(), 0)],
                up = kMeasures[std::max(up_->currentIndex(), 0)];
  const double sign_x = signOf(across), sign_y = signOf(up);
  const CostTable* costs = costsAt(studio_.costs(), kQuotedContext);
  std::vector<Point> points;
  for (const KnownPlacement& entry : studio_.book().entries()) {
    const Reading x = read(entry, across, costs), y = read(entry, up, costs);
    if (std::isfinite(x.value) && std::isfinite(y.value))
      points.push_back({&entry, x.value, y.value, x.error, y.error, y.score != nullptr ? y.score : x.score});
  }
  std::vector<const Score*> scores;
  for (const Point& point : points) scores.push_back(point.score);
  const QStringList counts = countsBeside(scores);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].count = counts[static_cast<qsizetype>(i)];
  // The teacher beats everything but in bytes: it is no choice to make, and stands beside the front.
  const auto isTeacher = [](const Point& point) {
    return point.placement->placement.fullCount() == point.placement->placement.layers();
  };
  const auto beaten = [&](const Point& point) {
    return isTeacher(point) || std::ranges::any_of(points, [&](const Point& other) {
             if (isTeacher(other)) return false;
             const double dx = sign_x * (other.x - point.x), dy = sign_y * (other.y - point.y);
             return dx <= 0 && dy <= 0 && (dx < 0 || dy < 0);
           });
  };
  Series front{.name = tr("not beaten on both"), .color = theme().accent, .style = Series::Style::Dashed, .width = 1.2};
  Series best{.name = {}, .color = theme().accent, .style = Series::Style::Points};
  Series others{.name = {}, .color = theme().muted, .style = Series::Style::Rings};
  Series mine{.name = {}, .color = theme().changed, .style = Series::Style::Points};
  const bool crowded = points.size() > kMostLabels;
  std::vector<Point> unbeaten;
  for (const Point& point : points) {
    const bool edited = point.placement->placement == studio_.editor().placement();
    const bool top = !beaten(point);
    if (top) unbeaten.push_back(point);
    Series& series = edited ? mine : top ? best : others;
    series.x.push_back(point.x);
    series.y.push_back(point.y);
    series.x_error.push_back(point.x_error);
    series.y_error.push_back(point.y_error);
    const QString name = point.placement->label + point.count;
    const QString label = edited ? tr("this: %1").arg(name) : name;
    series.labels.push_back(crowded && !edited && !top && !isTeacher(point) ? QString() : label);
    series.readouts.push_back(
        tr("%1\n%2 against %3").arg(label, withError(point.y, point.y_error), withError(point.x, point.x_error)));
  }
  std::ranges::sort(unbeaten, {}, &Point::x);
  for (const Point& point : unbeaten) {
    front.x.push_back(point.x);
    front.y.push_back(point.y);
  }
  for (Series* series : {&best, &others, &mine}) {
    // Always with errors, so that the figure keeps its structure.
    if (!series->x.isEmpty()) continue;
    series->x = series->y = series->x_error = series->y_error = {kAuto};
  }
  const auto axis = [](Measure measure) {
    Axis made{.label = titleOf(measure)};
    if (measure == Measure::Bytes) made.kind = Axis::Kind::Bytes;
    if (measure == Measure::Recall) made.least = -0.08, made.most = 1.12;
    return made;
  };
  Panel panel{.x = axis(across), .y = axis(up), .series = {front, others, best, mine}};
  if (points.empty()) {
    panel.x.least = 0, panel.x.most = 1, panel.y.least = 0, panel.y.most = 1;
    panel.marks.push_back({.shape = Mark::Shape::Note,
                           .y = 0.5,
                           .text = tr("Judged placements stand here; ± is a standard error."),
                           .color = theme().muted});
  }
  figure_->setPanels({std::move(panel)});
  setHint(points.size() == 1 ? tr("1 placement") : tr("%1 placements").arg(points.size()));
}

}  // namespace interleave::gui
