// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/mixers/gated_delta_net.h"

#include <algorithm>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/model.h"
#include "kernels/gated_delta_rule.h"

namespace interleave {
namespace {

struct GdnState final : MixerState {
  at::Tensor state;                    // [B, H, d, d] fp32 (fp64 in a model of fp64)
  std::unique_ptr<MixerState> window;  // null without a window
  std::int64_t bytes() const override {
    return static_cast<std::int64_t>(state.nbytes()) + (window ? window->bytes() : 0);
  }
  std::unique_ptr<MixerState> select(std::span<const std::int64_t> rows) const override {
    auto chosen = std::make_unique<GdnState>();
    const at::Tensor places = at::tensor(at::IntArrayRef(rows.data(), rows.size()), at::kLong);
    chosen->state = state.index_select(0, places.to(state.device()));
    if (window) chosen->window = window->select(rows);
    return chosen;
  }
};

/// Rows of KV heads repeated so that every query head has its own: [Hkv·d, …] → [H·d, …].
at::Tensor repeatHeads(const at::Tensor& rows, const ModelConfig& config) {
  std::vector<std::int64_t> shape{config.kv_heads, config.head_dim};
  shape.insert(shape.end(), rows.sizes().begin() + 1, rows.sizes().end());
  return rows.reshape(shape).repeat_interleave(config.heads / config.kv_heads, 0).flatten(0, 1);
}

/// The teacher's per-head norm weight on q or k folded into the rows; the division by the norm is left to the rule's L2
/// normalisation, which stands behind a SiLU, so that this is where training begins and no identity.
at::Tensor foldNorm(const at::Tensor& rows, const at::Tensor& norm, int heads, bool plus_one) {
  if (!norm.defined()) return rows;
  const at::Tensor weight = (plus_one ? norm + 1 : norm).to(at::kFloat).repeat({heads});
  return rows.dim() == 2 ? rows * weight.unsqueeze(1) : rows * weight;
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> GdnParameters::named() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  GdnParameters shared = *this;
  for (const auto& [label, tensor] : shared.slots()) {
    if (tensor->defined()) all.emplace_back(label, *tensor);
  }
  return all;
}

std::vector<std::pair<std::string, at::Tensor*>> GdnParameters::slots() {
  return {{"projections", &projections}, {"qkv_bias", &qkv_bias},   {"dt_bias", &dt_bias},
          {"write_bias", &write_bias},   {"log_decay", &log_decay}, {"scale", &scale},
          {"window_bias", &window_bias}, {"output", &output}};
}

std::vector<TensorShape> gdnParameterShapes(const ModelConfig& config, MixerKind kind) {
  const std::int64_t heads = config.heads, width = heads * config.head_dim;
  const bool window = kind == MixerKind::GdnWindow;
  std::vector<TensorShape> shapes{{"projections", {4 * width + (window ? 3 : 2) * heads, config.hidden}}};
  if (config.attention_bias) shapes.push_back({"qkv_bias", {3 * width}});
  for (const char* per_head : {"dt_bias", "write_bias", "log_decay", "scale"}) shapes.push_back({per_head, {heads}});
  if (window) shapes.push_back({"window_bias", {heads}});
  shapes.push_back({"output", {config.hidden, width}});
  return shapes;
}

GatedDeltaNet::GatedDeltaNet(std::shared_ptr<const Model> model, int layer, MixerKind kind, Window window)
    : model_(std::move(model)), layer_(layer), kind_(kind), window_spec_(window) {
  if (kind == MixerKind::GdnWindow)
    window_ = SoftmaxAttention::slidingWindow(model_, layer, window.tokens, window.sinks);
}

std::unique_ptr<GatedDeltaNet> GatedDeltaNet::copiedFromTeacher(const std::shared_ptr<const Model>& model, int layer,
                                                                MixerKind kind, Window window) {
  const ModelConfig& config = model->config();
  const LayerLease lease = model->lease(layer);
  const LayerWeights& teacher = lease.weights();
  const bool plus_one = config.sandwich_norms;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(model->device());
  const std::int64_t width = static_cast<std::int64_t>(config.heads) * config.head_dim;

  std::unique_ptr<GatedDeltaNet> mixer(new GatedDeltaNet(model, layer, kind, window));
  GdnParameters& values = mixer->values_;
  const at::Tensor q = foldNorm(teacher.q.to(at::kFloat), teacher.q_norm, config.heads, plus_one);
  const at::Tensor k = foldNorm(teacher.k.to(at::kFloat), teacher.k_norm, config.kv_heads, plus_one);
  values.projections = at::cat({q, repeatHeads(k, config), repeatHeads(teacher.v.to(at::kFloat), config),
                                at::zeros({width + (mixer->window_ ? 3 : 2) * config.heads, config.hidden}, options)});
  if (teacher.q_bias.defined()) {
    const at::Tensor q_bias = foldNorm(teacher.q_bias.to(at::kFloat), teacher.q_norm, config.heads, plus_one);
    const at::Tensor k_bias = foldNorm(teacher.k_bias.to(at::kFloat), teacher.k_norm, config.kv_heads, plus_one);
    values.qkv_bias =
        at::cat({q_bias, repeatHeads(k_bias, config), repeatHeads(teacher.v_bias.to(at::kFloat), config)});
  }
  values.dt_bias = at::full({config.heads}, -3.0, options);
  values.write_bias = at::zeros({config.heads}, options);
  values.log_decay = at::zeros({config.heads}, options);
  values.scale = at::ones({config.heads}, options);
  if (mixer->window_) values.window_bias = at::zeros({config.heads}, options);
  values.output = teacher.o.to(at::kFloat).clone();
  return mixer;
}

std::unique_ptr<GatedDeltaNet> GatedDeltaNet::withParameters(std::shared_ptr<const Model> model, int layer,
                                                             MixerKind kind, Window window, GdnParameters values,
                                                             const std::string& file) {
  const auto named = values.named();
  const std::vector<TensorShape> shapes = gdnParameterShapes(model->config(), kind);
  for (const TensorShape& expected : shapes) {
    const auto found = std::ranges::find(named, expected.name, &std::pair<std::string, at::Tensor>::first);
    if (found == named.end() || found->second.sizes() != at::IntArrayRef(expected.shape)) {
      throw badInput(file, "layer " + std::to_string(layer) + ", " + expected.name,
                     "the tensor is missing or has another shape than the model's candidates have");
    }
  }
  if (named.size() != shapes.size()) {
    throw badInput(file, "layer " + std::to_string(layer), "it holds a tensor that the model's candidates do not have");
  }
  std::unique_ptr<GatedDeltaNet> mixer(new GatedDeltaNet(std::move(model), layer, kind, window));
  mixer->values_ = std::move(values);
  mixer->setTrainable(false);
  return mixer;
}

void GatedDeltaNet::setTrainable(bool trainable) {
  for (auto& [label, tensor] : values_.named()) tensor.set_requires_grad(trainable);
  if (trainable) {
    frozen_projections_ = at::Tensor();
    frozen_output_ = at::Tensor();
    return;
  }
  const at::ScalarType precision = model_->options().precision;
  frozen_projections_ = values_.projections.detach().to(precision);
  frozen_output_ = values_.output.detach().to(precision);
}

GatedDeltaNet::Projected GatedDeltaNet::projected(LayerInput& input) const {
  const std::int64_t heads = model_->config().heads, head_dim = model_->config().head_dim, width = heads * head_dim;
  const at::Tensor& weight = frozen_projections_.defined() ? frozen_projections_ : values_.projections;
  const at::Tensor all = model_->linear(input.x(), weight.to(model_->options().precision));
  std::vector<std::int64_t> sizes{width, width, width, width, heads, heads};
  if (window_) sizes.push_back(heads);
  std::vector<at::Tensor> parts = all.split_with_sizes(sizes, 2);  // whose gradient is one concatenation
  if (values_.qkv_bias.defined()) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto first = static_cast<std::int64_t>(i) * width;
      parts[i] = parts[i] + values_.qkv_bias.narrow(0, first, width).to(all.scalar_type());
    }
  }
  const auto byHead = [&](const at::Tensor& tensor) { return tensor.unflatten(2, {heads, head_dim}); };
  return {.q = byHead(at::silu(parts[0])),
          .k = byHead(at::silu(parts[1])),
          .v = byHead(parts[2]),
          .output_gate = byHead(parts[3]),
          .decay = parts[4].to(at::kFloat),
          .write = parts[5].to(at::kFloat),
          .window_gate = window_ ? parts[6].to(at::kFloat) : at::Tensor{}};
}

