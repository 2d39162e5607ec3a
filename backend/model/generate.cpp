// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/generate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "backend/core/error.h"
#include "backend/model/parallel.h"

namespace interleave {
namespace {

using Tokens = std::vector<std::int32_t>;
using Ids = std::span<const std::int32_t>;

constexpr std::size_t kLeastShared = 16;       // tokens; fewer cost more by themselves than they save
constexpr std::size_t kTokensAtOnce = 1024;    // that are prefilled: of several prompts, or a piece of one
constexpr std::size_t kBatchRows = 64;         // of prompts that are decoded together
constexpr std::size_t kBatchTokens = 1 << 16;  // in their caches, unless one alone has more

/// How many of `prompts`, at least one, are taken together: at most `rows`, and `tokens` with `more` for each.
template <class Prompt>
std::size_t together(std::span<const Prompt> prompts, std::size_t rows, std::size_t tokens, std::size_t more = 0) {
  std::size_t count = 0, total = 0;
  while (count < std::min(prompts.size(), rows)) {
    total += prompts[count].size() + more;
    if (count > 0 && total > tokens) break;
    ++count;
  }
  return count;
}

/// Feeds a row in pieces; the logits of the last token [1, V].
at::Tensor feedPieces(Decoder& decoder, Ids ids, std::int64_t row, Progress& progress) {
  at::Tensor logits;
  while (!ids.empty()) {
    progress.throwIfStopped();
    const Ids piece = ids.first(std::min(ids.size(), kTokensAtOnce));
    ids = ids.subspan(piece.size());
    logits = decoder.feed(piece, std::vector{std::ssize(piece)}, row);
  }
  return logits;
}

/// The logits of the last tokens; a single prompt is fed in pieces.
at::Tensor feedPrompts(Decoder& decoder, std::span<const Ids> prompts, std::size_t first_row, Progress& progress) {
  const auto row = static_cast<std::int64_t>(first_row);
  if (prompts.size() == 1) return feedPieces(decoder, prompts.front(), row, progress);
  Tokens ids;
  std::vector<std::int64_t> lengths;
  for (const Ids prompt : prompts) {
    ids.insert(ids.end(), prompt.begin(), prompt.end());
    lengths.push_back(std::ssize(prompt));
  }
  return decoder.feed(ids, lengths, row);
}

Tokens best(const at::Tensor& logits) {
  const at::Tensor ids = logits.argmax(-1).to(at::kCPU, at::kInt).contiguous();
  const auto* values = ids.const_data_ptr<std::int32_t>();
  return {values, values + ids.numel()};
}

template <class Element>
std::vector<Element> chosen(const std::vector<Element>& all, const std::vector<std::int64_t>& places) {
  std::vector<Element> some;
  for (const std::int64_t place : places) some.push_back(all[static_cast<std::size_t>(place)]);
  return some;
}

/// Of one batch.
std::vector<Tokens> continuations(const Student& student, std::span<const Tokens> prompts, std::int64_t most,
                                  std::span<const std::int32_t> end_ids, Progress& progress) {
  std::vector<Tokens> answers(prompts.size());
  std::vector<std::int64_t> prompt_of(prompts.size());  // of each row
  std::iota(prompt_of.begin(), prompt_of.end(), 0);
  std::vector<bool> ended(prompts.size());
  auto [decoder, logits] = prefill(student, prompts, progress);
  Tokens next = best(logits);
  for (std::int64_t made = 1;; ++made) {
    std::vector<std::int64_t> going;  // rows
    for (std::size_t row = 0; row < next.size(); ++row) {
      const auto prompt = static_cast<std::size_t>(prompt_of[row]);
      if (!ended[prompt]) ended[prompt] = std::ranges::find(end_ids, next[row]) != end_ids.end();
      if (ended[prompt]) continue;
      answers[prompt].push_back(next[row]);
      going.push_back(static_cast<std::int64_t>(row));
    }
    if (going.empty() || made >= most) return answers;
    progress.throwIfStopped();
    if (4 * going.size() <= 3 * next.size()) {  // copying the states of the others pays soon
      decoder.keep(going);
      next = chosen(next, going);
      prompt_of = chosen(prompt_of, going);
    }
    next = best(decoder.feed(next, std::vector<std::int64_t>(next.size(), 1)));
  }
}

}  // namespace

std::span<const std::int32_t> commonBeginning(std::span<const std::span<const std::int32_t>> prompts) {
  if (prompts.size() < 2) return {};
  Ids common = prompts.front();
  for (const Ids prompt : prompts) {
    const auto differs = std::ranges::mismatch(common, prompt).in1;
    common = common.first(static_cast<std::size_t>(differs - common.begin()));
  }
  return common.size() < kLeastShared ? Ids() : common;
}

Decoder begun(const Student& student, std::span<const std::int32_t> ids, Progress& progress) {
  Decoder decoder(student.model, student.mixers, 1);
  feedPieces(decoder, ids, 0, progress);
  return decoder;
}

Prefilled prefill(const Student& student, std::span<const Tokens> prompts, Progress& progress) {
  if (prompts.empty()) throw usageError("prompts", "there are none");
  std::vector<Ids> rests;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].empty()) throw usageError("prompt " + std::to_string(i), "it has no tokens");
    rests.push_back(Ids(prompts[i]).first(prompts[i].size() - 1));  // of the last token the logits are wanted
  }
  const Ids common = commonBeginning(rests);
  Decoder decoder = begun(student, common, progress).fork(std::ssize(prompts));
  for (std::size_t i = 0; i < prompts.size(); ++i) rests[i] = Ids(prompts[i]).subspan(common.size());

  struct Pack {
    std::size_t first, count;
    at::Tensor logits = {};
  };
  std::vector<Pack> packs;
  for (std::size_t row = 0; row < rests.size(); row += packs.back().count) {
    packs.push_back({row, together(std::span<const Ids>(rests).subspan(row), rests.size(), kTokensAtOnce)});
  }
  eachSequence(*student.model, std::ssize(packs), kTokensAtOnce, progress, [&](std::int64_t i) {
    Pack& pack = packs[static_cast<std::size_t>(i)];
    const auto own = std::span<const Ids>(rests).subspan(pack.first, pack.count);
    pack.logits = feedPrompts(decoder, own, pack.first, progress);
  });
  std::vector<at::Tensor> logits;
  for (const Pack& pack : packs) logits.push_back(pack.logits);
  return {std::move(decoder), at::cat(logits)};
}

std::vector<Tokens> generateBatch(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                                  std::span<const Tokens> prompts, std::int64_t most,
                                  std::span<const std::int32_t> end_ids, Progress& progress) {
  std::vector<Tokens> answers;
  if (most <= 0) answers.resize(prompts.size());
  while (answers.size() < prompts.size()) {
    progress.report("Generating", static_cast<double>(answers.size()) / static_cast<double>(prompts.size()));
    const auto waiting = prompts.subspan(answers.size());
    const auto batch = waiting.first(together(waiting, kBatchRows, kBatchTokens, static_cast<std::size_t>(most)));
    std::ranges::move(continuations({model, mixers}, batch, most, end_ids, progress), std::back_inserter(answers));
  }
  return answers;
}

Tokens generateGreedy(const std::shared_ptr<const Model>& model, const MixerRow& mixers,
                      std::span<const std::int32_t> prompt, std::int64_t most, std::span<const std::int32_t> end_ids) {
  NoProgress quiet;
  const Tokens ids(prompt.begin(), prompt.end());
  return generateBatch(model, mixers, std::span(&ids, 1), most, end_ids, quiet).front();
}

}  // namespace interleave
