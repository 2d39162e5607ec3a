// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QRegularExpression>
#include <QStringDecoder>
#include <QXmlStreamReader>
#include <array>
#include <cmath>
#include <fstream>
#include <set>
#include <vector>

#include "backend/core/error.h"
#include "gui/report/report.h"
#include "gui/report/report_document.h"
#include "gui/report/report_methods.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"
#include "sessions/transfer.h"
#include "support.h"

namespace interleave::gui {

/// A store with runs of the mock engine, and reports of it.
class ReportTest final : public QObject {
  Q_OBJECT
 private:
  QTemporaryDir folder_;
  MockWorkshop workshop_;
  std::filesystem::path store_;

  std::filesystem::path file(const char* name) const { return folder_.filePath(QLatin1String(name)).toStdString(); }

  RunId record(StoreWriter& writer, const std::string& title, std::uint64_t seed, const MockScript& script,
               const nlohmann::json& changes = nlohmann::json::object()) const {
    RunSpec spec;
    spec.title = title;
    spec.seed = seed;
    spec.bank_dir = "/banks/<b>";
    spec.search_settings = Settings(workshop_.searchSettings("dash")).json();
    spec.search_settings["of a newer program"] = "<i>";
    spec.search_settings.update(changes);
    const RunId id = writer.addRun(spec);
    Recorder recorder(writer, id);
    const auto engine = makeMockEngine(script);
    engine->start(spec, recorder);
    engine->wait();
    return id;
  }

  /// A file in the folder; nothing where it is no UTF-8.
  QString read(const char* name) const {
    QFile written(qt(file(name).string()));
    if (!written.open(QIODevice::ReadOnly)) return {};
    QStringDecoder decoder(QStringDecoder::Utf8);
    QString text = decoder.decode(written.readAll());
    return decoder.hasError() ? QString() : text;
  }

  QString html(const std::vector<RunId>& runs = {}, const std::string& against = {}) {
    writeReport(workshop_, {store_, runs, file("report.html"), against});
    return read("report.html");
  }

