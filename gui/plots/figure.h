// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QString>
#include <QStringList>
#include <QVector>
#include <QWidget>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "gui/style/color_map.h"

namespace interleave::gui {

inline constexpr double kAuto = std::numeric_limits<double>::quiet_NaN();

/// An axis of a panel. Its range is that of the data unless least and most are given.
struct Axis {
  enum class Kind { Number, Tokens, Bytes, Category };
  QString label;
  Kind kind = Kind::Number;
  bool logarithmic = false, reversed = false, ticks = true, whole = false;  ///< whole: ticks at whole numbers only.
  double least = kAuto, most = kAuto;
  QStringList categories;  ///< Names of 0, 1, 2, … for Kind::Category.
};

/// Points that belong together. NaN values leave a gap.
struct Series {
  /// Bars lie along x at whole y; ▲ and ▼ are points.
  enum class Style { Line, Dashed, Points, Rings, DashedPoints, Bars, Up, Down };
  QString name;
  QColor color;
  Style style = Style::Line;
  QVector<double> x, y;
  QVector<double> x_error, y_error;  ///< Standard errors, or how far intervals reach; empty: none.
  QVector<double> x_error_below;     ///< Towards smaller x, where that is not x_error; empty: the same.
  QStringList labels;                ///< Texts beside points; empty: none.
  QStringList readouts;              ///< What the crosshair says of each point; empty: its label and value.
  double width = 1.6;
  int lane = 0, lanes = 1;  ///< Of bars: several series side by side in one row.
};

/// A heat map: `values` row-major, rows along y from 0, columns along x from `first_column`.
struct Grid {
  QString name;
  int rows = 0, columns = 0;
  double first_column = 0, column_step = 1;
  QVector<float> values;  ///< NaN: empty.
  QStringList readouts;   ///< What the crosshair says of each cell; empty: the axes' values and the cell's.
  double least = 0, most = 1;
  ColorMap map = ColorMap::Viridis;
  bool scale = false;  ///< Draws the colours of least to most beside the map.
};

/// A line or a point with a text.
struct Mark {
  /// Text: beside its point. Note: across the panel's middle, in as many lines as it takes. Centered: in a cell, if it
  /// fits.
  enum class Shape { Vertical, Ring, Text, Note, Centered };
  Shape shape = Shape::Vertical;
  double x = 0, y = 0;  ///< x of a Text may be kAuto: in the panel's middle, over what is drawn there. A Note has none.
  QString text;
  QColor color;
  QColor ground = {};  ///< Behind a Centered text; none: what is drawn there.
  bool dashed = true;
};

/// One coordinate system of a figure.
struct Panel {
  QString title;
  Axis x, y;
  std::vector<Series> series;
  std::optional<Grid> grid;
  std::vector<Mark> marks;
  double stretch = 1;  ///< Share of the figure's width.
  bool legend = false;
};

/// Panels side by side, told what to show as plain data: the figure draws it, lets the user read values with a
/// crosshair, zoom into a box (drag), reset (double click, Home), and copies or exports exactly what is on screen.
/// The one place that knows QCustomPlot. Lives in the window's thread.
class Figure final : public QWidget {
  Q_OBJECT
 public:
  enum class Link { None, X, Y };  ///< Which axes the panels share.
  explicit Figure(const QString& accessible_name, Link link = Link::None, QWidget* parent = nullptr);
  ~Figure() override;

  /// Cheap when only values changed. Keeps a zoom that the user made.
  void setPanels(std::vector<Panel> panels);
  const std::vector<Panel>& panels() const;

  void resetZoom();
  QString csv()
      const;  ///< What is drawn, in long form, C locale: panel,series,x,y,value,x_error,y_error,x_error_below.

  class Canvas;  ///< The QCustomPlot half, for the plots library alone.
  Canvas& canvas() { return *canvas_; }
  QSize minimumSizeHint() const override { return {120, 70}; }
  QSize sizeHint() const override { return {360, 180}; }

 Q_SIGNALS:
  void hovered(int panel, double x, double y);
  void clicked(int panel, double x, double y);

 protected:
  void changeEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  std::unique_ptr<Canvas> canvas_;
};

}  // namespace interleave::gui
