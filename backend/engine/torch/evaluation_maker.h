// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/data/long_context.h"
#include "backend/engine/workbench.h"
#include "backend/evaluation/evaluate.h"

namespace interleave {

/// The rows of evaluationTasks() that a request asks for, each once and in the table's order. Usage error: an unknown
/// one, or one that needs a file which the request does not name.
std::vector<TaskInfo> tasksOf(const Workbench::EvaluationRequest& request);

/// Makes what judges placements as a request wants. Texts and questions are read at first use, and once.
class EvaluationMaker {
 public:
  EvaluationMaker(const Workbench::EvaluationRequest& request, Student teacher,
                  std::shared_ptr<const Tokenizer> tokenizer, const Progress& progress);

  /// Equal keys tell that make() would give an equal evaluation. Those of "kl" and "nll" are one.
  std::string key(const std::string& task) const;
  std::unique_ptr<Evaluation> make(const std::string& task);

 private:
  std::unique_ptr<Evaluation> makeLongContext(const LongContextInfo& info);

  const Workbench::EvaluationRequest& request_;
  Student teacher_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const Progress& progress_;
  std::string data_key_;
  std::shared_ptr<const Hay> hay_;  // null until needed
};

}  // namespace interleave
