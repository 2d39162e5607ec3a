// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/core/events.h"

namespace interleave {

/// Rows in a full chunk.
inline constexpr std::size_t kChunkRows = 256;

/// A step's numbers that are neither metrics nor per layer.
struct ChunkHead {
  std::int64_t step = 0, seq = 0, steps = 0, tokens = 0;
  double seconds = 0;
};

/// Consecutive steps of one shape (operators, layers), as the table `chunks` keeps them: column by column, so that one
/// metric of a long run is read without its logits. Not thread-safe.
class Chunk {
 public:
  /// The columns as stored; native byte order, which is little-endian.
  struct Blobs {
    std::string operators, head, metrics, logits, probabilities, placements;
  };

  Chunk() = default;
  /// BadInput when the sizes of the columns do not agree with `count`.
  Chunk(std::size_t count, const Blobs& blobs, const std::string& place);

  std::size_t count() const { return heads_.size(); }
  bool empty() const { return heads_.empty(); }
  const ChunkHead& head(std::size_t row) const { return heads_[row]; }
  std::int64_t first() const { return heads_.front().step; }
  std::int64_t last() const { return heads_.back().step; }

  bool fits(const StepEvent& event) const;  ///< Of the same shape; an empty chunk takes any.
  bool fits(const Chunk& other) const;
  void append(const StepEvent& event, std::int64_t seq);
  void append(const Chunk& other);
  void truncate(std::size_t rows);

  StepEvent step(std::size_t row) const;                ///< Without its checkpoint.
  Blobs blobs(std::size_t from, std::size_t to) const;  ///< Of the rows [from, to).

 private:
  std::vector<MixerKind> operators_;
  std::size_t logit_width_ = 0, probability_width_ = 0, layers_ = 0;
  std::vector<ChunkHead> heads_;
  std::vector<Metrics> metrics_;
  std::vector<float> logits_, probabilities_;
  std::vector<MixerKind> placements_;
};

}  // namespace interleave
