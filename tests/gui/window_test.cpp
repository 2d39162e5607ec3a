// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest/qtestspontaneevent.h>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QScreen>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalSpy>
#include <QSlider>
#include <QToolButton>
#include <QWheelEvent>
#include <algorithm>

#include "gui/docks/setup_pane.h"
#include "gui/style/verdict.h"
#include "support.h"

namespace interleave::gui {

namespace {

/// A mock of which one file is no model.
class Picky final : public MockWorkshop {
 public:
  nlohmann::json modelInfo(const std::filesystem::path& model) override {
    if (model.filename() == "broken.gguf") throw badInput(model.string(), "header", "it is empty");
    nlohmann::json info = MockWorkshop::modelInfo(model);
    info["name"] = model.stem().string();
    return info;
  }
};

bool says(const QWidget& widget, const QString& text) {
  const QList<QLabel*> labels = widget.findChildren<QLabel*>();
  return std::ranges::any_of(labels, [&](const QLabel* label) { return label->text().contains(text); });
}

SetupPane& setupOf(MainWindow& window) { return *window.findChild<SetupPane*>(); }

/// The button that takes the field of this name back.
QToolButton* resetOf(QWidget& pane, const QString& name) {
  const QList<QToolButton*> buttons = pane.findChildren<QToolButton*>();
  const auto found = std::ranges::find_if(
      buttons, [&](const QToolButton* button) { return button->accessibleName().startsWith(name + u':'); });
  return found == buttons.end() ? nullptr : *found;
}

void settle(MainWindow& window) {
  for (int turn = 0; turn < 4; ++turn) QApplication::processEvents();
  for (Pane* pane : window.findChildren<Pane*>()) pane->refreshNow();
  for (int turn = 0; turn < 4; ++turn) QApplication::processEvents();
}

/// Where views and what is clicked stand.
QList<QRect> placesIn(MainWindow& window) {
  QList<QRect> places;
  for (Dock* dock : window.docks()) places << dock->geometry();
  for (const QPushButton* button : window.findChildren<QPushButton*>()) {
    if (button->isVisible() && button->window() == &window) {
      places << QRect(button->mapTo(&window, QPoint()), button->size());
    }
  }
  const ChipGrid& chips = window.placement().chips();
  places << QRect(chips.mapTo(&window, QPoint()), chips.size());
  return places;
}

}  // namespace

class WindowTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void theWheelOnlyScrolls() {
    Scene scene;
    scene.window.resize(1200, 640);
    settle(scene.window);
    auto* area = setupOf(scene.window).findChild<QScrollArea*>();
    QVERIFY(area->verticalScrollBar()->maximum() > 0);
    const auto turn = [](QWidget& widget) {
      const QPointF at = widget.rect().center();
      QWheelEvent event(at, widget.mapToGlobal(at), {}, {0, -120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                        false);
      QSpontaneKeyEvent::setSpontaneous(&event);  // one that is sent is told to nobody but the widget
      qApp->notify(&widget, &event);
    };
    int turned = 0;
    for (QComboBox* box : scene.window.findChildren<QComboBox*>()) {
      const int before = box->currentIndex();
      box->setFocus();
      turn(*box);
      QCOMPARE(box->currentIndex(), before);
      ++turned;
    }
    for (QSlider* slider : scene.window.findChildren<QSlider*>()) {
      const int before = slider->value();
      turn(*slider);
      QCOMPARE(slider->value(), before);
    }
    QVERIFY(turned > 4);
    area->verticalScrollBar()->setValue(0);
    turn(*setupOf(scene.window).findChild<QComboBox*>());
    QVERIFY(area->verticalScrollBar()->value() > 0);  // what it stands in has scrolled
  }

