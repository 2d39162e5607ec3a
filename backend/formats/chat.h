// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "backend/formats/tokenizer.h"

namespace interleave {

/// How a model wants a conversation written. The form is told from its Jinja template, and what differs between models
/// of one form (default system prompt, trimming, spaces around [INST], …) is read from the template's text as well.
class ChatForm {
 public:
  enum class Kind { None, ChatMl, Llama3, Gemma, Mistral };

  ChatForm() = default;
  /// `chat_template` may be empty; then `has_token` tells by the form's special tokens. `bos` and `eos` are texts.
  ChatForm(std::string chat_template, const std::function<bool(std::string_view)>& has_token, std::string bos,
           std::string eos);

  std::string_view name() const;  ///< "chatml", "llama3", "gemma", "mistral" or "".

  /// Usage error: no known form, a role other than system, user or assistant, or an order that the form cannot write.
  std::string render(std::span<const ChatMessage> messages, bool open_answer) const;

 private:
  std::string renderChatMl(std::span<const ChatMessage> messages, bool open_answer) const;
  std::string renderLlama3(std::span<const ChatMessage> messages, bool open_answer) const;
  std::string renderGemma(std::span<const ChatMessage> messages, bool open_answer) const;
  std::string renderMistral(std::span<const ChatMessage> messages) const;
  bool says(std::string_view text) const { return template_.find(text) != std::string::npos; }

  Kind kind_ = Kind::None;
  std::string template_, bos_, eos_;
};

}  // namespace interleave
