// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report.h"

#include <QAbstractTextDocumentLayout>
#include <QBuffer>
#include <QPainter>
#include <QPdfWriter>
#include <QRegularExpression>
#include <QSvgRenderer>
#include <QTextDocument>
#include <QTextObjectInterface>
#include <memory>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

/// Both forms.
QString sharedStyle() {
  return uR"(
h1 { font-size: 18pt; } h2 { font-size: 14pt; margin-top: 22px; } h3 { font-size: 10pt; margin-top: 12px; }
.muted { color: #5f6670; } .bad { color: #c23b00; } .inferred { color: #a66f00; }
td, th { text-align: left; vertical-align: middle; padding: 2px 10px 2px 0; }
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
td { overflow-wrap: anywhere; } .data td, .data th { border-bottom: 1px solid #e8ebef; }
svg { max-width: 100%; height: auto; vertical-align: middle; }
@media print { body { margin: 0; max-width: none; } tr, .figure { break-inside: avoid; } h2, h3 { break-after: avoid; } }
)"_s;
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
  Pictures(const ReportPage& page, double scale) : page_(page), scale_(scale) {}

  QSizeF intrinsicSize(QTextDocument*, int, const QTextFormat& format) override {
    return QSizeF(figure(format).size) * scale_;
  }
  void drawObject(QPainter* painter, const QRectF& box, QTextDocument*, int, const QTextFormat& format) override {
    QSvgRenderer(figure(format).svg).render(painter, box);
  }

 private:
  const ReportFigure& figure(const QTextFormat& format) const {
    const QString name = format.toImageFormat().name();  // "figure:3"
    return page_.figures().at(name.mid(name.indexOf(u':') + 1).toULongLong());
  }
  const ReportPage& page_;
  double scale_;
};

}  // namespace

QString reportHtml(const ReportPage& page, const QString& title) {
  QString body = page.body();
  for (std::size_t i = 0; i < page.figures().size(); ++i) body.replace(page.figureTag(i), inlineSvg(page.figures()[i]));
  return u"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>%1</title>\n<style>%2</style>\n</head>\n"
         "<body>\n"_s.arg(escaped(title), sharedStyle() + screenStyle()) +
         body + u"</body>\n</html>\n"_s;
}

QByteArray reportPdf(const ReportPage& page, const QString& title) {
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
  Pictures pictures(page, paper.width() / 780);
  document.documentLayout()->setPaintDevice(&pdf);
  document.documentLayout()->registerHandler(QTextFormat::ImageObject, &pictures);
  document.setHtml(page.body());
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

void writeReport(Workshop& workshop, const std::filesystem::path& store, std::span<const RunId> wanted,
                 const std::filesystem::path& file) {
  const bool pdf = file.extension() == ".pdf";
  if (!pdf && file.extension() != ".html") throw usageError(file.string(), "reports are written as .html or .pdf");
  const std::vector<ReportRun> runs = reportRuns(store, wanted);
  const QString title = QCoreApplication::translate("Report", "Where to keep attention: a report of runs");
  ReportPage page(workshop);
  page.addHead(title, store, runs.size());
  for (const Comparison& comparison : comparisonsOf(runs)) page.addComparison(comparison);
  for (const ReportRun& run : runs) page.addRun(run);
  const QByteArray bytes = pdf ? reportPdf(page, title) : reportHtml(page, title).toUtf8();
  writeFileAtomically(file, {bytes.constData(), static_cast<std::size_t>(bytes.size())});
}

}  // namespace interleave::gui

#include "report.moc"
