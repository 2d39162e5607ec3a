// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "backend/mixers/mixer.h"
#include "backend/model/model.h"

namespace interleave {

/// Runs a model with an operator in each layer.

/// A model and what stands in its layers: the teacher itself, or a hybrid of it, whose weights may have been healed.
/// The mixers are not owned.
struct Student {
  std::shared_ptr<const Model> model;
  MixerRow mixers;
  bool operator==(const Student&) const = default;
};

/// The stream after the last layer, before the final norm: ids [B, T] → [B, T, D]. Where `wanted` columns are named the
/// result has only these, and the last layer's MLP is spared the others. Checks values after the last layer; where they
/// are not finite it names the first layer at which they are not (Failed).
at::Tensor runLayers(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing = {},
                     std::span<const std::int64_t> wanted = {});

/// Logits [B, T, V] in fp32.
at::Tensor logits(const Model& model, const MixerRow& mixers, const at::Tensor& ids, const Packing& packing = {});

/// Decoding with a state in each layer, a row of them for each sequence. Not thread-safe, but rows are independent:
/// different ones may be fed at the same time.
class Decoder {
 public:
  Decoder(std::shared_ptr<const Model> model, MixerRow mixers, std::int64_t rows);

  /// Feeds each row as many tokens, ids [B, T], and returns the logits of the last ones [B, V]; `all` gives every
  /// position [B, T, V].
  at::Tensor feed(const at::Tensor& ids, bool all = false);
  /// Feeds sequence s, the next lengths[s] ≥ 1 of `ids`, to row first_row + s: the logits of their last tokens [n, V].
  at::Tensor feed(std::span<const std::int32_t> ids, std::span<const std::int64_t> lengths, std::int64_t first_row = 0);
  /// Feeds `ids` to a row: the stream behind the last layer [n, D], before the final norm, at the `wanted` of them.
  at::Tensor streamOf(std::span<const std::int32_t> ids, std::span<const std::int64_t> wanted, std::int64_t row = 0);

  /// Keeps these rows, in this order, and forgets the others; one that is named several times is copied.
  void keep(std::span<const std::int64_t> rows);
  /// A decoder of so many rows, each of which has seen what the first row of this one has.
  Decoder fork(std::int64_t rows) const;

  const Model& model() const { return *model_; }
  std::int64_t rows() const { return std::ssize(positions_); }
  std::int64_t position(std::int64_t row = 0) const { return positions_.at(static_cast<std::size_t>(row)); }
  std::int64_t cacheBytes() const;

 private:
  Decoder(const Decoder& other, std::int64_t rows);

  /// Moves sequences on; of the stream, the `wanted` columns.
  at::Tensor advance(const at::Tensor& ids, std::span<const std::int64_t> lengths, std::int64_t first_row,
                     std::span<const std::int64_t> wanted);

  std::shared_ptr<const Model> model_;
  MixerRow mixers_;
  std::vector<std::unique_ptr<MixerState>> states_;
  std::vector<std::int64_t> positions_;  // tokens fed to each row
};

}  // namespace interleave
