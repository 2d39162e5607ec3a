// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/evaluation_maker.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/core/tasks.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/evaluation/long_context_evaluation.h"

namespace interleave {
namespace {

constexpr std::uint64_t kLongContextPurpose = 24;  // 21 to 23: backend/evaluation/evaluate.cpp
constexpr const char* kRuler = "ruler";

bool isText(const std::string& task) { return task == "kl" || task == "nll"; }

const std::filesystem::path& fileOf(const Workbench::EvaluationRequest& request, QuestionFile kind) {
  return kind == QuestionFile::Squad ? request.squad_file : request.hotpot_file;
}

/// Of RULER, and what it needs is there.
bool inRuler(const LongContextInfo& info, const Workbench::EvaluationRequest& request) {
  return info.label == "RULER-style" && (!info.file || !fileOf(request, *info.file).empty());
}

TaskInfo::ScoreInfo scoreInfo(const std::string& name, const std::string& unit) {
  const TaskFacts facts = taskFacts(name);
  return {name, facts.title + ", " + facts.unit, unit};
}

TaskInfo row(const LongContextInfo& info) {
  const std::string name(info.name), label(info.label), titled = name + ", " + label + ": ";
  return {name,
          std::string(info.title),
          label,
          {{name, titled + "match", "match"}, {name + "_nll", titled + "answer NLL, nats", "nats"}}};
}

}  // namespace

std::vector<TaskInfo> evaluationTasks() {
  std::vector<TaskInfo> tasks{
      {"kl", "KL to the teacher on held-out text", "", {scoreInfo("kl", "nats")}},
      {"nll", "loss on held-out text", "", {scoreInfo("nll", "nats")}},
      {"passkey", "a pass key hidden in text", "", {scoreInfo("passkey", "share"), scoreInfo("passkey_nll", "nats")}},
      {kRuler, "those of RULER: qa_1 and qa_2 only with their files", "RULER-style", {}}};
  for (const LongContextInfo& info : LongContextTask::all()) tasks.push_back(row(info));
  return tasks;
}

std::string taskLabel(const std::string& score) {
  for (const TaskInfo& task : evaluationTasks()) {
    if (std::ranges::find(task.scores, score, &TaskInfo::ScoreInfo::name) != task.scores.end()) return task.label;
  }
  return {};
}

nlohmann::json scoresJson(std::span<const Score> scores) {
  const auto number = [](double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); };
  nlohmann::json tasks = nlohmann::json::object();
  for (const Score& score : scores) {
    nlohmann::json per_sample = nlohmann::json::array();
    for (const double value : score.per_sample) per_sample.push_back(number(value));
    nlohmann::json& task = tasks[score.task];
    task = {{"value", number(score.value)}, {"standard_error", number(score.standard_error)},
            {"samples", score.samples},     {"unit", score.unit},
            {"per_sample", per_sample},     {"samples_id", score.samples_id}};
    if (const std::string label = taskLabel(score.task); !label.empty()) task["label"] = label;
  }
  return tasks;
}

std::vector<TaskInfo> tasksOf(const Workbench::EvaluationRequest& request) {
  std::vector<TaskInfo> tasks = evaluationTasks();
  for (const std::string& name : request.tasks) {
    if (std::ranges::find(tasks, name, &TaskInfo::name) != tasks.end()) continue;
    std::vector<std::string> known;
    for (const TaskInfo& task : tasks) known.push_back(task.name);
    throw usageError("tasks", "unknown task \"" + name + "\"" + didYouMean(name, known));
  }
  const auto named = [&](std::string_view name) {
    return std::ranges::find(request.tasks, name) != request.tasks.end();
  };
  std::set<std::string, std::less<>> group;
  for (const LongContextInfo& info : LongContextTask::all()) {
    if (named(kRuler) && inRuler(info, request)) group.emplace(info.name);
    if (!named(info.name) || !info.file || !fileOf(request, *info.file).empty()) continue;
    throw usageError(std::string(info.name), "needs a file of questions in the form of " +
                                                 std::string(title(*info.file)) + ", and none was given");
  }
  std::erase_if(tasks, [&](const TaskInfo& task) {
    return task.scores.empty() || (!named(task.name) && !group.contains(task.name));
  });
  return tasks;
}

EvaluationMaker::EvaluationMaker(const Workbench::EvaluationRequest& request, Student teacher,
                                 std::shared_ptr<const Tokenizer> tokenizer, const Progress& progress)
    : request_(request), teacher_(std::move(teacher)), tokenizer_(std::move(tokenizer)), progress_(progress) {
  nlohmann::json all{request.text_tokens,   request.sequence_length, request.prompts,
                     request.prompt_tokens, request.wording,         request.seed,
                     request.generate,      request.passkeys,        request.passkey_words};
  const bool own_template = ChatForm::isFile(request.chat);
  all.push_back(request.chat);
  for (const std::filesystem::path& file :
       {std::filesystem::path(request.hay_file), request.squad_file, request.hotpot_file,
        std::filesystem::path(own_template ? request.chat : "")}) {
    all.push_back(file.string() + "\n" + identityOf(file));
  }
  using Handler = nlohmann::json::error_handler_t;
  data_key_ = all.dump(-1, ' ', false, Handler::replace);  // a file's name may be any bytes
}

std::string EvaluationMaker::key(const std::string& task) const { return (isText(task) ? "text" : task) + data_key_; }

std::unique_ptr<Evaluation> EvaluationMaker::make(const std::string& task) {
  if (isText(task)) {
    return makeTextEvaluation(teacher_, tokenizer_, request_.text_tokens, request_.sequence_length, request_.seed);
  }
  for (const LongContextInfo& info : LongContextTask::all()) {
    if (info.name == task) return makeLongContext(info);
  }
  return makePasskeyEvaluation(tokenizer_, request_.prompts, request_.prompt_tokens, request_.wording, request_.seed);
}

std::unique_ptr<Evaluation> EvaluationMaker::makeLongContext(const LongContextInfo& info) {
  if (!hay_) hay_ = std::make_shared<const Hay>(heldOutText(request_.hay_file));
  std::shared_ptr<const QuestionSet> questions;
  if (info.file) {
    questions = std::make_shared<const QuestionSet>(readQuestions(fileOf(request_, *info.file), *info.file));
  }
  const LongContextTask task(tokenizer_, info.name, request_.prompt_tokens,
                             derivedSeed(request_.seed, kLongContextPurpose),
                             {hay_, std::move(questions), request_.passkeys, request_.passkey_words});
  return std::make_unique<LongContextEvaluation>(tokenizer_, task, request_.prompts, request_.generate, progress_);
}

}  // namespace interleave
