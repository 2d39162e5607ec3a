// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend/formats/tokenizer.h"

namespace interleave {

namespace chat {
class Template;
}

/// What a chat template may take; real ones take a hundredth.
inline constexpr std::size_t kTemplateBytes = std::size_t{1} << 20;

/// A model's chat template, and the file that holds it.
struct ChatTemplate {
  std::string text = {}, file = {};
};

/// How a model wants a conversation written: its own Jinja template, or without one, that of the form which its special
/// tokens belong to. Immutable.
class ChatForm {
 public:
  ChatForm() = default;
  /// `bos` and `eos` are the tokens' texts, "" for none. `has_token` tells what the vocabulary has. BadInput when the
  /// template is too large; one that cannot be read is told by render(), for a model that does not talk is one still.
  ChatForm(const ChatTemplate& source, const std::function<bool(std::string_view)>& has_token, std::string bos,
           std::string eos);

  std::string name() const { return name_; }  ///< "chatml", "llama3", "gemma", "mistral" or "".

  /// Usage error: no template and no known form, a role other than system, user or assistant, or a conversation or
  /// construct that the template refuses. BadInput: a template that does not end, or makes too much.
  std::string render(std::span<const ChatMessage> messages, bool open_answer) const;

 private:
  std::string name_, file_, bos_, eos_;
  std::shared_ptr<const chat::Template> template_;
  std::string problem_ = "the model has no chat template and no known form";  ///< Where there is no template.
};

}  // namespace interleave
