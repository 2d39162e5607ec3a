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

    const std::vector<MeasuredCost>& costs = scene.studio.measuredCost().costs();
    QCOMPARE(costs.size(), 2);
    QCOMPARE(costs[0].placement, scene.studio.comparisons().teacher());
    QCOMPARE(costs[1].placement, shown);
    const std::vector<Panel>& panels = refreshed(scene);
    QCOMPARE(panels.size(), 3);
    for (std::size_t panel : {std::size_t{1}, std::size_t{2}}) {
      QCOMPARE(panels[panel].series.size(), 2);
      QCOMPARE(panels[panel].series[0].x, (QVector<double>{512, 1024, 2048, 4096}));
    }
    QCOMPARE(panels[1].series[1].y[0], 1e3 * costs[1].points[0].decodeSeconds());
    QCOMPARE(panels[2].series[1].y[3], costs[1].points[3].prefillSeconds());
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
    QTRY_VERIFY(!scene.studio.measuredCost().costs().empty());
    scene.studio.setKept(scene.studio.editor().placement().fullCount() + 1);
    QCOMPARE(refreshed(scene)[1].series.size(), 1);  // the teacher's
    QVERIFY(said(scene).contains(QStringLiteral("not of the placement shown")));
  }

  void ofAnotherModelNothingIsKnown() {
    Scene scene;
    QVERIFY(scene.search());
    button(scene).click();
    QTRY_VERIFY(!scene.studio.measuredCost().costs().empty());
    scene.studio.run().show(std::make_shared<RunRecord>());
    scene.studio.openModel("other.gguf");
    QVERIFY(scene.studio.measuredCost().costs().empty());
    QCOMPARE(refreshed(scene).size(), 1);
    QVERIFY(said(scene).isEmpty());
  }

  void measuringCanBeStopped() {
    Scene scene({.steps = 24}, 100);
    QVERIFY(scene.search());
    QSignalSpy failed(&scene.studio.jobs(), &JobList::failed);
    Scene slow({.steps = 24}, 60000);
    QTRY_VERIFY(slow.studio.model().known());
    slow.studio.measuredCost().measure(scene.studio.editor().placement());
    QVERIFY(slow.studio.measuredCost().running());
    slow.studio.jobs().cancel(0);
    QVERIFY(QTest::qWaitFor([&] { return !slow.studio.measuredCost().running(); }, 5000));
    QVERIFY(slow.studio.measuredCost().costs().empty());
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
