// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/decoder.h"
#include "backend/model/parallel.h"

namespace interleave {

Score scoreOf(std::string task, std::string unit, std::vector<double> per_sample) {
  const auto samples = static_cast<std::int64_t>(per_sample.size());
  Score score{.task = std::move(task),
              .unit = std::move(unit),
              .value = 0,
              .standard_error = 0,
              .samples = samples,
              .per_sample = std::move(per_sample)};
  const auto count = static_cast<double>(score.samples);
  for (double value : score.per_sample) score.value += value / count;
  double square = 0;
  for (double value : score.per_sample) square += (value - score.value) * (value - score.value);
  score.standard_error = score.samples > 1 ? std::sqrt(square / (count - 1) / count) : 0;
  return score;
}

TextEvaluation::TextEvaluation(std::shared_ptr<const CandidateBank> bank, const TextSource& text,
                               std::int64_t sequences)
    : bank_(std::move(bank)) {
  if (text.length() < 2) throw usageError("sequence", "a token is judged from the one before it: two are needed");
  // Those beyond the text's end would be the first ones again, and no samples of their own.
  for (std::int64_t i = 0; i < std::min(sequences, text.count()); ++i) sequences_.push_back(text.sequence(i));
}

std::vector<Score> TextEvaluation::scores(const Placement& placement, Progress& progress) {
  const at::NoGradGuard no_grad;
  const Model& model = bank_->model();
  const MixerRow row = bank_->row(placement);
  const Placement full(placement.layers(), MixerKind::Full);
  const auto lastHidden = [&](const MixerRow& mixers, const std::vector<std::int32_t>& ids) {
    const at::Tensor stream = runLayers(model, mixers, tokenBatch(ids, model.device()))[0];
    return model.finalNorm(stream.narrow(0, 0, stream.size(0) - 1));
  };
  std::vector<double> divergences, likelihoods;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    progress.throwIfStopped();
    if (teacher_.size() <= i) teacher_.push_back(lastHidden(bank_->row(full), sequences_[i]));
    const at::Tensor student = placement == full ? teacher_[i] : lastHidden(row, sequences_[i]);
    const at::Tensor labels = tokenBatch(sequences_[i], model.device())[0].slice(0, 1);
    double divergence = 0, likelihood = 0;
    const std::int64_t rows = student.size(0);
    for (std::int64_t first = 0; first < rows; first += kHeadRows) {
      progress.throwIfStopped();
      const std::int64_t count = std::min(kHeadRows, rows - first);
      const at::Tensor log_student = at::log_softmax(model.head(student.narrow(0, first, count)), -1);
      likelihood -= log_student.gather(1, labels.narrow(0, first, count).unsqueeze(1)).sum().item<double>();
      if (placement == full) continue;
      const at::Tensor log_teacher = at::log_softmax(model.head(teacher_[i].narrow(0, first, count)), -1);
      divergence += (log_teacher.exp() * (log_teacher - log_student)).sum().item<double>();
    }
    divergences.push_back(divergence / static_cast<double>(rows));
    likelihoods.push_back(likelihood / static_cast<double>(rows));
    progress.report("Measuring on text", static_cast<double>(i + 1) / static_cast<double>(sequences_.size()));
  }
  return {scoreOf("kl", "nats", std::move(divergences)), scoreOf("nll", "nats", std::move(likelihoods))};
}

PasskeyEvaluation::PasskeyEvaluation(std::shared_ptr<const CandidateBank> bank, const PasskeyTask& task,
                                     std::int64_t prompts)
    : bank_(std::move(bank)) {
  for (std::int64_t i = 0; i < prompts; ++i) {
    prompts_.push_back(task.prompt(i));
    if (prompts_.back().overlong) throw usageError("prompt_tokens", "they are too few for the prompt's own words");
  }
}

std::vector<Score> PasskeyEvaluation::scores(const Placement& placement, Progress& progress) {
  const Model& model = bank_->model();
  const MixerRow row = bank_->row(placement);
  const auto count = std::ssize(prompts_);
  std::vector<double> answered(prompts_.size()), likelihoods(prompts_.size());
  std::size_t longest = 0;
  for (const AnsweredPrompt& prompt : prompts_) longest = std::max(longest, prompt.ids.size());
  const auto judge = [&](std::int64_t index) {
    const AnsweredPrompt& prompt = prompts_[static_cast<std::size_t>(index)];
    std::vector<std::int64_t> before(prompt.ids.size() - static_cast<std::size_t>(prompt.answer_begin));
    std::iota(before.begin(), before.end(), prompt.answer_begin - 1);  // the places that the answer is read from
    const at::Tensor ids = tokenBatch(prompt.ids, model.device());
    const at::Tensor log_p =
        at::log_softmax(model.head(model.finalNorm(runLayers(model, row, ids, {}, before)[0])), -1);
    const at::Tensor answer = ids[0].slice(0, prompt.answer_begin);
    answered[static_cast<std::size_t>(index)] = log_p.argmax(-1).equal(answer) ? 1 : 0;
    likelihoods[static_cast<std::size_t>(index)] = -log_p.gather(1, answer.unsqueeze(1)).sum().item<double>();
  };
  eachSequence(model, count, static_cast<std::int64_t>(longest), progress, judge, [&](std::int64_t done) {
    progress.report("Measuring on pass keys", static_cast<double>(done) / static_cast<double>(count));
  });
  return {scoreOf("passkey", "share", std::move(answered)), scoreOf("passkey_nll", "nats", std::move(likelihoods))};
}

}  // namespace interleave
