// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <algorithm>

#include "gui/docks/cache_pane.h"
#include "support.h"

namespace interleave::gui {

/// The measured cost in the dock of the KV cache.
class CostTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void whatWasMeasuredIsDrawnBesideTheComputedBytes() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    QVERIFY2(!button(scene).isEnabled(), "no placement yet");
    QVERIFY(scene.search());
    const Placement shown = scene.studio.editor().placement();
    QCOMPARE(refreshed(scene).size(), 1);
    QVERIFY(button(scene).isEnabled());
    button(scene).click();
    QVERIFY(scene.studio.measuredCost().running());
    QVERIFY(!button(scene).isEnabled());
    QTRY_VERIFY(!scene.studio.measuredCost().running());

    const CostEvent* found = scene.studio.measuredCost().of(shown);
    QVERIFY(found != nullptr);
    QCOMPARE(found->teacher.placement, scene.studio.comparisons().teacher());
    QCOMPARE(found->cost.placement, shown);
    const std::vector<Panel>& panels = refreshed(scene);
    QCOMPARE(panels.size(), 3);
    for (std::size_t panel : {std::size_t{1}, std::size_t{2}}) {
      QCOMPARE(panels[panel].series.size(), 3);  // the teacher's, its own, and that which FLOPs tell
      QCOMPARE(panels[panel].series[0].x, (QVector<double>{512, 1024, 2048, 4096}));
    }
    QCOMPARE(panels[1].series[1].y[0], 1e3 * found->cost.points[0].decodeSeconds());
    QCOMPARE(panels[2].series[1].y[3], found->cost.points[3].prefillSeconds());
    QCOMPARE(panels[2].series[2].y[3], computedPrefillSeconds(found->cost.points[3], found->teacher.points[3]));
    // The mock's placements are as fast as its teacher at 1000 tokens.
    QCOMPARE(panels[1].marks.size(), 1);
    QVERIFY(std::abs(panels[1].marks[0].x - 1000) < 1e-6);
    const auto held = std::ranges::count(panels[0].series, Series::Style::Rings, &Series::style);
    QCOMPARE(held, 2);
    QVERIFY(said(scene).contains(QStringLiteral("n = 3")));
    QVERIFY(said(scene).contains(QStringLiteral("decoding faster from")));
    QVERIFY(button(scene).isEnabled());
  }

  void anotherPlacementHasNotBeenMeasured() {
    Scene scene;
    QVERIFY(scene.search());
    button(scene).click();
    const Placement measured = scene.studio.editor().placement();
    QTRY_VERIFY(scene.studio.measuredCost().of(measured) != nullptr);
    scene.studio.setKept(measured.fullCount() + 1);
    QCOMPARE(refreshed(scene).size(), 1);
    QVERIFY(said(scene).isEmpty());
    scene.studio.setKept(measured.fullCount());
    QCOMPARE(refreshed(scene).size(), 3);
  }

  void whatWasMeasuredStaysWithTheRun() {
    Scene scene;
    QVERIFY(scene.search());
    const RunId run = scene.studio.run().record().id;
    QVERIFY(run != 0);
    const Placement measured = scene.studio.editor().placement();
    button(scene).click();
    QTRY_COMPARE(scene.studio.run().record().costs.size(), 1);
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    const Store store = Store::open(scene.studio.library().file());
    QCOMPARE(store.costs(run).size(), 1);
    QCOMPARE(store.costs(run)[0].cost.placement, measured);

    scene.studio.run().show(std::make_shared<RunRecord>());
    scene.studio.measuredCost().forget();
    scene.studio.showRun(run);
    QTRY_COMPARE(scene.studio.run().record().id, run);
    QCOMPARE(refreshed(scene).size(), 3);
    button(scene).click();  // again: the new one takes the old one's place
    QTRY_VERIFY(!scene.studio.measuredCost().running());
    QCOMPARE(scene.studio.run().record().costs.size(), 1);
  }

  void ofAnotherModelNothingIsKnown() {
    Scene scene;
    QVERIFY(scene.search());
    button(scene).click();
    const Placement measured = scene.studio.editor().placement();
    QTRY_VERIFY(scene.studio.measuredCost().of(measured) != nullptr);
    scene.studio.run().show(std::make_shared<RunRecord>());
    scene.studio.openModel("other.gguf");
    QTRY_VERIFY(scene.studio.measuredCost().of(measured) == nullptr);  // once it is open
    QCOMPARE(refreshed(scene).size(), 1);
    QVERIFY(said(scene).isEmpty());
  }

  void measuringCanBeStopped() {
    Scene scene({.steps = 24}, 100);
    QVERIFY(scene.search());
    QSignalSpy failed(&scene.studio.jobs(), &JobList::failed);
    Scene slow({.steps = 24}, 60000);
    QTRY_VERIFY(slow.studio.model().known());
    slow.studio.measuredCost().measure(
        {.label = QStringLiteral("this"), .placement = scene.studio.editor().placement(), .result_of = nullptr});
    QVERIFY(slow.studio.measuredCost().running());
    slow.studio.jobs().cancel(0);
    QVERIFY(QTest::qWaitFor([&] { return !slow.studio.measuredCost().running(); }, 5000));
    QVERIFY(slow.studio.measuredCost().of(scene.studio.editor().placement()) == nullptr);
    QCOMPARE(failed.count(), 0);
  }

 private:
  static CachePane& pane(Scene& scene) { return *scene.window.findChild<CachePane*>(); }
  static QPushButton& button(Scene& scene) {
    pane(scene).refreshNow();
    return *pane(scene).findChild<QPushButton*>();
  }
  static const std::vector<Panel>& refreshed(Scene& scene) {
    pane(scene).refreshNow();
    return pane(scene).findChild<Figure*>()->panels();
  }
  static QString said(Scene& scene) {
    refreshed(scene);
    return pane(scene).findChildren<QLabel*>().last()->text();
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::CostTest>(argc, argv); }

#include "cost_test.moc"
