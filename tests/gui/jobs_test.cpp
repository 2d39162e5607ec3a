// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <latch>

#include "gui/model/job_list.h"
#include "support.h"

namespace interleave::gui {

class JobsTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void appliesResultsInTheWindowsThread() {
    JobList jobs;
    const QAbstractItemModelTester tester(&jobs, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QThread* applied_on = nullptr;
    jobs.start(QStringLiteral("a"), QStringLiteral("slot"), [&](Progress& progress) -> std::function<void()> {
      progress.report("half", 0.5);
      return [&] { applied_on = QThread::currentThread(); };
    });
    QTRY_VERIFY(!jobs.anyRunning());
    QCOMPARE(applied_on, QThread::currentThread());
    QCOMPARE(jobs.state(0), JobList::JobState::Done);
  }

  void dropsAResultThatANewerJobHasOvertaken() {
    JobList jobs;
    std::latch second_started(1);
    QStringList applied;
    jobs.start(QStringLiteral("first"), QStringLiteral("slot"), [&](Progress&) -> std::function<void()> {
      second_started.wait();  // finishes only after it has become stale, and does not look at its stop token
      return [&] { applied << QStringLiteral("first"); };
    });
    jobs.start(QStringLiteral("second"), QStringLiteral("slot"),
               [&](Progress&) -> std::function<void()> { return [&] { applied << QStringLiteral("second"); }; });
    second_started.count_down();
    QTRY_VERIFY(!jobs.anyRunning());
    QCOMPARE(applied, QStringList{QStringLiteral("second")});
    QCOMPARE(jobs.state(1), JobList::JobState::Stopped);
  }

  void stopsWithinASecond() {
    JobList jobs;
    QSignalSpy failed(&jobs, &JobList::failed);
    jobs.start(QStringLiteral("endless"), QStringLiteral("slot"), [](Progress& progress) -> std::function<void()> {
      for (;;) {
        progress.throwIfStopped();
        QThread::msleep(1);
      }
    });
    jobs.cancel(0);
    QVERIFY(QTest::qWaitFor([&] { return !jobs.anyRunning(); }, 1000));
    QCOMPARE(jobs.state(0), JobList::JobState::Stopped);
    QCOMPARE(failed.count(), 0);
  }

  void tellsWhyAJobFailed() {
    JobList jobs;
    QSignalSpy failed(&jobs, &JobList::failed);
    jobs.start(QStringLiteral("bad"), QStringLiteral("slot"),
               [](Progress&) -> std::function<void()> { throw badInput("model.gguf", "header", "it is empty"); });
    QTRY_COMPARE(failed.count(), 1);
    QCOMPARE(failed[0][1].toString(), QStringLiteral("model.gguf: header: it is empty"));
  }

  void aResultThatCannotBeAppliedIsAFailure() {
    JobList jobs;
    QSignalSpy failed(&jobs, &JobList::failed);
    QStringList ended;
    connect(&jobs, &JobList::finished, this, [&](const QString& slot, JobList::JobState state) {
      if (state == JobList::JobState::Failed) ended << slot;
    });
    jobs.start(QStringLiteral("bad"), QStringLiteral("slot"),
               [](Progress&) -> std::function<void()> { return [] { throw failure("store", "the file was moved"); }; });
    QTRY_COMPARE(failed.count(), 1);
    QCOMPARE(jobs.state(0), JobList::JobState::Failed);
    QCOMPARE(ended, QStringList{QStringLiteral("slot")});
    QVERIFY(jobs.data(jobs.index(0, 0), Qt::ToolTipRole).toString().contains(QStringLiteral("moved")));
  }

  void anEvaluationThatFailsLeavesTheOthersToBeJudged() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    QSignalSpy failed(&scene.studio.jobs(), &JobList::failed);
    const Placement good = Placement::uniform(30, 8, 0, MixerKind::GdnWindow);
    const Placement bad(12, MixerKind::Full);  // of another model
    scene.studio.comparisons().judging().want({{QStringLiteral("bad"), bad}, {QStringLiteral("good"), good}});
    QTRY_VERIFY(scene.studio.book().find(good) != nullptr);
    QCOMPARE(failed.count(), 1);
    QVERIFY(scene.studio.book().find(bad) == nullptr);
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::JobsTest>(argc, argv); }

#include "jobs_test.moc"
