// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// The forms in which questions come with the paragraphs that answer them.
enum class QuestionFile : std::uint8_t {
  Squad,     ///< SQuAD 1.1 and 2.0: {"data": [{"paragraphs": [{"context", "qas": [{"question", "answers"}]}]}]}.
  HotpotQa,  ///< HotpotQA: [{"question", "answer", "context": [[title, [sentence, …]], …]}].
};
std::string_view title(QuestionFile kind);  ///< "SQuAD", "HotpotQA".

struct Question {
  std::string text;
  std::vector<std::string> answers;     ///< At least one; none is empty, and no two are equal.
  std::vector<std::size_t> paragraphs;  ///< Those it comes with, in ascending order.
};

/// Questions, at least one, and all paragraphs of a file, each once. Every question has some that are not its own.
struct QuestionSet {
  std::vector<std::string> paragraphs;
  std::vector<Question> questions;
};

/// Leaves out questions without an answer (`is_impossible`, or an empty list) or without a paragraph. BadInput with
/// file, place ("data[0].paragraphs[2].context") and reason: not the form, larger than 128 MiB, no question left, or
/// one whose paragraphs are all there are.
QuestionSet readQuestions(const std::filesystem::path& file, QuestionFile kind);

}  // namespace interleave
