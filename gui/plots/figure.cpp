// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/plots/figure.h"

#include <QKeyEvent>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "gui/plots/canvas.h"
#include "gui/style/format.h"

namespace interleave::gui {

Figure::Figure(const QString& accessible_name, Link link, QWidget* parent)
    : QWidget(parent), canvas_(std::make_unique<Canvas>(*this, link)) {
  setAccessibleName(accessible_name);
  setAccessibleDescription(
      tr("Arrow keys move the crosshair, Page Up and Page Down change the panel, plus and minus zoom, Home resets."));
  setFocusPolicy(Qt::StrongFocus);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(&canvas_->plot());
}

Figure::~Figure() = default;

void Figure::setPanels(std::vector<Panel> panels) { canvas_->show(std::move(panels)); }
const std::vector<Panel>& Figure::panels() const { return canvas_->panels(); }
void Figure::resetZoom() { canvas_->resetZoom(); }

QString Figure::csv() const {
  const auto number = [](double value) { return std::isfinite(value) ? QString::number(value, 'g', 12) : QString(); };
  QString out = QStringLiteral("panel,series,x,y,value,x_error,y_error,x_error_below\n");
  for (const Panel& panel : panels()) {
    const auto line = [&](const QString& name, double x, double y, double value, double x_error, double y_error,
                          double x_error_below) {
      const QStringList cells{csvCell(panel.title.isEmpty() ? panel.y.label : panel.title),
                              csvCell(name),
                              number(x),
                              number(y),
                              number(value),
                              number(x_error),
                              number(y_error),
                              number(x_error_below)};
      out += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    };
    if (panel.grid) {
      const Grid& grid = *panel.grid;
      for (int column = 0; column < grid.columns; ++column) {
        for (int row = 0; row < grid.rows; ++row) {
          const float value = grid.values[static_cast<qsizetype>(row) * grid.columns + column];
          line(grid.name, grid.first_column + column * grid.column_step, row, static_cast<double>(value), kAuto, kAuto,
               kAuto);
        }
      }
    }
    for (const Series& series : panel.series) {
      for (qsizetype i = 0; i < series.x.size(); ++i) {
        const double x_error = series.x_error.value(i, kAuto);
        line(series.name, series.x[i], series.y[i], kAuto, x_error, series.y_error.value(i, kAuto),
             series.x_error_below.value(i, x_error));
      }
    }
  }
  return out;
}

void Figure::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) canvas_->restyle();
}

void Figure::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Left:
      return canvas_->moveCrosshair(-1, 0);
    case Qt::Key_Right:
      return canvas_->moveCrosshair(1, 0);
    case Qt::Key_Up:
      return canvas_->moveCrosshair(0, -1);
    case Qt::Key_Down:
      return canvas_->moveCrosshair(0, 1);
    case Qt::Key_PageUp:
      return canvas_->changePanel(-1);
    case Qt::Key_PageDown:
      return canvas_->changePanel(1);
    case Qt::Key_Plus:
      return canvas_->zoom(0.8);
    case Qt::Key_Minus:
      return canvas_->zoom(1.25);
    case Qt::Key_Home:
      return canvas_->resetZoom();
    default:
      return QWidget::keyPressEvent(event);
  }
}

}  // namespace interleave::gui
