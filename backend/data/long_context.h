// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/data/answered_prompt.h"
#include "backend/data/hay.h"
#include "backend/data/question_file.h"

namespace interleave {

/// How an answer is held against the references: the share of them that it contains, or whether it contains any.
enum class Match : std::uint8_t { All, Any };

/// A task as it is asked for and shown.
struct LongContextInfo {
  std::string_view name, title;
  std::string_view label;  ///< "RULER-style", "FlashMorph-style": stands wherever its scores do.
  Match match = Match::All;
  std::optional<QuestionFile> file = {};  ///< What it cannot do without.
};

/// A prompt that asks for what stands in it. The answer in `ids` is the list of references (Match::All), or the first.
struct LongContextPrompt : AnsweredPrompt {
  std::vector<std::string> references;
  std::int64_t most_new = 0;  ///< Tokens that the model may answer with.
};

struct LongContextForm;

/// The thirteen tasks of RULER (arXiv 2404.06654) with its settings, in words and texts of our own, and FlashMorph's
/// pass keys (arXiv 2606.30562). prompt(i) depends on the arguments and i alone. Immutable; any thread may call it.
class LongContextTask {
 public:
  struct Materials {
    std::shared_ptr<const Hay> hay = {};                ///< The essay.
    std::shared_ptr<const QuestionSet> questions = {};  ///< From the file that the task needs; else null.
    int passkeys = 10, passkey_words = 32;              ///< Of flashmorph_passkey; 1 to 1000 each.
  };

  /// `tokens`: the most that a prompt has together with its answer, met to within an item of its filler (a sentence, a
  /// word with its repetitions, a paragraph). One whose own words do not fit comes with as little filler as can be and
  /// says so (AnsweredPrompt::overlong). Usage error: an unknown task, materials that are missing or out of range, more
  /// than kMostTokens.
  LongContextTask(std::shared_ptr<const Tokenizer> tokenizer, std::string_view name, std::int64_t tokens,
                  std::uint64_t seed, Materials materials);

  const LongContextInfo& info() const;
  std::int64_t count() const;  ///< Prompts that differ: questions of a file come round again.
  LongContextPrompt prompt(std::int64_t index) const;

  static std::vector<LongContextInfo> all();
  static constexpr std::int64_t kMostTokens = 1 << 19;

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  const LongContextForm& form_;
  std::int64_t tokens_;
  std::uint64_t seed_;
  Materials materials_;
  std::vector<std::size_t> order_;  ///< Of the questions.
};

}  // namespace interleave
