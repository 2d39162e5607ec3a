// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/candidates/alignment.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/model/layer_walk.h"

namespace interleave {
namespace {

constexpr std::uint64_t kTextPurpose = 1, kHeldOutPurpose = 2, kPromptPurpose = 3;
constexpr double kAdamEpsilon = 1e-8;
constexpr std::int64_t kSinks = 4;  // keys at the front that attention parks on

bool isScalar(const at::Tensor& parameter) { return parameter.dim() == 1; }

double product(const at::Tensor& a, const at::Tensor& b) {
  return at::dot(a.reshape(-1), b.reshape(-1)).item<double>();
}

}  // namespace

Alignment::Alignment(std::shared_ptr<const Model> model, const std::shared_ptr<const Tokenizer>& tokenizer,
                     Settings settings, std::uint64_t seed)
    : model_(std::move(model)),
      settings_(std::move(settings)),
      kinds_(kindsListed(settings_.text("kinds"), "kinds")),
      text_(tokenizer, calibrationText(settings_.text("text_file")), settings_.integer("sequence_length"),
            derivedSeed(seed, kTextPurpose)),
      held_out_(tokenizer, heldOutText(settings_.text("held_out_file")), settings_.integer("held_out_length"),
                derivedSeed(0, kHeldOutPurpose)) {
  std::erase_if(kinds_, [](MixerKind kind) { return !isTrained(kind); });
  if (kinds_.empty()) throw usageError("kinds", "name an operator that needs training: gdn, gdn-window");
  const std::int64_t length = settings_.integer("sequence_length");
  steps_ = (settings_.integer("tokens") + length - 1) / length;
  if (settings_.real("prompt_share") > 0) {
    prompts_ = std::make_unique<PasskeyTask>(tokenizer, std::make_shared<TextSource>(text_), length,
                                             settings_.text("prompt_wording"), derivedSeed(seed, kPromptPurpose));
  }
  const Window window = operatorWindows(settings_).gdn;
  for (int layer = 0; layer < model_->config().layers; ++layer) {
    teacher_.push_back(SoftmaxAttention::full(model_, layer));
    for (MixerKind kind : kinds_) {
      auto& candidate = layers_[kind].emplace_back(GatedDeltaNet::copiedFromTeacher(model_, layer, kind, window));
      candidate->setTrainable(true);
      if (!settings_.flag("train_output")) candidate->values().output.set_requires_grad(false);
      Moments& moments = moments_[kind].emplace_back();
      for (const auto& [name, tensor] : candidate->parameters()) {
        moments.first.push_back(at::zeros_like(tensor));
        moments.second.push_back(at::zeros_like(tensor));
      }
    }
  }
}

std::vector<std::int32_t> Alignment::trainingSequence(std::int64_t step) const {
  const bool prompt = isPromptStep(step, settings_.real("prompt_share"));
  return prompt ? prompts_->prompt(step).ids : text_.sequence(step);
}

template <class Visit>
void Alignment::throughTeacher(const std::vector<std::int32_t>& ids, Progress& progress, Visit visit) const {
  const at::NoGradGuard no_grad;
  at::Tensor stream = model_->embed(tokenBatch(ids, model_->device()));
  for (const LayerLease& layer : LayerWalk(*model_)) {
    progress.throwIfStopped();
    LayerInput input = layer.input(stream);
    const at::Tensor attended = teacher_[static_cast<std::size_t>(layer.index())]->forward(input);
    visit(layer.index(), input, attended.to(at::kFloat));
    stream = layer.finish(stream, attended);
  }
}

void Alignment::initialise(Progress& progress) {
  if (settings_.text("initialisation") != "taylor") return;
  throughTeacher(text_.sequence(0), progress, [&](int layer, LayerInput& input, const at::Tensor&) {
    const at::Tensor context = teacher_[static_cast<std::size_t>(layer)]->context(input).to(at::kFloat);
    for (MixerKind kind : kinds_) calibrate(*layers_[kind][static_cast<std::size_t>(layer)], input, context);
    progress.report("Calibrating candidates", (layer + 1.0) / model_->config().layers);
  });
}

/// The mean distance of each head's attention [H], the first few keys (sinks) left out: Taylor-Calibrate's measure of
/// how long a head remembers (arXiv 2606.16429); leaving out the sinks is ours.
at::Tensor Alignment::meanDistance(LayerInput& input) const {
  const ModelConfig& config = model_->config();
  const LayerInput::Projections& rotated = input.rotated();
  const std::int64_t length = rotated.q.size(1), group = config.heads / config.kv_heads;
  const at::Tensor q = rotated.q[0].transpose(0, 1).to(at::kFloat);  // [H, T, d]
  const at::Tensor k = rotated.k[0].transpose(0, 1).to(at::kFloat).repeat_interleave(group, 0);
  const at::Tensor position = at::arange(length, q.options());
  const at::Tensor distance = position.unsqueeze(1) - position.unsqueeze(0);  // i − j
  at::Tensor hidden = distance < 0;
  if (config.isSliding(input.layer())) hidden = hidden.logical_or(distance >= config.window);
  const double infinity = std::numeric_limits<double>::infinity();
  const at::Tensor scores = at::matmul(q, k.transpose(1, 2)) * config.attention_scale;
  const at::Tensor attention = at::softmax(scores.masked_fill(hidden, -infinity), -1);
  const std::int64_t sinks = std::min<std::int64_t>(kSinks, length - 1);
  const at::Tensor beyond = attention.narrow(2, sinks, length - sinks);
  const at::Tensor reach = (beyond * distance.narrow(1, sinks, length - sinks)).sum(c10::IntArrayRef{1, 2});
  return (reach / beyond.sum(c10::IntArrayRef{1, 2}).clamp_min(1e-6)).clamp_min(0.5);
}

/// The analytic part of Taylor-Calibrate: half-life = mean attention distance, and a scale per head by least squares to
/// the teacher's context. Ours: with a window, its gate is fitted first, and the scale to what it leaves.
void Alignment::calibrate(GatedDeltaNet& candidate, LayerInput& input, const at::Tensor& teacher_context) const {
  const auto perHead = [](const at::Tensor& tensor) { return tensor.sum(c10::IntArrayRef{0, 1, 3}); };
  const auto leastSquares = [&](const at::Tensor& own, const at::Tensor& target) {
    return perHead(own * target) / perHead(own.square()).clamp_min(1e-20);
  };
  GdnParameters& values = candidate.values();
  at::Tensor target = teacher_context, window = candidate.windowContext(input);
  double least = 0.1;
  if (window.defined()) {
    window = window.to(at::kFloat);
    const at::Tensor share = leastSquares(window, target).clamp(0.02, 1.98);
    values.window_bias.copy_(at::logit(share / 2));
    target = target - share.unsqueeze(1) * window;
    least = 0.02;
  }
  const at::Tensor decay = (std::numbers::ln2 / meanDistance(input)).clamp(1e-3, 5);
  values.dt_bias.copy_(decay + at::log(-at::expm1(-decay)));  // softplus⁻¹
  values.scale.copy_(leastSquares(candidate.recurrentContext(input).to(at::kFloat), target).clamp(least, 10));
}

at::Tensor Alignment::loss(const at::Tensor& output, const at::Tensor& target) const {
  const at::Tensor difference = output - target;
  const std::string kind = settings_.text("loss");
  if (kind == "mse") return difference.square().mean();
  if (kind == "l2") return difference.square().sum(-1).clamp_min(1e-20).sqrt().mean() / std::sqrt(target.size(-1));
  return difference.square().sum() / target.square().sum().clamp_min(1e-20);
}

void Alignment::update(GatedDeltaNet& candidate, Moments& moments, const at::Tensor& loss) {
  std::vector<std::size_t> trained;
  torch::autograd::variable_list inputs;
  const auto parameters = candidate.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].second.requires_grad()) continue;
    trained.push_back(i);
    inputs.push_back(parameters[i].second);
  }
  const torch::autograd::variable_list gradients = torch::autograd::grad({loss}, inputs);

  const double warmup = std::max<double>(1, static_cast<double>(settings_.integer("warmup_steps")));
  const double done = static_cast<double>(step_) / static_cast<double>(steps_);
  const double schedule =
      std::min(1.0, static_cast<double>(step_ + 1) / warmup) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  const at::NoGradGuard no_grad;
  for (const bool scalars : {false, true}) {
    std::vector<at::Tensor> values, slopes, first, second, steps;
    for (std::size_t j = 0; j < trained.size(); ++j) {
      const std::size_t i = trained[j];
      if (isScalar(inputs[j]) != scalars) continue;
      values.push_back(inputs[j].detach());
      slopes.push_back(gradients[j]);
      first.push_back(moments.first[i]);
      second.push_back(moments.second[i]);
      steps.push_back(at::full({}, static_cast<double>(step_ + 1), inputs[j].options()));
    }
    const double rate = settings_.real(scalars ? "scalar_learning_rate" : "learning_rate") * schedule;
    at::_fused_adam_(values, slopes, first, second, {}, steps, rate, settings_.real("beta1"), settings_.real("beta2"),
                     0, kAdamEpsilon, false, false);
  }
}

