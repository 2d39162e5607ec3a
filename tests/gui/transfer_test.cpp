// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QPushButton>
#include <QSignalSpy>

#include "gui/docks/transfer_pane.h"
#include "support.h"

namespace interleave::gui {

/// What runs found, judged otherwise, from the window.
class TransferTest final : public QObject {
  Q_OBJECT

  static bool judged(Scene& scene, const std::vector<RunId>& runs, const std::string& condition) {
    scene.studio.transfer().judge(runs, condition);
    return QTest::qWaitFor([&] { return !scene.studio.jobs().anyRunning(); }, 60000);
  }
  /// The view, once it has a matrix or not, as `wanted`.
  static const Panel& shown(Scene& scene, bool wanted) {
    TransferPane& pane = scene.window.transfer();
    scene.window.dock(QStringLiteral("transfer")).raise();
    const auto& panels = pane.findChild<Figure*>()->panels();
    const bool settled = QTest::qWaitFor([&] {
      pane.refreshNow();
      return !scene.studio.jobs().anyRunning() && panels.front().grid.has_value() == wanted;
    });
    if (!settled) qWarning("the view does not come to rest");
    return panels.front();
  }

 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void isAMatrixOfRunsAndConditions() {
    Scene scene;
    QVERIFY(!shown(scene, false).grid);
    QVERIFY(scene.search());
    scene.studio.setup().setSeed(5);
    QVERIFY(scene.search());
    QVERIFY(judged(scene, {1, 2}, "operator=swa"));
    const Panel& panel = shown(scene, true);
    QVERIFY(panel.grid);
    QCOMPARE(panel.grid->rows, 2);
    QCOMPARE(panel.grid->columns, 2);
    QCOMPARE(panel.x.categories.front(), QStringLiteral("as found"));
    QVERIFY(panel.x.categories.back().startsWith(QStringLiteral("operator=swa")));
    QVERIFY(panel.y.categories.front().startsWith(QStringLiteral("run 1: dash seed 0")));
    QVERIFY(panel.y.categories.back().startsWith(QStringLiteral("run 2: dash seed 5")));
    QCOMPARE(panel.marks.size(), 4);
    for (const Mark& mark : panel.marks) {  // worse than its column's best: in shape and colour
      const bool worse = mark.text.startsWith(u'▼');
      QCOMPARE(mark.ground.isValid(), worse);
      QCOMPARE(mark.color == theme().bad, worse);
    }
    QVERIFY(panel.grid->readouts.join(u' ').contains(QStringLiteral("from the best")));
    // The tasks of an evaluation can be chosen; colours tell the better row of a column.
    auto* tasks = scene.window.transfer().findChild<QComboBox*>();
    const TransferTable& table = scene.studio.transfer().table();
    QCOMPARE(tasks->count(), static_cast<int>(table.tasks().size()));
    const bool first_is_better = table.score(0, 0, "kl")->value < table.score(1, 0, "kl")->value;
    QCOMPARE(panel.grid->values[first_is_better ? 0 : 2], 1.0F);
    // It is in the store, and the book of what is compared knows nothing of it.
    const Store store = Store::open(scene.storeFile());
    QCOMPARE(store.transfers(1).size(), std::size_t{2});
    for (const KnownPlacement& entry : scene.studio.book().entries()) {
      QVERIFY(!entry.label.contains(QStringLiteral("under")));
    }
  }

  void whatIsKnownIsNotMeasuredAgain() {
    Scene scene;
    QVERIFY(scene.search());
    QVERIFY(judged(scene, {1}, "seed=9"));
    const auto transfers = Store::open(scene.storeFile()).transfers(1);
    QVERIFY(judged(scene, {1}, "seed=9"));
    QCOMPARE(Store::open(scene.storeFile()).transfers(1).size(), transfers.size());
  }

  void judgingCanBeStopped() {
    Scene scene({.steps = 24}, 100);
    QVERIFY(scene.search());
    scene.studio.transfer().judge({1}, "operator=swa");
    QVERIFY(scene.studio.transfer().judging());
    scene.studio.jobs().cancelSlot(QStringLiteral("transfer"));
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QVERIFY(!scene.studio.transfer().judging());
    QVERIFY(Store::open(scene.storeFile()).transfers(1).size() <= 1);
  }

  void wrongWordsAndFailuresAreTold() {
    Scene scene;
    QVERIFY(scene.search());
    const auto refused = [&](const std::vector<RunId>& runs, const char* condition) {
      try {
        scene.studio.transfer().judge(runs, condition);
      } catch (const Error& error) {
        return error.kind() == ErrorKind::Usage;
      }
      return false;
    };
    QVERIFY(refused({1}, "operatr=swa"));
    QVERIFY(refused({}, "operator=swa"));
    QVERIFY(refused({1, 77}, "operator=swa"));  // which is of no model
    QSignalSpy failed(&scene.studio.jobs(), &JobList::failed);
    scene.studio.library().writer()->addRun({});  // which has found nothing
    scene.studio.reloadLibrary();
    QVERIFY(judged(scene, {2}, "seed=3"));
    QCOMPARE(failed.count(), 2);  // as found, and under the condition
    QVERIFY(Store::open(scene.storeFile()).transfers(2).empty());
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::TransferTest>(argc, argv); }

#include "transfer_test.moc"
