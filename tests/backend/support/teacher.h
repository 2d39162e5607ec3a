// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "backend/mixers/full_attention.h"
#include "backend/model/model.h"

namespace interleave::testing {

/// A model with its own attention in each layer.
struct Teacher {
  explicit Teacher(const std::filesystem::path& path, const ModelOptions& options = {}) {
    NoProgress progress;
    model = Model::load(std::make_shared<const ModelFiles>(ModelFiles::open(path)), options, progress);
    for (int layer = 0; layer < model->config().layers; ++layer) {
      mixers.push_back(SoftmaxAttention::full(model, layer));
      row.push_back(mixers.back().get());
    }
  }

  std::shared_ptr<const Model> model;
  std::vector<std::unique_ptr<Mixer>> mixers;
  MixerRow row;
};

}  // namespace interleave::testing
