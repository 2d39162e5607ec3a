// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTextEdit>
#include <algorithm>

#include "gui/docks/curves_pane.h"
#include "gui/docks/method_pane.h"
#include "gui/docks/method_panels.h"
#include "gui/docks/trial_panels.h"
#include "support.h"

namespace interleave::gui {
namespace {

StepEvent gates(const std::vector<float>& full) {
  StepEvent step{.step = 1, .steps = 2, .operators = {MixerKind::Full, MixerKind::SlidingWindow}};
  for (const float p : full) step.probabilities.insert(step.probabilities.end(), {p, 1 - p});
  step.logits = step.probabilities;
  return step;
}

Placement keeping(int layers, std::initializer_list<int> kept) {
  return Placement::keeping(layers, std::vector<int>(kept), MixerKind::SlidingWindow);
}

}  // namespace

class MethodTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void whatOthersFoundIsTriedBesideAnEnumeration() {
    Scene scene;
    QVERIFY(scene.search());
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    const RunRecord& searched = scene.studio.run().record();
    const Placement found = searched.placements.front().placement;
    StoreWriter& writer = *scene.studio.library().writer();
    RunSpec spec = searched.spec;
    spec.method = kEnumerationMethod;
    const RunId id = writer.addRun(spec);
    writer.record(id, *searched.environment);
    const Placement tried = Placement::last(found.layers(), found.fullCount(), MixerKind::GdnWindow);
    writer.record(id, TrialEvent{.step = 1, .placement = tried, .text = {2, 3}, .prompts = {2, 3}});
    writer.setPhase(id, Phase::Done, "");
    QVERIFY(writer.flush());
    scene.studio.reloadLibrary();
    scene.studio.showRun(id);
    QTRY_COMPARE(scene.studio.run().record().id, id);
    scene.studio.tryFound(id);
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    const std::vector<TrialEvent>& shown = scene.studio.run().record().trials;
    QVERIFY(shown.size() > 1);
    QVERIFY(shown.back().asked);
    const std::vector<TrialEvent> stored = Store::open(scene.storeFile()).trials(id);
    QCOMPARE(stored.size(), shown.size());
    QVERIFY(std::ranges::find(stored, found, &TrialEvent::placement) != stored.end());
    QSignalSpy notices(&scene.studio, &Studio::notice);
    scene.studio.tryFound(id);  // nothing is left
    QTRY_COMPARE(notices.count(), 1);
    QCOMPARE(Store::open(scene.storeFile()).trials(id).size(), stored.size());
  }

  void gatesAreSortedAndTheUndecidedCounted() {
    RunRecord record;
    const StepEvent step = gates({0.95F, 0.02F, 0.5F, 0.85F});
    StepEvent earlier = gates({0.5F, 0.5F, 0.5F, 0.5F});
    record.steps = {earlier, step};
    record.steps[1].step = earlier.step + 1;
    record.alignments = {{.kind = MixerKind::SlidingWindow, .relative_error = {.1F, .2F, .3F, .4F}}};
    const std::vector<Panel> panels = gatePanels(record, record.steps[1], keeping(4, {0, 3}));
    QCOMPARE(panels.size(), 4u);
    QCOMPARE(panels[2].series.size(), 4u);
    QCOMPARE(panels[2].series.back().name, u"layer 3"_qs);  // kept: on top
    QCOMPARE(panels[2].series.back().y.size(), 2);
    QCOMPARE(gatePanels(record, record.steps[0], keeping(4, {0, 3})).size(), 3u);
    QCOMPARE(panels[0].series[0].labels, (QStringList{u"0"_qs, u"3"_qs, u"2"_qs, u"1"_qs}));
    QCOMPARE(panels[0].marks[0].x, 2.5);
    QVERIFY2(panels[1].title.startsWith(u"2 of 4"), qPrintable(panels[1].title));
    QCOMPARE(panels[1].series[0].x[9], 1.0);
    QCOMPARE(panels[1].series[0].x[5], 1.0);
    QCOMPARE(panels[3].series[0].labels, (QStringList{u"0"_qs, u"3"_qs}));
  }

  void measuresAreComparedAndTheRankingSettles() {
    RunRecord record;
    record.layer_scores = {{{1, "long", "nats", {1, 2, 3}}, {2, "long", "nats", {3, 2, -9}}},
                           {{1, "short", "nats", {1, 2, 3}}, {2, "short", "nats", {1, 2, 3}}}};
    const auto ranked = [](std::int64_t step, std::vector<float> scores) {
      StepEvent event = gates({0, 0, 0});
      event.step = step;
      for (std::size_t i = 0; i < scores.size(); ++i) event.logits[2 * i] = scores[i], event.logits[2 * i + 1] = 0;
      return event;
    };
    record.steps = {ranked(1, {1, 2, 3}), ranked(2, {2, 2, -3})};
    const std::vector<Panel> panels = scoringPanels(record, 2, keeping(3, {0}));
    QCOMPARE(panels.size(), 2u);
    QVERIFY2(panels[0].title.endsWith(u"ρ = -0.87"_qs), qPrintable(panels[0].title));
    const Series& overlap = panels[1].series[1];
    QCOMPARE(overlap.y[0], 0.0);  // the first example alone would have kept layer 2
    QCOMPARE(overlap.y[1], 1.0);
    QCOMPARE(scoringPanels(record, 1, keeping(3, {0})).at(0).title.contains(u"1.00"_qs), true);
    record.steps[1] = ranked(2, {50, 2, 0});  // joined: by the ratio of its two measures, say
    const std::vector<Panel> joined = scoringPanels(record, 2, keeping(3, {0}));
    QCOMPARE(joined.size(), 3u);
    QCOMPARE(joined[1].series[0].y, (QVector<double>{50}));
  }

