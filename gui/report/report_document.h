// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QCoreApplication>
#include <QSize>
#include <QString>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "backend/core/statistics.h"

namespace interleave::gui {

/// A text of reports, translated.
inline QString reportText(const char* text) { return QCoreApplication::translate("Report", text); }

/// A picture in a report: an SVG document of vectors, and what it shows for those who cannot see it.
struct ReportFigure {
  QByteArray svg;
  QSize size;
  QString text;
};

/// What a report says, before it is HTML, PDF or Markdown. Texts are plain: each form escapes them.
struct ReportDocument {
  enum class Look { Plain, Muted, Good, Bad, Inferred };
  struct Heading {
    int level = 2;
    QString text;
  };
  struct Paragraph {
    QString text;
    Look look = Look::Plain;
  };
  struct Cell {
    QString text;
    Look look = Look::Plain;
    std::optional<std::size_t> figure = {};  ///< Instead of the text: a small one.
  };
  using Row = std::vector<Cell>;
  struct Table {
    std::vector<QString> head;  ///< Empty: the first column says what the others are.
    std::vector<Row> rows;
  };
  struct Picture {
    std::size_t figure = 0;
  };
  std::vector<std::variant<Heading, Paragraph, Table, Picture>> blocks;
  std::vector<ReportFigure> figures;

  Cell small(ReportFigure figure);  ///< A cell with a picture, which is kept here.
};

/// Better, worse, or muted where nothing is shown.
ReportDocument::Look reportLook(const PairedDifference& difference);

/// Text fit for XML: markup escaped, and characters that XML does not have replaced.
QString escaped(const QString& text);

/// The content as well-formed HTML that a browser and Qt's own rich text both understand; pictures stand in it as
/// figureTag().
QString bodyHtml(const ReportDocument& document);
QString figureTag(const ReportDocument& document, std::size_t figure);

/// The content as GitHub's Markdown. Pictures are links to `figures`/1.svg, …; those in cells are their texts.
QString markdown(const ReportDocument& document, const QString& figures);

}  // namespace interleave::gui
