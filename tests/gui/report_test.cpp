// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QStringDecoder>
#include <QXmlStreamReader>
#include <array>
#include <cmath>
#include <fstream>
#include <vector>

#include "backend/core/error.h"
#include "gui/report/report.h"
#include "gui/style/format.h"
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

  RunId record(StoreWriter& writer, const std::string& title, std::uint64_t seed, const MockScript& script) const {
    RunSpec spec;
    spec.title = title;
    spec.seed = seed;
    spec.bank_dir = "/banks/<b>";
    spec.search_settings = Settings(workshop_.searchSettings("dash")).json();
    spec.search_settings["of a newer program"] = "<i>";
    const RunId id = writer.addRun(spec);
    Recorder recorder(writer, id);
    const auto engine = makeMockEngine(script);
    engine->start(spec, recorder);
    engine->wait();
    return id;
  }

  QString html(const std::vector<RunId>& runs = {}) {
    writeReport(workshop_, store_, runs, file("report.html"));
    QFile written(qt(file("report.html").string()));
    if (!written.open(QIODevice::ReadOnly)) return {};
    QStringDecoder decoder(QStringDecoder::Utf8);
    QString text = decoder.decode(written.readAll());
    return decoder.hasError() ? QString() : text;
  }

  ErrorKind refusal(const std::vector<RunId>& runs, const char* name) {
    try {
      writeReport(workshop_, store_, runs, file(name));
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
          "No placement was found.", "if stopped now", "learning_rate <span class=\"inferred\">", "Layer logits",
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
    QVERIFY(text.contains(QStringLiteral("Difference from A")));
    QVERIFY(text.contains(QStringLiteral("Overlap of placements")));
    QVERIFY(text.contains(QStringLiteral("n = 16")));
    const Score first{"kl", "nats", 0, 0, 3, {1, 2, 4}}, other{"kl", "nats", 0, 0, 3, {2, 3, 5}};
    const auto difference = differenceFrom(first, other);
    QVERIFY(difference);
    QCOMPARE(difference->mean, 1.0);
    QCOMPARE(difference->interval.low, 1.0);  // the same at every sample: no doubt about it
    QCOMPARE(difference->interval.high, 1.0);
    QVERIFY(!differenceFrom(first, {"kl", "nats", 0, 0, 2, {1, 2}}));
    QVERIFY(!differenceFrom({"kl", "nats", 0, 0, 3, {}}, {"kl", "nats", 0, 0, 3, {}}));
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
    writeReport(workshop_, store, {}, file("manners.html"));
    QFile written(qt(file("manners.html").string()));
    QVERIFY(written.open(QIODevice::ReadOnly));
    const QString text = QString::fromUtf8(written.readAll());
    QVERIFY(text.contains(QStringLiteral("Scores: another manner")));
    QVERIFY(text.contains(QStringLiteral("in a manner that was not recorded")));
    QCOMPARE(text.count(QStringLiteral("sample by sample")), 1);
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
    QCOMPARE(refusal({}, "no/such/folder.html"), ErrorKind::Failed);
    QVERIFY(!std::filesystem::exists(file("none.html")));
    std::filesystem::path empty = file("empty.sqlite");
    { StoreWriter writer(empty); }
    std::swap(empty, store_);
    QCOMPARE(refusal({}, "none.html"), ErrorKind::Usage);
    std::swap(empty, store_);
  }

  void theProgramWritesBothFormsWithoutAWindow() {
    for (const char* name : {"out.html", "out.pdf"}) {
      QProcess program;
      program.start(QStringLiteral(INTERLEAVE_PROGRAM),
                    {QStringLiteral("--mock"), QStringLiteral("--report"), qt(file(name).string()),
                     QStringLiteral("--store"), qt(store_.string()), QStringLiteral("--runs"), QStringLiteral("3,1")});
      QVERIFY(program.waitForFinished(60000));
      QVERIFY2(program.exitCode() == 0, program.readAllStandardError().constData());
      QVERIFY(std::filesystem::file_size(file(name)) > 20000);
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
