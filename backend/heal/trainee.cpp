// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/trainee.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/heal/hybrid_model.h"
#include "backend/model/finite_watch.h"

namespace interleave {
namespace {

constexpr double kAdamEpsilon = 1e-8;
constexpr int kOutside = -1;  // the embedding, the last norm and the head

at::ScalarType wideType(const Model& model) {
  return model.options().precision == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor positionsOf(const SearchBatch& batch, at::Device device) {
  return at::tensor(at::ArrayRef<std::int64_t>(batch.positions), at::kLong).to(device);
}

at::Tensor uniform(std::int64_t rows, std::int64_t columns, const at::TensorOptions& options, std::uint64_t seed) {
  const at::Tensor values = at::empty({rows, columns}, at::kFloat);
  const double bound = 1 / std::sqrt(static_cast<double>(columns));
  Random random(seed);
  for (float& value : std::span(values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel()))) {
    value = static_cast<float>(bound * (2 * random.uniform() - 1));
  }
  return values.to(options);
}

}  // namespace

Trainee::Trainee(std::shared_ptr<const Model> teacher, const CandidateBank& bank, const Placement& placement,
                 const TraineeOptions& options)
    : options_(options),
      teacher_(std::move(teacher)),
      teacher_row_(bank.row(Placement(placement.layers(), MixerKind::Full))),
      model_(std::make_shared<Model>(*teacher_)) {
  const ModelConfig& config = teacher_->config();
  const at::ScalarType precision = teacher_->options().precision, wide = wideType(*teacher_);
  for (const WeightSlot& slot : weightSlots(config, model_->weights())) {
    const bool of_attention = slot.name.find(".self_attn.") != std::string::npos;
    if (!of_attention && !options_.all) continue;
    // Of the teacher's attention the recurrence alone has nothing but the output's bias.
    const bool recurrent = slot.layer >= 0 && placement[slot.layer] == MixerKind::Gdn;
    if (of_attention && recurrent && !slot.name.ends_with("o_proj.bias")) continue;
    if (of_attention && slot.layer >= 0 && isTrained(placement[slot.layer]) && slot.name.ends_with("o_proj.weight")) {
      continue;  // its own stands there
    }
    if (options_.lora && (slot.layer < 0 || slot.into->dim() != 2)) continue;
    choose(slot.name, slot.layer, slot.into, *slot.into, slot.norm ? wide : precision);
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    const MixerKind kind = placement[layer];
    if (!isTrained(kind)) {
      mixers_.push_back(untrainedMixer(model_, layer, kind, bank.windows()));
      continue;
    }
    GdnParameters values;
    const auto stored = bank.mixer(layer, kind).parameters();
    for (const auto& [label, into] : values.slots()) {
      const auto found = std::ranges::find(stored, label, &std::pair<std::string, at::Tensor>::first);
      if (found != stored.end()) *into = found->second.detach();
    }
    auto mixer = GatedDeltaNet::withParameters(model_, layer, kind, bank.windows().gdn, std::move(values), {});
    mixer->setTrainable(true);
    for (const auto& [label, into] : mixer->values().slots()) {
      if (into->defined()) choose(StoredBank::tensorName(layer, label), layer, into, into->detach(), at::kFloat);
    }
    mixers_.push_back(std::move(mixer));
  }
  for (const Weight& weight : weights_) *weight.into = at::Tensor();
}

void Trainee::choose(const std::string& name, int layer, at::Tensor* into, const at::Tensor& from,
                     at::ScalarType type) {
  const at::TensorOptions wide = from.options().dtype(wideType(*teacher_)).requires_grad(false);
  const bool pair = options_.lora && from.dim() == 2;
  weights_.push_back({name, layer, into, type, pair ? from : at::Tensor(), moving_.size()});
  if (!pair) return add(name, from.to(wide).clone());
  const std::uint64_t seed = derivedSeed(options_.seed, moving_.size());
  add(name + ".lora_A", uniform(options_.rank, from.size(1), wide, seed));
  add(name + ".lora_B", at::zeros({from.size(0), options_.rank}, wide));
}

void Trainee::add(const std::string& name, at::Tensor value) {
  const at::Tensor zero = at::zeros_like(value);
  moving_.push_back({name, std::move(value), zero, zero.clone(), zero.clone()});
}

at::Tensor Trainee::valueOf(const Weight& weight) const {
  const at::Tensor& value = moving_[weight.first].value;
  if (!weight.base.defined()) return value;
  const double scale = options_.alpha / static_cast<double>(options_.rank);
  return at::addmm(weight.base.to(value.scalar_type()), moving_[weight.first + 1].value, value, 1, scale);
}

/// Puts the weights of a layer in their places; with a gradient each is a leaf, and what its gradient means to what
/// moves is take()'s.
std::vector<at::Tensor> Trainee::enter(int layer, bool with_gradient) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> leaves;
  for (const Weight& weight : weights_) {
    if (weight.layer != layer) continue;
    leaves.push_back(valueOf(weight).to(weight.type).detach().set_requires_grad(with_gradient));
    *weight.into = leaves.back();
  }
  ModelWeights& weights = model_->weights();
  if (layer == kOutside && model_->config().tied_head) weights.head = weights.embedding;
  return leaves;
}

