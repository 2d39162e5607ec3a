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
class QVBoxLayout;

namespace interleave::gui {

/// What the next run will do, every setting editable and every inferred one marked ≈; what it will cost; and, while a
/// run goes on, its live controls.
class SetupPane final : public Pane {
  Q_OBJECT
 public:
  explicit SetupPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  struct Row {
    QLabel *name, *mark;
    SettingEditor* editor;
    bool of_bank;
  };
  QGridLayout* section(const QString& title);
  void addField(QGridLayout& grid, const QString& name, QWidget* field);
  void buildSettings();
  void addSettings(const QString& title, std::span<const SettingSpec> specs, bool of_bank);
  void addBankField(QGridLayout& grid);
  void takeBudget();
  void edit(const SettingEditor& editor, bool of_bank, const nlohmann::json& value);
  bool live() const;
  void refreshEstimate();

  Studio& studio_;
  QVBoxLayout* column_;
  QWidget* settings_ = nullptr;
  QLabel *model_, *estimate_;
  QComboBox *method_, *preset_, *device_;
  QLineEdit *budget_, *seed_, *bank_;
  QPushButton* browse_;
  std::vector<Row> rows_;
  std::string built_for_;  // the method whose settings stand there
};

}  // namespace interleave::gui
