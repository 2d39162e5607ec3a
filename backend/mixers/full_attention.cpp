// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/mixers/full_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/model.h"

namespace interleave {
namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

/// Keys and values of the tokens that later queries may see: all, or the sinks and the last of a window, which goes
/// round behind the sinks. A row's own memory, so that rows may come and go.
class KeyValueState final : public MixerState {
 public:
  KeyValueState(const Model& model, std::int64_t batch, const kernels::Band& band)
      : band_(band), capacity_(band.window == kUnbounded ? kUnbounded : band.sinks + band.window) {
    const auto options = at::TensorOptions().dtype(model.options().precision).device(model.device());
    const at::Tensor none = at::empty({model.config().kv_heads, 0, model.config().head_dim}, options);
    rows_.assign(static_cast<std::size_t>(batch), {none, none, 0});
  }

  std::int64_t bytes() const override {
    std::int64_t elements = 0;
    for (const Row& row : rows_) elements += 2 * held(row.tokens) * row.keys.size(0) * row.keys.size(2);
    return rows_.empty() ? 0 : elements * static_cast<std::int64_t>(rows_.front().keys.itemsize());
  }

  std::unique_ptr<MixerState> select(std::span<const std::int64_t> rows) const override {
    auto chosen = std::make_unique<KeyValueState>(*this);
    chosen->rows_.clear();
    for (const std::int64_t row : rows) chosen->rows_.push_back(rows_.at(static_cast<std::size_t>(row)));
    return chosen;
  }

  bool empty(const Packing& packing) const {
    const auto first = rows_.begin() + packing.first_row;
    return std::all_of(first, first + packing.sequences(), [](const Row& row) { return row.tokens == 0; });
  }

  /// Makes room for one more token in `row`, and counts it.
  kernels::KeyValueCache next(std::int64_t index) {
    Row& row = rows_.at(static_cast<std::size_t>(index));
    reserve(row, held(row.tokens + 1));
    const std::int64_t slot = slotOf(row.tokens++);
    return {row.keys, row.values, slot, held(row.tokens)};
  }

  /// Adds the tokens [T, Hkv, d] to a row.
  void store(std::int64_t index, const at::Tensor& keys, const at::Tensor& values) {
    Row& row = rows_.at(static_cast<std::size_t>(index));
    const std::int64_t first = row.tokens;
    row.tokens += keys.size(0);
    reserve(row, held(row.tokens));
    eachRun(first, row.tokens, [&](std::int64_t position, std::int64_t slot, std::int64_t count) {
      const auto copy = [&](const at::Tensor& to, const at::Tensor& from) {
        to.narrow(1, slot, count).copy_(from.narrow(0, position - first, count).transpose(0, 1));
      };
      copy(row.keys, keys);
      copy(row.values, values);
    });
  }

  /// The same, and what the tokens attend to, [T', Hkv, d]: those held before, in order, and themselves. Distances
  /// among the last ones and the order of the sinks are kept, so the band's rule holds on them as on the whole.
  std::pair<at::Tensor, at::Tensor> extend(std::int64_t index, const at::Tensor& keys, const at::Tensor& values) {
    const Row& row = rows_.at(static_cast<std::size_t>(index));
    if (row.tokens + keys.size(0) <= capacity_) {  // every token in the slot of its position
      store(index, keys, values);
      return {row.keys.narrow(1, 0, row.tokens).transpose(0, 1), row.values.narrow(1, 0, row.tokens).transpose(0, 1)};
    }
    std::vector<at::Tensor> all_keys, all_values;
    eachRun(0, row.tokens, [&](std::int64_t, std::int64_t slot, std::int64_t count) {
      all_keys.push_back(row.keys.narrow(1, slot, count).transpose(0, 1));
      all_values.push_back(row.values.narrow(1, slot, count).transpose(0, 1));
    });
    all_keys.push_back(keys);
    all_values.push_back(values);
    const std::pair attended{at::cat(all_keys), at::cat(all_values)};
    all_keys.clear(), all_values.clear();  // views share the row's memory: it would be copied
    store(index, keys, values);
    return attended;
  }

 private:
  struct Row {
    at::Tensor keys, values;  // [Hkv, room, d]
    std::int64_t tokens = 0;  // seen so far
  };

  std::int64_t held(std::int64_t tokens) const { return std::min(tokens, capacity_); }
  std::int64_t slotOf(std::int64_t position) const {
    return position < capacity_ ? position : band_.sinks + (position - band_.sinks) % band_.window;
  }

