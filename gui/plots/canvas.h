// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <qcustomplot.h>

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "gui/plots/figure.h"

namespace interleave::gui {

/// The QCustomPlot half of a Figure: turns panels into axis rectangles, graphs and items, and keeps them while the
/// panels keep their structure. Private to the plots library.
class Figure::Canvas final {
 public:
  Canvas(Figure& figure, Link link);

  QCustomPlot& plot() { return *plot_; }
  const std::vector<Panel>& panels() const { return panels_; }
  void show(std::vector<Panel> panels);
  void restyle();
  void resetZoom();
  void zoom(double factor);
  void moveCrosshair(int columns, int rows);
  void changePanel(int by);        ///< Moves the crosshair to the middle of another panel, around the ends.
  void settleAt(QSize size);       ///< Lays out as at that size on screen, for a figure that is on none.
  void draw(QCPPainter& painter);  ///< At the widget's size, as vectors.

 private:
  struct SeriesView {
    QCPGraph* graph = nullptr;  // of lines and points
    QCPBars* bars = nullptr;
    QCPErrorBars *x_error = nullptr, *y_error = nullptr;
  };
  /// A text beside a point, which finds its place once the layout is known.
  struct PointLabel {
    QCPItemText* text;
    double x, y, below, above, y_error;
  };
  /// A text across a panel, broken into lines as wide as that, once its width is known.
  struct Note {
    QCPItemText* text;
    QString words;
  };
  /// A text beside a ring.
  struct RingLabel {
    QCPItemText* text;
    QCPItemTracer* ring;
    bool before;  ///< To the ring's left.
  };
  struct PanelView {
    QCPAxisRect* rect = nullptr;
    QCPTextElement* title = nullptr;
    QCPLegend* legend = nullptr;
    QCPColorMap* map = nullptr;
    QCPColorScale* scale = nullptr;
    QCPItemLine *across = nullptr, *down = nullptr;
    QCPItemText* readout = nullptr;
    std::vector<SeriesView> series;
    std::vector<QCPAbstractItem*> marks;
    std::vector<PointLabel> labels;
    std::vector<RingLabel> ring_labels;
    std::vector<Note> notes;
    std::vector<QCPItemText*> cells;  ///< Texts in the cells of the map, shown where they fit.
  };

  bool sameStructure(const std::vector<Panel>& panels) const;
  void build();
  PanelView buildPanel(const Panel& panel, QCPMarginGroup& margins);
  QCPColorScale* buildScale(QCPMarginGroup& margins);
  SeriesView buildSeries(const Series& series, const PanelView& view);
  void fill(std::size_t index);
  void fillSeries(const Series& series, SeriesView& view);
  void fillMap(const Grid& grid, PanelView& view);
  void fillMarks(const Panel& panel, PanelView& view);
  void setRanges(const Panel& panel, PanelView& view);
  void styleAxis(QCPAxis& axis, const Axis& as);
  void settle();
  bool fitTicks(QCPAxis& axis, const Axis& as) const;
  void placeLabels(PanelView& view);
  void placeRingLabels(PanelView& view) const;
  static void breakNotes(PanelView& view);
  void fitCells(PanelView& view);
  void shareRange(QCPAxis& from, const QCPRange& range);
  void release(const QMouseEvent& event);
  void hover(const QPointF& position);
  void hideCrosshair();
  void showCrosshair(std::size_t index, double x, double y);
  int panelAt(const QPointF& position) const;

  Figure& figure_;
  Link link_;
  QCustomPlot* plot_;  // owned by the figure's layout
  std::vector<Panel> panels_;
  std::vector<PanelView> views_;
  bool zoomed_ = false;   // by the user: new data leaves the ranges alone
  bool setting_ = false;  // ranges are being set by us
  int hovered_ = -1;
  QPointF crosshair_;
  std::optional<QPointF> pressed_;  // where the left button went down
};

}  // namespace interleave::gui
