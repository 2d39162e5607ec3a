// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QCheckBox>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSignalSpy>
#include <QTreeView>
#include <fstream>

#include "gui/docks/queue_dialog.h"
#include "gui/docks/queue_pane.h"
#include "support.h"

namespace interleave::gui {

class QueueTest final : public QObject {
  Q_OBJECT
 private:
  using State = BatchQueue::State;

  static Batch batch(const Scene& scene, std::vector<std::uint64_t> seeds, bool judge = true) {
    Batch batch;
    batch.model = "mock.gguf";
    batch.bank = "mock";
    batch.store = scene.storeFile();
    Batch::Grid grid;
    grid.methods.push_back({"dash"});
    grid.budgets = {Budget::layers(8)};
    grid.seeds = std::move(seeds);
    batch.runs.push_back(std::move(grid));
    if (!judge) return batch;
    batch.evaluation.emplace();
    batch.placements = {"uniform:8"};
    return batch;
  }

  static bool add(Scene& scene, const Batch& batch, int runs) {
    scene.studio.queue().add(batch);
    return QTest::qWaitFor([&] { return scene.studio.queue().rowCount() == runs; });
  }

  static bool runToEnd(Scene& scene) {
    scene.studio.queue().start();
    return QTest::qWaitFor([&] { return !scene.studio.queue().active() && !scene.studio.jobs().anyRunning(); }, 60000);
  }

