// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/core/digest.h"
#include "backend/core/progress.h"
#include "backend/core/score.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"
#include "backend/model/decoder.h"

namespace interleave {

/// Judges hybrids on samples of its own: every one sees the same ones in the same order, so that differences are
/// paired. Not thread-safe.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  virtual std::vector<Score> scores(const Student& student, Progress& progress) = 0;
};

/// Held-out text: KL to the teacher and NLL. The teacher's last hidden states are kept between students.
class TextEvaluation final : public Evaluation {
 public:
  /// At most as many sequences as the text has. Usage error: sequences of one token.
  TextEvaluation(Student teacher, const TextSource& text, std::int64_t sequences);
  /// "kl" and "nll", nats a token; a sample is a sequence.
  std::vector<Score> scores(const Student& student, Progress& progress) override;

 private:
  Student teacher_;
  std::int64_t length_;
  std::vector<std::vector<std::int32_t>> sequences_;
  std::string samples_id_;
  std::vector<at::Tensor> hidden_;  ///< The teacher's, [T−1, D] normalised last hidden states.
};

/// Passkey prompts: the share answered (every answer token is the arg max under teacher forcing, which is when greedy
/// decoding gives the answer) and the NLL of the whole answer, nats. A sample is a prompt.
class PasskeyEvaluation final : public Evaluation {
 public:
  PasskeyEvaluation(const PasskeyTask& task, std::int64_t prompts);
  /// "passkey" and "passkey_nll".
  std::vector<Score> scores(const Student& student, Progress& progress) override;

 private:
  std::vector<AnsweredPrompt> prompts_;
  std::string samples_id_;
};

/// The two as `evaluate` makes them: text and filler are held out, and everything random follows from `seed`.
std::unique_ptr<Evaluation> makeTextEvaluation(Student teacher, const std::shared_ptr<const Tokenizer>& tokenizer,
                                               std::int64_t tokens, std::int64_t sequence_length, std::uint64_t seed);
PasskeyTask judgedPasskeys(const std::shared_ptr<const Tokenizer>& tokenizer, std::int64_t prompt_tokens,
                           const std::string& wording, std::uint64_t seed);
std::unique_ptr<Evaluation> makePasskeyEvaluation(const std::shared_ptr<const Tokenizer>& tokenizer,
                                                  std::int64_t prompts, std::int64_t prompt_tokens,
                                                  const std::string& wording, std::uint64_t seed);

/// Score::samples_id of prompts judged on their answers: of their tokens and of where the answers begin.
template <class Prompt>
std::string samplesId(const std::vector<Prompt>& prompts) {
  Digest digest;
  for (const AnsweredPrompt& prompt : prompts) {
    digest.add(std::span(prompt.ids));
    digest.add(prompt.answer_begin);
  }
  return digest.text();
}

/// How a student takes a prompt's answer under teacher forcing.
struct AnswerReading {
  double nll = 0;       ///< Of the whole answer, nats.
  bool arg_max = true;  ///< Each of its tokens is the most likely one: greedy decoding would say it.
};
/// Of each of `count` prompts, in their order; `message` tells what is measured. Stopped when asked.
std::vector<AnswerReading> readAnswers(const Student& student, std::size_t count,
                                       const std::function<const AnsweredPrompt&(std::size_t)>& prompt,
                                       const std::string& message, Progress& progress);

}  // namespace interleave
