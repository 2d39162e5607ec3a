// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/setup_pane.h"

#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <map>

#include "backend/core/error.h"
#include "gui/model/typed_number.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/chat_field.h"
#include "gui/widgets/labels.h"
#include "gui/widgets/number_field.h"

namespace interleave::gui {
namespace {

double settingOr(const Settings& settings, const std::string& key, double otherwise) {
  const auto found = settings.json().find(key);
  return found != settings.json().end() && found->is_number() ? found->get<double>() : otherwise;
}

constexpr int kResetWidth = 16;

QString settingText(const nlohmann::json& value) {
  if (value.is_string()) return qt(value.get<std::string>());
  return value.is_number() ? textToType(value.get<double>()) : qt(value.dump());
}

}  // namespace

SetupPane::SetupPane(Studio& studio)
    : Pane(tr("Setup"), studio.clock()),
      studio_(studio),
      model_(new ElidedLabel),
      estimate_(new QLabel),
      method_(new QComboBox),
      preset_(new QComboBox),
      device_(new QComboBox),
      budget_(new QLineEdit),
      seed_(new NumberField(NumberField::Kind::Seed, 0, 0)),
      bank_(new QLineEdit),
      browse_(smallButton(QStringLiteral("…"))),
      pins_(new ElidedLabel) {
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
  model_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  addField(*run, tr("Model"), model_);
  addBankField(*run);
  addField(*run, tr("Method"), method_);
  addField(*run, tr("Preset"), preset_);
  budget_mark_ = addField(*run, tr("Budget"), budget_);
  addField(*run, tr("Seed"), seed_);
  addField(*run, tr("Device"), device_);
  pins_mark_ = addField(*run, tr("Pinned"), pins_);
  pins_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  budget_->setToolTip(tr("Layers with full attention (8), or cache bytes at a context length (54MB@8k)"));
  budget_->setAlignment(Qt::AlignRight);
  for (const std::string& name : studio_.workshop().methods()) method_->addItem(qt(name));
  device_->addItems({QStringLiteral("cpu"), QStringLiteral("cuda")});
  column_->addStretch(1);

  auto* foot = new QVBoxLayout;
  foot->setContentsMargins(12, 6, 10, 8);
  foot->setSpacing(3);
  estimate_->setFont(textFont(TextSize::Small));
  estimate_->setWordWrap(true);
  estimate_->setTextFormat(Qt::RichText);
  estimate_->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  estimate_->setMinimumHeight(4 * estimate_->fontMetrics().lineSpacing());  // so that what it says moves nothing
  foot->addWidget(estimate_);
  auto* legend = mutedLabel(tr("≈ inferred: the paper gives no value · • not the preset's"));
  legend->setWordWrap(true);
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
  connect(preset_, &QComboBox::activated, this, [this, load](int index) {
    load(preset_->itemData(index).toString().toStdString(), studio_.setup().method());
  });
  connect(method_, &QComboBox::textActivated, this, [this, load](const QString& method) {
    load(studio_.workshop().presets(method.toStdString()).front(), method.toStdString());
  });
  connect(device_, &QComboBox::textActivated, this,
          [this](const QString& device) { studio_.setup().setDevice(device.toStdString()); });
  connect(budget_, &QLineEdit::editingFinished, this, &SetupPane::takeBudget);
  connect(budget_mark_.reset, &QToolButton::clicked, this, [this] {
    studio_.setup().resetBudget();
    if (live()) {
      studio_.controller().intervene(
          {.kind = Intervention::Kind::Set, .key = "budget", .value = studio_.setup().budget().text()});
    }
  });
  connect(pins_mark_.reset, &QToolButton::clicked, this, &SetupPane::resetPins);
  connect(&studio_.editor(), &PlacementEditor::pinsChanged, this, &Pane::touch);
  connect(&studio_.editor(), &PlacementEditor::changed, this, &Pane::touch);
  connect(seed_, &NumberField::entered, this, [this] { studio_.setup().setSeed(seed_->seed()); });
  connect(seed_, &NumberField::refused, this, [this](const QString& why) { studio_.tellProblem(tr("Seed"), why); });
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
  grid->setHorizontalSpacing(3);
  grid->setVerticalSpacing(3);
  grid->setColumnStretch(0, 1);
  grid->setColumnStretch(1, 1);
  grid->setColumnMinimumWidth(2, 10);
  grid->setColumnMinimumWidth(3, kResetWidth);
  auto* head = bodyLabel(title, true);
  head->setFont(textFont(TextSize::Small, true));
  grid->addWidget(head, 0, 0, 1, 4);
  column_->addWidget(box);
  return grid;
}

SetupPane::Mark SetupPane::addField(QGridLayout& grid, const QString& name, QWidget* field) {
  const int row = grid.rowCount();
  auto* label = new ElidedLabel(name);
  label->setFont(textFont(TextSize::Small));
  setTone(*label, "muted");
  label->setBuddy(field);
  label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);  // the field keeps its width, whatever its name
  field->setFont(textFont(TextSize::Small));
  field->setSizePolicy(QSizePolicy::Ignored, field->sizePolicy().verticalPolicy());
  field->setAccessibleName(name);
  QToolButton* reset = headerButton(QStringLiteral("↺"), tr("%1: back to the preset's").arg(name));
  reset->setFixedWidth(kResetWidth);
  QSizePolicy keeps = reset->sizePolicy();
  keeps.setRetainSizeWhenHidden(true);
  reset->setSizePolicy(keeps);
  reset->hide();
  grid.addWidget(label, row, 0);
  grid.addWidget(field, row, 1);
  grid.addWidget(reset, row, 3);
  return {label, reset, name};
}