  static std::vector<State> states(Scene& scene) {
    std::vector<State> all;
    for (const BatchQueue::Entry& entry : scene.studio.queue().queue().entries()) all.push_back(entry.state);
    return all;
  }

 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void runsAllAndJudgesThem() {
    Scene scene;
    const QAbstractItemModelTester tester(&scene.studio.queue(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy problems(&scene.studio, &Studio::problem);
    QSignalSpy notices(&scene.studio, &Studio::notice);
    QVERIFY(add(scene, batch(scene, {0, 1, 2}), 3));
    QCOMPARE(scene.studio.queue().index(0, RunQueue::State).data().toString(), QStringLiteral("pending"));
    QCOMPARE(scene.studio.queue().index(0, RunQueue::Time).data().toString(), QStringLiteral("unknown"));
    // The mock's runs do not say how many tokens they look at; evaluations do, and the model is timed.
    QTRY_VERIFY(estimateText(scene.studio.queue().remaining()).startsWith(QStringLiteral("roughly")));
    QVERIFY(runToEnd(scene));
    QCOMPARE(states(scene), std::vector(3, State::Done));
    QCOMPARE(problems.count(), 0);
    QCOMPARE(notices.count(), 1);
    QCOMPARE(scene.studio.library().rowCount(), 3);
    const Store store = Store::open(scene.storeFile());
    for (const RunId run : {1, 2, 3}) {
      int judged = 0;  // beside what the mock's engine tells of itself
      for (const ScoreEvent& score : store.scores(run)) judged += score.manner == mannerOf({}) ? 1 : 0;
      QCOMPARE(judged, 2);
    }
    // The same again: nothing to do.
    scene.studio.queue().add(batch(scene, {0, 1, 2}));
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QCOMPARE(scene.studio.queue().rowCount(), 3);
    Scene later;
    later.studio.openStore(scene.storeFile());
    Batch more = batch(scene, {0, 3});
    QVERIFY(add(later, more, 2));
    QCOMPARE(states(later), (std::vector{State::Done, State::Pending}));
    QVERIFY(later.studio.queue().index(1, RunQueue::Time).data().toString().startsWith(u'≈'));
  }

  void theRunOfTheQueueIsShownAndStoppingItStopsTheQueue() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    QVERIFY(add(scene, batch(scene, {0, 1}), 2));
    scene.studio.queue().start();
    QTRY_VERIFY(scene.studio.run().step() != nullptr && scene.studio.run().step()->step > 3);
    QCOMPARE(states(scene), (std::vector{State::Running, State::Pending}));
    QVERIFY(scene.studio.queue().index(0, RunQueue::State).data().toString().contains(QStringLiteral("of 100000")));
    QTRY_VERIFY(scene.studio.queue().remaining().seconds > 0);
    QVERIFY_EXCEPTION_THROWN(scene.studio.queue().remove(0), Error);
    scene.studio.controller().stop();
    QVERIFY(QTest::qWaitFor([&] { return !scene.studio.queue().active(); }, 1000));
    QCOMPARE(states(scene), (std::vector{State::Stopped, State::Pending}));
    const std::int64_t step = scene.studio.queue().queue().entries()[0].step;
    scene.studio.queue().start();  // goes on with it
    QTRY_VERIFY(scene.studio.controller().active());
    QCOMPARE(scene.studio.controller().record()->id, RunId{1});
    QTRY_VERIFY(scene.studio.queue().queue().entries()[0].step > step);
    scene.studio.queue().stop();
    QTRY_VERIFY(!scene.studio.controller().active());
    QCOMPARE(states(scene), (std::vector{State::Stopped, State::Pending}));
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QCOMPARE(scene.studio.library().rowCount(), 1);
  }

  void aFailureIsToldAndTheNextOneBegins() {
    Scene scene({.steps = 24, .fail_at_step = 7});
    QVERIFY(add(scene, batch(scene, {0, 1}), 2));
    QSignalSpy problems(&scene.studio, &Studio::problem);
    QVERIFY(runToEnd(scene));
    QCOMPARE(states(scene), std::vector(2, State::Failed));
    QCOMPARE(problems.count(), 2);
    const QString state = scene.studio.queue().index(0, RunQueue::State).data().toString();
    QVERIFY2(state.contains(QStringLiteral("scripted failure")), qPrintable(state));
    scene.studio.queue().retry();
    QCOMPARE(states(scene), std::vector(2, State::Stopped));
  }

  void aRunThatTheUserBeganIsWaitedFor() {
    Scene scene({.steps = 30, .steps_per_second = 200});
    QVERIFY(add(scene, batch(scene, {5}, false), 1));
    scene.studio.startRun();
    scene.studio.queue().start();
    QVERIFY(scene.studio.queue().active());
    QCOMPARE(states(scene), std::vector{State::Pending});
    QVERIFY(QTest::qWaitFor([&] { return !scene.studio.queue().active(); }, 60000));
    QCOMPARE(states(scene), std::vector{State::Done});
    QCOMPARE(Store::open(scene.storeFile()).spec(2).seed, std::uint64_t{5});
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
  }

  void anEvaluationCanBeStoppedAndIsDoneLater() {
    Scene scene({.steps = 6}, 3000);
    QVERIFY(add(scene, batch(scene, {0}), 1));
    scene.studio.queue().start();
    QTRY_VERIFY(scene.studio.jobs().running(QStringLiteral("queue")));
    QVERIFY_EXCEPTION_THROWN(scene.studio.queue().remove(0), Error);
    scene.studio.queue().stop();
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QVERIFY(scene.studio.queue().queue().next()->evaluation);
    QCOMPARE(scene.studio.queue().remaining().unknown, std::size_t{0});
    QVERIFY(scene.studio.queue().remaining().rough);  // no evaluation has told what one takes
  }

  void anotherStoreHasAnotherQueue() {
    Scene scene;
    QVERIFY(add(scene, batch(scene, {0, 1}), 2));
    scene.studio.openStore(scene.folder.filePath(QStringLiteral("other.interleave")).toStdString());
    QCOMPARE(scene.studio.queue().rowCount(), 0);
    Scene reader;
    reader.studio.openStore(scene.studio.library().file());
    QVERIFY_EXCEPTION_THROWN(reader.studio.queue().start(), Error);
  }

  void aBatchFileBringsItsStore() {
    Scene scene;
    const std::filesystem::path file = scene.folder.filePath(QStringLiteral("batch.json")).toStdString();
    std::ofstream(file) << R"({"format": "interleave-batch", "version": 1, "model": "m", "bank": "b",
      "store": "batch.interleave", "runs": [{"methods": ["dash"], "budgets": [8, 4], "seeds": [0, 1]}]})";
    scene.studio.openBatch(file);
    QTRY_COMPARE(scene.studio.queue().rowCount(), 4);
    QCOMPARE(scene.studio.library().file().filename(), std::filesystem::path("batch.interleave"));
    QSignalSpy problems(&scene.studio, &Studio::problem);
    std::ofstream(file) << "{";
    scene.studio.openBatch(file);
    QCOMPARE(problems.count(), 1);
    std::ofstream(file) << R"({"format": "interleave-batch", "version": 1, "model": "m", "bank": "b",
      "store": "batch.interleave", "runs": [{"methods": ["dash"], "budgets": [31]}]})";
    scene.studio.openBatch(file);
    QTRY_COMPARE(problems.count(), 2);  // found while it is planned
    QCOMPARE(scene.studio.queue().rowCount(), 4);
  }

  void theDockMovesRemovesStartsAndStops() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    QVERIFY(add(scene, batch(scene, {0, 1, 2}), 3));
    Dock& dock = scene.window.dock(QStringLiteral("queue"));
    dock.raise();
    auto& pane = static_cast<QueuePane&>(dock.pane());
    const auto button = [&](const char* text) -> QPushButton* {
      for (QPushButton* each : pane.findChildren<QPushButton*>()) {
        if (each->text().contains(QLatin1String(text))) return each;
      }
      return nullptr;
    };
    const auto seeds = [&] {
      std::vector<std::uint64_t> all;
      for (const auto& entry : scene.studio.queue().queue().entries()) all.push_back(entry.planned.spec.seed);
      return all;
    };
    QTRY_VERIFY(button("Later")->isEnabled());
    pane.list().setCurrentIndex(scene.studio.queue().index(0, 0));
    button("Later")->click();
    button("Later")->click();  // the selection goes with the run
    QCOMPARE(seeds(), (std::vector<std::uint64_t>{1, 2, 0}));
    button("Earlier")->click();
    QCOMPARE(seeds(), (std::vector<std::uint64_t>{1, 0, 2}));
    button("Remove")->click();
    QCOMPARE(seeds(), (std::vector<std::uint64_t>{1, 2}));
    QVERIFY(pane.csv().contains(QStringLiteral("\"dash-k8-s1\",\"pending\"")));
    button("Start queue")->click();
    QTRY_VERIFY(scene.studio.controller().active());
    QTRY_VERIFY(button("Stop queue") != nullptr);
    button("Stop queue")->click();
    QTRY_VERIFY(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning());
  }

  void theDialogMakesABatchOfWhatSetupSays() {
    Scene scene;
    scene.studio.setup().setSearch("steps", 99);
    QueueDialog dialog(scene.studio, nullptr);
    const QList<QLineEdit*> lines = dialog.findChildren<QLineEdit*>();
    lines[0]->setText(QStringLiteral("8, 54MB@8k"));
    lines[1]->setText(QStringLiteral("0, 3-5"));
    const Batch made = dialog.batch();
    QCOMPARE(made.model.filename(), std::filesystem::path("mock.gguf"));
    QCOMPARE(made.runs[0].budgets, (std::vector{Budget::layers(8), Budget::bytes(54'000'000, 8192)}));
    QCOMPARE(made.runs[0].seeds, (std::vector<std::uint64_t>{0, 3, 4, 5}));
    QVERIFY(made.runs[0].methods[0].settings.at("steps") == 99);
    QCOMPARE(made.placements, std::vector<std::string>{"uniform:8"});
    QVERIFY(made.evaluation.has_value() && made.judged_as_found);
    QVERIFY(made.runs[0].settings.at(kChatSetting) == "auto");
    auto* chat = dialog.findChild<ChatField*>();
    chat->setChat("none");  // whatever Setup says
    QVERIFY(dialog.batch().runs[0].settings.at(kChatSetting) == "none");
    QVERIFY(dialog.batch().runs[0].methods[0].settings.at(kChatSetting) == "none");
    chat->setChat("nome");
    QVERIFY_EXCEPTION_THROWN(dialog.batch(), Error);
    chat->setChat("auto");
    Workbench::EvaluationRequest judged = scene.studio.comparisons().judgedBy();
    judged.chat = "chatml";
    scene.studio.comparisons().judgeBy(judged, false);
    QVERIFY(!dialog.batch().judged_as_found && dialog.batch().evaluation->chat == "chatml");
    lines[0]->setText(QStringLiteral("eight"));
    QVERIFY_EXCEPTION_THROWN(dialog.batch(), Error);
    lines[0]->setText({});
    QVERIFY(dialog.batch().runs[0].budgets.empty());
    dialog.findChild<QListWidget*>()->item(0)->setCheckState(Qt::Unchecked);
    QVERIFY_EXCEPTION_THROWN(dialog.batch(), Error);
    for (const char* wrong : {"", "-1", "3-1", "1.5", "a", "0-1000", "1--2"}) {
      QVERIFY_EXCEPTION_THROWN(seedsFrom(QLatin1String(wrong)), Error);
    }
    QCOMPARE(seedsFrom(QStringLiteral("18446744073709551615")), std::vector<std::uint64_t>{18446744073709551615ULL});
  }

  void aReportIsWrittenByAnotherProcess() {
    Scene scene;
    QVERIFY(scene.search());
    scene.studio.report().setProgram(QStringLiteral(INTERLEAVE_PROGRAM));
    QSignalSpy notices(&scene.studio, &Studio::notice);
    QSignalSpy problems(&scene.studio, &Studio::problem);
    scene.window.runs().select(1);
    QCOMPARE(scene.window.runs().chosen(), std::vector<RunId>{1});
    const QString file = scene.folder.filePath(QStringLiteral("report.html"));
    scene.studio.writeReport(file.toStdString(), scene.window.runs().chosen(), "1");
    QTRY_COMPARE_WITH_TIMEOUT(notices.count(), 1, 60000);
    QVERIFY(QFileInfo(file).size() > 10000);
    scene.studio.writeReport("/no/such/folder/report.html", {1}, {});
    QTRY_COMPARE_WITH_TIMEOUT(problems.count(), 1, 60000);
    scene.studio.report().setProgram(QStringLiteral("/no/such/program"));
    scene.studio.writeReport(file.toStdString(), {1}, {});
    QTRY_COMPARE(problems.count(), 2);
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::QueueTest>(argc, argv); }

#include "queue_test.moc"
