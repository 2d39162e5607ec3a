// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat.h"

#include <chrono>
#include <ctime>
#include <optional>

#include "backend/core/error.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr std::string_view kChatMlOpen = "<|im_start|>", kChatMlClose = "<|im_end|>";
constexpr std::string_view kLlama3Open = "<|start_header_id|>", kLlama3Close = "<|end_header_id|>";
constexpr std::string_view kGemmaOpen = "<start_of_turn>", kGemmaClose = "<end_of_turn>";
constexpr std::string_view kInstruction = "[INST]", kInstructionEnd = "[/INST]";

/// Jinja's trim: white space as Python's str.strip() sees it (White_Space and the four separators 1C to 1F).
std::string trimmed(std::string_view text) {
  const auto space = [](char32_t code) { return unicode::isSpace(code) || (code >= 0x1C && code <= 0x1F); };
  while (!text.empty() && space(unicode::first(text).code)) text.remove_prefix(unicode::first(text).bytes);
  while (!text.empty() && space(unicode::last(text).code)) text.remove_suffix(unicode::last(text).bytes);
  return std::string(text);
}

/// A Jinja string literal of a template, its quotes gone and its escapes undone.
struct Literal {
  std::size_t begin;  ///< Of the opening quote.
  std::string text;
};

/// The string literals inside {{ }} and {% %}, in order.
std::vector<Literal> literalsOf(std::string_view text) {
  std::vector<Literal> literals;
  bool in_code = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const std::string_view two = text.substr(i, 2);
    if (two == "{#" && !in_code) {
      i = std::min(text.find("#}", i), text.size() - 1);
    } else if (!in_code) {
      in_code = two == "{{" || two == "{%";
      if (in_code) ++i;
    } else if (two == "}}" || two == "%}") {
      in_code = false;
      ++i;
    } else if (text[i] == '\'' || text[i] == '"') {
      Literal literal{i, ""};
      const char quote = text[i];
      for (++i; i < text.size() && text[i] != quote; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
          const char escaped = text[++i];
          literal.text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
        } else {
          literal.text += text[i];
        }
      }
      literals.push_back(std::move(literal));
    }
  }
  return literals;
}

std::string today() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%d %b %Y", &local));
  return text;
}

Error cannotWrite(const std::string& reason) { return usageError("chat", reason); }

bool startsWithSystem(std::span<const ChatMessage> messages) {
  return !messages.empty() && messages.front().role == "system";
}

/// Templates that raise an exception unless user and assistant take turns, the user first.
void checkTurns(std::span<const ChatMessage> turns) {
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::string_view due = i % 2 == 0 ? "user" : "assistant";
    if (turns[i].role != due) {
      throw cannotWrite("message " + std::to_string(i + 1) + " after the system prompt is of \"" + turns[i].role +
                        "\", where this model wants " + std::string(due));
    }
  }
}

}  // namespace

ChatForm::ChatForm(std::string chat_template, const std::function<bool(std::string_view)>& has_token, std::string bos,
                   std::string eos)
    : template_(std::move(chat_template)), bos_(std::move(bos)), eos_(std::move(eos)) {
  const auto marked = [&](std::string_view mark) { return template_.empty() ? has_token(mark) : says(mark); };
  if (marked(kChatMlOpen)) {
    kind_ = Kind::ChatMl;
  } else if (marked(kLlama3Open)) {
    kind_ = Kind::Llama3;
  } else if (marked(kGemmaOpen)) {
    kind_ = Kind::Gemma;
  } else if (marked(kInstruction)) {
    kind_ = Kind::Mistral;
  }
}

std::string_view ChatForm::name() const {
  switch (kind_) {
    case Kind::ChatMl:
      return "chatml";
    case Kind::Llama3:
      return "llama3";
    case Kind::Gemma:
      return "gemma";
    case Kind::Mistral:
      return "mistral";
    case Kind::None:
      break;
  }
  return "";
}

std::string ChatForm::render(std::span<const ChatMessage> messages, bool open_answer) const {
  for (const ChatMessage& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      throw cannotWrite("the role \"" + message.role + "\" is not system, user or assistant");
    }
  }
  switch (kind_) {
    case Kind::ChatMl:
      return renderChatMl(messages, open_answer);
    case Kind::Llama3:
      return renderLlama3(messages, open_answer);
    case Kind::Gemma:
      return renderGemma(messages, open_answer);
    case Kind::Mistral:
      return renderMistral(messages);
    case Kind::None:
      break;
  }
  throw cannotWrite("the model has no known chat form (ChatML, Llama-3, Gemma or Mistral)");
}

std::string ChatForm::renderChatMl(std::span<const ChatMessage> messages, bool open_answer) const {
  const bool trims = says("trim");
  const auto turn = [](std::string_view role, std::string_view content) {
    return std::string(kChatMlOpen) + std::string(role) + "\n" + std::string(content) + std::string(kChatMlClose) +
           "\n";
  };
  std::string text = says("bos_token") ? bos_ : "";
  if (!startsWithSystem(messages)) {
    // The default system prompt is a literal that holds a whole turn: "<|im_start|>system\n…<|im_end|>\n".
    const std::string open = std::string(kChatMlOpen) + "system\n";
    for (const Literal& literal : literalsOf(template_)) {
      if (!literal.text.starts_with(open) || literal.text.find(kChatMlClose) == std::string::npos) continue;
      text += literal.text;
      break;
    }
  }
  for (const ChatMessage& message : messages) {
    text += turn(message.role, trims ? trimmed(message.content) : message.content);
  }
  if (open_answer) text += std::string(kChatMlOpen) + "assistant\n";
  return text;
}

std::string ChatForm::renderLlama3(std::span<const ChatMessage> messages, bool open_answer) const {
  const auto header = [](std::string_view role) {
    return std::string(kLlama3Open) + std::string(role) + std::string(kLlama3Close) + "\n\n";
  };
  std::string text = bos_;
  if (says("Cutting Knowledge Date")) {  // Llama 3.1 and later always open with a system turn that tells the date.
    std::string date = today();
    if (!says("strftime_now")) {
      const auto literals = literalsOf(template_);
      const std::size_t set = template_.find("set date_string =");
      for (const Literal& literal : literals) {
        if (set != std::string::npos && literal.begin > set) {
          date = literal.text;
          break;
        }
      }
    }
    text += header("system") + "Cutting Knowledge Date: December 2023\nToday Date: " + date + "\n\n";
    if (startsWithSystem(messages)) {
      text += trimmed(messages.front().content);
      messages = messages.subspan(1);
    }
    text += "<|eot_id|>";
  }
  for (const ChatMessage& message : messages) text += header(message.role) + trimmed(message.content) + "<|eot_id|>";
  if (open_answer) text += header("assistant");
  return text;
}

std::string ChatForm::renderGemma(std::span<const ChatMessage> messages, bool open_answer) const {
  std::string text = bos_, system;
  if (startsWithSystem(messages)) {
    if (says("System role not supported")) throw cannotWrite("this model takes no system prompt");
    system = messages.front().content + "\n\n";
    messages = messages.subspan(1);
  }
  checkTurns(messages);
  for (const ChatMessage& message : messages) {
    text += std::string(kGemmaOpen) + (message.role == "assistant" ? "model" : "user") + "\n" + system +
            trimmed(message.content) + std::string(kGemmaClose) + "\n";
    system.clear();
  }
  if (open_answer) text += std::string(kGemmaOpen) + "model\n";
  return text;
}

std::string ChatForm::renderMistral(std::span<const ChatMessage> messages) const { return {}; }

}  // namespace interleave