  void whatDiffersFromThePresetIsMarkedAndTakenBack() {
    Scene scene;
    SetupModel& setup = scene.studio.setup();
    SetupPane& pane = setupOf(scene.window);
    settle(scene.window);
    QToolButton* reset = resetOf(pane, QStringLiteral("Temperature"));
    QVERIFY(reset != nullptr && !reset->isVisible());
    QCOMPARE(setup.changes(), 0);
    setup.setSearch("temperature", 0.5);
    setup.setBank("tokens", 2048);
    setup.setBudget(Budget::layers(3));
    settle(scene.window);
    QCOMPARE(setup.changes(), 3);
    QVERIFY(pane.hint().contains(QStringLiteral("laptop, 3 changed")));
    const QList<QComboBox*> boxes = pane.findChildren<QComboBox*>();
    QVERIFY(std::ranges::any_of(
        boxes, [](const QComboBox* box) { return box->currentText() == QStringLiteral("laptop, 3 changed"); }));
    QVERIFY(says(pane, QStringLiteral("• Temperature")));
    QVERIFY(says(pane, QStringLiteral("• Budget")));
    QVERIFY(reset->isVisible());
    QVERIFY(reset->toolTip().endsWith(QStringLiteral(": 1")));
    reset->click();
    QCOMPARE(setup.search().real("temperature"), 1.0);
    resetOf(pane, QStringLiteral("Budget"))->click();
    QCOMPARE(setup.budget(), Budget::layers(8));
    resetOf(pane, QStringLiteral("Tokens"))->click();
    settle(scene.window);
    QCOMPARE(setup.changes(), 0);
    QVERIFY(!says(pane, QStringLiteral("• T")) && !says(pane, QStringLiteral("• Budget")));
    QCOMPARE(pane.hint(), QStringLiteral("preset: laptop"));
    setup.setSearch("temperature", 1.0);  // the same again is no change
    QCOMPARE(setup.changes(), 0);
  }

  void setupShowsThePinsThatASearchBeginsWith() {
    Scene scene;
    QVERIFY(scene.search());
    SetupPane& pane = setupOf(scene.window);
    settle(scene.window);
    QVERIFY(says(pane, QStringLiteral("no layer")));
    PlacementEditor& editor = scene.studio.editor();
    const int layer = editor.placement().kept().front();
    editor.setPinned(layer, true);
    settle(scene.window);
    QVERIFY(says(pane, QStringLiteral("1 full")));
    resetOf(pane, QStringLiteral("Pinned"))->click();
    QVERIFY(editor.pinned().empty());
  }

  void aFileThatCannotBeOpenedLeavesTheModelAsItWas() {
    Picky workshop;
    Studio studio(workshop);
    MainWindow window(studio, false);
    studio.setup().load("laptop", "dash");
    window.show();
    QSignalSpy problems(&studio, &Studio::problem);
    QAction *start = window.actions().start_pause, *prepare = window.actions().prepare;
    settle(window);
    QVERIFY(!start->isEnabled() && !prepare->isEnabled());
    for (const QAction* action : {start, prepare}) {
      QVERIFY2(action->toolTip().contains(QStringLiteral("Open a model first")), qPrintable(action->toolTip()));
    }
    QVERIFY(says(window, QStringLiteral("Open a model first")));  // and in the window

    studio.openModel("broken.gguf");
    QVERIFY(start->toolTip().contains(QStringLiteral("being opened")));
    QTRY_COMPARE(problems.count(), 1);
    QVERIFY(problems[0][0].toString().contains(QStringLiteral("it is empty")));
    QVERIFY(!start->isEnabled());
    QVERIFY(studio.setup().modelPath().empty());

    studio.openModel("good.gguf");
    QTRY_VERIFY(start->isEnabled() && prepare->isEnabled());
    QVERIFY(!start->toolTip().contains(QLatin1Char('\n')));
    const std::string path = studio.setup().modelPath(), bank = studio.setup().bankDir();
    const std::size_t costs = studio.model().costs().size();
    studio.openModel("broken.gguf");
    QCOMPARE(studio.model().layers(), 30);  // meanwhile, too
    QTRY_COMPARE(problems.count(), 2);
    QCOMPARE(studio.setup().modelPath(), path);
    QCOMPARE(studio.setup().bankDir(), bank);
    QVERIFY(studio.model().title().startsWith(QStringLiteral("good")));
    QCOMPARE(studio.model().costs().size(), costs);
    QTRY_VERIFY(start->isEnabled() && prepare->isEnabled());
    studio.openModel("other.gguf");
    QTRY_VERIFY(studio.model().title().startsWith(QStringLiteral("other")));
    QVERIFY(studio.setup().modelPath().ends_with("other.gguf"));
  }

  void candidatesAreOffWhileARunGoesOn() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    scene.studio.startRun();
    QVERIFY(!scene.window.actions().prepare->isEnabled());
    QVERIFY(scene.window.actions().prepare->toolTip().contains(QStringLiteral("A run is going on")));
    QVERIFY(scene.window.actions().start_pause->isEnabled());  // to pause
    scene.studio.controller().stop();
    QTRY_VERIFY(scene.window.actions().prepare->isEnabled());
  }

