// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/evaluation/evaluate.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/model/generate.h"
#include "backend/model/parallel.h"

namespace interleave {
namespace {

constexpr std::uint64_t kTextPurpose = 21, kFillerPurpose = 22, kPromptPurpose = 23;

}  // namespace

TextEvaluation::TextEvaluation(Student teacher, const TextSource& text, std::int64_t sequences)
    : teacher_(std::move(teacher)), length_(text.length()) {
  if (text.length() < 2) throw usageError("sequence", "a token is judged from the one before it: two are needed");
  // Those beyond the text's end would be the first ones again, and no samples of their own.
  for (std::int64_t i = 0; i < std::min(sequences, text.count()); ++i) sequences_.push_back(text.sequence(i));
  Digest digest;
  for (const auto& sequence : sequences_) digest.add(std::span(sequence));
  samples_id_ = digest.text();
}

std::vector<Score> TextEvaluation::scores(const Student& student, Progress& progress) {
  const bool is_teacher = student == teacher_;
  const auto lastHidden = [](const Student& of, const std::vector<std::int32_t>& ids) {
    const at::Tensor stream = runLayers(*of.model, of.mixers, tokenBatch(ids, of.model->device()))[0];
    return of.model->finalNorm(stream.narrow(0, 0, stream.size(0) - 1));
  };
  hidden_.resize(sequences_.size());
  std::vector<double> divergences(sequences_.size()), likelihoods(sequences_.size());
  const auto judge = [&](std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    progress.throwIfStopped();
    if (!hidden_[i].defined()) hidden_[i] = lastHidden(teacher_, sequences_[i]);
    const at::Tensor hidden = is_teacher ? hidden_[i] : lastHidden(student, sequences_[i]);
    const at::Tensor labels = tokenBatch(sequences_[i], student.model->device())[0].slice(0, 1);
    double divergence = 0, likelihood = 0;
    const std::int64_t rows = hidden.size(0), at_once = headRows();
    for (std::int64_t first = 0; first < rows; first += at_once) {
      progress.throwIfStopped();
      const std::int64_t count = std::min(at_once, rows - first);
      const at::Tensor log_student = at::log_softmax(student.model->head(hidden.narrow(0, first, count)), -1);
      likelihood -= log_student.gather(1, labels.narrow(0, first, count).unsqueeze(1)).sum().item<double>();
      if (is_teacher) continue;
      const at::Tensor log_teacher = at::log_softmax(teacher_.model->head(hidden_[i].narrow(0, first, count)), -1);
      divergence += (log_teacher.exp() * (log_teacher - log_student)).sum().item<double>();
    }
    divergences[i] = divergence / static_cast<double>(rows);
    likelihoods[i] = likelihood / static_cast<double>(rows);
  };
  eachSequence(*student.model, std::ssize(sequences_), length_, progress, judge, [&](std::int64_t done) {
    progress.report("Measuring on text", static_cast<double>(done) / static_cast<double>(sequences_.size()));
  });
  return {scoreOf("kl", "nats", std::move(divergences), samples_id_),
          scoreOf("nll", "nats", std::move(likelihoods), samples_id_)};
}

PasskeyEvaluation::PasskeyEvaluation(const PasskeyTask& task, std::int64_t prompts) {
  for (std::int64_t i = 0; i < prompts; ++i) {
    prompts_.push_back(task.prompt(i));
    if (prompts_.back().overlong) throw usageError("prompt_tokens", "they are too few for the prompt's own words");
  }
  samples_id_ = samplesId(prompts_);
}

namespace {

/// `beginning` has seen the first tokens of the prompt, or none.
AnswerReading readAnswer(const Student& student, const Decoder& beginning, const AnsweredPrompt& prompt) {
  const Model& model = *student.model;
  const auto rest = std::span(prompt.ids).subspan(static_cast<std::size_t>(beginning.position()));
  std::vector<std::int64_t> before(prompt.ids.size() - static_cast<std::size_t>(prompt.answer_begin));
  std::iota(before.begin(), before.end(), prompt.answer_begin - 1 - beginning.position());  // that it is read from
  // Nothing is decoded behind it: without a shared beginning no keys and values need be kept.
  const at::Tensor stream = beginning.position() > 0 ? beginning.fork(1).streamOf(rest, before)
                                                     : runLayers(model, student.mixers,
                                                                 tokenBatch(prompt.ids, model.device()), {}, before)[0];
  const at::Tensor answer = tokenBatch(prompt.ids, model.device())[0].slice(0, prompt.answer_begin);
  AnswerReading reading;
  const std::int64_t at_once = headRows();
  for (std::int64_t first = 0; first < stream.size(0); first += at_once) {
    const std::int64_t count = std::min(at_once, stream.size(0) - first);
    const at::Tensor log_p = at::log_softmax(model.head(model.finalNorm(stream.narrow(0, first, count))), -1);
    const at::Tensor said = answer.narrow(0, first, count);
    reading.arg_max = reading.arg_max && log_p.argmax(-1).equal(said);
    reading.nll -= log_p.gather(1, said.unsqueeze(1)).sum().item<double>();
  }
  return reading;
}

}  // namespace

std::vector<AnswerReading> readAnswers(const Student& student, std::size_t count,
                                       const std::function<const AnsweredPrompt&(std::size_t)>& prompt,
                                       const std::string& message, Progress& progress) {
  std::vector<std::size_t> order(count);  // the longest first: those that are read beside each other take as long
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return prompt(i).ids.size(); });
  std::vector<std::span<const std::int32_t>> questions;
  for (const std::size_t i : order) {
    questions.push_back(std::span(prompt(i).ids)
                            .first(static_cast<std::size_t>(std::max<std::int64_t>(prompt(i).answer_begin, 1) - 1)));
  }
  const Decoder beginning = begun(student, commonBeginning(questions), progress);
  std::vector<AnswerReading> readings(count);
  const auto read = [&](std::int64_t index) {
    const std::size_t i = order[static_cast<std::size_t>(index)];
    readings[i] = readAnswer(student, beginning, prompt(i));
  };
  const std::int64_t longest = order.empty() ? 0 : std::ssize(prompt(order.front()).ids);
  eachSequence(*student.model, std::ssize(order), longest, progress, read, [&](std::int64_t done) {
    progress.report(message, static_cast<double>(done) / static_cast<double>(count));
  });
  return readings;
}

