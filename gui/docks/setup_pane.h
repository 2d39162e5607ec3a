// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "gui/app/studio.h"
#include "gui/widgets/pane.h"
#include "gui/widgets/setting_editor.h"

class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QToolButton;
class QVBoxLayout;

namespace interleave::gui {

class NumberField;

/// What the next run will do, every setting editable, every inferred one marked ≈ and every one that differs from the
/// preset •, with a button that takes it back; the layers that are pinned; what it will cost; and, while a run goes on,
/// its live controls.
class SetupPane final : public Pane {
  Q_OBJECT
 public:
  explicit SetupPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  /// A field's name, and the button that takes it back; both say whether it differs.
  struct Mark {
    QLabel* name = nullptr;
    QToolButton* reset = nullptr;
    QString title = {};
  };
  struct Row {
    Mark mark;
    SettingEditor* editor;
    bool of_bank;
  };
  QGridLayout* section(const QString& title);
  Mark addField(QGridLayout& grid, const QString& name, QWidget* field);
  static void tell(const Mark& mark, bool differs, const QString& back);
  void refreshPreset();
  void refreshPins();
  void resetPins();
  void buildSettings();
  void addSettings(const QString& title, std::span<const SettingSpec> specs, bool of_bank);
  void addBankField(QGridLayout& grid);
  void takeBudget();
  void edit(const std::string& key, bool of_bank, const nlohmann::json& value);
  bool live() const;
  void refreshEstimate();

  Studio& studio_;
  QVBoxLayout* column_;
  QWidget* settings_ = nullptr;
  QLabel *model_, *estimate_;
  QComboBox *method_, *preset_, *device_;
  QLineEdit* budget_;
  NumberField* seed_;
  QLineEdit* bank_;
  QPushButton* browse_;
  QLabel* pins_;
  QLabel* prompts_ = nullptr;  // below the field of the setting `chat`: what "auto" comes to
  Mark budget_mark_, pins_mark_;
  std::vector<Row> rows_;
  std::string built_for_;  // the method whose settings stand there
};

}  // namespace interleave::gui
