// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/formats/chat.h"
#include "backend/formats/model_files.h"

namespace interleave {

/// How encode() treats special and added tokens that are written in the text, and the post-processor's additions.
enum class SpecialTokens {
  Recognise,  ///< Written ones become their ids; nothing is added (`tokenizers`' add_special_tokens=False).
  Add,        ///< As Recognise, and what the post-processor adds (BOS, …).
  Plain,      ///< Special tokens in the text are text.
  Begin,      ///< As Recognise, and what the post-processor adds in front: of a text that goes on.
};

/// Text to token ids and back, exactly as Hugging Face `tokenizers` does. Immutable; any thread may call it. encode()
/// and decode() give BadInput where the tokenizer's own rules would make more than 64 times the bytes of what they are
/// given, and more than 64 KiB.
class Tokenizer {
 public:
  /// From tokenizer.json, or from the GGUF's metadata (which counts where other readers ignore it), with conversations
  /// in the form that `chat` asks for; see ChatForm. BadInput when something is missing or not supported, named.
  static Tokenizer from(const ModelFiles& files, const std::string& chat = std::string(ChatForm::kAuto));
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
  /// Tokens that end an answer: all that the model's files tell; of a GGUF, and where they tell none, also those whose
  /// names say so.
  std::vector<std::int32_t> endIds() const;

  const ChatForm& chatForm() const;
  ChatForm chatFormOfEarlierPrograms() const;  ///< See ChatForm::ofEarlierPrograms().

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  static Tokenizer readFrom(const ModelFiles& files, const std::string& chat);
  static Tokenizer ofGguf(const nlohmann::json& metadata, const std::string& file, const std::string& chat);
  std::unique_ptr<Impl> impl_;
};

}  // namespace interleave
