// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/core/digest.h"
#include "backend/core/events.h"
#include "backend/core/progress.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"

namespace interleave {

/// Judges placements on samples of its own: every placement sees the same ones in the same order, so that differences
/// are paired. Not thread-safe.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  virtual std::vector<Score> scores(const Placement& placement, Progress& progress) = 0;
};

/// Held-out text: KL to the teacher and NLL. The teacher's last hidden states are kept between placements.
class TextEvaluation final : public Evaluation {
 public:
  /// At most as many sequences as the text has. Usage error: sequences of one token.
  TextEvaluation(std::shared_ptr<const CandidateBank> bank, const TextSource& text, std::int64_t sequences);
  /// "kl" and "nll", nats a token; a sample is a sequence.
  std::vector<Score> scores(const Placement& placement, Progress& progress) override;

 private:
  std::shared_ptr<const CandidateBank> bank_;
  std::vector<std::vector<std::int32_t>> sequences_;
  std::string samples_id_;
  std::vector<at::Tensor> teacher_;  ///< [T−1, D] normalised last hidden states.
};

/// Passkey prompts: the share answered (every answer token is the arg max under teacher forcing, which is when greedy
/// decoding gives the answer) and the NLL of the whole answer, nats. A sample is a prompt.
class PasskeyEvaluation final : public Evaluation {
 public:
  PasskeyEvaluation(std::shared_ptr<const CandidateBank> bank, const PasskeyTask& task, std::int64_t prompts);
  /// "passkey" and "passkey_nll".
  std::vector<Score> scores(const Placement& placement, Progress& progress) override;

 private:
  std::shared_ptr<const CandidateBank> bank_;
  std::vector<AnsweredPrompt> prompts_;
  std::string samples_id_;
};

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

/// How a row of mixers takes a prompt's answer under teacher forcing.
struct AnswerReading {
  double nll = 0;       ///< Of the whole answer, nats.
  bool arg_max = true;  ///< Each of its tokens is the most likely one: greedy decoding would say it.
};
AnswerReading readAnswer(const Model& model, const MixerRow& row, const AnsweredPrompt& prompt);

}  // namespace interleave