std::vector<AlignmentEvent> Alignment::events(const std::map<MixerKind, std::vector<Errors>>& errors,
                                              bool held_out) const {
  std::vector<AlignmentEvent> events;
  for (MixerKind kind : kinds_) {
    AlignmentEvent& event = events.emplace_back();
    event.kind = kind;
    event.step = step_;
    event.steps = steps_;
    event.tokens = step_ * settings_.integer("sequence_length");
    event.seconds = seconds_;
    event.held_out = held_out;
    for (const Errors& sum : errors.at(kind)) {
      event.relative_error.push_back(static_cast<float>(sum.squared_error / std::max(sum.squared_norm, 1e-30)));
      event.cosine.push_back(
          static_cast<float>(sum.dot / std::sqrt(std::max(sum.squared_norm * sum.squared_output, 1e-30))));
    }
  }
  return events;
}

std::vector<AlignmentEvent> Alignment::advance(Progress& progress) {
  const auto began = std::chrono::steady_clock::now();
  std::map<MixerKind, std::vector<Errors>> errors;
  throughTeacher(trainingSequence(step_), progress, [&](int layer, LayerInput& input, const at::Tensor& target) {
    for (MixerKind kind : kinds_) {
      GatedDeltaNet& candidate = *layers_[kind][static_cast<std::size_t>(layer)];
      at::Tensor output, objective;
      {
        const at::AutoGradMode with_grad(true);
        output = candidate.forward(input).to(at::kFloat);
        objective = loss(output, target);
      }
      const at::Tensor plain = output.detach();
      const double norm = product(target, target), own = product(plain, plain), dot = product(plain, target);
      const double squared_error = norm - 2 * dot + own;
      if (!std::isfinite(squared_error)) {
        throw failure("alignment, layer " + std::to_string(layer),
                      "the candidate's output is not finite; lower the learning rate");
      }
      errors[kind].push_back({squared_error, norm, dot, own});
      update(candidate, moments_[kind][static_cast<std::size_t>(layer)], objective);
    }
  });
  ++step_;
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return events(errors, false);
}

