// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/data/long_context.h"
#include "backend/evaluation/evaluate.h"

namespace interleave {

/// How much of the references an answer holds, in [0, 1]: each counts when it is part of the answer, in whatever case
/// (RULER's string match; arXiv 2404.06654). All: the mean over references; Any: their maximum.
double matchOf(std::string_view answer, std::span<const std::string> references, Match match);

/// A long-context task: how much of the references the greedy answer holds, and the NLL of the teacher-forced answer,
/// which is smooth where the match is 0 or 1. A sample is a prompt.
class LongContextEvaluation final : public Evaluation {
 public:
  /// At most as many prompts as the task has. `generate`: false leaves the match out, which takes most of the time.
  /// Usage error: a prompt whose own words do not fit.
  LongContextEvaluation(std::shared_ptr<const Tokenizer> tokenizer, const LongContextTask& task, std::int64_t prompts,
                        bool generate, const Progress& progress);
  /// "TASK" in units of "match" unless left out, and "TASK_nll" in nats an answer.
  std::vector<Score> scores(const Student& student, Progress& progress) override;

 private:
  std::vector<double> matches(const Student& student, Progress& progress) const;  // of greedy answers

  std::shared_ptr<const Tokenizer> tokenizer_;
  LongContextInfo info_;
  bool generate_;
  std::vector<LongContextPrompt> prompts_;
  std::string samples_id_;
};

}  // namespace interleave
