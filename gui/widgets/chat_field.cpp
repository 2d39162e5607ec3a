// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/chat_field.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <algorithm>

#include "backend/core/error.h"
#include "gui/style/format.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {

QString autoPrompts(const nlohmann::json& model_info) {
  const auto tokenizer = model_info.find("tokenizer");
  if (tokenizer == model_info.end() || !tokenizer->contains("chat_form")) return {};
  if (tokenizer->value("plain", false)) return ChatField::tr("no chat template: plain prompts");
  return qt(tokenizer->at("chat_form").get<std::string>());
}

ChatField::ChatField(const Workshop& workshop, const nlohmann::json& model_info,
                     const std::optional<std::string>& found)
    : specs_(workshop.searchSettings(workshop.methods().front())),
      found_(found),
      auto_(autoPrompts(model_info)),
      choice_(new QComboBox),
      note_(new ElidedLabel) {
  choice_->setEditable(true);
  choice_->setInsertPolicy(QComboBox::NoInsert);
  choice_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  if (found_) choice_->addItem(tr("as the run's: %1").arg(qt(*found_)));
  if (const auto spec = std::ranges::find(specs_, kChatSetting, &SettingSpec::key); spec != specs_.end()) {
    for (const std::string& name : spec->choices) choice_->addItem(qt(name));
    choice_->setToolTip(qt(spec->help));
  }
  choice_->setAccessibleName(tr("Form of prompts"));
  setFocusProxy(choice_);
  QPushButton* look = smallButton(tr("…"));
  look->setAccessibleName(tr("Look for a file with a template"));
  look->setToolTip(look->accessibleName());
  connect(look, &QPushButton::clicked, this, [this] {
    const QString file = QFileDialog::getOpenFileName(this, tr("A Jinja template"));
    if (!file.isEmpty()) choice_->setEditText(file);
  });
  setTone(*note_, "muted");
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setVerticalSpacing(2);
  grid->setColumnStretch(0, 1);
  grid->addWidget(choice_, 0, 0);
  grid->addWidget(look, 0, 1);
  grid->addWidget(note_, 1, 0, 1, 2);
  connect(choice_, &QComboBox::editTextChanged, this, [this] {
    tellAuto();
    Q_EMIT changed();
  });
  tellAuto();
}

void ChatField::tellAuto() {
  const QString typed = choice_->currentText();
  const bool as_found = found_ && typed == choice_->itemText(0);
  note_->setText((as_found ? qt(*found_) : typed.trimmed()) == u"auto" ? auto_ : QString());
}

void ChatField::setChat(const std::string& chat) { choice_->setEditText(qt(chat)); }

std::optional<std::string> ChatField::chat() const {
  if (found_ && choice_->currentText() == choice_->itemText(0)) return std::nullopt;
  Settings settings(specs_);
  settings.merge({{kChatSetting, choice_->currentText().trimmed().toStdString()}}, {});
  return settings.text(kChatSetting);
}

QString ChatField::whyNot() const try {
  const std::optional<std::string> asked = chat();
  const auto spec = std::ranges::find(specs_, kChatSetting, &SettingSpec::key);
  const bool missing = asked && spec != specs_.end() && spec->isPath(*asked) && !QFileInfo(qt(*asked)).isFile();
  return missing ? tr("%1: there is no such file").arg(qt(*asked)) : QString();
} catch (const Error& problem) {
  return QString::fromUtf8(problem.what());
}

}  // namespace interleave::gui