  /// A step takes seconds here: an evaluation that did not wait would be done long before one is.
  void anEditsEvaluationWaitsForTheSearchAndSaysSo() {
    Scene scene({.steps = 3});
    QVERIFY(scene.search());
    MockWorkshop slow({.steps = 1000, .alignment_steps = 0, .steps_per_second = 0.1}, 20);
    Studio studio(slow);
    MainWindow window(studio, false);
    studio.setup().load("laptop", "dash");
    studio.openModel("mock.gguf");
    QTRY_VERIFY(studio.model().known());
    window.show();
    studio.startRun();
    QTRY_VERIFY(studio.workshop().turns().state().run);
    studio.editor().load(Placement::uniform(30, 8, 0, MixerKind::GdnWindow), {MixerKind::Full, MixerKind::GdnWindow});
    studio.editor().set(0, MixerKind::GdnWindow);
    const auto waits = [&] {
      return studio.jobs().rowCount() > 0 && studio.jobs()
                                                 .data(studio.jobs().index(0, JobList::Title), Qt::DisplayRole)
                                                 .toString()
                                                 .contains(QStringLiteral("waits for the run's next step"));
    };
    QTRY_VERIFY(waits());
    settle(window);
    QVERIFY(says(window.placement(), QStringLiteral("between the search's steps")));
    QVERIFY(says(window, QStringLiteral("10 % for an evaluation")));
    QTest::qWait(300);
    QVERIFY(waits());
    QVERIFY(studio.book().find(studio.editor().placement()) == nullptr);
    studio.controller().pause();  // then it has all of the time
    QTRY_VERIFY(studio.book().find(studio.editor().placement()) != nullptr);
    QTRY_VERIFY(!studio.comparisons().whatIf().busy());
    settle(window);
    QVERIFY(!says(window.placement(), QStringLiteral("between the search's steps")));
    studio.controller().stop();
    QTRY_VERIFY(!studio.controller().active());
  }

  void theWindowFitsSmallScreens() {
    Scene scene;
    QVERIFY(scene.search());
    scene.studio.editor().set(
        0, scene.studio.editor().placement()[0] == MixerKind::Full ? MixerKind::GdnWindow : MixerKind::Full);
    for (const Arrangement arrangement : {Arrangement::Search, Arrangement::Compare, Arrangement::Placement}) {
      scene.window.resize(1000, 640);
      scene.window.arrangeAs(arrangement);
      settle(scene.window);
      const QSize least = scene.window.minimumSizeHint();
      const QString told = QStringLiteral("%1 × %2").arg(least.width()).arg(least.height());
      QVERIFY2(least.width() < 1000 && least.height() < 640, qPrintable(told));
      // 1366 × 768 at 150 %, less a frame: what the first window has there.
      scene.window.resize(903, 476);
      scene.window.arrangeAs(arrangement);
      settle(scene.window);
      QCOMPARE(scene.window.size(), QSize(903, 476));
      for (const Dock* dock : scene.window.docks()) {
        if (!dock->visibleRegion().isEmpty()) QVERIFY(scene.window.rect().contains(dock->geometry()));
      }
    }
    const QRect screen = scene.window.screen()->availableGeometry();
    MainWindow first(scene.studio, false);
    QVERIFY(first.width() <= screen.width() && first.height() <= screen.height());
  }

  void wrappedLinesDoNotCoverEachOtherInASmallWindow() {
    Scene scene;
    QVERIFY(scene.search());
    scene.window.resize(880, 480);
    settle(scene.window);
    int compared = 0;
    for (Pane* pane : scene.window.findChildren<Pane*>()) {
      QList<QRect> lines;
      for (const QLabel* label : pane->findChildren<QLabel*>()) {
        if (!label->wordWrap() || !label->isVisible() || label->text().isEmpty()) continue;
        const QRect place(label->mapTo(pane, QPoint()), QSize(label->width(), label->heightForWidth(label->width())));
        for (const QRect& other : lines) {
          ++compared;
          QVERIFY2(!place.intersects(other), qPrintable(label->text()));
        }
        lines << place;
      }
    }
    QVERIFY(compared > 0);
  }

