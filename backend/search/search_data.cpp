// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/search_data.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/core/random.h"

namespace interleave {
namespace {

constexpr std::uint64_t kTextPurpose = 11, kFillerPurpose = 12, kPromptPurpose = 13, kHeldOutPurpose = 14;

std::vector<std::int64_t> evenly(std::int64_t first, std::int64_t last, std::int64_t count) {
  std::vector<std::int64_t> positions;
  count = std::min(count, last - first);
  for (std::int64_t i = 0; i < count; ++i) positions.push_back(first + i * (last - first) / count);
  return positions;
}

LossKind lossOf(const Settings& settings, const std::string& key) {
  const bool listed = std::ranges::find(settings.specs(), key, &SettingSpec::key) != settings.specs().end();
  return listed ? lossKindNamed(settings.text(key)) : LossKind::Kl;
}

}  // namespace

std::vector<SettingSpec> SearchData::settings(const Fallbacks& fallbacks) {
  using namespace setting;
  return {
      inferred(integer("text_tokens", fallbacks.text_tokens, 8, 1 << 20, "Tokens of a text sequence.")),
      inferred(integer("text_positions", fallbacks.text_positions, 1, 1 << 20,
                       "Positions of a text sequence at which the loss is taken, evenly spread over its later part.")),
      inferred(real("prompt_share", fallbacks.prompt_share, 0, 1,
                    "Share of steps that use a retrieval prompt instead of text.")),
      inferred(integer("prompt_tokens", 340, 32, 1 << 20, "Tokens of a retrieval prompt.")),
      inferred(choice("prompt_wording", "standard", PasskeyTask::mixtures(),
                      "Wording of the retrieval prompts; mixed: four, which leaves three to evaluation.")),
      choiceOrPath("chat", std::string(ChatForm::kAuto), ChatForm::choices(),
                   "Form of prompts, also of those that a bank is aligned on: auto, the model's own template if it has "
                   "one and plain text otherwise; none, plain text; a family's; or a file with a Jinja template."),
      inferred(choice("text_loss", fallbacks.text_loss, lossKindNames(), "Loss on text.")),
      inferred(choice("prompt_loss", fallbacks.prompt_loss, lossKindNames(),
                      "Loss at the answer tokens of prompts (those of layers: FlashMorph's supervision).")),
      path("text_file", "Search text; empty: the bundled one."),
  };
}

SearchData::SearchData(const MethodInput& input, const Settings& settings, Part part,
                       std::optional<double> prompt_share)
    : prompt_share_(prompt_share.value_or(settings.real("prompt_share"))),
      text_loss_(lossOf(settings, "text_loss")),
      prompt_loss_(lossOf(settings, "prompt_loss")),
      text_positions_(settings.integer("text_positions")) {
  const bool held_out = part == Part::HeldOut;
  const std::string text = (held_out ? heldOutText : calibrationText)(settings.text("text_file"));
  const std::uint64_t seed = held_out ? derivedSeed(input.spec.seed, kHeldOutPurpose) : input.spec.seed;
  const std::int64_t tokens = settings.integer("prompt_tokens");
  if (prompt_share_ < 1) {
    text_ = std::make_unique<TextSource>(input.tokenizer, text, settings.integer("text_tokens"),
                                         derivedSeed(seed, kTextPurpose));
  }
  if (prompt_share_ > 0) {
    auto filler = std::make_shared<TextSource>(input.tokenizer, text, tokens, derivedSeed(seed, kFillerPurpose));
    prompts_ = std::make_unique<PasskeyTask>(input.tokenizer, std::move(filler), tokens,
                                             settings.text("prompt_wording"), derivedSeed(seed, kPromptPurpose));
  }
}

bool SearchData::isPrompt(std::int64_t step) const { return isPromptStep(step, prompt_share_); }

SearchBatch SearchData::batch(std::int64_t step) const {
  SearchBatch batch;
  if (isPrompt(step)) {
    AnsweredPrompt prompt = prompts_->prompt(step);
    batch.loss = prompt_loss_;
    const auto end = static_cast<std::int64_t>(prompt.ids.size()) - 1;
    batch.positions = evenly(prompt.answer_begin - 1, end, end);
    batch.answer = prompt.answer_begin;
    batch.ids = std::move(prompt.ids);
  } else {
    batch.loss = text_loss_;
    batch.ids = text_->sequence(step);
    const auto last = static_cast<std::int64_t>(batch.ids.size()) - 1;
    const std::int64_t wanted = std::min(text_positions_, last);
    batch.positions = evenly(std::min(last / 8, last - wanted), last, wanted);
  }
  return batch;
}

std::int64_t SearchData::count(bool prompt, std::int64_t steps) const {
  const auto prompts = static_cast<std::int64_t>(std::floor(static_cast<double>(steps) * prompt_share_));
  return prompt ? prompts : steps - prompts;
}

std::vector<std::int64_t> SearchData::lastSteps(std::int64_t steps, std::int64_t wanted) const {
  const std::int64_t texts = count(false, steps), prompts = count(true, steps);
  std::int64_t prompts_wanted = std::min(prompts, std::max(wanted / 2, wanted - texts));
  std::int64_t texts_wanted = std::min(texts, wanted - prompts_wanted);
  std::vector<std::int64_t> last;
  for (std::int64_t step = steps; step-- > 0;) {
    if ((isPrompt(step) ? prompts_wanted : texts_wanted)-- > 0) last.push_back(step);
  }
  std::ranges::reverse(last);
  return last;
}

}  // namespace interleave
