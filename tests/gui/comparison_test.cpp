// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QDialogButtonBox>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <algorithm>

#include "gui/docks/compare_pane.h"
#include "gui/docks/evaluation_pane.h"
#include "gui/docks/judging_dialog.h"
#include "gui/style/format.h"
#include "gui/widgets/number_field.h"
#include "support.h"

namespace interleave::gui {
namespace {

/// What a panel draws in a row: the series that has a point there; its name, and the point.
struct Drawn {
  QString series, readout;
  double x = kAuto, low = kAuto, high = kAuto;
};

std::optional<Drawn> drawnIn(const Panel& panel, int row) {
  for (const Series& series : panel.series) {
    for (qsizetype i = 0; i < series.y.size(); ++i) {
      if (series.y[i] != row) continue;
      const double x = series.x[i], above = series.x_error[i];
      return Drawn{series.name, series.readouts[i], x, x - series.x_error_below.value(i, above), x + above};
    }
  }
  return std::nullopt;
}

Score eight(const std::string& task, double value, double step, const std::string& samples) {
  std::vector<double> values;
  for (int i = 0; i < 8; ++i) values.push_back(value + step * (i % 2 == 0 ? 1 : -1) + 3 * i);
  return interleave::scoreOf(task, "nats", std::move(values), samples);
}

}  // namespace

class ComparisonTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void differencesAreFromTheReferenceOnTheSameSamples() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    PlacementBook& book = scene.studio.book();
    const auto placement = [](int seed) {
      return Placement::random(30, 8, static_cast<std::uint64_t>(seed), MixerKind::GdnWindow);
    };
    book.add(QStringLiteral("first"), placement(0), {eight("kl", 2, 0, "a"), eight("recalled", 1, 0, "b")});
    book.add(QStringLiteral("lower"), placement(1), {eight("kl", 1, 0.1, "a"), eight("recalled", 0, 0, "b")});
    book.add(QStringLiteral("equal"), placement(2), {eight("kl", 2, 1, "a")});
    book.add(QStringLiteral("few"), placement(3), {eight("kl", 1, 0, "of an edit")});
    book.add(QStringLiteral("old"), placement(4), {eight("kl", 1, 0, "")});
    book.add(QStringLiteral("unjudged"), placement(5));
    EvaluationPane* pane = scene.window.findChild<EvaluationPane*>();
    Figure* figure = pane->findChild<Figure*>();
    pane->showDifferences(true);
    pane->refreshNow();
    QCOMPARE(figure->panels().size(), std::size_t{2});
    const Panel& kl = figure->panels()[0];
    QVERIFY(kl.title.contains(QStringLiteral("KL on text, nats")));
    QCOMPARE(drawnIn(kl, 0)->x, 0.0);
    const Drawn lower = *drawnIn(kl, 1), equal = *drawnIn(kl, 2);
    QCOMPARE(lower.series, QStringLiteral("better"));
    QVERIFY(std::abs(lower.x + 1) < 1e-12);
    QVERIFY(lower.low < lower.x && lower.x < lower.high && lower.high < 0);
    QVERIFY2(lower.readout.contains(QStringLiteral("won 8, lost 0, tied 0: ▲ better")), qPrintable(lower.readout));
    QVERIFY(kl.y.categories[1].endsWith(QStringLiteral("8–0–0")));
    QCOMPARE(equal.series, QStringLiteral("not shown"));
    QVERIFY(equal.low < 0 && equal.high > 0);
    const auto note = [&](int row) {
      const auto found = std::ranges::find_if(kl.marks, [&](const Mark& mark) { return mark.y == row; });
      return found == kl.marks.end() ? QString() : found->text;
    };
    QVERIFY(!drawnIn(kl, 3) && !drawnIn(kl, 4) && !drawnIn(kl, 5));
    QCOMPARE(note(3), QStringLiteral("other samples"));
    QCOMPARE(note(4), QStringLiteral("samples unknown"));
    QCOMPARE(note(5), QString());
    QCOMPARE(drawnIn(figure->panels()[1], 1)->series, QStringLiteral("worse"));  // a share: higher is better

