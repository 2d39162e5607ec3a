// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/backend/heal/tiny_heal.h"

#include "backend/core/random.h"
#include "backend/heal/heal_folder.h"

namespace interleave::testing {

SearchBatch randomBatch(const ModelConfig& config, std::int64_t tokens, std::uint64_t seed) {
  Random random(seed);
  SearchBatch batch;
  for (std::int64_t i = 0; i < tokens; ++i) {
    batch.ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocabulary))));
    if (i + 1 < tokens) batch.positions.push_back(i);
  }
  return batch;
}

std::filesystem::path writeTinyHeal(const std::filesystem::path& folder, const std::shared_ptr<const Model>& model,
                                    const CandidateBank& bank, const Placement& placement,
                                    const TraineeOptions& options) {
  Trainee trainee(model, bank, placement, options);
  for (std::int64_t step = 1; step <= 3; ++step) {
    trainee.accumulate(randomBatch(model->config(), 40, static_cast<std::uint64_t>(step)), 1);
    trainee.descend(step, {.rate = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0});
  }
  const nlohmann::json& bank_card = bank.card();
  const nlohmann::json key = bank_card.is_object() ? bank_card.at("key") : nlohmann::json();
  HealFolder(folder,
             {{"format", "interleave-healed"},
              {"version", 1},
              {"model_name", model->config().name},
              {"placement", placement.letters()},
              {"bank_settings", key.is_object() ? key.at("settings") : nlohmann::json::object()},
              {"key",
               {{"model", model->fingerprint()},
                {"settings", nlohmann::json::object()},
                {"seed", 0U},
                {"bank", key},
                {"text", "none"}}},
              {"complete", false},
              {"tokens", 0},
              {"seconds", 0.0}},
             false)
      .finish({}, trainee.weights());
  return folder;
}

}  // namespace interleave::testing
