// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <array>

#include "gui/app/workshop.h"
#include "gui/widgets/chat_field.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;

namespace interleave::gui {

class NumberField;

/// How placements are judged: the tasks, how many samples of which length; as the options of `interleave-cli evaluate`.
class JudgingDialog final : public QDialog {
  Q_OBJECT
 public:
  /// In which form prompts are written: as the run has them, or as the request says.
  struct Prompts {
    std::string found = "auto";
    bool as_found = true;
    nlohmann::json model_info = {};  ///< Of the run's model, where it is open; see autoPrompts().
  };
  JudgingDialog(const Workshop& workshop, const Workbench::EvaluationRequest& now, const Prompts& prompts,
                QWidget* parent);
  Workbench::EvaluationRequest request() const;  ///< `now` with the user's choices, once accepted.
  bool asFound() const;

 private:
  /// A field for a file's name, with a button to look for it, as a row of the form.
  QLineEdit* fileRow(const QString& title, const std::filesystem::path& now, const QString& hint);

  std::array<NumberField*, 5> numbers() const;

  Workbench::EvaluationRequest now_;
  QListWidget* tasks_;
  NumberField *text_tokens_, *sequence_, *prompts_, *prompt_tokens_;
  QComboBox* wording_;
  ChatField* chat_;
  NumberField* seed_;
  QLineEdit *hay_, *squad_, *hotpot_;
  QCheckBox* nll_only_;
  QLabel* problem_;
};

}  // namespace interleave::gui