std::vector<Score> PasskeyEvaluation::scores(const Student& student, Progress& progress) {
  const std::vector<AnswerReading> readings = readAnswers(
      student, prompts_.size(), [&](std::size_t i) -> const AnsweredPrompt& { return prompts_[i]; },
      "Measuring on pass keys", progress);
  std::vector<double> answered, likelihoods;
  for (const AnswerReading& reading : readings) {
    answered.push_back(reading.arg_max ? 1 : 0);
    likelihoods.push_back(reading.nll);
  }
  return {scoreOf("passkey", "share", std::move(answered), samples_id_),
          scoreOf("passkey_nll", "nats", std::move(likelihoods), samples_id_)};
}

std::unique_ptr<Evaluation> makeTextEvaluation(Student teacher, const std::shared_ptr<const Tokenizer>& tokenizer,
                                               std::int64_t tokens, std::int64_t sequence_length, std::uint64_t seed) {
  const TextSource source(tokenizer, heldOutText({}), sequence_length, derivedSeed(seed, kTextPurpose));
  return std::make_unique<TextEvaluation>(std::move(teacher), source,
                                          std::max<std::int64_t>(1, tokens / sequence_length));
}

PasskeyTask judgedPasskeys(const std::shared_ptr<const Tokenizer>& tokenizer, std::int64_t prompt_tokens,
                           const std::string& wording, std::uint64_t seed) {
  auto filler =
      std::make_shared<TextSource>(tokenizer, heldOutText({}), prompt_tokens, derivedSeed(seed, kFillerPurpose));
  return {tokenizer, std::move(filler), prompt_tokens, wording, derivedSeed(seed, kPromptPurpose)};
}

std::unique_ptr<Evaluation> makePasskeyEvaluation(const std::shared_ptr<const Tokenizer>& tokenizer,
                                                  std::int64_t prompts, std::int64_t prompt_tokens,
                                                  const std::string& wording, std::uint64_t seed) {
  return std::make_unique<PasskeyEvaluation>(judgedPasskeys(tokenizer, prompt_tokens, wording, seed), prompts);
}

}  // namespace interleave
