// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/plots/export.h"

#include <QBuffer>
#include <QFileInfo>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QPixmap>
#include <QSvgGenerator>

#include "backend/core/error.h"
#include "gui/plots/canvas.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

/// The figures on screen inside `view`, itself included.
QList<Figure*> figuresOf(const QWidget& view) {
  QList<Figure*> figures = view.findChildren<Figure*>();
  figures.removeIf([&](const Figure* figure) { return !figure->isVisibleTo(&view); });
  if (const auto* itself = qobject_cast<const Figure*>(&view)) figures.prepend(const_cast<Figure*>(itself));
  return figures;
}

/// The widget as it paints itself, then its figures over it, as vectors.
bool drawView(QWidget& view, QPaintDevice& device) {
  QCPPainter painter;
  if (!painter.begin(&device)) return false;
  view.render(&painter);
  for (Figure* figure : figuresOf(view)) {
    painter.save();
    painter.setClipping(false);
    painter.translate(figure->mapTo(&view, QPoint(0, 0)));
    figure->canvas().draw(painter);
    painter.restore();
  }
  return painter.end();
}

bool writePng(QWidget& view, const QString& file) {
  QPixmap picture(view.size() * 2);
  picture.setDevicePixelRatio(2);
  picture.fill(Qt::transparent);
  return drawView(view, picture) && picture.save(file, "PNG");
}

bool writeSvg(QWidget& view, const QString& file) {
  QSvgGenerator svg;
  svg.setFileName(file);
  svg.setSize(view.size());
  svg.setViewBox(view.rect());
  svg.setTitle(view.windowTitle());
  return drawView(view, svg);
}

bool writePdf(QWidget& view, const QString& file) {
  QPdfWriter pdf(file);
  constexpr double kPointsPerPixel = 0.75;
  pdf.setResolution(96);
  pdf.setPageSize(QPageSize(QSizeF(view.size()) * kPointsPerPixel, QPageSize::Point, QString(), QPageSize::ExactMatch));
  pdf.setPageMargins({0, 0, 0, 0});
  return drawView(view, pdf);
}

}  // namespace

void exportView(QWidget& view, const QString& file) {
  const QString suffix = QFileInfo(file).suffix().toLower();
  bool written = false;
  if (suffix == u"png") {
    written = writePng(view, file);
  } else if (suffix == u"svg") {
    written = writeSvg(view, file);
  } else if (suffix == u"pdf") {
    written = writePdf(view, file);
  } else {
    throw usageError(file.toStdString(), "pictures are written as .png, .svg or .pdf");
  }
  if (!written) throw Error(ErrorKind::Failed, file.toStdString(), "", "cannot be written");
}

QByteArray figureSvg(Figure& figure, QSize size) {
  figure.canvas().settleAt(size);
  figure.resize(size);
  QByteArray text;
  QBuffer buffer(&text);
  QSvgGenerator svg;
  svg.setOutputDevice(&buffer);
  svg.setSize(size);
  svg.setViewBox(QRect(QPoint(), size));
  QCPPainter painter(&svg);
  figure.canvas().draw(painter);
  painter.end();
  return fitForXml(QString::fromUtf8(text)).toUtf8();  // names of runs may hold anything
}

QString viewCsv(const QWidget& view) {
  QString text;
  for (const Figure* figure : figuresOf(view)) text += figure->csv();
  return text;
}

}  // namespace interleave::gui
