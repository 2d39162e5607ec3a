// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/long_context_evaluation.h"

#include <algorithm>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/unicode.h"
#include "backend/model/decoder.h"

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

std::string LongContextEvaluation::continuation(const Student& student, const LongContextPrompt& prompt) const {
  const auto asked = std::span(prompt.ids).first(static_cast<std::size_t>(prompt.answer_begin));
  return tokenizer_->decode(generateGreedy(student.model, student.mixers, asked, prompt.most_new, tokenizer_->endIds()),
                            true);
}

std::vector<Score> LongContextEvaluation::scores(const Student& student, Progress& progress) {
  const std::string name(info_.name);
  std::vector<double> matches, likelihoods;
  for (const LongContextPrompt& prompt : prompts_) {
    progress.throwIfStopped();
    likelihoods.push_back(readAnswer(student, prompt).nll);
    progress.throwIfStopped();
    if (generate_) matches.push_back(matchOf(continuation(student, prompt), prompt.references, info_.match));
    progress.report("Measuring on " + name + " (" + std::string(info_.label) + ")",
                    static_cast<double>(likelihoods.size()) / static_cast<double>(prompts_.size()));
  }
  std::vector<Score> scores;
  if (generate_) scores.push_back(scoreOf(name, "match", std::move(matches), samples_id_));
  scores.push_back(scoreOf(name + "_nll", "nats", std::move(likelihoods), samples_id_));
  return scores;
}

}  // namespace interleave
