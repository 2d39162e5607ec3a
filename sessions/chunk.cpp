// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/chunk.h"

#include <bit>
#include <cstring>

#include "backend/core/error.h"

namespace interleave {
namespace {

static_assert(std::endian::native == std::endian::little, "the store's columns are little-endian");
static_assert(sizeof(MixerKind) == 1);
constexpr std::size_t kHeadBytes = 5 * sizeof(std::int64_t);

template <class T>
std::string bytesOf(const std::vector<T>& values, std::size_t from, std::size_t to) {
  return {reinterpret_cast<const char*>(values.data() + from), (to - from) * sizeof(T)};
}

template <class T>
std::vector<T> valuesOf(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// Element `row` of column `column` in a blob of columns of `count` 8-byte elements.
char* cell(std::string& blob, std::size_t count, std::size_t column, std::size_t row) {
  return blob.data() + (column * count + row) * sizeof(std::int64_t);
}
const char* cell(const std::string& blob, std::size_t count, std::size_t column, std::size_t row) {
  return blob.data() + (column * count + row) * sizeof(std::int64_t);
}

template <class T>
void extend(std::vector<T>& values, const std::vector<T>& more) {
  values.insert(values.end(), more.begin(), more.end());
}

std::vector<MixerKind> kindsOf(const std::string& bytes, const std::string& place) {
  for (const char byte : bytes) {
    if (static_cast<unsigned char>(byte) >= kMixerKinds) throw badInput({}, place, "an unknown operator");
  }
  return valuesOf<MixerKind>(bytes);
}

}  // namespace

Chunk::Chunk(std::size_t count, const Blobs& blobs, const std::string& place) {
  const std::size_t metric_bytes = sizeof(double) * count;
  const auto rows = [count](const std::string& blob, std::size_t size) { return blob.size() % (count * size) == 0; };
  if (count == 0 || count > kChunkRows || blobs.head.size() != kHeadBytes * count || !rows(blobs.metrics, 8) ||
      !rows(blobs.logits, 4) || !rows(blobs.probabilities, 4) || !rows(blobs.placements, 1)) {
    throw badInput({}, place, "the columns do not hold " + std::to_string(count) + " steps");
  }
  operators_ = kindsOf(blobs.operators, place);
  logits_ = valuesOf<float>(blobs.logits);
  probabilities_ = valuesOf<float>(blobs.probabilities);
  placements_ = kindsOf(blobs.placements, place);
  logit_width_ = logits_.size() / count;
  probability_width_ = probabilities_.size() / count;
  layers_ = placements_.size() / count;
  const std::size_t known = std::min<std::size_t>(kMetrics, blobs.metrics.size() / metric_bytes);
  for (std::size_t row = 0; row < count; ++row) {
    ChunkHead& head = heads_.emplace_back();
    std::int64_t* const integers[] = {&head.step, &head.seq, &head.steps, &head.tokens};
    for (std::size_t column = 0; column < 4; ++column) {
      std::memcpy(integers[column], cell(blobs.head, count, column, row), sizeof(std::int64_t));
    }
    std::memcpy(&head.seconds, cell(blobs.head, count, 4, row), sizeof(double));
    Metrics& metrics = metrics_.emplace_back(noMetrics());
    for (std::size_t metric = 0; metric < known; ++metric) {
      std::memcpy(&metrics[metric], cell(blobs.metrics, count, metric, row), sizeof(double));
    }
    if (row > 0 && head.step <= heads_[row - 1].step) throw badInput({}, place, "the steps are out of order");
  }
}

bool Chunk::fits(const StepEvent& event) const {
  return empty() || (operators_ == event.operators && logit_width_ == event.logits.size() &&
                     probability_width_ == event.probabilities.size() &&
                     layers_ == static_cast<std::size_t>(event.if_stopped_now.layers()));
}

bool Chunk::fits(const Chunk& other) const {
  return empty() || (operators_ == other.operators_ && logit_width_ == other.logit_width_ &&
                     probability_width_ == other.probability_width_ && layers_ == other.layers_);
}

void Chunk::append(const StepEvent& event, std::int64_t seq) {
  if (empty()) {
    operators_ = event.operators;
    logit_width_ = event.logits.size();
    probability_width_ = event.probabilities.size();
    layers_ = static_cast<std::size_t>(event.if_stopped_now.layers());
  }
  heads_.push_back({event.step, seq, event.steps, event.tokens, event.seconds});
  metrics_.push_back(event.metrics);
  extend(logits_, event.logits);
  extend(probabilities_, event.probabilities);
  placements_.insert(placements_.end(), event.if_stopped_now.kinds().begin(), event.if_stopped_now.kinds().end());
}

void Chunk::append(const Chunk& other) {
  if (empty()) {
    *this = other;
    return;
  }
  extend(heads_, other.heads_);
  extend(metrics_, other.metrics_);
  extend(logits_, other.logits_);
  extend(probabilities_, other.probabilities_);
  extend(placements_, other.placements_);
}

void Chunk::truncate(std::size_t rows) {
  heads_.resize(rows);
  metrics_.resize(rows);
  logits_.resize(rows * logit_width_);
  probabilities_.resize(rows * probability_width_);
  placements_.resize(rows * layers_);
}

StepEvent Chunk::step(std::size_t row) const {
  const auto part = [row](const auto& values, std::size_t width) {
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    return std::decay_t<decltype(values)>(from, from + static_cast<std::ptrdiff_t>(width));
  };
  const ChunkHead& head = heads_[row];
  StepEvent event;
  event.step = head.step;
  event.steps = head.steps;
  event.tokens = head.tokens;
  event.seconds = head.seconds;
  event.operators = operators_;
  event.logits = part(logits_, logit_width_);
  event.probabilities = part(probabilities_, probability_width_);
  event.metrics = metrics_[row];
  event.if_stopped_now = Placement(part(placements_, layers_));
  return event;
}

Chunk::Blobs Chunk::blobs(std::size_t from, std::size_t to) const {
  const std::size_t count = to - from;
  Blobs blobs;
  blobs.operators = bytesOf(operators_, 0, operators_.size());
  blobs.head.resize(kHeadBytes * count);
  blobs.metrics.resize(sizeof(Metrics) * count);
  for (std::size_t row = 0; row < count; ++row) {
    const ChunkHead& head = heads_[from + row];
    const std::int64_t integers[] = {head.step, head.seq, head.steps, head.tokens};
    for (std::size_t column = 0; column < 4; ++column) {
      std::memcpy(cell(blobs.head, count, column, row), &integers[column], sizeof(std::int64_t));
    }
    std::memcpy(cell(blobs.head, count, 4, row), &head.seconds, sizeof(double));
    for (std::size_t metric = 0; metric < kMetrics; ++metric) {
      std::memcpy(cell(blobs.metrics, count, metric, row), &metrics_[from + row][metric], sizeof(double));
    }
  }
  blobs.logits = bytesOf(logits_, from * logit_width_, to * logit_width_);
  blobs.probabilities = bytesOf(probabilities_, from * probability_width_, to * probability_width_);
  blobs.placements = bytesOf(placements_, from * layers_, to * layers_);
  return blobs;
}

}  // namespace interleave
