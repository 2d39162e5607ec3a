// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDockWidget>

#include "gui/widgets/pane.h"

class QLabel;

namespace interleave::gui {

/// A pane as a card: header with title, hint, menu (copy, export), float and close; the pane below. Under a row of
/// tabs, which name it, the header leaves its title out.
class Dock final : public QDockWidget {
  Q_OBJECT
 public:
  Dock(Pane* pane, const QString& object_name, QWidget* parent);  ///< Takes the pane over.

  Pane& pane() { return *pane_; }
  void setTabbed(bool tabbed);
  void copyImage();
  void copyData();
  void exportTo(const QString& file);  ///< png, svg, pdf or csv. Error.

 private:
  void askExport();

  Pane* pane_;
  QLabel* title_;
};

}  // namespace interleave::gui