  ErrorKind refusal(const std::vector<RunId>& runs, const char* name) {
    try {
      writeReport(workshop_, {store_, runs, file(name)});
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Stopped;  // which none of these is
  }

 private Q_SLOTS:
  void initTestCase() {
    store_ = file("runs.sqlite");
    StoreWriter writer(store_);
    record(writer, "first & <best>", 0, {.steps = 12});
    record(writer, "the \"second\" \x01 run", 1, {.steps = 12});
    record(writer, "broken", 2, {.steps = 12, .fail_at_step = 5});
    writer.addRun({});  // cut off before it began
    writer.setNote(1, "</td><script src=\"http://example.org/x.js\"></script>");
    writer.setPhase(3, Phase::Failed, "a reason with <markup> & \"quotes\"");
    writer.setTags(2, {"<tag>"});
  }
  void aSummaryLeavesOutThePartsOfRuns() {
    const QString whole = html();
    writeReport(workshop_, {store_, {}, file("summary.html"), {}, true});
    const QString summary = read("summary.html");
    QVERIFY(whole.contains(QStringLiteral(">Run 1: first")));
    QVERIFY(!summary.contains(QStringLiteral(">Run 1: first")));
    QVERIFY(summary.contains(QStringLiteral("Comparison")));
    QVERIFY(summary.size() < whole.size());
    QVERIFY(summary.contains(QStringLiteral("what the runs change of it")));
    QVERIFY(summary.contains(QStringLiteral("steps = 12")) || summary.contains(QStringLiteral("nothing")));
  }

  void whatWasJudgedOtherwiseHasItsOwnPart() {
    QVERIFY(!html().contains(QStringLiteral("otherwise than found")));
    {
      const Placement found = Store::open(store_).placements(1).front().placement;
      StoreWriter writer(store_);
      const Condition windows = Condition::parse("operator=swa", {});
      writer.record(1, windows.event(found, {interleave::scoreOf("kl", "nats", {.5, .25, .125}, "samples")}, 1));
      writer.record(2, windows.event(Store::open(store_).placements(2).front().placement,
                                     {interleave::scoreOf("kl", "nats", {.75, .5, .25}, "samples")}, 1));
      QVERIFY(writer.flush());
    }
    const QString text = html();
    QVERIFY(text.contains(QStringLiteral("otherwise than found")));
    QVERIFY(text.contains(QStringLiteral("operator=swa")));
    QVERIFY(text.contains(QStringLiteral("; the best")));
    QVERIFY(text.contains(QStringLiteral("won 0, lost 3")));
  }

  void methodsAreHeldAgainstEvenlySpacedLayers() {
    const std::filesystem::path own = file("even.sqlite");
    StoreWriter writer(own);
    record(writer, "found", 0, {.steps = 12});
    QVERIFY(writer.flush());
    const Placement found = Store::open(own).placements(1).front().placement;
    const Placement even = Placement::uniform(found.layers(), found.fullCount(), 0, MixerKind::GdnWindow);
    const auto kl = [](double value) {
      return std::vector{interleave::scoreOf("kl", "nats", std::vector<double>(8, value), "samples")};
    };
    writer.record(1, ScoreEvent{"found", found, kl(1), "one manner", 1});
    writer.record(1, ScoreEvent{"uniform:" + std::to_string(found.fullCount()), even, kl(2), "one manner", 1});
    QVERIFY(writer.flush());
    writeReport(workshop_, {own, {}, file("even.html"), {}, true});
    const QString text = read("even.html");
    QVERIFY(text.contains(QStringLiteral("Against as many layers evenly spaced")));
    QVERIFY(text.contains(QStringLiteral("1 better")));
    QVERIFY(!text.contains(QStringLiteral("1 worse")));
    // From another offset they are better than what was found: the best of them counts.
    const Placement shifted = Placement::uniform(found.layers(), found.fullCount(), 1, MixerKind::GdnWindow);
    writer.record(1,
                  ScoreEvent{"uniform:" + std::to_string(found.fullCount()) + ":1", shifted, kl(0.5), "one manner", 1});
    QVERIFY(writer.flush());
    writeReport(workshop_, {own, {}, file("shifted.html"), {}, true});
    QVERIFY(read("shifted.html").contains(QStringLiteral("1 worse")));
  }

  void whatWasMeasuredToCostHasItsOwnPart() {
    const std::filesystem::path own = file("cost.sqlite");
    StoreWriter writer(own);
    record(writer, "found", 0, {.steps = 12});
    QVERIFY(writer.flush());
    const Placement found = Store::open(own).placements(1).front().placement;
    const auto cost = [](const Placement& placement, double seconds, const std::string& manner) {
      MeasuredCost made{.placement = placement, .manner = manner};
      for (const std::int64_t tokens : {512, 1024}) {
        made.points.push_back({.context_tokens = tokens,
                               .prefill_samples = {seconds},
                               .decode_samples = {1 / static_cast<double>(tokens)},
                               .cache_bytes = 1000,
                               .computed_bytes = 500,
                               .prefill_flops = 1e9 * seconds,
                               .decode_bytes = 1e6});
      }
      return made;
    };
    const Placement teacher(found.layers(), MixerKind::Full);
    for (const char* manner : {"a <machine>", "another"}) {
      writer.record(1, CostEvent{"found", cost(found, 1, manner), cost(teacher, 2, manner)});
    }
    QVERIFY(writer.flush());
    writeReport(workshop_, {own, {}, file("cost.html"), {}, true});
    const QString text = read("cost.html");
    QVERIFY(text.contains(QStringLiteral("Measured cost")));
    QVERIFY(text.contains(QStringLiteral("a &lt;machine&gt;")));
    QVERIFY(text.contains(QStringLiteral("another")));
    QVERIFY(text.contains(QStringLiteral("at every length")));        // prefill
    QVERIFY(text.contains(QStringLiteral("not up to the longest")));  // decoding takes as long
    QVERIFY(!html().contains(QStringLiteral("Measured cost")));
  }

  void anEnumerationRanksWhatOthersFound() {
    const std::filesystem::path own = file("enumeration.sqlite");
    StoreWriter writer(own);
    record(writer, "found", 0, {.steps = 12});
    QVERIFY(writer.flush());
    const RunRecord other = loadRecord(Store::open(own), 1);
    RunSpec spec = other.spec;
    spec.method = "enumeration";
    const RunId id = writer.addRun(spec);
    writer.record(id, *other.environment);
    const Placement found = other.placements.front().placement;
    const Placement better = Placement::uniform(found.layers(), found.fullCount(), 0, MixerKind::GdnWindow);
    writer.record(id, TrialEvent{.step = 1, .placement = found, .text = {2, 3}, .prompts = {2, 3}});
    writer.record(id, TrialEvent{.step = 2, .placement = better, .text = {1, 2}, .prompts = {1, 2}});
    QVERIFY(writer.flush());
    writeReport(workshop_, {own, {}, file("enumeration.html"), {}, true});
    const QString text = read("enumeration.html");
    QVERIFY(text.contains(QStringLiteral("Regret, among all that")));
    QVERIFY(text.contains(QStringLiteral("2 placements of budget")));
    QVERIFY(text.contains(QStringLiteral("1.0000 [1.0000, 1.0000]")));
    QVERIFY(!html().contains(QStringLiteral("Regret, among all that")));
  }

  void init() { failOnWarnings(); }

  void isWellFormedAndNeedsNothingBesideIt() {
    const QString text = html();
    QVERIFY(!text.isEmpty());
    QXmlStreamReader reader(text);
    QStringList elements;
    while (!reader.atEnd()) {
      if (reader.readNext() != QXmlStreamReader::StartElement) continue;
      elements << reader.name().toString();
      for (const QXmlStreamAttribute& attribute : reader.attributes()) {
        const bool loads = attribute.name() == u"href" || attribute.name() == u"src";
        QVERIFY2(!loads || attribute.value().startsWith(u"data:image/"), qPrintable(attribute.value().toString()));
        QVERIFY(!attribute.name().startsWith(u"on"));
      }
    }
    QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
    for (const char* never : {"script", "link", "iframe", "img", "object", "i", "b", "tag"}) {
      QVERIFY2(!elements.contains(QLatin1String(never)), never);
    }
    QVERIFY(!QString(text).remove(QStringLiteral("http://example.org/x.js")).contains(QStringLiteral("http")));
    QVERIFY(!text.contains(QStringLiteral("url(")));
    QVERIFY(!text.contains(QStringLiteral("@import")));
    QVERIFY(elements.count(QStringLiteral("svg")) > 20);
  }

  void tellsEveryRunAndEscapesWhatTheStoreSays() {
    const QString text = html();
    for (const char* expected :
         {"Run 1: first &amp; &lt;best&gt;", "Run 2: the &quot;second&quot; \xef\xbf\xbd run", "Run 3: broken", "Run 4",
          "Failed: a reason with &lt;markup&gt; &amp; &quot;quotes&quot;", "&lt;tag&gt;", "/banks/&lt;b&gt;",
          "&lt;/td&gt;&lt;script", "of a newer program", "&lt;i&gt;", "dash: a mock", "interleave ", "6144 tokens",
          "No placement was found.", "if stopped now", "<span class=\"inferred\">learning_rate ≈", "Layer logits",
          "Curves of the search", "F·"}) {
      QVERIFY2(text.contains(QString::fromUtf8(expected)), expected);
    }
    const QString one = html({2, 2});
    QVERIFY(one.contains(QStringLiteral("Run 2:")) && !one.contains(QStringLiteral("Run 1:")));
    QCOMPARE(one.count(QStringLiteral("<h2>")), 2);  // it, and the comparison
  }

  void comparesPlacementsSampleBySample() {
    const QString text = html({1, 2});
    QVERIFY(text.contains(QStringLiteral("Scores: mock")));
    QVERIFY(text.contains(QStringLiteral("Differences, pair by pair")));
    QVERIFY(text.contains(QStringLiteral("Overlap of placements")));
    QVERIFY(text.contains(QStringLiteral("n = 16")));
  }

  void scoresOfOtherMannersStandApart() {
    const std::filesystem::path store = file("manners.sqlite");
    {
      StoreWriter writer(store);
      const RunId id = record(writer, "run", 0, {.steps = 12});
      const Placement first = Placement::first(30, 3, MixerKind::GdnWindow);
      writer.record(id, ScoreEvent{"first:3", first, {{"kl", "nats", 0.5, 0.1, 2, {0.4, 0.6}}}, "another manner", 1});
      writer.record(id, ScoreEvent{"first:3", first, {{"kl", "nats", 0.7, 0.1, 2, {0.6, 0.8}}}});
    }
    const std::vector<Comparison> comparisons = comparisonsOf(reportRuns(store, {}));
    QCOMPARE(comparisons.size(), std::size_t{1});
    QCOMPARE(comparisons[0].manners.front(), std::string("mock"));
    QCOMPARE(comparisons[0].manners.size(), std::size_t{3});
    writeReport(workshop_, {store, {}, file("manners.html")});
    const QString text = read("manners.html");
    QVERIFY(text.contains(QStringLiteral("Scores: another manner")));
    QVERIFY(text.contains(QStringLiteral("in a manner that was not recorded")));
    QCOMPARE(text.count(QStringLiteral("Differences, pair by pair")), 1);
  }

  void comparesEachWithThatOfAsManyLayersWhichIsNamed() {
    const std::string manner = "m";
    Comparison comparison;
    const auto add = [&](const char* name, int kept, bool judged = true) {
      ComparedPlacement& entry = comparison.placements.emplace_back();
      entry.placement = kept == 12 ? Placement(12, MixerKind::Full) : Placement::first(12, kept, MixerKind::GdnWindow);
      entry.names = {name};
      if (judged) entry.scores[manner] = {};
    };
    add("dash", 2);
    add("uniform", 2);
    add("other", 2, false);
    add("dash", 4);
    add("uniform", 4);
    add("dash", 6);
    add("all", 12);
    using References = std::vector<std::optional<std::size_t>>;
    const auto none = std::nullopt;
    QVERIFY(referencesOf(comparison, manner, "") == (References{none, 0, none, none, 3, 0, 0}));
    QVERIFY(referencesOf(comparison, manner, "uniform") == (References{1, none, none, 4, none, 1, 1}));
    QVERIFY(referencesOf(comparison, manner, "all") == (References{6, 6, none, 6, 6, 6, none}));
    QVERIFY(referencesOf(comparison, manner, "other") == References(7));
    QVERIFY(namesAny(comparison, "other") && !namesAny(comparison, "another"));
    QVERIFY(html({1, 2}, "2") != html({1, 2}));
  }

  void boldIsWhatCarries() {
    const std::filesystem::path store = file("carries.sqlite");
    {
      StoreWriter writer(store);
      const RunId id = record(writer, "run", 0, {.steps = 12});
      const auto judge = [&](const char* label, int kept, std::vector<double> values) {
        writer.record(id, ScoreEvent{label,
                                     Placement::last(30, kept, MixerKind::GdnWindow),
                                     {interleave::scoreOf("kl", "nats", std::move(values), "same")},
                                     "held out"});
      };
      judge("a", 1, {1, 2, 3, 4, 5, 6, 7, 8});
      judge("b", 2, {0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5});
      judge("c", 3, {2, 1, 4, 3, 6, 5, 8, 7});
    }
    writeReport(workshop_, {store, {}, file("carries.html"), "a"});
    const QString text = read("carries.html");
    QCOMPARE(text.count(QStringLiteral("class=\"good\"")), 1);
    QVERIFY(text.contains(QStringLiteral("; won 8, lost 0, tied 0: ▲ better</span>")));
    QVERIFY(text.contains(QStringLiteral("; won 4, lost 4, tied 0: no difference shown</span>")));
  }

  void meansOverSeedsAndHowAlikeTheyAre() {
    const std::vector<ReportRun> runs = reportRuns(store_, std::vector<RunId>{1, 2, 3});
    const std::vector<Comparison> comparisons = comparisonsOf(runs);
    const std::vector<MethodRow> rows = methodRowsOf(comparisons.at(0));
    const auto row = std::ranges::find(rows, runs[0].record->placements[0].budget, &MethodRow::budget);
    QVERIFY(row != rows.end());
    QCOMPARE(row->method, QStringLiteral("dash"));
    QCOMPARE(row->runs.size(), std::size_t{2});  // the third failed before it found anything
    const Placement &a = runs[0].record->placements[0].placement, &b = runs[1].record->placements[0].placement;
    const Stability stability = stabilityOf(*row);
    QCOMPARE(stability.jaccard, interleave::jaccard(a, b));
    QCOMPARE(stability.overlap_at_k, overlapAtK(a, b));
    QCOMPARE(stability.spearman,
             spearman(fullAdvantages(runs[0].record->steps.back()), fullAdvantages(runs[1].record->steps.back())));
    const QString text = html({1, 2});
    QVERIFY(text.contains(QStringLiteral("Methods over seeds")));
    QVERIFY(text.contains(QStringLiteral("by Student's t").toHtmlEscaped()));
    QVERIFY(!html({1}).contains(QStringLiteral("Methods over seeds")));
    QVERIFY(std::isnan(stabilityOf({.found = {row->found[0]}, .runs = {row->runs[0]}}).jaccard));
  }

  void settingsTellMethodsOfOneNameApart() {
    const std::filesystem::path store = file("settings.sqlite");
    {
      StoreWriter writer(store);
      for (const std::int64_t steps : {10, 20}) {
        for (const std::uint64_t seed : {0, 1, 1}) {
          record(writer, "run", seed, {.steps = 12}, {{"steps", steps}, {"extract", std::to_string(seed)}});
        }
      }
    }
    const std::vector<ReportRun> runs = reportRuns(store, {});
    const std::vector<Comparison> comparisons = comparisonsOf(runs);
    std::set<QString> methods;
    for (const MethodRow& row : methodRowsOf(comparisons.at(0))) {
      methods.insert(row.method);
      QCOMPARE(row.runs.size(), std::size_t{2});
    }
    QCOMPARE(methods, (std::set{QStringLiteral("dash (steps = 10)"), QStringLiteral("dash (steps = 20)")}));
  }

  void runsThatScoreLayersOrTryPlacementsAreDrawn() {
    const std::filesystem::path store = file("scores.sqlite");
    {
      StoreWriter writer(store);
      const RunId scoring = record(writer, "scoring", 0, {.steps = 12});
      const RunId trying = record(writer, "trying", 0, {.steps = 12});
      for (int step = 1; step <= 12; ++step) {
        std::vector<double> values(30);
        for (std::size_t layer = 0; layer < values.size(); ++layer)
          values[layer] = 0.1 * static_cast<double>(layer) / step;
        writer.record(scoring, LayerScoreEvent{step, "loss, one layer restored", "nats", values});
        writer.record(trying, TrialEvent{step,
                                         Placement::uniform(30, 8, step % 3, MixerKind::GdnWindow),
                                         {2.0 + step % 3, 2.5},
                                         {1.0, 0.5 + step % 4}});
      }
    }
    writeReport(workshop_, {store, {}, file("scores.html")});
    const QString text = read("scores.html");
    for (const char* drawn :
         {"loss, one layer restored", "Each example", "Mean loss of the placements tried", "Text against prompts"}) {
      QVERIFY2(text.contains(QLatin1String(drawn)), drawn);
    }
  }

  void aRunOfOneStepHasNoEmptyCurvesAndManyPlacementsFitAPage() {
    const std::filesystem::path store = file("many.sqlite");
    {
      StoreWriter writer(store);
      const RunId id = record(writer, "one", 0, {.steps = 1});
      for (int i = 0; i < 90; ++i) {
        const Placement placement = Placement::random(30, 4 + i % 3 * 4, static_cast<std::uint64_t>(i), MixerKind::Gdn);
        const double value = 0.1 + 0.01 * (i % 7);
        writer.record(id, ScoreEvent{"random " + std::to_string(i),
                                     placement,
                                     {interleave::scoreOf("kl", "nats", {value, value + 0.1}, "same"),
                                      interleave::scoreOf("passkey", "share", {0, 1}, "prompts")},
                                     "held out"});
      }
    }
    const std::vector<ReportRun> runs = reportRuns(store, {});
    ReportFigures draw(workshop_);
    std::shared_ptr<RunRecord> bare = std::make_shared<RunRecord>(*runs[0].record);
    for (StepEvent& step : bare->steps) step.metrics = noMetrics();
    QCOMPARE(draw.ofRun(runs[0].record, {}).size(), std::size_t{4});  // logits, curves, and two rows of gates
    QCOMPARE(draw.ofRun(bare, {}).size(), std::size_t{3});
    ReportPage page(workshop_);
    page.addComparison(comparisonsOf(runs).at(0), {});
    QVERIFY(page.document().figures.size() > 90);
    for (const ReportFigure& figure : page.document().figures)
      QVERIFY(figure.size.height() <= ReportFigures::kMostHeight);
  }

  void markdownHasTheSameTablesAndItsFiguresBesideIt() {
    writeReport(workshop_, {store_, {}, file("out.md")});
    const QString text = read("out.md");
    QVERIFY(text.startsWith(QStringLiteral("# ")));
    for (const char* expected :
         {"## Run 1: first &amp; &lt;best&gt;", "| Jaccard |", "Failed: a reason with &lt;markup&gt; &amp; \"quotes\"",
          "learning\\_rate ≈", "No placement was found.", "Differences, pair by pair"}) {
      QVERIFY2(text.contains(QString::fromUtf8(expected)), expected);
    }
    QVERIFY(!text.contains(u'<' + QStringLiteral("script")) && !text.contains(QStringLiteral("<i>")));
    const QStringList lines = text.split(u'\n');
    for (qsizetype i = 1; i < lines.size(); ++i) {  // rows of a table have equally many cells
      static const QRegularExpression kBar(QStringLiteral("(?<!\\\\)\\|"));
      if (lines[i].startsWith(u'|') && lines[i - 1].startsWith(u'|')) {
        QCOMPARE(lines[i].count(kBar), lines[i - 1].count(kBar));
      }
    }
    int pictures = 0;
    static const QRegularExpression kPicture(QStringLiteral("!\\[[^\\]]+\\]\\(<([^>]+)>\\)"));
    for (const QRegularExpressionMatch& match : kPicture.globalMatch(text)) {
      QVERIFY(read(match.captured(1).toUtf8().constData()).contains(QStringLiteral("<svg")));
      ++pictures;
    }
    QVERIFY(pictures >= 4);
  }

  void anyTextBecomesXml() {
    QString all;
    for (char16_t c = 0; c < 0xffff; ++c) all += QChar(c);  // lone surrogates included
    all += QString::fromUcs4(U"\U0001F600\U0010FFFF");
    QXmlStreamReader reader(QStringLiteral("<p title=\"%1\">%1</p>").arg(escaped(all)));
    while (!reader.atEnd()) reader.readNext();
    QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
  }

  void refusesWhatItCannotWrite() {
    QCOMPARE(refusal({}, "report.txt"), ErrorKind::Usage);
    QCOMPARE(refusal({77}, "none.html"), ErrorKind::Usage);
    QVERIFY_EXCEPTION_THROWN(html({}, "no such name"), Error);
    QCOMPARE(refusal({}, "no/such/folder.html"), ErrorKind::Failed);
    QVERIFY(!std::filesystem::exists(file("none.html")));
    std::filesystem::path empty = file("empty.sqlite");
    { StoreWriter writer(empty); }
    std::swap(empty, store_);
    QCOMPARE(refusal({}, "none.html"), ErrorKind::Usage);
    std::swap(empty, store_);
  }

  void theProgramWritesBothFormsWithoutAWindow() {
    for (const char* name : {"out.html", "out.pdf", "again.md"}) {
      QProcess program;
      program.start(QStringLiteral(INTERLEAVE_PROGRAM),
                    {QStringLiteral("--mock"), QStringLiteral("--report"), qt(file(name).string()),
                     QStringLiteral("--store"), qt(store_.string()), QStringLiteral("--runs"), QStringLiteral("3,1")});
      QVERIFY(program.waitForFinished(60000));
      QVERIFY2(program.exitCode() == 0, program.readAllStandardError().constData());
      QVERIFY(std::filesystem::file_size(file(name)) > 5000);
    }
    QFile pdf(qt(file("out.pdf").string()));
    QVERIFY(pdf.open(QIODevice::ReadOnly));
    const QByteArray bytes = pdf.readAll();
    QVERIFY(bytes.startsWith("%PDF-") && bytes.trimmed().endsWith("%%EOF"));
    QVERIFY(bytes.count("/Type /Page\n") >= 2);

    QProcess wrong;
    wrong.start(QStringLiteral(INTERLEAVE_PROGRAM),
                {QStringLiteral("--mock"), QStringLiteral("--report"), qt(file("x.html").string()),
                 QStringLiteral("--store"), qt(store_.string()), QStringLiteral("--runs"), QStringLiteral("one")});
    QVERIFY(wrong.waitForFinished(60000));
    QCOMPARE(wrong.exitCode(), 2);
    QVERIFY(wrong.readAllStandardError().contains("\"one\" is no run's number"));
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::ReportTest>(argc, argv); }

#include "report_test.moc"
