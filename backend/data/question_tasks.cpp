// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <numeric>

#include "backend/data/long_context_form.h"

namespace interleave {
namespace {

/// A question's own paragraphs among `items` others, which come round again where the file has too few.
Sample documents(const SampleInput& input, Random random, std::int64_t items) {
  const std::vector<std::string>& paragraphs = input.materials.questions->paragraphs;
  const Question& question = *input.question;
  std::vector<std::size_t> others(paragraphs.size());
  std::iota(others.begin(), others.end(), std::size_t{0});
  std::erase_if(others, [&](std::size_t other) { return std::ranges::binary_search(question.paragraphs, other); });
  random.shuffle(others);

  std::vector<std::size_t> shown = question.paragraphs;
  for (std::int64_t i = 0; i < items; ++i) shown.push_back(others[static_cast<std::size_t>(i) % others.size()]);
  random.shuffle(shown);
  std::string text;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    text += "Document " + std::to_string(i + 1) + ":\n" + paragraphs[shown[i]] + "\n\n";
  }
  const std::string task = "Answer the question from the documents. Give the answer alone, in as few words as you can.";
  return {.user = task + "\n\n" + text + task + "\n\nQuestion: " + question.text,
          .answer_prefix = "Answer:",
          .references = question.answers};
}

constexpr std::array kQuestionForms{
    LongContextForm{{"qa_1", "a question of SQuAD", "RULER-style", Match::Any, QuestionFile::Squad}, 32, 0, documents},
    LongContextForm{
        {"qa_2", "a question of HotpotQA", "RULER-style", Match::Any, QuestionFile::HotpotQa}, 32, 0, documents}};

}  // namespace

std::span<const LongContextForm> questionForms() { return kQuestionForms; }

}  // namespace interleave