void SetupPane::tell(const Mark& mark, bool differs, const QString& back) {
  mark.name->setText(differs ? QStringLiteral("• ") + mark.title : mark.title);
  setTone(*mark.name, differs ? "changed" : "muted");
  mark.reset->setVisible(differs);
  if (differs) mark.reset->setToolTip(back);
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
  for (const std::string& name : studio_.workshop().presets(built_for_)) preset_->addItem(qt(name), qt(name));
  delete settings_;
  prompts_ = nullptr;
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
    const Mark mark = addField(*grid, settingTitle(spec.key), editor);
    mark.name->setToolTip(qt(spec.help));
    auto* inferred = mutedLabel(spec.inferred ? QStringLiteral("≈") : QString());
    setTone(*inferred, "inferred");
    if (spec.inferred) inferred->setToolTip(tr("inferred: the paper gives no value"));
    grid->addWidget(inferred, grid->rowCount() - 1, 2);
    connect(editor, &SettingEditor::edited, this,
            [this, key = spec.key, of_bank](const nlohmann::json& value) { edit(key, of_bank, value); });
    connect(editor, &SettingEditor::refused, this, [this, key = spec.key](const QString& why) {
      studio_.tellProblem(settingTitle(key), why);
      touch();
    });
    connect(mark.reset, &QToolButton::clicked, this, [this, key = spec.key, of_bank] {
      const std::optional<Preset>& base = studio_.setup().base();
      if (base) edit(key, of_bank, (of_bank ? base->bank : base->search).json().at(key));
    });
    rows_.push_back({mark, editor, of_bank});
    if (spec.key != kChatSetting || of_bank) continue;
    prompts_ = new ElidedLabel;
    prompts_->setFont(textFont(TextSize::Small));
    prompts_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    prompts_->setFixedHeight(prompts_->fontMetrics().lineSpacing());  // so that what it says moves nothing
    setTone(*prompts_, "muted");
    grid->addWidget(prompts_, grid->rowCount(), 0, 1, 2);
  }
}

bool SetupPane::live() const { return studio_.controller().active() && studio_.controller().recorded(); }

