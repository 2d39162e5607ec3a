// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>

#include "backend/heal/trainee.h"

namespace interleave::testing {

/// A batch of random ids whose predictions all count.
SearchBatch randomBatch(const ModelConfig& config, std::int64_t tokens, std::uint64_t seed);

/// Trains a hybrid for a few long steps, so that every weight moves, and writes it as a finished heal. Returns
/// `folder`.
std::filesystem::path writeTinyHeal(const std::filesystem::path& folder, const std::shared_ptr<const Model>& model,
                                    const CandidateBank& bank, const Placement& placement,
                                    const TraineeOptions& options);

}  // namespace interleave::testing