  void whatASelectionCostStandsBesideWhatIsPublished() {
    StepEvent step = gates({0.5F});
    step.tokens = 14'713;
    const Panel panel = selectionCostPanel(step);
    QCOMPARE(panel.series[0].x, (QVector<double>{14'713}));
    QCOMPARE(panel.y.categories.size(), 5);
    QCOMPARE(panel.series[1].x.size(), 4);
    QVERIFY(panel.x.least < panel.series[0].x[0] && panel.x.most > panel.series[1].x.back());  // none at an edge
    QVERIFY(panel.x.logarithmic);
  }

  void theMaskIsWhatAWindowSees() {
    const Panel panel = maskPanel({.tokens = 40, .answer_begin = 36, .window = 8, .sinks = 2, .prompt_only = true});
    const auto at = [&](int query, int key) { return panel.grid->values[query * 40 + key]; };
    QVERIFY(at(20, 13) > 0.5F);
    QVERIFY(at(20, 12) < 0.2F);
    QVERIFY(at(20, 1) > 0.5F);
    QCOMPARE(at(20, 21), 0.0F);
    QCOMPARE(at(36, 12), 1.0F);
    const Panel through = maskPanel({.tokens = 40, .answer_begin = 36, .window = 8, .sinks = 2});
    QVERIFY(through.grid->values[36 * 40 + 12] < 0.2F);
    const Panel lengthy = maskPanel({.tokens = 5000, .answer_begin = 4990, .window = 64});
    QVERIFY(lengthy.grid->rows <= 256);
  }

  void showsGatesAndAPromptOfTheRun() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    QVERIFY(scene.search());
    MethodPane* pane = scene.window.findChild<MethodPane*>();
    scene.window.dock(u"method"_qs).show();
    scene.window.dock(u"method"_qs).raise();
    pane->refreshNow();
    QVERIFY(pane->findChild<Figure*>()->panels().size() >= 2);
    // λ was raised while the run went on.
    auto record = std::make_shared<RunRecord>(scene.studio.run().record());
    record->spec.search_settings["gate_weight"] = 0.0;
    Intervention change{.step = record->steps.at(4).step, .key = "gate_weight", .value = 0.5};
    record->changes = {change};
    scene.studio.run().show(record);
    CurvesPane* curves = scene.window.findChild<CurvesPane*>();
    curves->refreshNow();
    const Series& pressure = curves->findChild<Figure*>()->panels().at(0).series.back();
    QCOMPARE(pressure.x.size(), static_cast<qsizetype>(record->steps.size()) - 4);
    double sum = 0;
    for (const double gate : fullProbabilities(record->steps.back())) sum += gate;
    QVERIFY(std::abs(pressure.y.back() - 0.5 * sum) < 1e-9);
    QTRY_VERIFY(pane->findChild<QTextEdit*>()->toPlainText().endsWith(u"The pass key is 12345"_qs));
  }

  void runsThatDifferInOneSettingAreASweep() {
    QVERIFY(!sweepPanel({}, 1));
    const Sweep sweep{
        .setting = "gate_weight",
        .points = {{3, .01, gates({1, .5F, .5F, 1})}, {1, .1, gates({1, 0, .5F, 1})}, {2, 1, gates({0, 0, 0, 1})}}};
    const std::optional<Panel> panel = sweepPanel(sweep, 1);
    QVERIFY(panel);
    QVERIFY(panel->x.logarithmic);
    QCOMPARE(panel->series[0].x, (QVector<double>{.01, .1, 1}));
    QCOMPARE(panel->series[0].y, (QVector<double>{3, 2.5, 1}));
    QCOMPARE(panel->series[1].y, (QVector<double>{2, 1, 0}));
    QCOMPARE(panel->marks.size(), 1);
    QCOMPARE(panel->marks[0].y, 2.5);
  }

  void marksAmongTrialsTellRankAndRegret() {
    std::vector<TrialEvent> trials;
    for (int layer = 0; layer < 4; ++layer) {
      trials.push_back({.step = layer + 1,
                        .placement = keeping(4, {layer}),
                        .text = {1.0 + layer, 2.0 + layer, 1.5 + layer},
                        .prompts = {3.0 - layer}});
    }
    const MarkedPlacements marked{{keeping(4, {1}), QStringLiteral("dash")},
                                  {keeping(4, {0}), QStringLiteral("halo")},
                                  {keeping(4, {0, 1}), QStringLiteral("not tried")}};
    const std::vector<Panel> panels = trialPanels(trials, marked, 4);
    QCOMPARE(panels.size(), 3u);
    QCOMPARE(panels[0].marks.size(), 2);
    const Series& regret = panels[1].series[0];
    QCOMPARE(panels[1].y.categories, (QStringList{u"halo  1"_qs, u"dash  2"_qs}));
    QCOMPARE(regret.x, (QVector<double>{0, .5}));
    QVERIFY(regret.x[1] + regret.x_error[1] >= regret.x[1]);
    QVERIFY2(regret.readouts[1].contains(u"rank 2 of 4"), qPrintable(regret.readouts[1]));
    QVERIFY(regret.readouts[1].contains(u"%"));
    for (const std::size_t sample : {0, 5}) {  // none; and one that is not whole, or was not needed
      QVERIFY(!trialPanels(trials, marked, sample)[1].series[0].readouts[1].contains(u"%"));
    }
    QCOMPARE(trialPanels(trials, {}, 0).size(), 2u);  // nobody to be ranked
    QCOMPARE(panels[2].series[1].readouts, (QStringList{u"halo"_qs, u"dash"_qs}));
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::MethodTest>(argc, argv); }
#include "method_test.moc"