  void theLayoutDoesNotMoveUnderTheHand() {
    Scene scene({.steps = 24}, 1);
    scene.window.resize(1360, 860);
    scene.window.arrangeAs(Arrangement::Search);
    settle(scene.window);
    const QList<QRect> before = placesIn(scene.window);
    const auto stays = [&](const char* when) {
      settle(scene.window);
      const QList<QRect> now = placesIn(scene.window);
      for (qsizetype i = 0; i < std::min(now.size(), before.size()); ++i) {
        if (now[i] == before[i]) continue;
        qInfo() << when << i << before[i] << now[i];
        return false;
      }
      return now.size() == before.size();
    };
    scene.studio.startRun();
    QTRY_VERIFY(scene.studio.run().step() != nullptr);
    QVERIFY(stays("searching"));
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning(), 60000);
    QVERIFY(stays("found"));
    scene.studio.editor().set(
        3, scene.studio.editor().placement()[3] == MixerKind::Full ? MixerKind::GdnWindow : MixerKind::Full);
    QVERIFY(stays("edited"));
    QTRY_VERIFY(!scene.studio.comparisons().whatIf().busy());
    QVERIFY(stays("edit measured"));
    scene.studio.setup().setSearch("temperature", 0.123456789);
    scene.studio.setPinned(3, true);
    Q_EMIT scene.studio.problem(QString(400, QLatin1Char('x')));
    QVERIFY(stays("settings, pins, a long message"));
    scene.studio.openModel(std::string(120, 'm') + ".gguf");
    QTRY_VERIFY(scene.studio.setup().modelPath().ends_with("m.gguf"));
    QVERIFY(stays("a long name"));
  }

  void betterAndWorseAreToldInShapeAndColour() {
    const std::vector<double> low(8, 1.0), high(8, 2.0);
    std::vector<double> mixed = low;
    mixed[0] = 2;
    const auto look = [](const std::vector<double>& a, const std::vector<double>& b, Better better) {
      return lookOf(pairedDifference(a, b, better));
    };
    const VerdictLook better = look(low, high, Better::Lower), worse = look(high, low, Better::Lower);
    QCOMPARE(better.mark, QStringLiteral("▲ "));
    QCOMPARE(worse.mark, QStringLiteral("▼ "));
    QVERIFY(better.color != worse.color);
    QCOMPARE(look(low, high, Better::Higher).mark, worse.mark);
    QCOMPARE(look(low, high, Better::Higher).color, worse.color);
    QCOMPARE(look(mixed, low, Better::Lower).mark, QString());
    QCOMPARE(lookOf(ScoreDifference{}).mark, QString());
  }

  void countsStandBesideScoresWhereTheyDiffer() {
    const Score two = interleave::scoreOf("kl", "nats", {1, 2}), other_two = two,
                three = interleave::scoreOf("kl", "nats", {1, 2, 3});
    QCOMPARE(countsBeside({&two, nullptr, &other_two}), (QStringList{{}, {}, {}}));
    QCOMPARE(countsBeside({&two, nullptr, &three}), (QStringList{QStringLiteral(" n=2"), {}, QStringLiteral(" n=3")}));
  }

  void placementMarksItsScores() {
    Scene scene;
    QVERIFY(scene.search());
    QTRY_VERIFY(!scene.studio.comparisons().judging().busy() && !scene.studio.jobs().anyRunning());
    PlacementBook& book = scene.studio.book();
    const Placement shown = scene.studio.editor().placement();
    const KnownPlacement baseline = scene.studio.comparisons().baseline();
    const std::vector<double> low(8, 1.0), high(8, 2.0);
    const auto score = [&](const std::vector<double>& samples) {
      return std::vector<Score>{interleave::scoreOf("kl", "nats", samples, "the same")};
    };
    book.add(QStringLiteral("found"), shown, score(high));
    book.add(baseline.label, baseline.placement, score(low));
    settle(scene.window);
    QVERIFY(says(scene.window.placement(), QStringLiteral("▼ 2")));
    book.add(QStringLiteral("found"), shown, score(low));
    book.add(baseline.label, baseline.placement, score(high));
    settle(scene.window);
    QVERIFY(says(scene.window.placement(), QStringLiteral("▲ 1")));
    QVERIFY(!says(scene.window.placement(), QStringLiteral("▼")));
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::WindowTest>(argc, argv); }

#include "window_test.moc"
