// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "gui/app/studio.h"
#include "gui/widgets/chat_field.h"
#include "sessions/batch.h"

class QCheckBox;
class QLineEdit;
class QListWidget;

namespace interleave::gui {

/// Asks which methods, budgets and seeds are to be run with Setup's model, bank and device. The method that Setup has
/// goes with Setup's settings, the others with their presets.
class QueueDialog final : public QDialog {
  Q_OBJECT
 public:
  QueueDialog(Studio& studio, QWidget* parent);
  Batch batch() const;  ///< Usage error: no model, no method, or a list that cannot be read.

 private:
  Studio& studio_;
  QListWidget* methods_;
  QLineEdit *budgets_, *seeds_, *leave_, *placements_;
  ChatField* chat_;
  QCheckBox *per_budget_, *judge_;
};

/// "0, 3-5": whole numbers and ranges of them. Usage error; also where they are more than a thousand.
std::vector<std::uint64_t> seedsFrom(const QString& text);

}  // namespace interleave::gui
