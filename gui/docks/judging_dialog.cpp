// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/judging_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <algorithm>

#include "gui/style/format.h"
#include "gui/widgets/labels.h"
#include "gui/widgets/number_field.h"

namespace interleave::gui {
namespace {

NumberField* countField(std::int64_t value) {
  constexpr std::int64_t kMost = 10'000'000;
  auto* field = new NumberField(NumberField::Kind::Whole, 1, kMost);
  field->setWhole(std::clamp<std::int64_t>(value, 1, kMost));
  return field;
}

}  // namespace

JudgingDialog::JudgingDialog(const Workshop& workshop, const Workbench::EvaluationRequest& now, const Prompts& prompts,
                             QWidget* parent)
    : QDialog(parent),
      now_(now),
      tasks_(new QListWidget),
      text_tokens_(countField(now.text_tokens)),
      sequence_(countField(now.sequence_length)),
      prompts_(countField(now.prompts)),
      prompt_tokens_(countField(now.prompt_tokens)),
      wording_(new QComboBox),
      chat_(new ChatField(workshop, prompts.model_info, prompts.found)),
      seed_(new NumberField(NumberField::Kind::Seed, 0, 0)),
      nll_only_(new QCheckBox(tr("Answers by their NLL alone: nothing is generated"))),
      problem_(mutedLabel()) {
  setWindowTitle(tr("Judge placements by"));
  for (const TaskInfo& task : workshop.tasks()) {
    if (task.scores.empty()) continue;  // a name for several
    const QString title = task.label.empty() ? qt(task.title) : tr("%1 (%2)").arg(qt(task.title), qt(task.label));
    auto* item = new QListWidgetItem(tr("%1: %2").arg(qt(task.name), title), tasks_);  // owned by the list
    item->setToolTip(item->text());
    item->setData(Qt::UserRole, qt(task.name));
    const bool chosen = std::ranges::find(now.tasks, task.name) != now.tasks.end();
    item->setCheckState(chosen ? Qt::Checked : Qt::Unchecked);
  }
  tasks_->setAccessibleName(tr("Tasks"));
  tasks_->setMinimumSize(460, 200);
  for (const std::string& wording : workshop.wordings()) wording_->addItem(qt(wording));
  wording_->setCurrentText(qt(now.wording));
  if (!prompts.as_found) chat_->setChat(now.chat);
  seed_->setSeed(now.seed);
  seed_->setToolTip(tr("Of all samples: placements are compared on the same ones"));
  nll_only_->setChecked(!now.generate);
  nll_only_->setToolTip(tr("Of tasks with long prompts: generating takes most of their time"));

  auto* form = new QFormLayout(this);
  form->addRow(tr("Tasks"), tasks_);
  form->addRow(tr("Text, tokens in all"), text_tokens_);
  form->addRow(tr("Tokens a sequence"), sequence_);
  form->addRow(tr("Prompts of each task"), prompts_);
  form->addRow(tr("Tokens a prompt"), prompt_tokens_);
  form->addRow(tr("Wording of pass keys"), wording_);
  form->addRow(tr("Form of prompts"), chat_);
  form->addRow({}, nll_only_);
  hay_ = fileRow(tr("Text that needles hide in"), now.hay_file, tr("the bundled novel"));
  squad_ = fileRow(tr("Questions of qa_1"), now.squad_file, tr("a SQuAD file"));
  hotpot_ = fileRow(tr("Questions of qa_2"), now.hotpot_file, tr("a HotpotQA file"));
  form->addRow(tr("Seed"), seed_);
  setTone(*problem_, "bad");
  problem_->setWordWrap(true);
  form->addRow(problem_);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  form->addRow(buttons);
  const auto check = [this, buttons] {
    QString why = chat_->whyNot();
    if (why.isEmpty() && request().tasks.empty()) why = tr("Choose at least one task");
    for (const NumberField* field : numbers()) why = why.isEmpty() ? field->whyNot() : why;
    problem_->setText(why);
    buttons->button(QDialogButtonBox::Ok)->setEnabled(why.isEmpty());
    buttons->button(QDialogButtonBox::Ok)->setToolTip(why);
  };
  connect(tasks_, &QListWidget::itemChanged, this, check);
  connect(chat_, &ChatField::changed, this, check);
  for (NumberField* field : numbers()) connect(field, &QLineEdit::textChanged, this, check);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  check();
}

std::array<NumberField*, 5> JudgingDialog::numbers() const {
  return {text_tokens_, sequence_, prompts_, prompt_tokens_, seed_};
}

QLineEdit* JudgingDialog::fileRow(const QString& title, const std::filesystem::path& now, const QString& hint) {
  auto* name = new QLineEdit(qt(now.string()));
  name->setPlaceholderText(hint);
  QPushButton* look = smallButton(tr("…"));
  look->setAccessibleName(tr("Look for a file"));
  connect(look, &QPushButton::clicked, this, [this, name, title] {
    const QString file = QFileDialog::getOpenFileName(this, title);
    if (!file.isEmpty()) name->setText(file);
  });
  auto* row = new QHBoxLayout;
  row->addWidget(name, 1);
  row->addWidget(look);
  static_cast<QFormLayout*>(layout())->addRow(title, row);
  return name;
}

bool JudgingDialog::asFound() const { return !chat_->chat(); }

Workbench::EvaluationRequest JudgingDialog::request() const {
  Workbench::EvaluationRequest request = now_;
  request.tasks.clear();
  for (int row = 0; row < tasks_->count(); ++row) {
    const QListWidgetItem& item = *tasks_->item(row);
    if (item.checkState() == Qt::Checked) request.tasks.push_back(item.data(Qt::UserRole).toString().toStdString());
  }
  request.text_tokens = text_tokens_->whole();
  request.sequence_length = sequence_->whole();
  request.prompts = prompts_->whole();
  request.prompt_tokens = prompt_tokens_->whole();
  request.wording = wording_->currentText().toStdString();
  request.chat = chat_->chat().value_or(now_.chat);
  request.seed = seed_->seed();
  request.generate = !nll_only_->isChecked();
  request.hay_file = hay_->text().toStdString();
  request.squad_file = squad_->text().toStdString();
  request.hotpot_file = hotpot_->text().toStdString();
  return request;
}

}  // namespace interleave::gui
