// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/docks/method_pane.h"

#include <QHBoxLayout>
#include <QTextCharFormat>
#include <QTextCursor>
#include <QTextEdit>
#include <QTimer>
#include <algorithm>
#include <utility>

#include "gui/docks/method_panels.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"

namespace interleave::gui {
namespace {

QString promptSlot() { return QStringLiteral("prompt preview"); }

/// Whether the two look at the same prompts.
bool samePrompt(const RunSpec& a, const RunSpec& b) {
  return a.model_path == b.model_path && a.method == b.method && a.seed == b.seed &&
         a.search_settings == b.search_settings;
}

/// A number or a flag among a run's settings; `otherwise` where it has none.
template <class T>
T settingOf(const nlohmann::json& settings, const char* key, T otherwise) {
  const auto found = settings.is_object() ? settings.find(key) : settings.end();
  if (found == settings.end()) return otherwise;
  if constexpr (std::is_same_v<T, bool>) return found->is_boolean() ? found->template get<bool>() : otherwise;
  return found->is_number() ? found->template get<T>() : otherwise;
}

}  // namespace

MethodPane::MethodPane(Studio& studio)
    : Pane(tr("Method"), studio.clock()),
      studio_(studio),
      figure_(new Figure(tr("What the method tells"))),
      prompt_text_(new QTextEdit) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(4, 2, 6, 4);
  layout->addWidget(figure_, 4);
  layout->addWidget(prompt_text_, 1);
  prompt_text_->setReadOnly(true);
  prompt_text_->setAccessibleName(tr("A prompt of the search"));
  prompt_text_->setFont(textFont(TextSize::Small));
  prompt_text_->setFrameStyle(QFrame::NoFrame);
  prompt_text_->hide();
  connect(&studio_.run(), &RunModel::changed, this, &Pane::touch);
  connect(figure_, &Figure::clicked, this, [this](int panel, double x, double) {
    const StepEvent* step = studio_.run().step();  // a click in the gates in order moves the cut there
    if (step != nullptr && hasGates(studio_.run().record()) && panel == 0) {
      studio_.setKept(std::clamp(static_cast<int>(x), 0, studio_.run().record().layers()));
    }
  });
  connect(&studio_.neighbourhood(), &Neighbourhood::changed, this, &Pane::touch);
  connect(&studio_.library(), &RunLibrary::changed, this, &Pane::touch);
}

void MethodPane::refresh() {
  askForPrompt();
  figure_->setPanels(panels());
  setHint(hintNow());
}

std::vector<Panel> MethodPane::panels() const {
  const RunRecord& record = studio_.run().record();
  const StepEvent* step = studio_.run().step();
  std::vector<Panel> all;
  if (step != nullptr) {
    all = methodPanels(record, *step, studio_.run().placement(), studio_.neighbourhood().of(record.id).sweep);
    const std::optional<Panel> picture = record.layer_scores.empty() ? std::nullopt : mask();
    if (picture) all.push_back(*picture);
  }
  if (!all.empty()) return all;
  const QString text = !record.trials.empty() ? tr("This method tries placements: see Curves.")
                       : step != nullptr && !hasGates(record)
                           ? tr("This run is told which layers to keep: it has no gates.")
                           : tr("What the method tells of itself shows here, once a run goes on.");
  return {Panel{.x = {.ticks = false, .least = 0, .most = 1},
                .y = {.ticks = false, .least = 0, .most = 1},
                .marks = {{.shape = Mark::Shape::Note, .y = 0.5, .text = text, .color = theme().muted}}}};
}

std::optional<Panel> MethodPane::mask() const {
  const RunSpec& spec = studio_.run().record().spec;
  const auto operators = studio_.run().record().operators();
  if (!prompt_ || std::ranges::find(operators, MixerKind::SlidingWindow) == operators.end()) return std::nullopt;
  return maskPanel({.tokens = prompt_->tokens,
                    .answer_begin = prompt_->answer_begin,
                    .window = settingOf<std::int64_t>(spec.bank_settings, "sliding_window", 0),
                    .sinks = settingOf<std::int64_t>(spec.bank_settings, "sliding_sinks", 0),
                    .prompt_only = settingOf(spec.search_settings, "prompt_only", false)});
}

QString MethodPane::hintNow() const {
  const RunRecord& record = studio_.run().record();
  const StepEvent* step = studio_.run().step();
  if (step == nullptr || record.layer_scores.empty()) return {};
  const double left =
      step->step > 0 ? step->seconds / static_cast<double>(step->step) * static_cast<double>(step->steps - step->step)
                     : 0;
  return tr("example %1 of %2 · about %3 left").arg(step->step).arg(step->steps).arg(durationText(left));
}

void MethodPane::askForPrompt() {
  const RunSpec& spec = studio_.run().record().spec;
  if (samePrompt(spec, asked_)) return;
  asked_ = spec;
  prompt_.reset();
  showPrompt();
  studio_.jobs().cancelSlot(promptSlot());
  if (spec.model_path.empty()) return;
  studio_.jobs().start(tr("Read a prompt of the search"), promptSlot(),
                       [this, &workshop = studio_.workshop(), spec](Progress&) -> std::function<void()> {
                         auto found = workshop.previewPrompt(spec);
                         return [this, found = std::move(found)] {
                           prompt_ = found;
                           showPrompt();
                           touch();
                         };
                       });
}

void MethodPane::showPrompt() {
  prompt_text_->setVisible(prompt_.has_value());
  if (!prompt_) return prompt_text_->clear();
  prompt_text_->clear();
  QTextCursor cursor = prompt_text_->textCursor();
  cursor.insertText(qt(prompt_->question), QTextCharFormat());
  QTextCharFormat marked;
  marked.setFontWeight(QFont::Bold);
  marked.setForeground(theme().accent);
  cursor.insertText(qt(prompt_->answer), marked);
  prompt_text_->setTextCursor(cursor);
  // To the answer, once the text is laid out.
  QTimer::singleShot(0, prompt_text_, &QTextEdit::ensureCursorVisible);
  prompt_text_->setToolTip(tr("A prompt of %1 tokens that the run looks at; the answer, from token %2 on, is marked")
                               .arg(prompt_->tokens)
                               .arg(prompt_->answer_begin));
}

}  // namespace interleave::gui
