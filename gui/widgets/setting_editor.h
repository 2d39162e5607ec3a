// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>

#include "backend/core/settings.h"

class QCheckBox;
class QComboBox;
class QLineEdit;

namespace interleave::gui {

class NumberField;

/// A field for one setting, in the form that its type asks for. Says what the user entered; checking is the table's.
class SettingEditor final : public QWidget {
  Q_OBJECT
 public:
  explicit SettingEditor(const SettingSpec& spec, QWidget* parent = nullptr);

  const std::string& key() const { return spec_.key; }
  const SettingSpec& spec() const { return spec_; }
  void setValue(const nlohmann::json& value);  ///< Not an edit. Leaves a field alone that the user is typing in.
  QString whyNot() const;                      ///< What is wrong with the number that stands there; empty: nothing.

 Q_SIGNALS:
  void edited(const nlohmann::json& value);
  void refused(const QString& why);  ///< What was typed is no number; the field is as it was.
  void typing();

 private:
  void tellText();

  const SettingSpec& spec_;
  QCheckBox* flag_ = nullptr;
  QComboBox* choice_ = nullptr;
  QLineEdit* line_ = nullptr;
  NumberField* number_ = nullptr;
};

}  // namespace interleave::gui