std::vector<AlignmentEvent> Alignment::measure(Progress& progress) {
  std::map<MixerKind, std::vector<Errors>> errors;
  for (MixerKind kind : kinds_) errors[kind].resize(static_cast<std::size_t>(model_->config().layers));
  const std::int64_t sequences = settings_.integer("held_out_sequences");
  for (std::int64_t i = 0; i < sequences; ++i) {
    throughTeacher(held_out_.sequence(i), progress, [&](int layer, LayerInput& input, const at::Tensor& target) {
      for (MixerKind kind : kinds_) {
        const auto l = static_cast<std::size_t>(layer);
        const at::Tensor output = layers_[kind][l]->forward(input).to(at::kFloat);
        Errors& sum = errors[kind][l];
        sum.squared_error += (output - target).square().sum().item<double>();
        sum.squared_norm += product(target, target);
        sum.squared_output += product(output, output);
        sum.dot += product(output, target);
      }
    });
    progress.report("Measuring candidates on held-out text",
                    static_cast<double>(i + 1) / static_cast<double>(sequences));
  }
  return events(errors, true);
}

void Alignment::finish() {
  const at::NoGradGuard no_grad;
  for (auto& [kind, row] : layers_) {
    for (auto& candidate : row) {
      for (const auto& [name, tensor] : candidate->parameters()) {
        if (!isScalar(tensor)) tensor.detach().copy_(tensor.detach().to(at::kBFloat16));
      }
      candidate->setTrainable(false);
    }
  }
}

NamedTensors Alignment::state() const {
  NamedTensors all;
  for (MixerKind kind : kinds_) {
    for (std::size_t layer = 0; layer < teacher_.size(); ++layer) {
      const std::string prefix = std::string(name(kind)) + "." + std::to_string(layer) + ".";
      const auto parameters = layers_.at(kind)[layer]->parameters();
      const Moments& moments = moments_.at(kind)[layer];
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        all.emplace_back(prefix + parameters[i].first, parameters[i].second);
        all.emplace_back(prefix + parameters[i].first + ".first", moments.first[i]);
        all.emplace_back(prefix + parameters[i].first + ".second", moments.second[i]);
      }
    }
  }
  return all;
}

void Alignment::save(const std::filesystem::path& file) const {
  writeTensors(file, state(), {{"step", std::to_string(step_)}, {"seconds", std::to_string(seconds_)}});
}

void Alignment::load(const std::filesystem::path& file) {
  const SafetensorsFile stored = SafetensorsFile::open(file);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state()) {
    const at::Tensor values = readTensor(stored, name);
    if (values.sizes() != tensor.sizes())
      throw badInput(file.string(), name, "the tensor has another shape than expected");
    tensor.detach().copy_(values);
  }
  try {
    step_ = std::stoll(stored.metadata().at("step"));
    seconds_ = std::stod(stored.metadata().at("seconds"));
  } catch (const std::exception&) {
    throw badInput(file.string(), "metadata", "\"step\" or \"seconds\" is missing or not a number");
  }
  if (step_ < 0 || step_ > steps_) throw badInput(file.string(), "step", "it is outside the recipe's steps");
}

}  // namespace interleave
