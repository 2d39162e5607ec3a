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

/// Keys and values of the tokens that later queries may see: all, or the sinks and the last of a window. Distances
/// among the last ones and the order of the sinks are kept, so the band's rule holds on what is kept as on the whole.
class KeyValueCache final : public MixerState {
 public:
  KeyValueCache(const Model& model, std::int64_t batch, const kernels::Band& band) : band_(band) {
    const auto options = at::TensorOptions().dtype(model.options().precision).device(model.device());
    keys_ = values_ = at::empty({batch, model.config().kv_heads, 0, model.config().head_dim}, options);
  }

  std::int64_t bytes() const override {
    return 2 * length_ * keys_.size(0) * keys_.size(1) * keys_.size(3) * static_cast<std::int64_t>(keys_.itemsize());
  }

  /// Adds the new tokens [B, Hkv, T, d]; the keys and values that they attend to.
  std::pair<at::Tensor, at::Tensor> append(const at::Tensor& keys, const at::Tensor& values) {
    reserve(keys.size(2));
    keys_.narrow(2, length_, keys.size(2)).copy_(keys);
    values_.narrow(2, length_, keys.size(2)).copy_(values);
    length_ += keys.size(2);
    return {keys_.narrow(2, 0, length_), values_.narrow(2, 0, length_)};
  }

  /// Forgets what no later token sees.
  void trim() {
    if (band_.window == kUnbounded || length_ <= band_.sinks + band_.window) return;
    for (at::Tensor* tensor : {&keys_, &values_}) {
      const at::Tensor last = tensor->narrow(2, length_ - band_.window, band_.window).clone();
      tensor->narrow(2, band_.sinks, band_.window).copy_(last);
    }
    length_ = band_.sinks + band_.window;
  }

 private:
  void reserve(std::int64_t more) {
    if (length_ + more <= keys_.size(2)) return;
    std::vector<std::int64_t> shape = keys_.sizes().vec();
    shape[2] = std::max(length_ + more, 2 * keys_.size(2));
    for (at::Tensor* tensor : {&keys_, &values_}) {
      const at::Tensor grown = at::empty(shape, tensor->options());
      grown.narrow(2, 0, length_).copy_(tensor->narrow(2, 0, length_));
      *tensor = grown;
    }
  }

  kernels::Band band_;
  at::Tensor keys_, values_;  // [B, Hkv, capacity, d]
  std::int64_t length_ = 0;
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

at::Tensor SoftmaxAttention::attend(const LayerInput::Projections& query, const at::Tensor& keys,
                                    const at::Tensor& values, const Packing& packing) const {
  const at::Tensor q = query.q.transpose(1, 2);
  return kernels::attention(q, keys, values, band_, {model_->config().attention_scale, packing.offsets})
      .transpose(1, 2);
}

at::Tensor SoftmaxAttention::context(LayerInput& input) const {
  const LayerInput::Projections& rotated = input.rotated();
  return attend(rotated, rotated.k.transpose(1, 2), rotated.v.transpose(1, 2), input.packing());
}

at::Tensor SoftmaxAttention::context(LayerInput& input, MixerState& state) const {
  auto& cache = static_cast<KeyValueCache&>(state);
  const LayerInput::Projections& rotated = input.rotated();
  const auto [keys, values] = cache.append(rotated.k.transpose(1, 2), rotated.v.transpose(1, 2));
  at::Tensor result = attend(rotated, keys, values, {});
  cache.trim();
  return result;
}

at::Tensor SoftmaxAttention::project(const at::Tensor& context) const {
  const LayerWeights& weights = model_->layer(layer_);
  return model_->linear(context.flatten(2), weights.o, weights.o_bias);
}

at::Tensor SoftmaxAttention::forward(LayerInput& input) const { return project(context(input)); }

at::Tensor SoftmaxAttention::forward(LayerInput& input, MixerState& state) const {
  return project(context(input, state));
}

std::unique_ptr<MixerState> SoftmaxAttention::start(std::int64_t batch) const {
  return std::make_unique<KeyValueCache>(*model_, batch, band_);
}

MixerCost SoftmaxAttention::cost(std::int64_t context_tokens) const {
  return mixerCost(kind_, model_->config(), layer_, {.sliding = window_}, context_tokens);
}

}  // namespace interleave
