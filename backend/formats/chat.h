// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "backend/formats/tokenizer.h"

namespace interleave {

/// How a model wants a conversation written: its own Jinja template, or without one, that of the form which its special
/// tokens belong to. Immutable.
class ChatForm {
 public:
  ChatForm() = default;
  /// `bos` and `eos` are the tokens' texts, "" for none. `has_token` tells what the vocabulary has.
  ChatForm(std::string chat_template, const std::function<bool(std::string_view)>& has_token, std::string bos,
           std::string eos);

  std::string name() const { return name_; }  ///< "chatml", "llama3", "gemma", "mistral" or "".

  /// Usage error: no template and no known form, a role other than system, user or assistant, or a conversation or
  /// construct that the template refuses.
  std::string render(std::span<const ChatMessage> messages, bool open_answer) const;

 private:
  std::string name_, template_, bos_, eos_;
};

}  // namespace interleave
