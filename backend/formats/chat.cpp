// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat.h"

#include <array>
#include <stdexcept>

#include "backend/core/error.h"
#include "backend/formats/chat_template.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

struct Form {
  std::string_view name;
  std::string_view mark;      ///< Stands in every template of the form, and is a token of its vocabularies.
  std::string_view standard;  ///< The form's plain template, for models that bring none.
};

constexpr std::array kForms = {
    Form{"chatml", "<|im_start|>",
         "{% for message in messages %}"
         "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
         "{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"},
    Form{
        "llama3", "<|start_header_id|>",
        "{{ bos_token }}{% for message in messages %}"
        "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"},
    Form{"gemma", "<start_of_turn>",
         "{{ bos_token }}{% set turns = messages %}{% set system = '' %}"
         "{% if messages and messages[0].role == 'system' %}"
         "{% set turns = messages[1:] %}{% set system = messages[0].content + '\\n\\n' %}{% endif %}"
         "{% for message in turns %}"
         "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' }}"
         "{{ system if loop.first else '' }}{{ message.content | trim + '<end_of_turn>\\n' }}"
         "{% endfor %}"
         "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"},
    Form{"mistral", "[INST]",
         "{{ bos_token }}{% set turns = messages %}{% set system = '' %}"
         "{% if messages and messages[0].role == 'system' %}"
         "{% set turns = messages[1:] %}{% set system = messages[0].content + '\\n\\n' %}{% endif %}"
         "{% for message in turns %}"
         "{% if message.role == 'assistant' %}{{ ' ' + message.content | trim + eos_token }}"
         "{% else %}{{ '[INST] ' + (system if loop.first else '') + message.content + ' [/INST]' }}{% endif %}"
         "{% endfor %}"},
};

Error cannotWrite(const std::string& reason) { return usageError("chat", reason); }

}  // namespace

ChatForm::ChatForm(const ChatTemplate& source, const std::function<bool(std::string_view)>& has_token, std::string bos,
                   std::string eos)
    : file_(source.file), bos_(std::move(bos)), eos_(std::move(eos)) {
  std::string_view text = source.text;
  if (text.size() > kTemplateBytes) {
    throw badInput(file_, "chat template", "is larger than " + std::to_string(kTemplateBytes) + " bytes");
  }
  for (const Form& form : kForms) {
    if (source.text.empty() ? !has_token(form.mark) : text.find(form.mark) == std::string_view::npos) continue;
    name_ = form.name;
    if (source.text.empty()) text = form.standard;
    break;
  }
  if (text.empty()) return;
  try {
    template_ = std::make_shared<const chat::Template>(text);
  } catch (const std::invalid_argument& problem) {
    problem_ = std::string("the model's template cannot be read: ") + problem.what();
  }
}

std::string ChatForm::render(std::span<const ChatMessage> messages, bool open_answer) const {
  if (!template_) throw cannotWrite(problem_);
  chat::Value list = chat::Value::array();
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      throw cannotWrite("the role \"" + message.role + "\" is not system, user or assistant");
    }
    if (message.content.size() > chat::kTextBytes) throw cannotWrite("a message is too long");
    list.push_back({{"role", message.role}, {"content", unicode::validUtf8(message.content)}});
  }
  chat::Value variables = {{"messages", std::move(list)},
                           {"add_generation_prompt", open_answer},
                           {"tools", nullptr},
                           {"documents", nullptr},
                           {"strftime_now", true}};  // A function; templates ask whether it is defined.
  if (!bos_.empty()) variables["bos_token"] = bos_;
  if (!eos_.empty()) variables["eos_token"] = eos_;
  try {
    return template_->render(std::move(variables));
  } catch (const Error& problem) {
    if (problem.kind() != ErrorKind::BadInput) throw;
    throw badInput(file_, problem.place(), problem.reason());
  }
}

}  // namespace interleave
