// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/formats/chat_template.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

struct Form {
  std::string_view name;
  std::string_view mark;      ///< What earlier programs told the form from; see ofEarlierPrograms().
  std::string_view standard;  ///< The form's plain template.
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

constexpr const char* kWayOut = "; --chat none writes plain prompts, --chat FILE takes another template";

Error cannotWrite(const std::string& reason) { return usageError("chat", reason); }

const Form* familyNamed(std::string_view name) {
  const auto* const found = std::ranges::find(kForms, name, &Form::name);
  return found == kForms.end() ? nullptr : &*found;
}

/// "\r\n" and "\r" become "\n".
std::string plainLineEnds(const std::string& text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
    plain += text[at] == '\r' ? '\n' : text[at];
  }
  return plain;
}

}  // namespace

std::vector<std::string> ChatForm::choices() {
  std::vector<std::string> names{std::string(kAuto), std::string(kNone)};
  for (const Form& form : kForms) names.emplace_back(form.name);
  return names;
}

bool ChatForm::isFile(std::string_view choice) {
  return choice != kAuto && choice != kNone && familyNamed(choice) == nullptr;
}

ChatForm::ChatForm(const std::string& choice, const ChatTemplate& own, SpecialTokenTexts tokens)
    : words_(choice + " (asked for)"), tokens_(std::move(tokens)) {
  if (const Form* family = familyNamed(choice)) {
    take(family->standard);
  } else if (isFile(choice)) {
    const ChatTemplate asked = chatTemplateIn(choice);
    if (asked.file.empty()) throw badInput(choice, "chat", "there is no such file, nor a form of this name");
    if (asked.text.empty()) throw badInput(choice, "chat", "the file is empty");
    Digest digest;
    digest.add(asked.text);
    words_ = choice + " (asked for; " + digest.text() + ")";
    file_ = choice;
    take(asked.text);
  } else if (choice == kAuto) {
    words_ = "none: the model has no chat template";
    if (own.text.empty() && own.problem.empty()) return;
    words_ = "the model's own template (" + own.source + ")";
    file_ = own.file;
    problem_ = own.problem;
    if (problem_.empty()) take(own.text);
  }
}

ChatForm ChatForm::ofEarlierPrograms(const ChatTemplate& own, const std::function<bool(std::string_view)>& has_token,
                                     const std::string& bos, const std::string& eos) {
  ChatForm form;
  if (!bos.empty()) form.tokens_["bos_token"] = bos;
  if (!eos.empty()) form.tokens_["eos_token"] = eos;
  form.file_ = own.file;
  form.words_ = "none, as earlier programs had it";
  for (const Form& family : kForms) {
    if (own.text.empty() ? !has_token(family.mark) : own.text.find(family.mark) == std::string::npos) continue;
    form.words_ = own.text.empty() ? std::string(family.name) + ", as earlier programs had it"
                                   : "the model's own template (" + own.source + ")";
    form.take(own.text.empty() ? family.standard : own.text);
    break;
  }
  return form;
}

void ChatForm::take(std::string_view text) {
  if (text.size() > kTemplateBytes) {
    throw badInput(file_, "chat template", "is larger than " + std::to_string(kTemplateBytes) + " bytes");
  }
  try {
    template_ = std::make_shared<const chat::Template>(text);
  } catch (const std::invalid_argument& problem) {
    problem_ = problem.what();
  }
}

std::string ChatForm::render(std::span<const ChatMessage> messages, bool open_answer) const {
  if (isPlain()) throw cannotWrite("there is none: " + words_);
  if (!template_) throw cannotWrite(words_ + " cannot be read: " + problem_ + kWayOut);
  auto list = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      throw cannotWrite("the role \"" + message.role + "\" is not system, user or assistant");
    }
    if (message.content.size() > chat::kTextBytes) throw cannotWrite("a message is too long");
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  nlohmann::ordered_json variables = {{"messages", std::move(list)},
                                      {"add_generation_prompt", open_answer},
                                      {"tools", nullptr},
                                      {"documents", nullptr}};
  for (const auto& [name, text] : tokens_) variables[name] = text;
  try {
    return template_->render(chat::Value(variables));
  } catch (const Error& problem) {
    if (problem.kind() == ErrorKind::BadInput) throw badInput(file_, problem.place(), problem.reason());
    throw cannotWrite(words_ + ": " + problem.reason() + kWayOut);
  }
}

ChatTemplate chatTemplateIn(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code unreadable;
  if (!stream || std::filesystem::is_directory(file, unreadable)) return {};
  std::string text(kTemplateBytes + 1, '\0');  // One byte more than is taken, so that more is seen.
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return {.text = plainLineEnds(unicode::validUtf8(text)), .file = file.string(), .source = file.filename().string()};
}

}  // namespace interleave
