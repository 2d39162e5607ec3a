// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

namespace chat {
class Template;
}

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant".
  std::string content;
};

/// What a chat template may take; real ones take a hundredth.
inline constexpr std::size_t kTemplateBytes = std::size_t{1} << 20;

/// A model's own chat template, as its files hold it.
struct ChatTemplate {
  std::string text = {}, file = {};  ///< "": the model has none.
  std::string source = {};           ///< Where in the model: "tokenizer_config.json", "tokenizer.chat_template".
  std::string problem = {};          ///< Why none of those that the model has is used, if so.
};

/// Texts by name, which a template gets beside the messages: "bos_token", …
using SpecialTokenTexts = std::map<std::string, std::string>;

/// In which form a conversation is written. Immutable.
class ChatForm {
 public:
  /// What may be asked for: the model's own template if it has one and plain text otherwise; plain text; the plain
  /// template of a family, by name. Everything else is the path of a Jinja template's file.
  static constexpr std::string_view kAuto = "auto", kNone = "none";
  static std::vector<std::string> choices();  ///< kAuto, kNone, and the families.
  static bool isFile(std::string_view choice);

  ChatForm() = default;  ///< Plain text.
  /// BadInput: a template that is too large, or a file that cannot be read. A template that makes no sense is told by
  /// render(), for a model that does not talk is one still.
  ChatForm(const std::string& choice, const ChatTemplate& own, SpecialTokenTexts tokens);

  /// What earlier programs wrote for the same model, and what banks and runs that do not say their form were made
  /// with: a model's template counted where it held a family's mark, and a model without one got the form of the family
  /// whose mark `has_token`, with no other tokens than `bos` and `eos`.
  static ChatForm ofEarlierPrograms(const ChatTemplate& own, const std::function<bool(std::string_view)>& has_token,
                                    const std::string& bos, const std::string& eos);

  bool isPlain() const { return !template_ && problem_.empty(); }  ///< There are no messages: a text is a text.
  /// What is used and why: "the model's own template (tokenizer_config.json)", "none: the model has no chat template",
  /// "chatml (asked for)", "/a/b.jinja (asked for; 0123456789abcdef)" with the digest of the file's text.
  const std::string& words() const { return words_; }

  /// As `transformers`' apply_chat_template(messages, tokenize=False, add_generation_prompt=open_answer). Usage error:
  /// plain text, a role other than system, user or assistant, a template that cannot be read, or a conversation that it
  /// refuses. BadInput: a template that does not end, or makes too much.
  std::string render(std::span<const ChatMessage> messages, bool open_answer) const;

 private:
  void take(std::string_view text);

  std::string words_ = "none", file_;
  SpecialTokenTexts tokens_;
  std::shared_ptr<const chat::Template> template_;
  std::string problem_;  ///< Why there is no template, where there should be.
};

/// A template in a file of its own, its line ends as Python reads them. Nothing where there is no such file. No more
/// is read than shows that it is too large.
ChatTemplate chatTemplateIn(const std::filesystem::path& file);

}  // namespace interleave
