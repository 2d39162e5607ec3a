// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report.h"

#include <QAbstractTextDocumentLayout>
#include <QBuffer>
#include <QPainter>
#include <QPdfWriter>
#include <QRegularExpression>
#include <QSvgRenderer>
#include <QTextBlock>
#include <QTextCursor>
#include <QTextDocument>
#include <QTextObjectInterface>
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "gui/docks/method_panels.h"
#include "gui/report/report_page.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "sessions/neighbours.h"
#include "sessions/transfer.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

/// Both forms.
QString sharedStyle() {
  return uR"(
h1 { font-size: 18pt; } h2 { font-size: 14pt; margin-top: 22px; } h3 { font-size: 10pt; margin-top: 12px; }
.muted { color: #5f6670; } .good { color: #00805c; } .bad { color: #c23b00; } .inferred { color: #a66f00; }
td, th { text-align: left; padding: 2px 10px 2px 0; }
th { color: #5f6670; font-weight: normal; }
)"_s;
}

/// A browser's: light whatever its user's theme, no wider than the page, and no table or picture cut by a page's end.
QString screenStyle() {
  return uR"(
:root { color-scheme: light; }
body { font: 10pt/1.4 "DejaVu Sans", "Segoe UI", Roboto, sans-serif; color: #1c1f24; background: #ffffff;
  max-width: 800px; margin: 24px auto; padding: 0 16px; }
h2 { border-top: 1px solid #d3d7dd; padding-top: 14px; }
table { border-collapse: collapse; font-size: 9pt; margin: 6px 0; }
td, th { vertical-align: middle; } .facts td { overflow-wrap: anywhere; } .data td { overflow-wrap: break-word; } .data td, .data th { border-bottom: 1px solid #e8ebef; }
svg { max-width: 100%; height: auto; vertical-align: middle; }
@media print { body { margin: 0; max-width: none; } tr, .figure { break-inside: avoid; } h2, h3 { break-after: avoid; } }
)"_s;
}

/// Gives the lines of tables the height of a small picture, so that a page's end cuts all cells of a row alike.
void levelRows(QTextDocument& document, double height) {
  for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
    QTextCursor cursor(block);
    if (cursor.currentTable() == nullptr) continue;
    QTextBlockFormat format = block.blockFormat();
    format.setLineHeight(height, QTextBlockFormat::MinimumHeight);
    cursor.setBlockFormat(format);
  }
}

/// An SVG document as an element of a page: without its prolog and its names of outside places.
QString inlineSvg(const ReportFigure& figure) {
  static const QRegularExpression kHead(u"^.*?<svg\\b[^>]*>"_s, QRegularExpression::DotMatchesEverythingOption);
  QString text = QString::fromUtf8(figure.svg);
  text.remove(kHead);
  text.replace(u" xlink:href="_s, u" href="_s);
  const QString size =
      u"width=\"%1\" height=\"%2\" viewBox=\"0 0 %1 %2\""_s.arg(figure.size.width()).arg(figure.size.height());
  return u"<svg %1 role=\"img\" aria-label=\"%2\">"_s.arg(size, escaped(figure.text)) + text.trimmed();
}

/// Draws the pictures of a page into Qt's rich text, as vectors.
class Pictures final : public QObject, public QTextObjectInterface {
  Q_OBJECT
  Q_INTERFACES(QTextObjectInterface)
 public:
  Pictures(const ReportDocument& page, double scale) : page_(page), scale_(scale) {}

  QSizeF intrinsicSize(QTextDocument*, int, const QTextFormat& format) override {
    return QSizeF(figure(format).size) * scale_;
  }
  void drawObject(QPainter* painter, const QRectF& box, QTextDocument*, int, const QTextFormat& format) override {
    QSvgRenderer(figure(format).svg).render(painter, box);
  }

 private:
  const ReportFigure& figure(const QTextFormat& format) const {
    const QString name = format.toImageFormat().name();  // "figure:3"
    return page_.figures.at(name.mid(name.indexOf(u':') + 1).toULongLong());
  }
  const ReportDocument& page_;
  double scale_;
};

QString reportHtml(const ReportDocument& page, const QString& title) {
  QString body = bodyHtml(page);
  for (std::size_t i = 0; i < page.figures.size(); ++i) body.replace(figureTag(page, i), inlineSvg(page.figures[i]));
  return u"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>%1</title>\n<style>%2</style>\n</head>\n"
         "<body>\n"_s.arg(escaped(title), sharedStyle() + screenStyle()) +
         body + u"</body>\n</html>\n"_s;
}

QByteArray reportPdf(const ReportDocument& page, const QString& title) {
  constexpr int kDotsPerInch = 96;
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  QPdfWriter pdf(&buffer);
  pdf.setTitle(title);
  pdf.setCreator(QCoreApplication::applicationName());
  pdf.setPageSize(QPageSize(QPageSize::A4));
  pdf.setPageMargins({16, 16, 16, 16}, QPageLayout::Millimeter);
  pdf.setResolution(kDotsPerInch);
  const QRectF paper(QPointF(), QSizeF(pdf.pageLayout().paintRectPixels(kDotsPerInch).size()));
  constexpr double kFoot = 26;
  QTextDocument document;
  QFont font = textFont(TextSize::Small);
  font.setPointSizeF(7.5);
  document.setDefaultFont(font);
  document.setDocumentMargin(0);
  document.setDefaultStyleSheet(sharedStyle());
  const double scale = paper.width() / ReportFigures::kWidth;
  Pictures pictures(page, scale);
  document.documentLayout()->setPaintDevice(&pdf);
  document.documentLayout()->registerHandler(QTextFormat::ImageObject, &pictures);
  document.setHtml(bodyHtml(page));
  levelRows(document, ReportFigures::kStripHeight * scale);
  document.setPageSize(paper.size() - QSizeF(0, kFoot));
  QPainter painter(&pdf);
  for (int number = 0; number < document.pageCount(); ++number) {
    if (number > 0) pdf.newPage();
    const QRectF part(0, number * document.pageSize().height(), paper.width(), document.pageSize().height());
    painter.save();
    painter.translate(0, -part.top());
    document.drawContents(&painter, part);
    painter.restore();
    painter.setFont(font);
    painter.setPen(QColor(0x5f6670));
    const QString foot = u"%1 / %2"_s.arg(number + 1).arg(document.pageCount());
    painter.drawText(paper.adjusted(0, paper.height() - kFoot, 0, 0), Qt::AlignBottom | Qt::AlignRight, foot);
  }
  painter.end();
  return bytes;
}

void write(const std::filesystem::path& file, const QByteArray& bytes) {
  writeFileAtomically(file, {bytes.constData(), static_cast<std::size_t>(bytes.size())});
}

/// Markdown, with the figures that it links to in a folder beside it.
void writeMarkdown(const ReportDocument& document, const std::filesystem::path& file) {
  const std::filesystem::path folder = file.parent_path() / (file.stem() += "-figures");
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) throw Error(ErrorKind::Failed, folder.string(), {}, "cannot be made: " + problem.message());
  int number = 0;
  for (const auto& block : document.blocks) {
    const auto* picture = std::get_if<ReportDocument::Picture>(&block);
    if (picture == nullptr) continue;
    write(folder / std::to_string(++number).append(".svg"), document.figures.at(picture->figure).svg);
  }
  write(file, markdown(document, qt(folder.filename().string())).toUtf8());
}

}  // namespace

