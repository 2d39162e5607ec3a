// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/setup_pane.h"

#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QRegularExpression>
#include <QRegularExpressionValidator>
#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "backend/core/error.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"

namespace interleave::gui {
namespace {

double settingOr(const Settings& settings, const std::string& key, double otherwise) {
  const auto found = settings.json().find(key);
  return found != settings.json().end() && found->is_number() ? found->get<double>() : otherwise;
}

/// A run of the model that is open, by its fingerprint where both are known.
bool isOf(const RunSummary& run, const nlohmann::json& model) {
  const auto same = [&](const char* key, const std::string& of_run) {
    const auto found = model.find(key);
    return found != model.end() && found->is_string() && found->get_ref<const std::string&>() == of_run;
  };
  return model.contains("fingerprint") && !run.model_fingerprint.empty() ? same("fingerprint", run.model_fingerprint)
                                                                         : same("name", run.model_name);
}

}  // namespace

SetupPane::SetupPane(Studio& studio)
    : Pane(tr("Setup"), studio.clock()),
      studio_(studio),
      model_(new QLabel),
      estimate_(new QLabel),
      method_(new QComboBox),
      preset_(new QComboBox),
      device_(new QComboBox),
      budget_(new QLineEdit),
      seed_(new QLineEdit),
      bank_(new QLineEdit),
      browse_(smallButton(QStringLiteral("…"))) {
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* inside = new QWidget;
  inside->setObjectName(QStringLiteral("scrolled"));
  scroll->setWidget(inside);
  column_ = new QVBoxLayout(inside);
  column_->setContentsMargins(10, 4, 10, 6);
  column_->setSpacing(4);

  QGridLayout* run = section(tr("Run"));
  model_->setAlignment(Qt::AlignRight);
  addField(*run, tr("Model"), model_);
  addBankField(*run);
  addField(*run, tr("Method"), method_);
  addField(*run, tr("Preset"), preset_);
  addField(*run, tr("Budget"), budget_);
  addField(*run, tr("Seed"), seed_);
  addField(*run, tr("Device"), device_);
  budget_->setToolTip(tr("Layers with full attention (8), or cache bytes at a context length (54MB@8k)"));
  budget_->setAlignment(Qt::AlignRight);
  seed_->setAlignment(Qt::AlignRight);
  seed_->setValidator(new QRegularExpressionValidator(QRegularExpression(QStringLiteral("[0-9]{1,19}")), seed_));
  for (const std::string& name : studio_.workshop().methods()) method_->addItem(qt(name));
  device_->addItems({QStringLiteral("cpu"), QStringLiteral("cuda")});
  column_->addStretch(1);

  auto* foot = new QVBoxLayout;
  foot->setContentsMargins(12, 6, 10, 8);
  foot->setSpacing(3);
  estimate_->setFont(textFont(TextSize::Small));
  estimate_->setWordWrap(true);
  estimate_->setTextFormat(Qt::RichText);
  foot->addWidget(estimate_);
  auto* legend = mutedLabel(tr("≈ inferred: the paper gives no value"));
  setTone(*legend, "inferred");
  foot->addWidget(legend);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(scroll, 1);
  auto* rule = new QFrame;
  rule->setObjectName(QStringLiteral("rule"));
  rule->setFixedHeight(1);
  column->addWidget(rule);
  column->addLayout(foot);

  const auto load = [this](const std::string& preset, const std::string& method) {
    studio_.attempt(tr("Preset"), [&] { studio_.setup().load(preset, method); });
    touch();
  };
  connect(preset_, &QComboBox::textActivated, this,
          [this, load](const QString& preset) { load(preset.toStdString(), studio_.setup().method()); });
  connect(method_, &QComboBox::textActivated, this, [this, load](const QString& method) {
    load(studio_.workshop().presets(method.toStdString()).front(), method.toStdString());
  });
  connect(device_, &QComboBox::textActivated, this,
          [this](const QString& device) { studio_.setup().setDevice(device.toStdString()); });
  connect(budget_, &QLineEdit::editingFinished, this, &SetupPane::takeBudget);
  connect(seed_, &QLineEdit::editingFinished, this, [this] { studio_.setup().setSeed(seed_->text().toULongLong()); });
  connect(&studio_.setup(), &SetupModel::changed, this, &Pane::touch);
  connect(&studio_.model(), &OpenModel::changed, this, &Pane::touch);
  connect(&studio_.controller(), &RunController::started, this, &Pane::touch);
  connect(&studio_.controller(), &RunController::finished, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
}

QGridLayout* SetupPane::section(const QString& title) {
  auto* box = new QWidget;
  auto* grid = new QGridLayout(box);
  grid->setContentsMargins(2, 2, 0, 4);
  grid->setHorizontalSpacing(6);
  grid->setVerticalSpacing(3);
  grid->setColumnStretch(0, 5);
  grid->setColumnStretch(1, 6);
  grid->setColumnMinimumWidth(2, 12);
  auto* head = bodyLabel(title, true);
  head->setFont(textFont(TextSize::Small, true));
  grid->addWidget(head, 0, 0, 1, 3);
  column_->addWidget(box);
  return grid;
}

void SetupPane::addField(QGridLayout& grid, const QString& name, QWidget* field) {
  const int row = grid.rowCount();
  auto* label = mutedLabel(name);
  label->setBuddy(field);
  field->setFont(textFont(TextSize::Small));
  field->setAccessibleName(name);
  grid.addWidget(label, row, 0);
  grid.addWidget(field, row, 1);
}

void SetupPane::addBankField(QGridLayout& grid) {
  auto* field = new QWidget;
  auto* row = new QHBoxLayout(field);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(3);
  row->addWidget(bank_, 1);
  row->addWidget(browse_);
  addField(grid, tr("Bank"), field);
  field->setFocusProxy(bank_);
  bank_->setFont(textFont(TextSize::Small));
  bank_->setAccessibleName(tr("Bank: the folder of prepared candidates"));
  bank_->setPlaceholderText(tr("banks/MODEL"));
  browse_->setFixedWidth(30);
  browse_->setAccessibleName(tr("Choose the bank's folder"));
  browse_->setToolTip(browse_->accessibleName());
  connect(bank_, &QLineEdit::editingFinished, this, [this] {
    if (!bank_->isModified()) return;
    bank_->setModified(false);
    studio_.setup().setBankDir(bank_->text().trimmed().toStdString());
    touch();
  });
  connect(browse_, &QPushButton::clicked, this, [this] {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Folder of prepared candidates"), qt(studio_.setup().bankDir()));
    if (!folder.isEmpty()) studio_.setup().setBankDir(folder.toStdString());
  });
}

void SetupPane::buildSettings() {
  if (built_for_ == studio_.setup().method()) return;
  built_for_ = studio_.setup().method();
  preset_->clear();
  for (const std::string& name : studio_.workshop().presets(built_for_)) preset_->addItem(qt(name));
  delete settings_;
  rows_.clear();
  settings_ = new QWidget;
  auto* column = new QVBoxLayout(settings_);
  column->setContentsMargins(0, 0, 0, 0);
  column_->insertWidget(column_->count() - 1, settings_);
  std::swap(column, column_);
  addSettings(tr("Search"), studio_.workshop().searchSettings(built_for_), false);
  addSettings(tr("Candidates"), studio_.workshop().bankSettings(), true);
  std::swap(column, column_);
}

void SetupPane::addSettings(const QString& title, std::span<const SettingSpec> specs, bool of_bank) {
  QGridLayout* grid = section(title);
  for (const SettingSpec& spec : specs) {
    auto* editor = new SettingEditor(spec);
    addField(*grid, settingTitle(spec.key), editor);
    auto* name = qobject_cast<QLabel*>(grid->itemAtPosition(grid->rowCount() - 1, 0)->widget());
    name->setToolTip(qt(spec.help));
    auto* mark = mutedLabel(spec.inferred ? QStringLiteral("≈") : QString());
    setTone(*mark, "inferred");
    if (spec.inferred) mark->setToolTip(tr("inferred: the paper gives no value"));
    grid->addWidget(mark, grid->rowCount() - 1, 2);
    connect(editor, &SettingEditor::edited, this,
            [this, editor, of_bank](const nlohmann::json& value) { edit(*editor, of_bank, value); });
    rows_.push_back({name, mark, editor, of_bank});
  }
}

bool SetupPane::live() const { return studio_.controller().active() && studio_.controller().recorded(); }

void SetupPane::edit(const SettingEditor& editor, bool of_bank, const nlohmann::json& value) {
  studio_.attempt(settingTitle(editor.key()), [&] {
    if (of_bank) return studio_.setup().setBank(editor.key(), value);
    studio_.setup().setSearch(editor.key(), value);
    if (live() && editor.spec().live) {
      studio_.controller().intervene({.kind = Intervention::Kind::Set, .key = editor.key(), .value = value});
    }
  });
  touch();
}

void SetupPane::takeBudget() {
  if (!budget_->isModified()) return;
  budget_->setModified(false);
  studio_.attempt(tr("Budget"), [this] {
    const Budget budget = Budget::parse(budget_->text().trimmed().toStdString());
    const int layers = studio_.model().layers();
    if (budget.unit == Budget::Unit::FullLayers && layers > 0 && budget.amount > layers) {
      throw usageError("budget", "the model has " + std::to_string(layers) + " layers");
    }
    studio_.setup().setBudget(budget);
    if (live()) {
      studio_.controller().intervene({.kind = Intervention::Kind::Set, .key = "budget", .value = budget.text()});
    }
  });
  touch();
}

void SetupPane::refresh() {
  const SetupModel& setup = studio_.setup();
  buildSettings();
  const bool running = studio_.controller().active();
  const QString model =
      setup.modelPath().empty() ? tr("none open") : qt(std::filesystem::path(setup.modelPath()).filename().string());
  model_->setText(model_->fontMetrics().elidedText(model, Qt::ElideMiddle, 120));
  model_->setToolTip(qt(setup.modelPath()));
  method_->setCurrentText(qt(setup.method()));
  if (preset_->findText(qt(setup.preset())) < 0) preset_->addItem(qt(setup.preset()));  // a file
  preset_->setCurrentText(qt(setup.preset()));
  device_->setCurrentText(qt(setup.device()));
  if (!budget_->hasFocus() || !budget_->isModified()) budget_->setText(qt(setup.budget().text()));
  if (!bank_->hasFocus() || !bank_->isModified()) bank_->setText(qt(setup.bankDir()));
  bank_->setToolTip(tr("%1\nEmpty: beside the store, a folder for each model").arg(qt(setup.bankDir())));
  if (!seed_->hasFocus()) seed_->setText(QString::number(setup.seed()));
  for (QWidget* field : std::initializer_list<QWidget*>{method_, preset_, device_, seed_, bank_, browse_})
    field->setEnabled(!running);
  budget_->setEnabled(!running || live());
  for (const Row& row : rows_) {
    const Settings& settings = row.of_bank ? setup.bank() : setup.search();
    const auto value = settings.json().find(row.editor->key());
    if (value != settings.json().end()) row.editor->setValue(*value);
    row.editor->setEnabled(!running || (live() && !row.of_bank && row.editor->spec().live));
  }
  setHint(live() ? tr("live · changes are recorded") : tr("preset: %1").arg(qt(setup.preset())));
  refreshEstimate();
}

void SetupPane::refreshEstimate() {
  const SetupModel& setup = studio_.setup();
  const int layers = studio_.model().layers();
  QStringList lines;
  if (layers > 0 && setup.budget().unit == Budget::Unit::FullLayers) {
    const int kept = static_cast<int>(std::clamp<std::int64_t>(setup.budget().amount, 0, layers));
    const CostTable* costs = costsAt(studio_.model().costs(), kQuotedContext);
    const double bytes = cacheBytes(costs, Placement::uniform(layers, kept, 0, MixerKind::GdnWindow));
    const double full = cacheBytes(costs, Placement(layers, MixerKind::Full));
    lines << tr("cache %1 at %2 (%3)").arg(bytesText(bytes), tokensText(kQuotedContext), percentText(bytes / full - 1));
  }
  // Time and memory as the last finished run on this model with this method took them; a guess without one would be
  // no better than none.
  const auto& runs = studio_.library().runs();
  const auto like = std::ranges::find_if(runs, [&](const RunSummary& run) {
    return run.phase == Phase::Done && run.method == setup.method() && run.step > 0 && run.seconds > 0 &&
           isOf(run, studio_.model().info());
  });
  if (like != runs.end()) {
    const double steps = settingOr(setup.search(), "steps", static_cast<double>(like->steps));
    lines << tr("about %1 for %2 steps, as run %3")
                 .arg(durationText(like->seconds / static_cast<double>(like->step) * steps), fixedText(steps, 0))
                 .arg(like->id);
  } else {
    lines << tr("time: known after the first step");
  }
  const auto parameters = studio_.model().info().find("parameters");
  if (parameters != studio_.model().info().end() && parameters->is_number()) {
    const std::string precision = setup.search().json().value("precision", std::string("fp32"));
    const double each = precision == "bf16" ? 2 : 4;
    lines << tr("weights in memory %1 (%2)").arg(bytesText(parameters->get<double>() * each), qt(precision));
  }
  estimate_->setText(QStringLiteral("<b>%1</b> <span style='color:%2'>%3</span>")
                         .arg(tr("Estimate"), theme().muted.name(), lines.join(QStringLiteral(" · "))));
}

}  // namespace interleave::gui