at::Tensor GatedDeltaNet::recurrent(const Projected& projected, const Packing& packing, at::Tensor state) const {
  const auto& [q, k, v, output_gate, decay, write, window_gate] = projected;
  const at::Tensor g = -at::exp(values_.log_decay) * at::softplus(decay + values_.dt_bias);
  const at::Tensor beta = at::sigmoid(write + values_.write_bias);

  at::Tensor out;
  if (state.defined() && packing.tokenEach()) {
    out = kernels::gatedDeltaStep(q[0], k[0], v[0], g[0], beta[0], state, {.l2_normalise = true}).unsqueeze(0);
  } else {
    kernels::DeltaRuleOptions options{.l2_normalise = true};
    options.offsets = packing.offsets;
    const std::optional<at::Tensor> initial = state.defined() ? std::optional(state) : std::nullopt;
    kernels::DeltaRuleResult result = kernels::gatedDeltaRule(q, k, v, g, beta, initial, options);
    out = std::move(result.out);
    if (state.defined()) state.copy_(result.final_state);
  }
  const at::Tensor scale = (values_.scale * 2).to(out.scalar_type()).unsqueeze(1);
  return out * (at::sigmoid(output_gate) * scale);
}

at::Tensor GatedDeltaNet::withWindow(const Projected& projected, const at::Tensor& context,
                                     const at::Tensor& window) const {
  if (!window.defined()) return context;
  const at::Tensor gate = 2 * at::sigmoid(projected.window_gate + values_.window_bias);
  return at::addcmul(context, window, gate.to(window.scalar_type()).unsqueeze(3));
}

