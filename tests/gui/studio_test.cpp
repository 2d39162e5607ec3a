// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPushButton>
#include <QScrollBar>
#include <QSignalSpy>
#include <QSlider>
#include <QTreeWidget>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "backend/formats/published.h"
#include "gui/app/heal_dialog.h"
#include "gui/app/tour.h"
#include "gui/docks/evaluation_pane.h"
#include "gui/widgets/setting_editor.h"
#include "support.h"

namespace interleave::gui {

class StudioTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void whatAModelsFilesWarnOfIsInTheLog() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    const int lines = scene.studio.log().rowCount();
    QSignalSpy notices(&scene.studio, &Studio::notice);
    scene.workshop.setModelWarnings({"m/tokenizer.json: added_tokens: odd", "m/index.json: weight_map: odder"});
    scene.studio.openModel("other.gguf");
    QTRY_COMPARE(notices.count(), 1);
    QVERIFY(notices.front().front().toString().contains(QStringLiteral("see Log")));
    QStringList said;
    for (int row = lines; row < scene.studio.log().rowCount(); ++row) {
      said += scene.studio.log().index(row, 0).data().toString();
    }
    QCOMPARE(said.filter(QStringLiteral("warning: m/")).size(), 2);
  }

  void aRunGoesFromStartToDoneThroughTheWindow() {
    Scene scene;
    QSignalSpy problems(&scene.studio, &Studio::problem);
    QTRY_VERIFY(scene.studio.model().known());
    scene.window.actions().start_pause->trigger();
    QVERIFY(scene.studio.controller().active());
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active(), 60000);
    const RunRecord& record = scene.studio.run().record();
    QCOMPARE(record.phase.phase, Phase::Done);
    QCOMPARE(record.steps.back().step, 24);
    QVERIFY(!record.alignments.empty());
    QCOMPARE(scene.studio.editor().placement(), record.placements.front().placement);
    QCOMPARE(problems.count(), 0);
    QTRY_COMPARE(scene.studio.library().rowCount(), 1);
    QTRY_COMPARE(scene.studio.library().runs()[0].phase, Phase::Done);
    QTRY_VERIFY(scene.studio.clock().idle());
  }

  void pausesResumesAndStops() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    scene.window.actions().start_pause->trigger();
    QTRY_VERIFY(scene.studio.run().step() != nullptr);
    scene.window.actions().start_pause->trigger();
    QTRY_VERIFY(scene.studio.controller().paused());
    const std::int64_t held = scene.studio.run().step()->step;
    QTest::qWait(50);
    QCOMPARE(scene.studio.run().step()->step, held);
    scene.window.actions().start_pause->trigger();
    QTRY_VERIFY(scene.studio.run().step()->step > held);
    scene.window.actions().stop->trigger();
    QVERIFY(QTest::qWaitFor([&] { return !scene.studio.controller().active(); }, 1000));
    QCOMPARE(scene.studio.run().record().phase.phase, Phase::Stopped);
  }

  void aPauseThatIsStillToComeCanBeWithdrawn() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    QAction* button = scene.window.actions().start_pause;
    button->trigger();
    QVERIFY(button->iconText().contains(QStringLiteral("Pause")));
    button->trigger();
    QVERIFY(scene.studio.controller().pauseWanted());
    QVERIFY(button->iconText().contains(QStringLiteral("Resume")));
    button->trigger();
    QVERIFY(!scene.studio.controller().pauseWanted());
    QTRY_VERIFY(scene.studio.run().step() != nullptr);
    scene.window.actions().stop->trigger();
    QTRY_VERIFY(!scene.studio.controller().active());
  }

  void aPinSetBeforeTheStartHoldsThroughTheRun() {
    Scene scene;
    QVERIFY(scene.search());
    PlacementEditor& editor = scene.studio.editor();
    const int layer = editor.placement().kept().front();  // the search would keep it
    editor.set(layer, MixerKind::GdnWindow);
    editor.setPinned(layer, true);
    QVERIFY(scene.search());
    const RunRecord& record = scene.studio.run().record();
    QCOMPARE(record.changes.size(), std::size_t{1});
    QCOMPARE(record.changes[0].step, 1);
    for (const StepEvent& step : record.steps) QCOMPARE(step.if_stopped_now[layer], MixerKind::GdnWindow);
    QCOMPARE(editor.placement()[layer], MixerKind::GdnWindow);
    QCOMPARE(editor.pinned(), (Pins{{layer, MixerKind::GdnWindow}}));
  }

  void aPinKeepsItsOperatorAndStaysWithItsRun() {
    Scene scene;
    QVERIFY(scene.search());
    const RunId first = scene.studio.run().record().id;
    PlacementEditor& editor = scene.studio.editor();
    QVERIFY(scene.search());
    const int layer = editor.placement().kept().front();
    editor.setPinned(layer, true);
    scene.studio.run().setPosition(0);  // where the layer may have another operator
    QCOMPARE(editor.pinned(), (Pins{{layer, MixerKind::Full}}));
    scene.studio.showRun(first);
    QTRY_COMPARE(scene.studio.run().record().id, first);
    QVERIFY(editor.pinned().empty());
  }

  void theClockSlowsDownWhileNothingComes() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known() && !scene.studio.jobs().anyRunning());
    FrameClock clock;
    int frames = 0;
    clock.addSource([&frames] { return ++frames > 0; });
    clock.wake();
    QTest::qWait(2000);
    QVERIFY(frames > 1);
    QVERIFY2(frames < 45, qPrintable(QString::number(frames)));  // 60 at 33 ms, 27 with the rest at 100
  }

  void aRunsSettingsAreTakenIntoSetup() {
    Scene scene;
    SetupModel& setup = scene.studio.setup();
    setup.setSeed(7);
    setup.setBudget(Budget::layers(5));
    setup.setSearch("learning_rate", 0.25);
    QVERIFY(scene.search());
    setup.load("laptop", "dash");
    setup.setSeed(1);
    scene.studio.takeSettings(scene.studio.run().record().id);
    QTRY_COMPARE(setup.seed(), std::uint64_t{7});
    QCOMPARE(setup.budget(), Budget::layers(5));
    QCOMPARE(setup.search().real("learning_rate"), 0.25);
  }

  void theFormOfPromptsIsChosenOrNamesAFile() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known() && !scene.studio.jobs().anyRunning());
    SetupModel& setup = scene.studio.setup();
    SettingEditor* editor = nullptr;
    QTRY_VERIFY(!scene.window.findChildren<SettingEditor*>().isEmpty());
    for (SettingEditor* one : scene.window.findChildren<SettingEditor*>()) {
      if (one->key() == kChatSetting) editor = one;
    }
    QVERIFY(editor != nullptr);
    auto* box = editor->findChild<QComboBox*>();
    QVERIFY(box != nullptr && box->isEditable());
    QTRY_COMPARE(box->currentText(), QStringLiteral("auto"));
    const auto type = [&](const char* text) {
      box->lineEdit()->selectAll();
      QTest::keyClicks(box->lineEdit(), QString::fromLatin1(text));
      QTest::keyClick(box->lineEdit(), Qt::Key_Return);
    };
    type("none");
    QCOMPARE(setup.search().text(kChatSetting), std::string("none"));
    QCOMPARE(setup.spec().chat(), std::string("none"));
    type("/a/own.jinja");
    QCOMPARE(setup.spec().chat(), std::string("/a/own.jinja"));
    type("nome");  // neither a form nor a file
    QCOMPARE(setup.spec().chat(), std::string("/a/own.jinja"));
    setup.setSearch(kChatSetting, "chatml");
    QTRY_COMPARE(box->currentText(), QStringLiteral("chatml"));

    const auto says = [&scene] {
      const QList<QLabel*> labels = scene.window.findChildren<QLabel*>();
      return std::ranges::any_of(labels, [](const QLabel* label) {
        return label->text() == QStringLiteral("no chat template: plain prompts");
      });
    };
    QTRY_VERIFY(!says());
    setup.setSearch(kChatSetting, "auto");
    QTRY_VERIFY(says());
  }

  void thePlacementShownIsHealedAsARunOfItsOwn() {
    Scene scene;
    Studio& studio = scene.studio;
    QVERIFY(scene.search());
    const Placement found = studio.editor().placement();
    QVERIFY(std::ranges::count(studio.workshop().methods(), kHealMethod) == 0);  // it selects nothing
    const std::string folder = studio.healFolder();
    HealDialog(studio).accept();
    QVERIFY(studio.controller().active());
    QTRY_VERIFY_WITH_TIMEOUT(!studio.controller().active() && !studio.jobs().anyRunning(), 60000);
    const RunRecord& record = studio.run().record();
    QVERIFY(record.spec.isHeal());
    QCOMPARE(record.spec.search_settings.at("placement").get<std::string>(), found.letters());
    QCOMPARE(record.spec.search_settings.at("folder").get<std::string>(), folder);
    QTRY_COMPARE(studio.library().rowCount(), 2);
    QSignalSpy problems(&studio, &Studio::problem);
    studio.takeSettings(record.id);
    QTRY_COMPARE(problems.count(), 1);  // Setup is for searches
    studio.forkRun(record.id, 1);
    QTRY_COMPARE(problems.count(), 2);
  }

  void aHealedPlacementStandsBesideItself() {
    PlacementBook book;
    const Placement placement = Placement::uniform(6, 2, 0, MixerKind::SlidingWindow);
    const auto scored = [](double value) {
      return std::vector<Score>{interleave::scoreOf("kl", "nats", std::vector<double>{value, value})};
    };
    book.add(QStringLiteral("found"), placement, scored(2));
    book.add(QStringLiteral("healed"), placement, scored(1), true, "folder");
    QCOMPARE(book.entries().size(), std::size_t{2});
    QCOMPARE(book.find(placement)->scores[0].value, 2.0);
    book.add(QStringLiteral("healed"), placement, scored(0.5), true, "folder");
    QCOMPARE(book.entries().size(), std::size_t{2});
    QCOMPARE(book.entries()[1].scores[0].value, 0.5);
  }

  void timeGoesOnBetweenSteps() {
    Scene scene({.steps = 10, .steps_per_second = 0.2});
    scene.window.actions().start_pause->trigger();
    const auto shown = [&](const char* time) {
      const QList<QLabel*> labels = scene.window.findChildren<QLabel*>();
      return std::ranges::any_of(labels, [&](const QLabel* label) {
        return label->text().startsWith(QLatin1String(time)) && label->text().endsWith(QStringLiteral("left"));
      });
    };
    QTRY_VERIFY(shown("0:02") || shown("0:03"));
    QVERIFY(scene.studio.run().step() == nullptr);
    scene.window.actions().stop->trigger();
    QTRY_VERIFY(!scene.studio.controller().active());
  }

  void aRunThatIsStillLoadingDoesNotTakeTheViewFromTheOneThatBegins() {
    Scene scene({.steps = 60, .steps_per_second = 200});
    QVERIFY(scene.search());
    const RunId first = scene.studio.run().record().id;
    scene.studio.run().show(std::make_shared<RunRecord>());
    scene.studio.showRun(first);
    scene.studio.startRun();
    QTRY_VERIFY(scene.studio.controller().active() && !scene.studio.jobs().anyRunning());
    QCOMPARE(scene.studio.run().shared(), scene.studio.controller().record());
    QCOMPARE(scene.window.runs().selected(), scene.studio.controller().record()->id);
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning(), 60000);
  }

  void nothingElseTrainsTheBankWhileItIsPrepared() {
    Scene scene({.steps = 24}, 5000);
    QTRY_VERIFY(scene.studio.model().known());
    QSignalSpy problems(&scene.studio, &Studio::problem);
    scene.window.actions().prepare->trigger();
    QVERIFY(scene.studio.preparing());
    QVERIFY(!scene.window.actions().start_pause->isEnabled());
    scene.studio.startRun();
    QCOMPARE(problems.count(), 1);
    QVERIFY(!scene.studio.controller().active());
    scene.studio.jobs().cancelSlot(QStringLiteral("prepare"));
    QTRY_VERIFY(scene.window.actions().start_pause->isEnabled());
  }

  void everyModelHasABankOfItsOwnUnlessTheUserChoseOne() {
    Scene scene;
    const auto bank = [&](const char* name) { return (scene.storeFile().parent_path() / "banks" / name).string(); };
    SetupModel& setup = scene.studio.setup();
    QCOMPARE(setup.bankDir(), bank("mock"));
    scene.studio.openModel("/models/SmolLM2-1.7B/");
    QTRY_COMPARE(setup.spec().bank_dir, bank("SmolLM2-1.7B"));
    setup.setBankDir("/mine");
    scene.studio.openModel("other.Q8_0.gguf");
    QTRY_VERIFY(setup.modelPath().ends_with("other.Q8_0.gguf"));
    QCOMPARE(setup.spec().bank_dir, std::string("/mine"));
    setup.setBankDir("");
    QCOMPARE(setup.bankDir(), bank("other.Q8_0"));
  }

  void scoresAreOfOneModelAndBank() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    PlacementBook& book = scene.studio.book();
    book.add(QStringLiteral("all"), Placement(30, MixerKind::Full));
    scene.studio.setup().setSeed(7);
    QCOMPARE(book.entries().size(), std::size_t{1});
    scene.studio.setup().setBankDir("/another");
    QVERIFY(book.entries().empty());
    book.add(QStringLiteral("all"), Placement(30, MixerKind::Full));
    scene.studio.openModel("another.gguf");
    QTRY_VERIFY(book.entries().empty());
  }

  void evaluationShowsEachScoreUnderItsTitle() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    scene.window.arrangeAs(Arrangement::Compare);
    scene.window.dock(QStringLiteral("evaluation")).raise();
    const Placement placement(30, MixerKind::Full);
    scene.studio.book().add(QStringLiteral("all"), placement,
                            {{"passkey", "share", 0.5, 0.1, 4, {}}, {"kl", "nats", 0, 0, 4, {}}});
    const auto* pane = scene.window.findChild<EvaluationPane*>();
    QVERIFY(pane != nullptr);
    const auto* figure = pane->findChild<Figure*>();
    QTRY_COMPARE(figure->panels().size(), std::size_t{2});
    QCOMPARE(figure->panels()[0].title, QStringLiteral("KL on text, nats"));
    QCOMPARE(figure->panels()[1].title, QStringLiteral("recall, share of prompts"));
    QCOMPARE(figure->panels()[1].x.most, 1.08);  // shares have their whole range
  }

  void whatASearchFoundIsJudgedWithWhatItIsComparedWith() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    scene.studio.startRun();
    const PlacementBook& book = scene.studio.book();
    const auto judged = [&](const Placement& placement) {
      const KnownPlacement* known = book.find(placement);
      return known != nullptr && !known->scores.empty();
    };
    QTRY_VERIFY(!scene.studio.run().record().placements.empty());
    QTRY_VERIFY(judged(scene.studio.run().record().placements.front().placement));
    QCOMPARE(scene.studio.comparisons().references().size(), std::size_t{2});
    for (const KnownPlacement& reference : scene.studio.comparisons().references())
      QTRY_VERIFY(judged(reference.placement));
    QTRY_VERIFY(judged(scene.studio.comparisons().teacher()));
    // All of them with the run, for a later session.
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    const RunId id = scene.studio.run().record().id;
    // Beside them the three that the mock engine tells in a manner of its own.
    QCOMPARE(Store::open(scene.storeFile()).scores(id).size(), std::size_t{7});
  }

  void publishedPlacementsOfTheModelsDepthAreOffered() {
    Scene scene({.layers = 36, .steps = 8});
    QVERIFY(scene.search());
    PlacementBook& book = scene.studio.book();
    const int kept = scene.studio.run().record().placements.front().placement.fullCount();
    const auto offered = [&](const char* name) {
      const auto& all = bundledPublished();
      const auto selection = std::ranges::find(all, name, &PublishedSelection::name);
      return selection->layers == 36
                 ? book.find(selection->placement(selection->nearestCount(kept), MixerKind::GdnWindow))
                 : nullptr;
    };
    const KnownPlacement* kl_ls = offered("kl-ls-qwen2.5-3b");
    QVERIFY(kl_ls != nullptr);
    QCOMPARE(kl_ls->placement.fullCount(), kept);
    QVERIFY(kl_ls->source.contains(QStringLiteral("2512.20569")));
    QVERIFY(!kl_ls->compared);
    QCOMPARE(offered("jet-nemotron-4b")->placement.fullCount(), 3);
    for (const KnownPlacement& entry : book.entries()) QCOMPARE(entry.placement.layers(), 36);

    // In Compare, with its source; ticked, it is judged, and that is kept with the run.
    auto* list = scene.window.findChild<QTreeWidget*>();
    QVERIFY(list != nullptr);
    QTRY_COMPARE(list->topLevelItemCount(), static_cast<int>(book.entries().size()));
    const auto at = static_cast<std::size_t>(kl_ls - book.entries().data());
    QTreeWidgetItem* item = list->topLevelItem(static_cast<int>(at));
    QVERIFY(item->toolTip(0).contains(QStringLiteral("2512.20569")));
    const Placement placement = kl_ls->placement;
    item->setCheckState(0, Qt::Checked);
    QVERIFY(book.find(placement)->compared);
    scene.studio.comparisons().judgeCompared();
    QTRY_VERIFY(!book.find(placement)->scores.empty());
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    const auto scores = Store::open(scene.storeFile()).scores(scene.studio.run().record().id);
    QVERIFY(std::ranges::find(scores, placement, &ScoreEvent::placement) != scores.end());
  }

  void publishedPlacementsOfAUsersFileAreOfferedBesideEveryRun() {
    Scene scene;
    Comparisons& comparisons = scene.studio.comparisons();
    const std::filesystem::path file = scene.storeFile().parent_path() / "mine.json";
    const auto refusal = [&](const std::string& selections) {
      std::ofstream(file)
          << R"({"format": "interleave-published", "version": 1, "source": "a friend", "url": "https://a.example",)"
          << R"("selections": [)" << selections << "]}";
      try {
        comparisons.openPublished(file);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    const std::string mine = R"({"name": "mine", "title": "Mine", "model": "Some-1B", "layers": 30, "sets": [[1, 2]]})";
    QVERIFY(refusal(mine).find("show a run") != std::string::npos);
    QVERIFY(scene.search());
    QVERIFY(
        refusal(R"({"name": "deep", "title": "Deep", "model": "Some-9B", "layers": 6, "sets": [[1]]})").find("30") !=
        std::string::npos);
    QVERIFY(refusal(R"({"name": "mine"})").find("mine.json") != std::string::npos);
    QCOMPARE(refusal(mine), std::string());
    const Placement placement = Placement::keeping(30, std::vector{1, 2}, MixerKind::GdnWindow);
    const auto offered = [&] {
      const KnownPlacement* entry = scene.studio.book().find(placement);
      return entry != nullptr && !entry->compared && entry->source.contains(QStringLiteral("a friend"));
    };
    QVERIFY(offered());
    scene.studio.setup().setBankDir("another");  // the book starts afresh
    QVERIFY(scene.search());
    QVERIFY(offered());
  }

  void anExportedHybridIsJudgedWithItsOwnWeights() {
    Scene scene;
    Comparisons& comparisons = scene.studio.comparisons();
    const std::filesystem::path folder = scene.storeFile().parent_path() / "mine";
    const auto refusal = [&] {
      try {
        comparisons.openHybrid(folder);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    QVERIFY(refusal().find("show a run") != std::string::npos);
    QVERIFY(scene.search());
    QVERIFY(refusal().find("config.json") != std::string::npos);
    const std::size_t before = scene.studio.book().entries().size();
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "config.json") << "{}";
    QCOMPARE(refusal(), std::string());
    QCOMPARE(scene.studio.book().entries().size(), before + 1);
    const Placement placement = Placement::uniform(30, 1, 0, MixerKind::SlidingWindow);
    const auto hybrid = [&] { return scene.studio.book().find(placement, folder.string()); };
    QVERIFY(hybrid() != nullptr);
    QVERIFY(hybrid()->compared);
    QCOMPARE(hybrid()->label, QStringLiteral("mine, exported"));
    comparisons.judgeCompared();
    QTRY_VERIFY(!hybrid()->scores.empty());
    QVERIFY2(scene.studio.book().find(placement) == nullptr, "its scores are not those of the bank's operators");
  }

  void whatIsExportedCarriesItsScores() {
    Scene scene;
    QVERIFY(scene.search());
    const std::filesystem::path out = scene.storeFile().parent_path() / "out";
    const auto scoresWritten = [&] {
      std::filesystem::remove_all(out);
      scene.studio.exportShown("interleave", out);
      for (int waited = 0; waited < 5000 && scene.studio.jobs().anyRunning(); waited += 20) QTest::qWait(20);
      return nlohmann::json::parse(std::ifstream(out / "placement.json")).at("scores").get<std::size_t>();
    };
    const auto known = [&] { return scene.studio.book().find(scene.studio.editor().placement()); };
    QVERIFY2(known() != nullptr && known()->thorough && !known()->scores.empty(), "the run judges what it found");
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QCOMPARE(scoresWritten(), known()->scores.size());
    const int layer = scene.studio.editor().placement().kept().front();
    scene.studio.editor().set(layer, MixerKind::GdnWindow);
    QTRY_VERIFY(known() != nullptr && !known()->scores.empty());  // of few samples
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QCOMPARE(scoresWritten(), std::size_t{0});
  }

  void nothingPublishedIsOfferedToAnotherDepth() {
    Scene scene;
    QVERIFY(scene.search());
    for (const KnownPlacement& entry : scene.studio.book().entries()) QVERIFY(entry.source.isEmpty());
  }

  void aTourThatCannotWriteSaysSo() {
    Scene scene;
    Tour tour(scene.window, scene.storeFile() / "pictures");  // below a file
    QSignalSpy finished(&tour, &Tour::finished);
    tour.start();
    QTRY_COMPARE(finished.count(), 1);
    QVERIFY(!finished[0][0].toBool());
  }

  void aChangeWhileItRunsIsRecordedWithItsStep() {
    Scene scene({.steps = 100000, .steps_per_second = 500});
    scene.studio.startRun();
    QTRY_VERIFY(scene.studio.run().step() != nullptr);
    scene.studio.controller().intervene({.kind = Intervention::Kind::Pin, .layer = 3, .mixer = MixerKind::Full});
    QTRY_COMPARE(scene.studio.run().record().changes.size(), std::size_t{1});
    QVERIFY(scene.studio.run().record().changes[0].step > 0);
    QTRY_COMPARE(scene.studio.run().step()->if_stopped_now[3], MixerKind::Full);
    scene.studio.controller().stop();
    QTRY_VERIFY(!scene.studio.controller().active());
  }

  void theTimeSliderShowsTheStoredRunsState() {
    Scene scene;
    QVERIFY(scene.search());
    const std::vector<StepEvent> live = scene.studio.run().record().steps;
    const RunId id = scene.studio.run().record().id;
    Scene reader;  // another window on its own store, shown the first one's file
    reader.studio.openStore(scene.storeFile());
    reader.studio.showRun(id);
    QTRY_COMPARE(reader.studio.run().record().steps.size(), live.size());
    QSlider& time = reader.window.logits().timeSlider();
    QTRY_COMPARE(time.maximum(), static_cast<int>(live.size()) - 1);
    for (const int position : {0, 7, 15}) {
      time.setValue(position);
      const StepEvent& expected = live[static_cast<std::size_t>(position)];
      QCOMPARE(reader.studio.run().step()->step, expected.step);
      QCOMPARE(reader.studio.run().step()->logits, expected.logits);
      QCOMPARE(reader.studio.editor().placement(), expected.if_stopped_now);
    }
    QVERIFY(!reader.studio.library().readOnlyReason().isEmpty());
  }

  void theSecondStudioOnAStoreSaysThatItOnlyReads() {
    Scene scene;
    Scene second;
    second.studio.openStore(scene.storeFile());
    QVERIFY(second.studio.library().writer() == nullptr);
    const auto* banner = second.window.findChild<QLabel*>(QStringLiteral("banner"));
    QVERIFY(banner->isVisible());
    QVERIFY(banner->text().contains(QStringLiteral("reading only")));
  }

  void aFileThatIsNoStoreIsRefusedAndLeftAlone() {
    Scene scene;
    QSignalSpy problems(&scene.studio, &Studio::problem);
    const std::filesystem::path file = scene.folder.filePath(QStringLiteral("letter.txt")).toStdString();
    std::ofstream(file) << "Dear reader, this is no store at all, but it is long enough to look at.";
    scene.studio.openStore(file);
    QCOMPARE(problems.count(), 1);
    QCOMPARE(scene.studio.library().file(), scene.storeFile());
    QCOMPARE(std::filesystem::file_size(file), std::uintmax_t{71});
  }

  void theBudgetSliderGivesEveryKFromTheSameRun() {
    Scene scene;
    QVERIFY(scene.search());
    QSlider& slider = scene.window.runBar().budgetSlider();
    QTRY_COMPARE(slider.value(), 8);
    for (const int kept : {0, 3, 12, 30}) {
      slider.setValue(kept);
      QCOMPARE(scene.studio.editor().placement(), keepLargest(*scene.studio.run().step(), kept));
      QCOMPARE(scene.studio.editor().placement().fullCount(), kept);
    }
    scene.window.actions().clear_budget->trigger();
    QCOMPARE(scene.studio.editor().placement(), scene.studio.run().record().placements.front().placement);
  }

  void runsAreTaggedPinnedDeletedAndBroughtBack() {
    Scene scene;
    RunLibrary& library = scene.studio.library();
    const QAbstractItemModelTester tester(&library, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(scene.search());
    QTRY_COMPARE(library.rowCount(), 1);
    const RunId id = library.runs()[0].id;
    library.setTags(id, {QStringLiteral("good"), QStringLiteral(" ")});
    QCOMPARE(library.runs()[0].tags, std::vector<std::string>{"good"});
    library.setBaseline(id);
    QCOMPARE(library.baseline()->id, id);
    library.remove(id);
    QCOMPARE(library.rowCount(), 0);
    scene.window.actions().undo->trigger();
    QCOMPARE(library.rowCount(), 1);
    QCOMPARE(library.runs()[0].tags, std::vector<std::string>{"good"});
  }

  void aStoppedRunIsResumedAndForked() {
    Scene scene({.steps = 60, .steps_per_second = 100});
    scene.studio.startRun();
    QTRY_VERIFY(scene.studio.run().step() != nullptr && scene.studio.run().step()->step > 5);
    scene.studio.controller().stop();
    QTRY_VERIFY(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning());
    const RunId id = scene.studio.run().record().id;
    const std::int64_t step = scene.studio.run().step()->step;
    scene.studio.resumeRun(id);
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning(), 60000);
    QCOMPARE(scene.studio.run().record().id, id);
    QCOMPARE(scene.studio.run().record().steps.size(), std::size_t{60});
    scene.studio.forkRun(id, step);
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning(), 60000);
    QVERIFY(scene.studio.run().record().id != id);
    QCOMPARE(scene.studio.run().record().steps.front().step, step + 1);
    QTRY_COMPARE(scene.studio.library().rowCount(), 2);
  }

  void aForkOfARunsEndShowsWhatItFound() {
    Scene scene;
    QVERIFY(scene.search());
    const RunId id = scene.studio.run().record().id;
    scene.studio.setup().setBudget(Budget::layers(4));
    scene.studio.setup().setSeed(5);
    scene.studio.setup().setSearch("steps", 24);
    scene.studio.forkRun(id, 24);
    QTRY_VERIFY(scene.studio.run().record().id != id);
    QTRY_VERIFY(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning());
    QVERIFY(scene.studio.run().step() == nullptr);
    QCOMPARE(scene.studio.run().placement().fullCount(), 4);
    QCOMPARE(scene.studio.editor().placement().fullCount(), 4);
    const RunSpec spec = Store::open(scene.storeFile()).spec(scene.studio.run().record().id);
    QCOMPARE(spec.seed, std::uint64_t{0});  // the origin's: its data go on
    QCOMPARE(spec.budget, Budget::layers(4));
  }

  void aForkThatItsOriginDoesNotAllowIsRefused() {
    Scene scene;
    QVERIFY(scene.search());
    QSignalSpy problems(&scene.studio, &Studio::problem);
    scene.studio.setup().setSearch("steps", 8);
    scene.studio.forkRun(scene.studio.run().record().id, 24);
    QTRY_COMPARE(problems.count(), 1);
    QVERIFY(problems[0][0].toString().contains(QStringLiteral("step 24")));
    QCOMPARE(scene.studio.library().rowCount(), 1);
  }

  void aVerdictStaysWithTheRunItIsOf() {
    Scene scene({.steps = 24}, 100);
    QVERIFY(scene.search());
    const RunId first = scene.studio.run().record().id;
    scene.studio.setup().setSeed(9);
    QVERIFY(scene.search());
    const RunId second = scene.studio.run().record().id;
    const Placement found = scene.studio.run().record().placements.front().placement;
    const auto scores = [&](RunId run) { return Store::open(scene.storeFile()).scores(run); };
    const std::size_t of_first = scores(first).size();
    std::size_t of_second = 0;
    for (const ScoreEvent& event : scores(second)) of_second += event.scores.size();
    scene.studio.book().add(QStringLiteral("again"), found);
    scene.studio.comparisons().judgeCompared();
    QVERIFY(scene.studio.comparisons().judging().busy());
    scene.studio.showRun(first);
    QTRY_COMPARE(scene.studio.run().record().id, first);
    QTRY_VERIFY(!scene.studio.comparisons().judging().busy() && !scene.studio.jobs().anyRunning());
    QCOMPARE(scores(first).size(), of_first);
    std::size_t now = 0;
    for (const ScoreEvent& event : scores(second)) now += event.scores.size();
    QVERIFY(now > of_second);
  }

  void aReplayEndsAsTheRunDid() {
    Scene scene;
    QVERIFY(scene.search());
    const RunId id = scene.studio.run().record().id;
    const Placement found = scene.studio.run().placement();
    scene.studio.replayRun(id, 1000);
    QTRY_VERIFY_WITH_TIMEOUT(!scene.studio.controller().active() && !scene.studio.jobs().anyRunning(), 60000);
    QCOMPARE(scene.studio.run().record().id, 0);
    QCOMPARE(scene.studio.run().record().steps.size(), std::size_t{24});
    QCOMPARE(scene.studio.run().placement(), found);
    QCOMPARE(scene.studio.library().rowCount(), 1);
  }

  void candidatesArePreparedWithALiveView() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    scene.window.actions().prepare->trigger();
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    QTRY_COMPARE(scene.studio.run().record().alignments.size(), std::size_t{24});
    QCOMPARE(bankError(scene.studio.run().record()).size(), std::size_t{30});
  }

  void everyViewHasANameForAssistiveTechnology() {
    Scene scene;
    for (Dock* dock : scene.window.docks()) QVERIFY(!dock->pane().accessibleName().isEmpty());
    for (const Figure* figure : scene.window.findChildren<Figure*>()) QVERIFY(!figure->accessibleName().isEmpty());
  }

  void theLogStaysAtItsEndUnlessTheUserScrolledAway() {
    Scene scene;
    const auto lists = scene.window.dock(QStringLiteral("log")).findChildren<QListView*>();
    const auto lines = std::ranges::find(lists, QStringLiteral("Log"), &QWidget::accessibleName);
    QVERIFY(lines != lists.end());
    QScrollBar& bar = *(*lines)->verticalScrollBar();
    const auto write = [&] {
      for (int i = 0; i < 50; ++i) scene.studio.log().add(LogEvent::Level::Info, QStringLiteral("line %1").arg(i));
    };
    write();
    QTRY_VERIFY(bar.maximum() > 0 && bar.value() == bar.maximum());
    scene.window.resize(1280, 760);
    write();
    QTRY_VERIFY(bar.maximum() > 60 && bar.value() == bar.maximum());
    bar.setValue(3);
    const int before = bar.maximum();
    write();
    QTRY_VERIFY(bar.maximum() > before);
    QCOMPARE(bar.value(), 3);
  }

  void layoutsAreArrangedAndReset() {
    Scene scene;
    for (const Arrangement arrangement : {Arrangement::Compare, Arrangement::Placement, Arrangement::Search}) {
      scene.window.arrangeAs(arrangement);
      for (Dock* dock : scene.window.docks()) QVERIFY(!dock->isHidden());
    }
    const auto share = [&] {
      return static_cast<double>(scene.window.dock(QStringLiteral("log")).height()) / scene.window.height();
    };
    scene.window.resize(1280, 800);
    const double before = share();
    scene.window.resize(1920, 1200);
    QTRY_VERIFY2(share() < before + 0.05, qPrintable(QString::number(share())));  // the room goes to the views
    scene.window.dock(QStringLiteral("log")).close();
    scene.window.actions().reset_layout->trigger();
    QVERIFY(scene.window.dock(QStringLiteral("log")).isVisible());
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::StudioTest>(argc, argv); }

#include "studio_test.moc"
