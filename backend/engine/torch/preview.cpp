// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <span>

#include "backend/engine/torch/loaded_model.h"
#include "backend/engine/workbench.h"
#include "backend/search/search_data.h"

namespace interleave {

std::optional<PromptPreview> previewPrompt(const RunSpec& spec) {
  return guarded([&]() -> std::optional<PromptPreview> {
    Settings settings(methodNamed(spec.method).settings);
    settings.merge(spec.search_settings, "search settings");
    const auto looks = [](const SettingSpec& one) { return one.key == "prompt_share"; };
    if (std::ranges::none_of(settings.specs(), looks) || settings.real("prompt_share") <= 0) return std::nullopt;
    NoProgress none;
    const auto tokenizer = tokenizerOf(*openModel(spec.model_path, none), settings.text(kChatSetting), none);
    const SearchData data({.model = nullptr, .bank = nullptr, .tokenizer = tokenizer, .spec = spec}, settings);
    std::int64_t step = 0;
    while (!data.isPrompt(step)) ++step;
    const SearchBatch batch = data.batch(step);
    const std::int64_t answer = batch.positions.front() + 1;
    const auto text = [&](std::int64_t first, std::int64_t end) {
      return tokenizer->decode(
          std::span(batch.ids).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(end - first)), false);
    };
    const auto tokens = static_cast<std::int64_t>(batch.ids.size());
    return PromptPreview{text(0, answer), text(answer, tokens), tokens, answer};
  });
}

}  // namespace interleave
