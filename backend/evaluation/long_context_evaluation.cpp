// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/long_context_evaluation.h"

#include <algorithm>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/unicode.h"
#include "backend/model/generate.h"

namespace interleave {
namespace {

std::string folded(std::string_view text) { return unicode::lowercase(unicode::validUtf8(text)); }

}  // namespace

double matchOf(std::string_view answer, std::span<const std::string> references, Match match) {
  const std::string said = folded(answer);
  const auto found = std::ranges::count_if(
      references, [&](const std::string& reference) { return said.find(folded(reference)) != std::string::npos; });
  if (match == Match::Any) return found > 0 ? 1 : 0;
  return static_cast<double>(found) / static_cast<double>(references.size());
}

LongContextEvaluation::LongContextEvaluation(std::shared_ptr<const Tokenizer> tokenizer, const LongContextTask& task,
                                             std::int64_t prompts, bool generate, const Progress& progress)
    : tokenizer_(std::move(tokenizer)), info_(task.info()), generate_(generate) {
  for (std::int64_t i = 0; i < std::min(prompts, task.count()); ++i) {
    progress.throwIfStopped();
    prompts_.push_back(task.prompt(i));
    if (!prompts_.back().overlong) continue;
    throw usageError("prompt_tokens", "they are too few for " + std::string(info_.name) + ", whose own words take " +
                                          std::to_string(prompts_.back().ids.size()) + " tokens");
  }
  samples_id_ = samplesId(prompts_);
}

std::vector<double> LongContextEvaluation::matches(const Student& student, Progress& progress) const {
  std::vector<std::vector<std::int32_t>> asked;
  std::int64_t most = 0;
  for (const LongContextPrompt& prompt : prompts_) {
    asked.emplace_back(prompt.ids.begin(), prompt.ids.begin() + prompt.answer_begin);
    most = std::max(most, prompt.most_new);
  }
  const auto answers = generateBatch(student.model, student.mixers, asked, most, tokenizer_->endIds(), progress);
  std::vector<double> found;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const auto length = std::min(answers[i].size(), static_cast<std::size_t>(prompts_[i].most_new));
    const std::string text = tokenizer_->decode(std::span(answers[i]).first(length), true);
    found.push_back(matchOf(text, prompts_[i].references, info_.match));
  }
  return found;
}

std::vector<Score> LongContextEvaluation::scores(const Student& student, Progress& progress) {
  const std::string name(info_.name);
  std::vector<double> likelihoods;
  for (const AnswerReading& reading : readAnswers(
           student, prompts_.size(), [&](std::size_t i) -> const AnsweredPrompt& { return prompts_[i]; },
           "Measuring on " + name + " (" + std::string(info_.label) + ")", progress)) {
    likelihoods.push_back(reading.nll);
  }
  std::vector<Score> scores;
  if (generate_) scores.push_back(scoreOf(name, "match", matches(student, progress), samples_id_));
  scores.push_back(scoreOf(name + "_nll", "nats", std::move(likelihoods), samples_id_));
  return scores;
}

}  // namespace interleave
