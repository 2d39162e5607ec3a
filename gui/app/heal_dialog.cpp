// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/heal_dialog.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QPushButton>
#include <array>
#include <string_view>
#include <vector>

#include "gui/style/format.h"
#include "gui/widgets/labels.h"
#include "gui/widgets/setting_editor.h"

namespace interleave::gui {
namespace {

constexpr std::array<std::string_view, 10> kShown{"train",     "adapt",       "rank",          "steps",
                                                  "sequences", "text_tokens", "learning_rate", "prompt_share",
                                                  "precision", "folder"};

}  // namespace

HealDialog::HealDialog(Studio& studio, QWidget* parent)
    : QDialog(parent), studio_(studio), settings_(studio.workshop().searchSettings(std::string(kHealMethod))) {
  setWindowTitle(tr("Heal"));
  setMinimumWidth(460);
  settings_.merge({{"folder", studio_.healFolder()}}, {});
  auto* form = new QFormLayout(this);
  auto* what =
      mutedLabel(tr("Trains the hybrid of this placement towards the original model's predictions, as a run of "
                    "its own: %1")
                     .arg(qt(studio_.editor().placement().line())));
  what->setWordWrap(true);
  form->addRow(what);
  std::vector<SettingEditor*> editors;
  for (const SettingSpec& spec : settings_.specs()) {
    if (std::ranges::find(kShown, spec.key) == kShown.end()) continue;
    auto* editor = new SettingEditor(spec);
    editor->setValue(settings_.json().at(spec.key));
    connect(editor, &SettingEditor::edited, this, [this, editor](const nlohmann::json& value) {
      studio_.attempt(tr("Heal"), [&] { settings_.merge({{editor->key(), value}}, {}); });
      editor->setValue(settings_.json().at(editor->key()));  // as it was, where that was refused
    });
    editors.push_back(editor);
    auto* label = new QLabel(settingTitle(spec.key) + (spec.inferred ? QStringLiteral(" ≈") : QString()));
    label->setToolTip(qt(spec.help));
    label->setBuddy(editor);
    form->addRow(label, editor);
  }
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  buttons->button(QDialogButtonBox::Ok)->setText(tr("Heal"));
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* problem = mutedLabel();
  setTone(*problem, "bad");
  problem->setWordWrap(true);
  form->addRow(problem);
  form->addRow(buttons);
  const auto check = [editors, problem, ok = buttons->button(QDialogButtonBox::Ok)] {
    QString why;
    for (const SettingEditor* editor : editors) why = why.isEmpty() ? editor->whyNot() : why;
    problem->setText(why);
    ok->setEnabled(why.isEmpty());
  };
  for (const SettingEditor* editor : editors) connect(editor, &SettingEditor::typing, this, check);
}

void HealDialog::accept() {
  studio_.healShown(settings_.json());
  QDialog::accept();
}

}  // namespace interleave::gui
