// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/setting_editor.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QLocale>
#include <QSignalBlocker>
#include <cmath>

#include "gui/style/format.h"
#include "gui/style/theme.h"

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
      connect(choice_, &QComboBox::textActivated, this,
              [this](const QString& text) { Q_EMIT edited(text.toStdString()); });
      connect(line_, &QLineEdit::editingFinished, this, [this] {
        if (line_->isModified()) Q_EMIT edited(typed());
        line_->setModified(false);
      });
      break;
    default:
      field = line_ = new QLineEdit;
      line_->setAlignment(Qt::AlignRight);
      connect(line_, &QLineEdit::editingFinished, this, [this] {
        if (line_->isModified()) Q_EMIT edited(typed());
        line_->setModified(false);
      });
      break;
  }
  field->setFont(textFont(TextSize::Small));
  field->setAccessibleName(qt(spec.key));
  field->setToolTip(qt(spec.help));
  setFocusProxy(field);
  row->addWidget(field, 1, flag_ != nullptr ? Qt::AlignRight : Qt::Alignment());
}

nlohmann::json SettingEditor::typed() const {
  const QString text = line_->text().trimmed();
  using Type = SettingSpec::Type;
  if (spec_.type == Type::Text || spec_.type == Type::Path || spec_.type == Type::ChoiceOrPath)
    return text.toStdString();
  bool read = false;
  double value = QLocale().toDouble(text, &read);
  if (!read) value = QLocale::c().toDouble(text, &read);
  if (!read) return text.toStdString();
  if (spec_.type == SettingSpec::Type::Integer && value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

void SettingEditor::setValue(const nlohmann::json& value) {
  const QSignalBlocker quiet(this);
  if (flag_ != nullptr && value.is_boolean()) {
    const QSignalBlocker quiet_flag(flag_);
    flag_->setChecked(value.get<bool>());
  } else if (choice_ != nullptr && line_ == nullptr && value.is_string()) {
    choice_->setCurrentText(qt(value.get<std::string>()));
  } else if (line_ != nullptr && !(line_->hasFocus() && line_->isModified())) {
    const QString text = value.is_string() ? qt(value.get<std::string>())
                         : value.is_number_integer()
                             ? QLocale().toString(static_cast<qlonglong>(value.get<std::int64_t>()))
                         : value.is_number() ? QLocale().toString(value.get<double>(), 'g', 6)
                                             : qt(value.dump());
    line_->setText(text);
    line_->setCursorPosition(0);
  }
}

}  // namespace interleave::gui