void Trainee::leave(int layer) {
  for (const Weight& weight : weights_) {
    if (weight.layer == layer) *weight.into = at::Tensor();
  }
}

void Trainee::take(const Weight& weight, const at::Tensor& gradient) {
  if (!gradient.defined()) return;
  Moving& first = moving_[weight.first];
  const at::Tensor slope = gradient.to(first.value.scalar_type());
  if (!weight.base.defined()) {
    first.gradient.add_(slope);
    return;
  }
  Moving& second = moving_[weight.first + 1];
  const double scale = options_.alpha / static_cast<double>(options_.rank);
  first.gradient.addmm_(second.value.t(), slope, 1, scale);
  second.gradient.addmm_(slope, first.value.t(), 1, scale);
}

void Trainee::takeAll(int layer, const std::vector<at::Tensor>& gradients) {
  std::size_t next = 0;
  for (const Weight& weight : weights_) {
    if (weight.layer == layer && next < gradients.size()) take(weight, gradients[next++]);
  }
}

Trainee::Pass Trainee::pass(int layer, const at::Tensor& stream, bool with_gradient) {
  const bool earlier = layer > 0 || options_.all;
  Pass done{stream.detach(), {}, enter(layer, with_gradient)};
  const at::AutoGradMode mode(with_gradient);
  if (with_gradient && earlier) done.in.set_requires_grad(true);
  const LayerLease lease = model_->lease(layer);
  LayerInput input = lease.input(done.in);
  done.out = lease.finish(done.in, mixers_[static_cast<std::size_t>(layer)]->forward(input));
  leave(layer);
  return done;
}

at::Tensor Trainee::teacherHidden(const SearchBatch& batch) const {
  const at::NoGradGuard no_grad;
  const at::Tensor ids = tokenBatch(batch.ids, teacher_->device());
  const at::Tensor stream = runLayers(*teacher_, teacher_row_, ids)[0];
  return teacher_->finalNorm(stream.index_select(0, positionsOf(batch, stream.device())));
}

double Trainee::divergence(const SearchBatch& batch, const at::Tensor& stream, double share, at::Tensor* slope,
                           const std::vector<at::Tensor>& outside) {
  const at::Tensor wanted = teacherHidden(batch), positions = positionsOf(batch, stream.device());
  const at::Tensor rows = stream[0].index_select(0, positions);
  const std::int64_t count = rows.size(0);
  const double temperature = options_.temperature, square = temperature * temperature;
  double sum = 0;
  std::vector<at::Tensor> slopes;
  for (std::int64_t first = 0; first < count; first += kHeadRows) {
    const std::int64_t some = std::min(kHeadRows, count - first);
    at::Tensor teacher;
    {
      const at::NoGradGuard no_grad;
      teacher = at::log_softmax(teacher_->head(wanted.narrow(0, first, some)) / temperature, -1);
    }
    const at::Tensor part = rows.narrow(0, first, some).detach().set_requires_grad(slope != nullptr);
    at::Tensor logits;
    {
      const at::AutoGradMode mode(slope != nullptr);
      logits = model_->head(model_->finalNorm(part)) / temperature;
    }
    const at::NoGradGuard no_grad;
    const at::Tensor student = at::log_softmax(logits.detach(), -1), p = teacher.exp();
    sum += (p * (teacher - student)).sum(at::kDouble).item<double>();
    if (slope == nullptr) continue;
    const at::Tensor wrong = (student.exp() - p) * (share * square / static_cast<double>(count));
    std::vector<at::Tensor> inputs = outside;
    inputs.push_back(part);
    std::vector<at::Tensor> found =
        torch::autograd::grad({logits}, inputs, {wrong}, std::nullopt, false, /*allow_unused=*/true);
    slopes.push_back(std::move(found.back()));
    found.pop_back();
    takeAll(kOutside, found);
  }
  if (slope != nullptr) {
    *slope = at::zeros_like(stream);
    slope->select(0, 0).index_copy_(0, positions, at::cat(slopes));
  }
  return square * sum / static_cast<double>(count);
}

