// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/model_files.h"

namespace interleave {

/// How encode() treats special and added tokens that are written in the text, and the post-processor's additions.
enum class SpecialTokens {
  Recognise,  ///< Written ones become their ids; nothing is added (`tokenizers`' add_special_tokens=False).
  Add,        ///< As Recognise, and what the post-processor adds (BOS, …).
  Plain,      ///< Special tokens in the text are text.
};

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant".
  std::string content;
};

/// Text to token ids and back, exactly as Hugging Face `tokenizers` does. Immutable; any thread may call it. encode()
/// and decode() give BadInput where the tokenizer's own rules would make more than 64 times the bytes of what they are
/// given, and more than 64 KiB.
class Tokenizer {
 public:
  /// From tokenizer.json, or from the GGUF's metadata (which counts where other readers ignore it). BadInput when
  /// something is missing or not supported, named.
  static Tokenizer from(const ModelFiles& files);
  /// The two halves of from(), for documents that are already read; `file` is what errors name. `config` may be null.
  static Tokenizer fromJson(const nlohmann::json& tokenizer, const nlohmann::json& config, const std::string& file);
  static Tokenizer fromGguf(const nlohmann::json& metadata, const std::string& file);

  /// What the files say that does not hold, and was taken as `tokenizers` takes it: a line each, with file and place.
  const std::vector<std::string>& warnings() const;

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Invalid UTF-8 is replaced by U+FFFD, one for each maximal invalid part, as Python's errors="replace" does.
  std::vector<std::int32_t> encode(std::string_view text, SpecialTokens mode = SpecialTokens::Recognise) const;
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = false) const;

  std::int32_t size() const;  ///< Largest id + 1.
  std::optional<std::int32_t> idOf(std::string_view token) const;
  std::string tokenOf(std::int32_t id) const;  ///< The vocabulary's own spelling; "" when out of range.
  std::optional<std::int32_t> bos() const;
  std::vector<std::int32_t> endIds() const;  ///< Tokens that end an answer (EOS, end of turn).

  /// The conversation in the model's chat form (ChatML, Llama-3, Gemma or Mistral, told from its template or its
  /// special tokens), ready for an answer when `open_answer`. Usage error when the model has no known form.
  std::string chat(std::span<const ChatMessage> messages, bool open_answer = true) const;
  std::string chatForm() const;  ///< "chatml", "llama3", "gemma", "mistral" or "".

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  static Tokenizer readFrom(const ModelFiles& files);
  std::unique_ptr<Impl> impl_;
};

}  // namespace interleave
