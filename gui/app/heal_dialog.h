// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "backend/core/settings.h"
#include "gui/app/studio.h"

namespace interleave::gui {

/// How the hybrid of the placement shown is to be healed: the settings that one would change first, and where its
/// weights go. Accepted, it begins the run; all other settings are at their values of docs/heal.md.
class HealDialog final : public QDialog {
  Q_OBJECT
 public:
  explicit HealDialog(Studio& studio, QWidget* parent = nullptr);
  void accept() override;

 private:
  Studio& studio_;
  Settings settings_;
};

}  // namespace interleave::gui
