// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "gui/app/studio.h"
#include "gui/plots/figure.h"
#include "gui/widgets/pane.h"

class QTextEdit;

namespace interleave::gui {

/// What the method of the run shown has to say for itself: of a gate search its gates, of one that scores layers how
/// its measures agree and settle and what its mask lets a layer see; and a prompt that the run looks at.
class MethodPane final : public Pane {
  Q_OBJECT
 public:
  explicit MethodPane(Studio& studio);

 protected:
  void refresh() override;

 private:
  void askForPrompt();
  std::vector<Panel> panels() const;
  std::optional<Panel> mask() const;
  void showPrompt();
  QString hintNow() const;

  Studio& studio_;
  Figure* figure_;
  QTextEdit* prompt_text_;
  RunSpec asked_;  ///< Of which run the prompt is, or will be.
  std::optional<PromptPreview> prompt_;
};

}  // namespace interleave::gui