double Trainee::loss(const SearchBatch& batch) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> outside = enter(kOutside, false);
  FiniteWatch watch;
  at::Tensor stream = model_->embed(tokenBatch(batch.ids, model_->device()));
  watch.add(stream);
  for (int layer = 0; layer < model_->config().layers; ++layer) {
    stream = pass(layer, stream, false).out;
    watch.add(stream);
  }
  watch.check();
  return divergence(batch, stream, 0, nullptr, {});
}

double Trainee::accumulate(const SearchBatch& batch, double share) {
  using torch::autograd::grad;
  const std::vector<at::Tensor> outside = enter(kOutside, true);
  FiniteWatch watch;
  at::Tensor embedded;
  {
    const at::AutoGradMode with_gradient(true);
    embedded = model_->embed(tokenBatch(batch.ids, model_->device()));
  }
  watch.add(embedded.detach());
  std::vector<Pass> passes;
  at::Tensor stream = embedded.detach();
  for (int layer = 0; layer < model_->config().layers; ++layer) {
    passes.push_back(pass(layer, stream, !options_.recompute));
    stream = passes.back().out.detach();
    if (options_.recompute) passes.back().out = at::Tensor();
    watch.add(stream);
  }
  watch.check();

  at::Tensor slope;
  const double loss = divergence(batch, stream, share, &slope, outside);
  for (int layer = model_->config().layers; layer-- > 0;) {
    Pass here = std::move(passes.back());
    passes.pop_back();
    if (options_.recompute) here = pass(layer, here.in, true);
    const bool goes_on = here.in.requires_grad();
    std::vector<at::Tensor> inputs = here.leaves;
    if (goes_on) inputs.push_back(here.in);
    std::vector<at::Tensor> found = grad({here.out}, inputs, {slope}, std::nullopt, false, /*allow_unused=*/true);
    if (goes_on) {
      slope = std::move(found.back());
      found.pop_back();
    }
    takeAll(layer, found);
  }
  if (embedded.requires_grad()) {
    takeAll(kOutside, grad({embedded}, outside, {slope}, std::nullopt, false, /*allow_unused=*/true));
  }
  return loss;
}

double Trainee::descend(std::int64_t step, const Descent& how) {
  const at::NoGradGuard no_grad;
  double square = 0;
  for (const Moving& moving : moving_) {
    const double norm = at::linalg_vector_norm(moving.gradient, 2, std::nullopt, false, at::kDouble).item<double>();
    if (!std::isfinite(norm)) {
      throw failure("healing, " + moving.name, "the gradient is not finite; lower the learning rate");
    }
    square += norm * norm;
  }
  const double norm = std::sqrt(square);
  const double factor = how.clip > 0 && norm > how.clip ? how.clip / norm : 1;
  for (const bool decays : {true, false}) {
    std::vector<at::Tensor> values, slopes, first, second, steps;
    for (Moving& moving : moving_) {
      if ((moving.value.dim() == 2) != decays) continue;
      if (factor != 1) moving.gradient.mul_(factor);
      values.push_back(moving.value);
      slopes.push_back(moving.gradient);
      first.push_back(moving.first);
      second.push_back(moving.second);
      steps.push_back(at::full({}, static_cast<double>(step), moving.value.options()));
    }
    if (values.empty()) continue;
    at::_fused_adamw_(values, slopes, first, second, {}, steps, how.rate, how.beta1, how.beta2,
                      decays ? how.weight_decay : 0, kAdamEpsilon, false, false);
  }
  for (Moving& moving : moving_) moving.gradient.zero_();
  return norm;
}

NamedTensors Trainee::state() const {
  NamedTensors all;
  for (const Moving& moving : moving_) {
    all.emplace_back(moving.name, moving.value);
    all.emplace_back(moving.name + ".first", moving.first);
    all.emplace_back(moving.name + ".second", moving.second);
  }
  return all;
}

NamedTensors Trainee::weights() const {
  const at::NoGradGuard no_grad;
  NamedTensors all;
  for (const Weight& weight : weights_) all.emplace_back(weight.name, valueOf(weight));
  return all;
}

std::int64_t Trainee::parameters() const {
  std::int64_t count = 0;
  for (const Moving& moving : moving_) count += moving.value.numel();
  return count;
}

}  // namespace interleave
