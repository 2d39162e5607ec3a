// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/setting_editor.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSignalBlocker>

#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/number_field.h"

namespace interleave::gui {

SettingEditor::SettingEditor(const SettingSpec& spec, QWidget* parent) : QWidget(parent), spec_(spec) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  QWidget* field = nullptr;
  switch (spec.type) {
    case SettingSpec::Type::Flag:
      field = flag_ = new QCheckBox;
      connect(flag_, &QCheckBox::toggled, this, [this](bool on) { Q_EMIT edited(on); });
      break;
    case SettingSpec::Type::Choice:
      field = choice_ = new QComboBox;
      for (const std::string& choice : spec.choices) choice_->addItem(qt(choice));
      connect(choice_, &QComboBox::textActivated, this,
              [this](const QString& text) { Q_EMIT edited(text.toStdString()); });
      break;
    case SettingSpec::Type::ChoiceOrPath:
      field = choice_ = new QComboBox;
      choice_->setEditable(true);
      choice_->setInsertPolicy(QComboBox::NoInsert);
      choice_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
      for (const std::string& choice : spec.choices) choice_->addItem(qt(choice));
      line_ = choice_->lineEdit();
      line_->setFont(textFont(TextSize::Small));  // it does not take the list's
      connect(choice_, &QComboBox::textActivated, this,
              [this](const QString& text) { Q_EMIT edited(text.toStdString()); });
      connect(line_, &QLineEdit::editingFinished, this, &SettingEditor::tellText);
      break;
    case SettingSpec::Type::Integer:
    case SettingSpec::Type::Real: {
      const bool whole = spec.type == SettingSpec::Type::Integer;
      field = number_ =
          new NumberField(whole ? NumberField::Kind::Whole : NumberField::Kind::Real, spec.least, spec.most);
      connect(number_, &NumberField::entered, this, [this, whole] {
        Q_EMIT edited(whole ? nlohmann::json(number_->whole()) : nlohmann::json(number_->real()));
      });
      connect(number_, &NumberField::refused, this, &SettingEditor::refused);
      connect(number_, &QLineEdit::textChanged, this, &SettingEditor::typing);
      break;
    }
    default:
      field = line_ = new QLineEdit;
      line_->setAlignment(Qt::AlignRight);
      connect(line_, &QLineEdit::editingFinished, this, &SettingEditor::tellText);
      break;
  }
  field->setFont(textFont(TextSize::Small));
  field->setAccessibleName(qt(spec.key));
  field->setToolTip(qt(spec.help));
  setFocusProxy(field);
  row->addWidget(field, 1, flag_ != nullptr ? Qt::AlignRight : Qt::Alignment());
}

void SettingEditor::tellText() {
  if (line_->isModified()) Q_EMIT edited(line_->text().trimmed().toStdString());
  line_->setModified(false);
}

QString SettingEditor::whyNot() const { return number_ == nullptr ? QString() : number_->whyNot(); }

void SettingEditor::setValue(const nlohmann::json& value) {
  const QSignalBlocker quiet(this);
  if (flag_ != nullptr && value.is_boolean()) {
    const QSignalBlocker quiet_flag(flag_);
    flag_->setChecked(value.get<bool>());
  } else if (choice_ != nullptr && line_ == nullptr && value.is_string()) {
    choice_->setCurrentText(qt(value.get<std::string>()));
  } else if (number_ != nullptr && value.is_number()) {
    if (number_->hasFocus() && number_->isModified()) return;
    spec_.type == SettingSpec::Type::Integer ? number_->setWhole(value.get<std::int64_t>())
                                             : number_->setReal(value.get<double>());
  } else if (line_ != nullptr && value.is_string() && !(line_->hasFocus() && line_->isModified())) {
    line_->setText(qt(value.get<std::string>()));
    line_->setCursorPosition(0);
  }
}

}  // namespace interleave::gui