at::Tensor GatedDeltaNet::project(const LayerInput& input, const at::Tensor& context) const {
  const at::Tensor& weight = frozen_output_.defined() ? frozen_output_ : values_.output;
  return model_->linear(context.flatten(2), weight.to(model_->options().precision), input.weights().o_bias);
}

at::Tensor GatedDeltaNet::windowContext(LayerInput& input) const {
  return window_ ? window_->context(input) : at::Tensor{};
}

at::Tensor GatedDeltaNet::recurrentContext(LayerInput& input) const {
  return recurrent(projected(input), input.packing(), {});
}

at::Tensor GatedDeltaNet::context(LayerInput& input) const {
  const Projected parts = projected(input);
  return withWindow(parts, recurrent(parts, input.packing(), {}), windowContext(input));
}

std::unique_ptr<MixerState> GatedDeltaNet::start(std::int64_t batch) const {
  const ModelConfig& config = model_->config();
  auto state = std::make_unique<GdnState>();
  const at::ScalarType type = model_->options().precision == at::kDouble ? at::kDouble : at::kFloat;
  state->state = at::zeros({batch, config.heads, config.head_dim, config.head_dim},
                           at::TensorOptions().dtype(type).device(model_->device()));
  if (window_) state->window = window_->start(batch);
  return state;
}

at::Tensor GatedDeltaNet::context(LayerInput& input, MixerState& state) const {
  auto& mine = static_cast<GdnState&>(state);
  const Projected parts = projected(input);
  const Packing& packing = input.packing();
  const at::Tensor rows = mine.state.narrow(0, packing.first_row, packing.sequences());
  const at::Tensor own = recurrent(parts, packing, rows);
  return withWindow(parts, own, window_ ? window_->context(input, *mine.window) : at::Tensor{});
}

MixerCost GatedDeltaNet::cost(std::int64_t context_tokens) const {
  return mixerCost(kind_, model_->config(), layer_, {.gdn = window_spec_}, context_tokens);
}

}  // namespace interleave
