// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "gui/app/workshop.h"

class QComboBox;
class QLabel;

namespace interleave::gui {

/// What "auto" comes to for a model that Workshop::modelInfo() tells of: that it has no template, or which one it has.
/// Empty where that is not known.
QString autoPrompts(const nlohmann::json& model_info);

/// Asks in which form prompts are written: what the setting `chat` takes, chosen, typed, or looked for as a file;
/// below, what "auto" comes to. `found`, where there is one, is the form that stands unless another is asked for, and
/// is offered first.
class ChatField final : public QWidget {
  Q_OBJECT
 public:
  ChatField(const Workshop& workshop, const nlohmann::json& model_info, const std::optional<std::string>& found = {});

  void setChat(const std::string& chat);
  std::optional<std::string> chat() const;  ///< As the setting has it; nothing: the form found. Usage error.
  QString whyNot() const;                   ///< What is wrong with what stands there; empty: nothing.

 Q_SIGNALS:
  void changed();

 private:
  void tellAuto();

  std::span<const SettingSpec> specs_;
  std::optional<std::string> found_;
  QString auto_;
  QComboBox* choice_;
  QLabel* note_;
};

}  // namespace interleave::gui