void writeReport(Workshop& workshop, const ReportRequest& request) {
  const std::filesystem::path suffix = request.file.extension();
  if (suffix != ".html" && suffix != ".pdf" && suffix != ".md") {
    throw usageError(request.file.string(), "reports are written as .html, .pdf or .md");
  }
  const std::vector<ReportRun> runs = reportRuns(request.store, request.runs);
  const std::vector<Comparison> comparisons = comparisonsOf(runs);
  if (!request.against.empty() && std::ranges::none_of(comparisons, [&](const Comparison& comparison) {
        return namesAny(comparison, request.against);
      })) {
    throw usageError("--against", "no placement of these runs is called \"" + request.against + "\"");
  }
  const QString title = QCoreApplication::translate("Report", "Where to keep attention: a report of runs");
  ReportPage page(workshop);
  page.addHead(title, request.store, runs);
  const Store store = Store::open(request.store);
  for (const Comparison& comparison : comparisons) {
    page.addComparison(comparison, request.against);
    page.addMeasuredCosts(comparison.runs);
    std::vector<RunId> ids;
    for (const ReportRun& run : comparison.runs) ids.push_back(run.summary.id);
    page.addTransfer(transferIn(store, ids));
    for (const ReportRun& run : comparison.runs) {
      std::map<Placement, std::string> known = foundElsewhere(store, run.summary.id);
      for (const ComparedPlacement& each : comparison.placements) {
        known.try_emplace(each.placement, each.label.toStdString());
      }
      page.addRegret(run, known);
    }
  }
  if (request.summary) page.addChanges(runs);
  for (const ReportRun& run : runs) {
    if (request.summary) continue;
    page.addRun(run, hasGates(*run.record) ? sweepWith(store, run.summary.id) : Sweep());
  }
  const ReportDocument& document = page.document();
  if (suffix == ".md") return writeMarkdown(document, request.file);
  write(request.file, suffix == ".pdf" ? reportPdf(document, title) : reportHtml(document, title).toUtf8());
}

}  // namespace interleave::gui

#include "report.moc"