  /// Of the tokens from `first` up to the last one, at end − 1, those that are held then: runs that lie side by side.
  template <class Visit>
  void eachRun(std::int64_t first, std::int64_t end, const Visit& visit) const {
    for (auto [from, to] : {std::pair{first, std::min(end, band_.sinks)},
                            std::pair{std::max({first, band_.sinks, end - band_.window}), end}}) {
      while (from < to) {
        const std::int64_t slot = slotOf(from), count = std::min(to - from, capacity_ - slot);
        visit(from, slot, count);
        from += count;
      }
    }
  }

  /// Copies of a row share its memory until one of them goes on.
  void reserve(Row& row, std::int64_t tokens) const {
    const bool its_own = row.keys.use_count() == 1 && row.values.use_count() == 1;
    if (its_own && tokens <= row.keys.size(1)) return;
    const std::int64_t room =
        std::min(std::max(tokens + std::max<std::int64_t>(64, tokens / 4), row.keys.size(1)), capacity_);
    for (at::Tensor* tensor : {&row.keys, &row.values}) {
      const at::Tensor grown = at::empty({tensor->size(0), room, tensor->size(2)}, tensor->options());
      grown.narrow(1, 0, tensor->size(1)).copy_(*tensor);
      *tensor = grown;
    }
  }

  kernels::Band band_;
  std::int64_t capacity_;
  std::vector<Row> rows_;
};

}  // namespace

SoftmaxAttention::SoftmaxAttention(std::shared_ptr<const Model> model, int layer, MixerKind kind, Window window)
    : model_(std::move(model)), layer_(layer), kind_(kind), window_(window) {
  const Window bound = windowIn(model_->config(), layer, window);
  band_ = {.window = bound.tokens, .sinks = bound.sinks};
}

std::unique_ptr<SoftmaxAttention> SoftmaxAttention::full(std::shared_ptr<const Model> model, int layer) {
  return std::unique_ptr<SoftmaxAttention>(
      new SoftmaxAttention(std::move(model), layer, MixerKind::Full, {kUnbounded, 0}));
}

std::unique_ptr<SoftmaxAttention> SoftmaxAttention::slidingWindow(std::shared_ptr<const Model> model, int layer,
                                                                  std::int64_t window, std::int64_t sinks) {
  if (window < 1 || sinks < 0) throw usageError("window", "a window has at least one token and no fewer than 0 sinks");
  return std::unique_ptr<SoftmaxAttention>(
      new SoftmaxAttention(std::move(model), layer, MixerKind::SlidingWindow, {window, sinks}));
}

at::Tensor SoftmaxAttention::attend(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                    const std::vector<std::int64_t>& offsets) const {
  return kernels::attention(q.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), band_,
                            {model_->config().attention_scale, offsets})
      .transpose(1, 2);
}

at::Tensor SoftmaxAttention::context(LayerInput& input) const {
  const auto& [q, k, v] = input.rotated();
  return attend(q, k, v, input.packing().offsets);
}

at::Tensor SoftmaxAttention::context(LayerInput& input, MixerState& state) const {
  auto& cache = static_cast<KeyValueState&>(state);
  const Packing& packing = input.packing();
  const auto& [q, k, v] = input.rotated();
  if (packing.tokenEach()) {
    std::vector<kernels::KeyValueCache> caches;
    for (std::int64_t s = 0; s < packing.sequences(); ++s) caches.push_back(cache.next(packing.first_row + s));
    return kernels::attentionStep(q[0], k[0], v[0], caches, model_->config().attention_scale).unsqueeze(0);
  }
  const bool fresh = cache.empty(packing);
  std::vector<at::Tensor> contexts;
  if (fresh) contexts.push_back(context(input));
  for (std::int64_t s = 0; s < packing.sequences(); ++s) {
    const auto own = [&](const at::Tensor& x) {
      return x[0].narrow(0, packing.offsets[static_cast<std::size_t>(s)], packing.length(s));
    };
    if (fresh) {
      cache.store(packing.first_row + s, own(k), own(v));
      continue;
    }
    const auto [keys, values] = cache.extend(packing.first_row + s, own(k), own(v));
    contexts.push_back(attend(own(q).unsqueeze(0), keys.unsqueeze(0), values.unsqueeze(0)));
  }
  return contexts.size() == 1 ? contexts.front() : at::cat(contexts, 1);
}

std::unique_ptr<MixerState> SoftmaxAttention::start(std::int64_t batch) const {
  return std::make_unique<KeyValueState>(*model_, batch, band_);
}

MixerCost SoftmaxAttention::cost(std::int64_t context_tokens) const {
  return mixerCost(kind_, model_->config(), layer_, {.sliding = window_}, context_tokens);
}

}  // namespace interleave