void SetupPane::edit(const std::string& key, bool of_bank, const nlohmann::json& value) {
  studio_.attempt(settingTitle(key), [&] {
    if (of_bank) return studio_.setup().setBank(key, value);
    studio_.setup().setSearch(key, value);
    const std::span<const SettingSpec> specs = studio_.setup().search().specs();
    const auto spec = std::ranges::find(specs, key, &SettingSpec::key);
    if (live() && spec != specs.end() && spec->live) {
      studio_.controller().intervene({.kind = Intervention::Kind::Set, .key = key, .value = value});
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
  model_->setText(model);
  model_->setToolTip(qt(setup.modelPath()));
  method_->setCurrentText(qt(setup.method()));
  device_->setCurrentText(qt(setup.device()));
  if (!budget_->hasFocus() || !budget_->isModified()) budget_->setText(qt(setup.budget().text()));
  if (!bank_->hasFocus() || !bank_->isModified()) bank_->setText(qt(setup.bankDir()));
  bank_->setToolTip(tr("%1\nEmpty: beside the store, a folder for each model").arg(qt(setup.bankDir())));
  if (!seed_->hasFocus()) seed_->setSeed(setup.seed());
  for (QWidget* field : std::initializer_list<QWidget*>{method_, preset_, device_, seed_, bank_, browse_})
    field->setEnabled(!running);
  budget_->setEnabled(!running || live());
  for (const Row& row : rows_) {
    const Settings& settings = row.of_bank ? setup.bank() : setup.search();
    const auto value = settings.json().find(row.editor->key());
    if (value != settings.json().end()) row.editor->setValue(*value);
    const std::string& key = row.editor->key();
    const bool may_change = !running || (live() && !row.of_bank && row.editor->spec().live);
    row.editor->setEnabled(may_change);
    const bool differs = row.of_bank ? setup.bankDiffers(key) : setup.searchDiffers(key);
    QString back;
    if (differs) {
      const Settings& base = row.of_bank ? setup.base()->bank : setup.base()->search;
      back = tr("back to the preset's: %1").arg(settingText(base.json().at(key)));
    }
    tell(row.mark, differs, back);
    row.mark.reset->setEnabled(may_change);
  }
  tell(budget_mark_, setup.budgetDiffers(),
       setup.base() ? tr("back to the preset's: %1").arg(qt(setup.base()->budget.text())) : QString());
  budget_mark_.reset->setEnabled(!running || live());
  if (prompts_ != nullptr) {
    prompts_->setText(setup.spec().chat() == "auto" ? autoPrompts(studio_.model().info()) : QString());
  }
  refreshPreset();
  refreshPins();
  refreshEstimate();
}

/// "laptop, 2 changed", in the list and above the card.
void SetupPane::refreshPreset() {
  const SetupModel& setup = studio_.setup();
  const QString name = qt(setup.preset());
  const int changes = setup.changes();
  QString text = name;
  if (!setup.base()) text = tr("%1, not found").arg(name);
  if (changes > 0) text = tr("%1, %2 changed").arg(name).arg(changes);
  if (preset_->findData(name) < 0) preset_->addItem(name, name);  // a file
  for (int i = 0; i < preset_->count(); ++i) {
    const QString item = preset_->itemData(i).toString();
    preset_->setItemText(i, item == name ? text : item);
  }
  preset_->setCurrentIndex(preset_->findData(name));
  preset_->setToolTip(changes > 0 ? tr("%1: choose it again to take all of them back").arg(text) : name);
  setHint(live() ? tr("live · changes are recorded") : tr("preset: %1").arg(text));
}

/// What a search begins with.
void SetupPane::refreshPins() {
  const Pins& pins = studio_.editor().pinned();
  std::map<MixerKind, QStringList> layers;
  for (const auto& [layer, kind] : pins) layers[kind] << QString::number(layer);
  QStringList counts, lines;
  for (const auto& [kind, which] : layers) {
    counts << tr("%1 %2").arg(which.size()).arg(qt(interleave::name(kind)));
    lines << tr("%1: layers %2").arg(qt(interleave::title(kind)), which.join(QStringLiteral(", ")));
  }
  const QString text = pins.empty() ? tr("no layer") : counts.join(QStringLiteral(", "));
  pins_->setText(text);
  pins_->setToolTip(pins.empty() ? tr("Layers whose operator stays as it is: P, or a chip's menu, in Placement")
                                 : tr("The search begins with them\n%1").arg(lines.join(u'\n')));
  tell(pins_mark_, !pins.empty(), tr("release all"));
}

void SetupPane::resetPins() {
  const Pins pins = studio_.editor().pinned();
  for (const auto& [layer, kind] : pins) studio_.setPinned(layer, false);
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
  if (const RunSummary* like = studio_.doneLike(setup.method())) {
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
