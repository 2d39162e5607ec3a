// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/queue_dialog.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLineEdit>
#include <QListWidget>
#include <QRegularExpression>

#include "backend/core/error.h"
#include "backend/core/layer_list.h"
#include "gui/model/typed_number.h"
#include "gui/style/format.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

constexpr std::size_t kMostSeeds = 1000;

QStringList wordsIn(const QString& list) {
  QStringList words;
  for (const QString& word : list.split(u',', Qt::SkipEmptyParts)) {
    if (!word.trimmed().isEmpty()) words << word.trimmed();
  }
  return words;
}

/// "uniform:8, uniform:4": for each budget of layers, as far as they can be read.
QString uniformOf(const QString& budgets) {
  QStringList placements;
  for (const QString& word : wordsIn(budgets)) {
    bool layers = false;
    if (const int count = word.toInt(&layers); layers && count > 0)
      placements << QStringLiteral("uniform:%1").arg(count);
  }
  return placements.join(QStringLiteral(", "));
}

/// "8, 54MB@8k"; a comma within "1,5GB@8k" stands for a point, as a rule, and no budget has decimals.
std::vector<Budget> budgetsFrom(const QString& text) {
  static const QRegularExpression decimals(QStringLiteral("[0-9],[0-9]+ *[kKMG]i?B"));
  if (const auto found = decimals.match(text); found.hasMatch()) {
    throw usageError("budgets", "\"" + found.captured().toStdString() +
                                    "\": write whole numbers (1500MB@8k), and a space behind a comma between budgets");
  }
  std::vector<Budget> budgets;
  for (const QString& word : wordsIn(text)) budgets.push_back(Budget::parse(word.toStdString()));
  return budgets;
}

std::uint64_t seedFrom(const QString& word) {
  const Typed<std::uint64_t> seed = seedTyped(word);
  if (!seed.value)
    throw usageError("seeds", "\"" + word.toStdString() + "\" is neither a whole number nor a range like 0-4");
  return *seed.value;
}

}  // namespace

std::vector<std::uint64_t> seedsFrom(const QString& text) {
  std::vector<std::uint64_t> seeds;
  for (const QString& word : wordsIn(text)) {
    const qsizetype dash = word.indexOf(u'-', 1);
    const std::uint64_t first = seedFrom(dash < 0 ? word : word.left(dash));
    const std::uint64_t last = dash < 0 ? first : seedFrom(word.mid(dash + 1));
    if (last < first) throw usageError("seeds", "\"" + word.toStdString() + "\" goes backwards");
    if (last - first >= kMostSeeds || seeds.size() + (last - first) >= kMostSeeds) {
      throw usageError("seeds", "they are more than " + std::to_string(kMostSeeds));
    }
    for (std::uint64_t i = 0; i <= last - first; ++i) seeds.push_back(first + i);
  }
  if (seeds.empty()) throw usageError("seeds", "name at least one");
  return seeds;
}

QueueDialog::QueueDialog(Studio& studio, QWidget* parent)
    : QDialog(parent),
      studio_(studio),
      methods_(new QListWidget),
      budgets_(new QLineEdit(qt(studio.setup().budget().text()))),
      seeds_(new QLineEdit(QString::number(studio.setup().seed()))),
      leave_(new QLineEdit),
      placements_(new QLineEdit),
      chat_(new ChatField(studio.workshop(), studio.model().info())),
      per_budget_(new QCheckBox(tr("A run for each budget, also where one run answers all"))),
      judge_(new QCheckBox(tr("Judge what is found, and these placements:"))) {
  setWindowTitle(tr("Add runs to the queue"));
  for (const std::string& method : studio_.workshop().methods()) {
    auto* item = new QListWidgetItem(qt(method), methods_);  // owned by the list
    item->setToolTip(qt(studio_.workshop().evidence(method)));
    item->setCheckState(method == studio_.setup().method() ? Qt::Checked : Qt::Unchecked);
  }
  methods_->setAccessibleName(tr("Methods"));
  methods_->setMaximumHeight(170);
  budgets_->setPlaceholderText(tr("each preset's own"));
  budgets_->setToolTip(tr("Layers with full attention, or cache bytes at a context length: 8, 4, 54MB@8k"));
  seeds_->setToolTip(tr("Whole numbers and ranges: 0, 3-5"));
  leave_->setPlaceholderText(tr("none: all layers are free"));
  leave_->setToolTip(tr("Layers that no method may give full attention: 0-3, 16"));
  chat_->setChat(studio.setup().spec().chat());
  placements_->setText(uniformOf(budgets_->text()));
  connect(budgets_, &QLineEdit::textChanged, this, [this](const QString& text) {
    if (!placements_->isModified()) placements_->setText(uniformOf(text));  // else the user's choice stands
  });
  placements_->setAccessibleName(tr("Placements to judge"));
  placements_->setToolTip(tr("Files, or uniform:K, first:K, last:K, random:K:SEED, all, none; separated by commas"));
  judge_->setChecked(true);
  judge_->setToolTip(tr("As Evaluation judges: its button By… says how"));
  connect(judge_, &QCheckBox::toggled, placements_, &QWidget::setEnabled);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  buttons->button(QDialogButtonBox::Ok)->setText(tr("Add"));
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* form = new QFormLayout(this);
  form->addRow(
      mutedLabel(tr("%1 with Setup's settings, the others with their presets").arg(qt(studio_.setup().method()))));
  form->addRow(tr("Methods"), methods_);
  form->addRow(tr("Budgets"), budgets_);
  form->addRow({}, per_budget_);
  form->addRow(tr("Seeds"), seeds_);
  form->addRow(tr("Layers left out"), leave_);
  form->addRow(tr("Form of prompts"), chat_);
  form->addRow({}, judge_);
  form->addRow({}, placements_);
  form->addRow(buttons);
}

Batch QueueDialog::batch() const {
  const SetupModel& setup = studio_.setup();
  if (setup.modelPath().empty()) throw usageError("model", "open a model first");
  Batch batch;
  batch.model = setup.modelPath();
  batch.bank = setup.bankDir();
  batch.store = studio_.library().file();
  batch.device = setup.device();
  batch.bank_settings = setup.bank().json();
  Batch::Grid grid;
  for (int row = 0; row < methods_->count(); ++row) {
    if (methods_->item(row)->checkState() != Qt::Checked) continue;
    Batch::Method& method = grid.methods.emplace_back(methods_->item(row)->text().toStdString());
    if (method.name != setup.method()) continue;
    method.preset = setup.preset();
    method.settings = setup.search().json();
    method.settings[kChatSetting] = *chat_->chat();
  }
  if (grid.methods.empty()) throw usageError("methods", "choose at least one");
  grid.budgets = budgetsFrom(budgets_->text());
  grid.seeds = seedsFrom(seeds_->text());
  grid.per_budget = per_budget_->isChecked();
  const std::string leave = leave_->text().trimmed().toStdString();
  layersListed(leave, "layers left out");  // said here, not when the queue begins
  if (!leave.empty()) grid.settings["leave"] = leave;
  grid.settings[kChatSetting] = *chat_->chat();
  batch.runs.push_back(std::move(grid));
  if (!judge_->isChecked()) return batch;
  batch.evaluation = studio_.comparisons().judgedBy();
  batch.judged_as_found = studio_.comparisons().judgedAsFound();
  for (const QString& word : wordsIn(placements_->text())) batch.placements.push_back(word.toStdString());
  return batch;
}

}  // namespace interleave::gui
