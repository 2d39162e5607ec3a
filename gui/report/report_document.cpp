// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_document.h"
#include "backend/core/verdict.h"

#include <QRegularExpression>
#include <QStringList>
#include <algorithm>
#include <utility>

#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;
using Look = ReportDocument::Look;

QString classOf(Look look) {
  switch (look) {
    case Look::Muted:
      return u"muted"_s;
    case Look::Good:
      return u"good"_s;
    case Look::Bad:
      return u"bad"_s;
    case Look::Inferred:
      return u"inferred"_s;
    case Look::Plain:
      break;
  }
  return {};
}

/// Builds HTML block by block.
class Html {
 public:
  explicit Html(const ReportDocument& document) : document_(document) {}

  void operator()(const ReportDocument::Heading& heading) {
    text_ += u"<h%1>%2</h%1>\n"_s.arg(heading.level).arg(escaped(heading.text));
  }
  void operator()(const ReportDocument::Paragraph& paragraph) {
    text_ += u"<p>%1</p>\n"_s.arg(styled(paragraph.text, paragraph.look));
  }
  void operator()(const ReportDocument::Picture& picture) {
    text_ += u"<p class=\"figure\">%1</p>\n"_s.arg(figureTag(document_, picture.figure));
  }
  void operator()(const ReportDocument::Table& table) {
    const bool data = !table.head.empty();
    QString rows;
    for (const QString& cell : table.head) rows += u"<th>%1</th>"_s.arg(escaped(cell));
    if (data) rows = u"<tr>%1</tr>\n"_s.arg(rows);
    for (const ReportDocument::Row& row : table.rows) {
      QString cells;
      for (const ReportDocument::Cell& cell : row) {
        const bool name = !data && cells.isEmpty();
        cells += (name ? u"<th>%1</th>"_s : u"<td>%1</td>"_s).arg(content(cell));
      }
      rows += u"<tr>%1</tr>\n"_s.arg(cells);
    }
    text_ += u"<table class=\"%1\" cellspacing=\"0\" cellpadding=\"3\">\n"_s.arg(data ? u"data"_s : u"facts"_s);
    text_ += rows + u"</table>\n"_s;
  }
  QString take() { return std::move(text_); }

 private:
  static QString styled(const QString& text, Look look) {
    if (text.isEmpty() || look == Look::Plain) return escaped(text);
    return u"<span class=\"%1\">%2</span>"_s.arg(classOf(look), escaped(text));
  }
  QString content(const ReportDocument::Cell& cell) const {
    if (cell.figure) return figureTag(document_, *cell.figure);
    // Qt takes away the space that follows a table whose last cell is empty.
    return cell.text.isEmpty() ? u"&#160;"_s : styled(cell.text, cell.look);
  }

  const ReportDocument& document_;
  QString text_;
};

/// Builds Markdown block by block.
class Markdown {
 public:
  Markdown(const ReportDocument& document, QString figures) : document_(document), figures_(std::move(figures)) {}

  void operator()(const ReportDocument::Heading& heading) {
    text_ += u"#"_s.repeated(heading.level) + u' ' + plain(heading.text) + u"\n\n"_s;
  }
  void operator()(const ReportDocument::Paragraph& paragraph) { text_ += plain(paragraph.text) + u"\n\n"_s; }
  void operator()(const ReportDocument::Picture& picture) {
    const QString alt = plain(document_.figures.at(picture.figure).text).remove(u'[').remove(u']');
    text_ += u"![%1](<%2/%3.svg>)\n\n"_s.arg(alt, figures_, QString::number(++pictures_));
  }
  void operator()(const ReportDocument::Table& table) {
    std::size_t columns = table.head.size();
    for (const ReportDocument::Row& row : table.rows) columns = std::max(columns, row.size());
    QStringList head;
    for (const QString& cell : table.head) head << plain(cell);
    addRow(head, columns);
    addRow(QStringList(static_cast<qsizetype>(columns), u"---"_s), columns);
    for (const ReportDocument::Row& row : table.rows) {
      QStringList cells;
      for (const ReportDocument::Cell& cell : row) cells << content(cell);
      addRow(cells, columns);
    }
    text_ += u'\n';
  }
  QString take() { return std::move(text_); }

 private:
  /// Text in which nothing is markup.
  static QString plain(const QString& text) {
    static const QRegularExpression kMarks(u"([\\\\`*_|~]|\\](?=[(:\\[])|^[-+#=])"_s);
    QString safe = fitForXml(text).simplified();
    safe.replace(kMarks, u"\\\\1"_s);
    return safe.replace(u'&', u"&amp;"_s).replace(u'<', u"&lt;"_s).replace(u'>', u"&gt;"_s);
  }
  QString content(const ReportDocument::Cell& cell) const {
    if (cell.figure) return u"`%1`"_s.arg(document_.figures.at(*cell.figure).text);
    return plain(cell.text);
  }
  void addRow(QStringList cells, std::size_t columns) {
    while (cells.size() < static_cast<qsizetype>(columns)) cells << QString();
    text_ += u"| "_s + cells.join(u" | "_s) + u" |\n"_s;
  }

  const ReportDocument& document_;
  QString figures_, text_;
  int pictures_ = 0;
};

}  // namespace

ReportDocument::Cell ReportDocument::small(ReportFigure figure) {
  figures.push_back(std::move(figure));
  return {.figure = figures.size() - 1};
}

QString escaped(const QString& text) { return fitForXml(text).toHtmlEscaped(); }

QString figureTag(const ReportDocument& document, std::size_t number) {
  const ReportFigure& figure = document.figures.at(number);
  return u"<img src=\"figure:%1\" width=\"%2\" height=\"%3\" alt=\"%4\"/>"_s.arg(number)
      .arg(figure.size.width())
      .arg(figure.size.height())
      .arg(escaped(figure.text));
}

QString bodyHtml(const ReportDocument& document) {
  Html html(document);
  for (const auto& block : document.blocks) std::visit(html, block);
  return html.take();
}

ReportDocument::Look reportLook(const PairedDifference& difference) {
  return !difference.carries() ? Look::Muted : isBetter(difference) ? Look::Good : Look::Bad;
}

QString markdown(const ReportDocument& document, const QString& figures) {
  Markdown text(document, figures);
  for (const auto& block : document.blocks) std::visit(text, block);
  return text.take();
}

}  // namespace interleave::gui
