// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/generate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "backend/core/error.h"

namespace interleave {
namespace {

using Tokens = std::vector<std::int32_t>;

constexpr std::size_t kPackTokens = 1024;      // of prompts that are prefilled together
constexpr std::size_t kPieceTokens = 4096;     // of a longer prompt
constexpr std::size_t kBatchRows = 64;         // of prompts that are decoded together
constexpr std::size_t kBatchTokens = 1 << 16;  // in their caches, unless one alone has more

/// How many of `prompts`, at least one, are taken together: at most `rows`, and `tokens` with `more` for each.
std::size_t together(std::span<const Tokens> prompts, std::size_t rows, std::size_t tokens, std::size_t more = 0) {
  std::size_t count = 0, total = 0;
  while (count < std::min(prompts.size(), rows)) {
    total += prompts[count].size() + more;
    if (count > 0 && total > tokens) break;
    ++count;
  }
  return count;
}

at::Tensor feedInPieces(Decoder& decoder, std::span<const std::int32_t> ids, std::int64_t row, Progress& progress) {
  at::Tensor logits;
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kPieceTokens))) {
    progress.throwIfStopped();
    const auto piece = ids.first(std::min(ids.size(), kPieceTokens));
    logits = decoder.feed(piece, std::vector{std::ssize(piece)}, row);
  }
  return logits;
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

/// Of one batch, with a decoder that has a row for each prompt.
std::vector<Tokens> continuations(Decoder decoder, std::span<const Tokens> prompts, std::int64_t most,
                                  std::span<const std::int32_t> end_ids, Progress& progress) {
  std::vector<Tokens> answers(prompts.size());
  std::vector<std::int64_t> prompt_of(prompts.size());  // of each row
  std::iota(prompt_of.begin(), prompt_of.end(), 0);
  std::vector<bool> ended(prompts.size());
  Tokens next = best(prefill(decoder, prompts, progress));
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

at::Tensor prefill(Decoder& decoder, std::span<const Tokens> prompts, Progress& progress) {
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].empty()) throw usageError("prompt " + std::to_string(i), "it has no tokens");
  }
  std::vector<at::Tensor> logits;
  for (std::size_t row = 0; row < prompts.size();) {
    progress.throwIfStopped();
    const auto pack = prompts.subspan(row, together(prompts.subspan(row), prompts.size(), kPackTokens));
    Tokens ids;
    std::vector<std::int64_t> lengths;
    for (const Tokens& prompt : pack) {
      ids.insert(ids.end(), prompt.begin(), prompt.end());
      lengths.push_back(std::ssize(prompt));
    }
    const auto first = static_cast<std::int64_t>(row);
    logits.push_back(pack.size() > 1 ? decoder.feed(ids, lengths, first) : feedInPieces(decoder, ids, first, progress));
    row += pack.size();
  }
  return at::cat(logits);
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
    std::ranges::move(continuations(Decoder(model, mixers, std::ssize(batch)), batch, most, end_ids, progress),
                      std::back_inserter(answers));
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
