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
#include <QRegularExpressionValidator>
#include <QSpinBox>
#include <algorithm>

#include "gui/style/format.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

QSpinBox* countBox(std::int64_t value) {
  constexpr int kMost = 10'000'000;
  auto* box = new QSpinBox;
  box->setButtonSymbols(QAbstractSpinBox::NoButtons);
  box->setRange(1, kMost);
  box->setValue(static_cast<int>(std::clamp<std::int64_t>(value, 1, kMost)));
  return box;
}

}  // namespace

JudgingDialog::JudgingDialog(const Workshop& workshop, const Workbench::EvaluationRequest& now, QWidget* parent)
    : QDialog(parent),
      now_(now),
      tasks_(new QListWidget),
      text_tokens_(countBox(now.text_tokens)),
      sequence_(countBox(now.sequence_length)),
      prompts_(countBox(now.prompts)),
      prompt_tokens_(countBox(now.prompt_tokens)),
      wording_(new QComboBox),
      seed_(new QLineEdit(QString::number(now.seed))),
      nll_only_(new QCheckBox(tr("Answers by their NLL alone: nothing is generated"))) {
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
  seed_->setValidator(new QRegularExpressionValidator(QRegularExpression(QStringLiteral("\\d{1,18}")), seed_));
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
  form->addRow({}, nll_only_);
  hay_ = fileRow(tr("Text that needles hide in"), now.hay_file, tr("the bundled novel"));
  squad_ = fileRow(tr("Questions of qa_1"), now.squad_file, tr("a SQuAD file"));
  hotpot_ = fileRow(tr("Questions of qa_2"), now.hotpot_file, tr("a HotpotQA file"));
  form->addRow(tr("Seed"), seed_);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  form->addRow(buttons);
  const auto check = [this, buttons] {
    buttons->button(QDialogButtonBox::Ok)->setEnabled(!request().tasks.empty() && seed_->hasAcceptableInput());
  };
  connect(tasks_, &QListWidget::itemChanged, this, check);
  connect(seed_, &QLineEdit::textChanged, this, check);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  check();
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

Workbench::EvaluationRequest JudgingDialog::request() const {
  Workbench::EvaluationRequest request = now_;
  request.tasks.clear();
  for (int row = 0; row < tasks_->count(); ++row) {
    const QListWidgetItem& item = *tasks_->item(row);
    if (item.checkState() == Qt::Checked) request.tasks.push_back(item.data(Qt::UserRole).toString().toStdString());
  }
  request.text_tokens = text_tokens_->value();
  request.sequence_length = sequence_->value();
  request.prompts = prompts_->value();
  request.prompt_tokens = prompt_tokens_->value();
  request.wording = wording_->currentText().toStdString();
  request.seed = seed_->text().toULongLong();
  request.generate = !nll_only_->isChecked();
  request.hay_file = hay_->text().toStdString();
  request.squad_file = squad_->text().toStdString();
  request.hotpot_file = hotpot_->text().toStdString();
  return request;
}

}  // namespace interleave::gui
