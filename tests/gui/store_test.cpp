// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "gui/app/store_reading.h"
#include "gui/style/format.h"
#include "support.h"

namespace interleave::gui {

/// The studio and its store: what may replace it, what goes wrong with it, what is kept in it.
class StoreTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void aReadingFollowsWhatIsWanted() {
    Scene scene;
    QVERIFY(scene.search());
    QObject owner;
    JobList reads;
    int wanted = 1;
    using Reading = StoreReading<int, int>;
    std::unique_ptr<Reading> reading;
    reading = std::make_unique<Reading>(
        owner, reads, scene.studio.library(), QStringLiteral("read"), QStringLiteral("slot"),
        [](const Store& store, const int& key) {
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
          return 10 * key + static_cast<int>(store.runs().size());
        },
        [&] { reading->want(wanted); });
    reading->want(wanted);
    reading->want(wanted = 2);  // while the first is read, and nobody asks again
    QCOMPARE(reading->value(), 0);
    QTRY_COMPARE(reading->value(), 21);
    scene.studio.library().writer()->addRun({});
    scene.studio.reloadLibrary();
    reading->want(wanted);
    QTRY_COMPARE(reading->value(), 22);
    scene.studio.openStore(scene.storeFile().parent_path() / "another.interleave");
    QCOMPARE(reading->value(), 0);
    reading->want(wanted);
    QTRY_COMPARE(reading->value(), 20);
  }

  void theStoreStaysOpenWhileARunIsRecorded() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    QSignalSpy problems(&scene.studio, &Studio::problem);
    const StoreWriter* writer = scene.studio.library().writer();
    scene.studio.startRun();
    QTRY_VERIFY(scene.studio.run().step() != nullptr);
    scene.studio.openStore(other(scene));
    QCOMPARE(problems.count(), 1);
    QCOMPARE(scene.studio.library().file(), scene.storeFile());
    scene.studio.openStore(scene.storeFile());  // the same: read anew, and still ours to write
    QCOMPARE(problems.count(), 1);
    QCOMPARE(scene.studio.library().writer(), writer);
    scene.studio.controller().stop();
    QTRY_VERIFY(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning());
    scene.studio.openStore(other(scene));
    QCOMPARE(problems.count(), 1);
    QCOMPARE(scene.studio.library().file(), other(scene));
  }

  void anotherStoreShowsNoRunOfTheFormer() {
    Scene scene;
    QVERIFY(scene.search());
    QVERIFY(scene.window.actions().replay->isEnabled());
    scene.studio.openStore(other(scene));
    QCOMPARE(scene.studio.run().record().id, 0);
    QCOMPARE(scene.studio.library().rowCount(), 0);
    QVERIFY(!scene.window.actions().replay->isEnabled());
    QVERIFY(!scene.window.actions().fork->isEnabled());
  }

  void aRunWithoutAStoreSaysThatItIsNotRecorded() {
    MockWorkshop workshop(MockScript{.steps = 8});
    Studio studio(workshop);
    studio.setup().load("laptop", "dash");
    studio.openModel("mock.gguf");
    QTRY_VERIFY(studio.model().known());
    QSignalSpy notices(&studio, &Studio::notice);
    const int lines = studio.log().rowCount();
    studio.startRun();
    QCOMPARE(notices.count(), 1);
    QVERIFY(notices[0][0].toString().contains(QStringLiteral("not recorded")));
    QVERIFY(studio.log().rowCount() > lines);
    QTRY_VERIFY(!studio.controller().active());
  }

  void judgedScoresAreKeptWithTheRun() {
    Scene scene;
    QVERIFY(scene.search());
    const RunId id = scene.studio.run().record().id;
    const Placement found = scene.studio.run().record().placements.front().placement;
    const Placement stranger = Placement::random(30, 8, 1, MixerKind::GdnWindow);
    scene.studio.book().add(QStringLiteral("stranger"), stranger);
    scene.studio.comparisons().judgeCompared();
    QTRY_VERIFY(!scene.studio.book().find(stranger)->scores.empty() && !scene.studio.jobs().anyRunning());
    const std::vector<ScoreEvent> kept = Store::open(scene.storeFile()).scores(id);
    QVERIFY(std::ranges::find(kept, found, &ScoreEvent::placement) != kept.end());
    QVERIFY(std::ranges::find(kept, stranger, &ScoreEvent::placement) == kept.end());
    const double kl = scoreOf(scene.studio.book().find(found)->scores, "kl")->value;
    const RunLibrary& library = scene.studio.library();
    QCOMPARE(library.data(library.index(0, RunLibrary::Quality), Qt::DisplayRole).toString(),
             QStringLiteral("KL %1").arg(numberText(kl, 2)));

    Scene later;
    later.studio.openStore(scene.storeFile());
    later.studio.showRun(id);
    QTRY_VERIFY(later.studio.book().find(found) != nullptr);
    QCOMPARE(scoreOf(later.studio.book().find(found)->scores, "kl")->value, kl);
  }

  void aDeletionIsUndoneThoughEditsWereForgottenMeanwhile() {
    Scene scene;
    QVERIFY(scene.search());
    const int layer = scene.studio.editor().placement().kept().front();
    scene.studio.editor().set(layer, MixerKind::GdnWindow);
    scene.studio.library().remove(scene.studio.run().record().id);
    scene.studio.run().show(std::make_shared<RunRecord>());  // the edits go with the run
    QVERIFY(scene.window.actions().undo->isEnabled());
    scene.window.actions().undo->trigger();
    QCOMPARE(scene.studio.library().rowCount(), 1);
  }

  void aStoreThatIsGoneIsToldAndEndsNothing() {
    Scene scene;
    QVERIFY(scene.search());
    QSignalSpy problems(&scene.studio, &Studio::problem);
    scene.studio.library().remove(scene.studio.run().record().id);
    std::filesystem::remove(scene.storeFile());
    scene.window.actions().undo->trigger();
    QCOMPARE(problems.count(), 1);
    scene.studio.exportShown("interleave", scene.storeFile().parent_path() / "export");
    QTRY_COMPARE(problems.count(), 2);
  }

  void scoresOfTwoRunsThatComeAtOnceAreBothListed() {
    Scene scene;
    QVERIFY(scene.search());
    QVERIFY(scene.search());
    RunLibrary& library = scene.studio.library();
    QCOMPARE(library.rowCount(), 2);
    const Placement found = Store::open(scene.storeFile()).placements(1).front().placement;
    for (const RunId run : {RunId{1}, RunId{2}}) {  // the second while the first is on its way into the store
      library.writer()->record(run, ScoreEvent{"judged anew", found, {interleave::scoreOf("kl", "nats", {7.0, 7.4})}});
      Q_EMIT scene.studio.comparisons().recorded(run);
    }
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    for (int row = 0; row < 2; ++row) {
      QCOMPARE(library.index(row, RunLibrary::Quality).data().toString(), QStringLiteral("KL 7.2"));
    }
  }

  void aListThatIsOnlyReadFollowsTheOneThatWrites() {
    Scene scene, reader;
    reader.studio.openStore(scene.storeFile());
    QCOMPARE(reader.studio.library().rowCount(), 0);
    QVERIFY(scene.search());
    QTRY_COMPARE(reader.studio.library().rowCount(), 1);
    QTRY_COMPARE(reader.studio.library().runs()[0].phase, Phase::Done);
  }

 private:
  static std::filesystem::path other(const Scene& scene) {
    return scene.storeFile().parent_path() / "other.interleave";
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::StoreTest>(argc, argv); }

#include "store_test.moc"