    QComboBox* references = pane->findChild<QComboBox*>();
    QCOMPARE(references->count(), 6);
    QCOMPARE(references->currentIndex(), 0);
    Q_EMIT references->activated(1);
    pane->refreshNow();
    QCOMPARE(references->currentIndex(), 1);
    QCOMPARE(drawnIn(figure->panels()[0], 0)->series, QStringLiteral("worse"));
    const QStringList rows = pane->csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QCOMPARE(rows[0], QStringLiteral("task,placement,against,difference,low,high,won,lost,tied,verdict"));
    QVERIFY(rows[1].startsWith(QStringLiteral("\"kl\",\"first\",\"lower\",1,")));
    QVERIFY(rows[1].endsWith(QStringLiteral(",0,8,0,\"worse\"")));
    QVERIFY(rows.contains(QStringLiteral("\"kl\",\"few\",\"lower\",,,,,,,\"not paired: other samples\"")));

    book.setCompared(1, false);  // the reference is compared no more
    pane->refreshNow();
    QCOMPARE(references->currentIndex(), 0);
    for (std::size_t i = 0; i < 6; ++i) book.setCompared(i, false);
    pane->refreshNow();
    QCOMPARE(references->count(), 0);
    QVERIFY(!pane->csv().isEmpty());
    pane->showDifferences(false);
    pane->refreshNow();
    QVERIFY(pane->csv().startsWith(QStringLiteral("panel,")));
  }

  void theBaselineIsTheReferenceUnlessAnotherIsChosen() {
    Scene scene;
    QVERIFY(scene.search());
    QTRY_VERIFY(!scene.studio.comparisons().judging().busy() && !scene.studio.jobs().anyRunning());
    EvaluationPane* pane = scene.window.findChild<EvaluationPane*>();
    pane->showDifferences(true);
    pane->refreshNow();
    QCOMPARE(pane->findChild<QComboBox*>()->currentText(),
             scene.studio.book().find(scene.studio.comparisons().baseline().placement)->label);
  }

  void placementsAreJudgedByWhatTheUserChooses() {
    Scene scene;
    QVERIFY(scene.search());
    Comparisons& comparisons = scene.studio.comparisons();
    QTRY_VERIFY(!comparisons.judging().busy() && !scene.studio.jobs().anyRunning());
    const Placement shown = scene.studio.editor().placement();
    const auto known = [&]() -> const KnownPlacement& { return *scene.studio.book().find(shown); };
    QCOMPARE(known().manner, comparisons.judging().manner());
    comparisons.judgeShown();
    QVERIFY(!comparisons.judging().busy());  // it was judged so

    JudgingDialog dialog(scene.studio.workshop(), comparisons.judgedBy(), {}, &scene.window);
    QCOMPARE(dialog.request().tasks, comparisons.judgedBy().tasks);
    auto* tasks = dialog.findChild<QListWidget*>();
    auto* accept = dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    for (int row = 0; row < tasks->count(); ++row) tasks->item(row)->setCheckState(Qt::Unchecked);
    QVERIFY(!accept->isEnabled());
    tasks->item(0)->setCheckState(Qt::Checked);
    QVERIFY(accept->isEnabled());
    dialog.findChild<NumberField*>()->setWhole(1024);  // the first: tokens of text
    const Workbench::EvaluationRequest chosen = dialog.request();
    QCOMPARE(chosen.tasks, std::vector<std::string>{"kl"});
    QCOMPARE(chosen.text_tokens, std::int64_t{1024});
    QCOMPARE(chosen.prompts, comparisons.judgedBy().prompts);

    QVERIFY(dialog.asFound());

    comparisons.judgeBy(chosen, dialog.asFound());
    comparisons.judgeShown();
    QTRY_VERIFY(!comparisons.judging().busy() && !scene.studio.jobs().anyRunning());
    QCOMPARE(known().manner, comparisons.judging().manner());
    QCOMPARE(scoreOf(known().scores, "kl")->samples, std::int64_t{2});
    QVERIFY(scoreOf(known().scores, "passkey") != nullptr);  // as it was judged before
    QCOMPARE(Store::open(scene.storeFile()).scores(scene.studio.run().record().id).back().manner, known().manner);
  }

  void promptsAreJudgedInTheFormOfTheRunOrInAnother() {
    Scene scene;
    QTRY_VERIFY(scene.studio.model().known());
    Comparisons& comparisons = scene.studio.comparisons();
    scene.studio.setup().setSearch(kChatSetting, "chatml");
    QVERIFY(scene.search());
    QTRY_VERIFY(!comparisons.judging().busy() && !scene.studio.jobs().anyRunning());
    QVERIFY(comparisons.judgedAsFound());
    QVERIFY(qt(comparisons.judging().manner()).contains(QStringLiteral("chat chatml")));

    JudgingDialog::Prompts prompts{.found = "chatml", .model_info = scene.studio.model().info()};
    JudgingDialog dialog(scene.studio.workshop(), comparisons.judgedBy(), prompts, nullptr);
    QVERIFY(dialog.asFound());
    auto* field = dialog.findChild<ChatField*>();
    auto* box = field->findChild<QComboBox*>();
    auto* note = field->findChild<QLabel*>();
    auto* accept = dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    QCOMPARE(box->currentText(), QStringLiteral("as the run's: chatml"));
    QVERIFY(note->text().isEmpty());
    field->setChat("auto");
    QVERIFY(!dialog.asFound() && dialog.request().chat == "auto");
    QCOMPARE(note->text(), QStringLiteral("no chat template: plain prompts"));
    for (const char* wrong : {"nome", "", "/no/such.jinja"}) {
      field->setChat(wrong);
      QVERIFY2(!accept->isEnabled(), wrong);
    }
    field->setChat("none");
    QVERIFY(accept->isEnabled());
    comparisons.judgeBy(dialog.request(), dialog.asFound());
    QVERIFY(qt(comparisons.judging().manner()).contains(QStringLiteral("chat none")));

    prompts.as_found = false;
    const JudgingDialog again(scene.studio.workshop(), comparisons.judgedBy(), prompts, nullptr);
    QCOMPARE(again.request().chat, std::string("none"));
    QVERIFY(!again.asFound());
  }

  void markedIsWhatTheIntervalCarriesAlone() {
    Scene scene;
    QVERIFY(scene.search());
    QTRY_VERIFY(!scene.studio.comparisons().judging().busy() && !scene.studio.jobs().anyRunning());
    Studio& studio = scene.studio;
    const Placement shown = studio.editor().placement(), baseline = studio.comparisons().baseline().placement;
    studio.book().add({}, shown, {eight("kl", 1, 0, "a"), eight("passkey_nll", 1, 2, "a")});
    studio.book().add({}, baseline, {eight("kl", 2, 0, "a"), eight("passkey_nll", 1, 0, "a")});
    scene.window.placement().refreshNow();
    int marked = 0, plain = 0;
    for (const QLabel* cell : scene.window.placement().findChildren<QLabel*>()) {
      if (!cell->toolTip().contains(QStringLiteral("won"))) continue;
      const bool carried =
          cell->toolTip().contains(QStringLiteral("better")) || cell->toolTip().contains(QStringLiteral("worse"));
      QVERIFY(!cell->font().bold());
      QCOMPARE(cell->text().startsWith(u'▲') || cell->text().startsWith(u'▼'), carried);
      ++(carried ? marked : plain);
    }
    QVERIFY(marked > 0 && plain > 0);
  }

  void runsWhoseLayerScoresAreKnownAreCompared() {
    Scene scene;
    QVERIFY(scene.search());
    ComparePane* pane = scene.window.findChild<ComparePane*>();
    Figure* figure = pane->findChild<Figure*>();
    QTRY_VERIFY(!scene.studio.jobs().anyRunning());
    PlacementBook& book = scene.studio.book();
    const Placement first = scene.studio.run().record().placements.front().placement;
    std::vector<double> scores = book.find(first)->layer_scores;
    QCOMPARE(scores.size(), std::size_t{30});
    for (std::size_t i = 0; i < book.entries().size(); ++i) {
      book.setCompared(i, book.entries()[i].placement == first);
    }
    const Placement other = Placement::random(30, 7, 3, MixerKind::GdnWindow);
    book.add(QStringLiteral("turned"), other);
    book.setLayerScores(other, {1, 2, 3});  // of another model
    QVERIFY(book.find(other)->layer_scores.empty());
    const auto below = [&] {  // the diagonal
      pane->refreshNow();
      return figure->panels()[0].grid->values[2];
    };
    const float overlap = below();
    QCOMPARE(overlap, static_cast<float>(jaccard(first, other)));
    for (double& score : scores) score = -score;
    book.setLayerScores(other, scores);
    QCOMPARE(below(), -1.f);
    const Panel& panel = figure->panels()[0];
    QCOMPARE(panel.grid->values[1], overlap);
    QCOMPARE(panel.marks[2].text, QStringLiteral("−1"));
    QVERIFY(panel.grid->readouts[2].contains(QStringLiteral("Kendall -1.00")));
    QVERIFY(pane->csv().contains(QStringLiteral(",-1,-1\n")));
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::ComparisonTest>(argc, argv); }

#include "comparison_test.moc"
