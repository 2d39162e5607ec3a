// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/objective.h"

#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <utility>

#include "backend/core/error.h"
#include "backend/model/decoder.h"
#include "backend/model/finite_watch.h"
#include "backend/model/layer_walk.h"
#include "backend/model/parallel.h"

namespace interleave {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// sum + p · y with p of one element. The gradient of p is ⟨d, y⟩, without a temporary of y's size.
struct AddScaled : torch::autograd::Function<AddScaled> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& sum, const at::Tensor& p, const at::Tensor& y) {
    context->save_for_backward({p, y});
    return at::addcmul(sum, y, p);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& slope = gradients[0];
    const at::Tensor along = at::dot(slope.reshape(-1), saved[1].reshape(-1));
    return {slope, along, context->needs_input_grad(2) ? slope * saved[0] : at::Tensor()};
  }
};

/// Mean over rows of −Σ target · log softmax(head(hidden)), less the target's own entropy: KL for distributions, and CE
/// for one-hot rows given as `labels`. The slope of the logits, (softmax − target)/n, is known at once, so the gradient
/// of `hidden` is made in the forward pass and no logits are kept.
struct Divergence : torch::autograd::Function<Divergence> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden, const at::Tensor& target, bool labels,
                            const Model* model, bool with_gradient) {
    const std::int64_t rows = hidden.size(0);
    at::Tensor loss = at::zeros({}, hidden.options().dtype(at::kDouble));
    std::vector<at::Tensor> gradient;
    const std::int64_t at_once = headRows();
    for (std::int64_t first = 0; first < rows; first += at_once) {
      const std::int64_t count = std::min(at_once, rows - first);
      const at::Tensor part = hidden.narrow(0, first, count).detach().set_requires_grad(with_gradient);
      at::Tensor logits;
      {
        const at::AutoGradMode mode(with_gradient);
        logits = model->head(part);
      }
      const at::Tensor log_student = at::log_softmax(logits.detach(), -1), wanted = target.narrow(0, first, count);
      at::Tensor slope = log_student.exp();
      if (labels) {
        const at::Tensor column = wanted.unsqueeze(1);
        loss -= log_student.gather(1, column).sum();
        slope.scatter_add_(1, column, at::full_like(column, -1.0, slope.options()));
      } else {
        loss += at::xlogy(wanted, wanted).sum() - at::dot(wanted.reshape(-1), log_student.reshape(-1));
        slope.sub_(wanted);
      }
      if (!with_gradient) continue;
      slope.div_(static_cast<double>(rows));
      gradient.push_back(torch::autograd::grad({logits}, {part}, {slope})[0]);
    }
    if (with_gradient) context->save_for_backward({at::cat(gradient)});
    return loss / static_cast<double>(rows);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor slope = context->get_saved_variables()[0];
    return {slope * gradients[0].to(slope.scalar_type()), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

/// At least fp32, whatever the model's precision.
at::Tensor widened(const at::Tensor& values) {
  return values.scalar_type() == at::kDouble ? values : values.to(at::kFloat);
}

}  // namespace

namespace {

constexpr std::array<const char*, 6> kLossNames{"kl", "ce", "hidden-mse", "layer-sum", "layer-mean", "layer-relative"};

}  // namespace

bool isOfLayers(LossKind kind) { return kind >= LossKind::LayerSum; }

LossKind lossKindNamed(const std::string& name) {
  for (std::size_t i = 0; i < kLossNames.size(); ++i) {
    if (name == kLossNames[i]) return static_cast<LossKind>(i);
  }
  throw usageError("loss", "\"" + name + "\" is no loss");
}

std::vector<std::string> lossKindNames() { return {kLossNames.begin(), kLossNames.end()}; }

Objective::Objective(std::shared_ptr<const CandidateBank> bank, std::vector<MixerKind> operators, bool recompute,
                     bool teacher_forced)
    : bank_(std::move(bank)),
      model_(bank_->model()),
      operators_(std::move(operators)),
      recompute_(recompute),
      teacher_forced_(teacher_forced) {}

at::Tensor Objective::rowsAt(const SearchBatch& batch, const at::Tensor& values) const {
  const at::Tensor positions = at::tensor(at::ArrayRef<std::int64_t>(batch.positions), at::kLong).to(values.device());
  return values[0].index_select(0, positions);
}

at::Tensor Objective::embedded(const SearchBatch& batch) const {
  const at::NoGradGuard no_grad;
  return model_.embed(tokenBatch(batch.ids, model_.device()));
}

TeacherTarget Objective::target(const SearchBatch& batch) const {
  const at::NoGradGuard no_grad;
  TeacherTarget target;
  if (batch.loss == LossKind::Ce) {
    std::vector<std::int64_t> labels;
    for (std::int64_t position : batch.positions) labels.push_back(batch.ids[static_cast<std::size_t>(position) + 1]);
    target.labels = at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong).to(model_.device());
    return target;
  }
  if (isOfLayers(batch.loss)) {
    at::Tensor stream = embedded(batch);
    for (const LayerLease& layer : LayerWalk(model_)) {
      if (teacher_forced_) target.streams.push_back(stream);
      const Passed passed = pass(layer, stream, [&](LayerInput& input) {
        return bank_->mixer(layer.index(), MixerKind::Full).forward(input);
      });
      target.outputs.push_back(widened(rowsAt(batch, passed.output)));
      stream = passed.stream;
    }
    return target;
  }
  const Placement teacher(model_.config().layers, MixerKind::Full);
  const at::Tensor hidden =
      model_.finalNorm(rowsAt(batch, runLayers(model_, bank_->row(teacher), tokenBatch(batch.ids, model_.device()))));
  if (batch.loss == LossKind::HiddenMse) {
    target.hidden = widened(hidden);
  } else {
    target.probabilities = at::softmax(model_.head(hidden), -1);
  }
  return target;
}

at::Tensor Objective::lossOfLayer(const SearchBatch& batch, const TeacherTarget& target, int layer,
                                  const at::Tensor& output) const {
  const at::Tensor& wanted = target.outputs[static_cast<std::size_t>(layer)];
  const at::Tensor error = (widened(rowsAt(batch, output)) - wanted).square().sum();
  const at::Tensor scale = batch.loss == LossKind::LayerRelative ? wanted.square().sum().clamp_min(kSilent)
                           : batch.loss == LossKind::LayerMean   ? at::scalar_tensor(wanted.numel(), error.options())
                                                                 : at::scalar_tensor(wanted.size(0), error.options());
  return error / (scale * model_.config().layers);
}

at::Tensor Objective::lossAt(const SearchBatch& batch, const TeacherTarget& target, const at::Tensor& stream) const {
  const at::Tensor hidden = model_.finalNorm(rowsAt(batch, stream));
  if (batch.loss == LossKind::HiddenMse) {
    return (widened(hidden) - target.hidden).square().sum() / target.hidden.square().sum();
  }
  const bool labels = batch.loss == LossKind::Ce, with_gradient = at::GradMode::is_enabled() && hidden.requires_grad();
  return Divergence::apply(hidden, labels ? target.labels : target.probabilities, labels, &model_, with_gradient);
}

template <class Mix>
Objective::Passed Objective::pass(const LayerLease& layer, const at::Tensor& stream, const Mix& mix) const {
  LayerInput input = layer.input(stream);
  const at::Tensor output = mix(input);
  return {layer.finish(stream, output), output};
}

Objective::Passed Objective::passMixed(const LayerLease& layer, const at::Tensor& stream,
                                       const at::Tensor& probabilities) const {
  return pass(layer, stream, [&](LayerInput& input) {
    at::Tensor mixed;
    for (std::size_t o = 0; o < operators_.size(); ++o) {
      const at::Tensor output =
          widened(bank_->mixer(layer.index(), operators_[o]).forward(input));  // so that Σp stays 1
      const at::Tensor p = probabilities[static_cast<std::int64_t>(o)];
      mixed = o == 0 ? output * p : AddScaled::apply(mixed, p, output);
    }
    return mixed;
  });
}

Objective::Soft Objective::soft(const SearchBatch& batch, const TeacherTarget& target,
                                std::span<const double> probabilities) const {
  const int layers = model_.config().layers;
  const auto columns = static_cast<std::int64_t>(operators_.size());
  const bool of_layers = isOfLayers(batch.loss);
  const at::ScalarType type = model_.options().precision == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor p = at::tensor(at::ArrayRef<double>(probabilities.data(), probabilities.size()), type)
                     .view({layers, columns})
                     .to(model_.device());
  at::Tensor loss, gradient;
  at::Tensor stream = embedded(batch);
  const auto before = [&](int layer, const at::Tensor& own) {
    return teacher_forced_ ? target.streams[static_cast<std::size_t>(layer)] : own;
  };
  FiniteWatch watch;
  watch.add(stream);
  if (!recompute_) {
    const at::AutoGradMode with_grad(true);
    p.set_requires_grad(true);
    for (const LayerLease& layer : LayerWalk(model_)) {
      const int index = layer.index();
      const Passed passed = passMixed(layer, before(index, stream), p[index]);
      stream = passed.stream;
      watch.add(stream);
      if (!of_layers) continue;
      const at::Tensor term = lossOfLayer(batch, target, index, passed.output);
      loss = index == 0 ? term : loss + term;
    }
    watch.check();
    if (!of_layers) loss = lossAt(batch, target, stream);
    gradient = torch::autograd::grad({loss}, {p})[0];
  } else {
    std::vector<at::Tensor> streams{stream};
    {
      const at::NoGradGuard no_grad;
      for (const LayerLease& layer : LayerWalk(model_)) {
        const int index = layer.index();
        const Passed passed = passMixed(layer, before(index, streams.back()), p[index]);
        streams.push_back(passed.stream);
        watch.add(streams.back());
        if (!of_layers) continue;
        const at::Tensor term = lossOfLayer(batch, target, index, passed.output);
        loss = index == 0 ? term : loss + term;
      }
      watch.check();
    }
    const at::AutoGradMode with_grad(true);
    at::Tensor slope = at::zeros_like(streams.back());
    if (!of_layers) {
      const at::Tensor last = streams.back().detach().set_requires_grad(true);
      loss = lossAt(batch, target, last);
      slope = torch::autograd::grad({loss}, {last})[0];
    }
    std::vector<at::Tensor> rows(static_cast<std::size_t>(layers));
    for (const LayerLease& layer : LayerWalk::down(model_)) {
      const int index = layer.index();
      streams.pop_back();
      const bool goes_on = index > 0 && !teacher_forced_;
      at::Tensor x = before(index, streams.back()).detach().set_requires_grad(goes_on);
      at::Tensor row = p[index].detach().set_requires_grad(true);
      const Passed passed = passMixed(layer, x, row);
      variable_list ends{passed.stream}, slopes_there{slope}, inputs{row};
      if (of_layers) {
        ends.push_back(lossOfLayer(batch, target, index, passed.output));
        slopes_there.push_back(at::ones_like(ends.back()));
      }
      if (goes_on) inputs.push_back(x);
      const variable_list slopes = torch::autograd::grad(ends, inputs, slopes_there);
      rows[static_cast<std::size_t>(index)] = slopes[0];
      if (goes_on) slope = slopes[1];
      if (teacher_forced_) slope = at::zeros_like(slope);  // no layer is seen by another
    }
    gradient = at::stack(rows);
  }

  const at::Tensor plain = gradient.to(at::kCPU, at::kDouble).contiguous();
  Soft soft{.loss = loss.item<double>(),
            .gradient = {plain.const_data_ptr<double>(), plain.const_data_ptr<double>() + plain.numel()}};
  if (!std::isfinite(soft.loss)) throw failure("search", "the loss is not finite");
  for (std::size_t i = 0; i < soft.gradient.size(); ++i) {
    if (!std::isfinite(soft.gradient[i])) {
      throw failure("search, layer " + std::to_string(i / operators_.size()), "the gradient is not finite");
    }
  }
  return soft;
}

double Objective::hard(const SearchBatch& batch, const TeacherTarget& target, const Placement& placement) const {
  if (!isOfLayers(batch.loss)) {
    const at::NoGradGuard no_grad;
    return loss(batch, target, runLayers(model_, bank_->row(placement), tokenBatch(batch.ids, model_.device())));
  }
  const at::NoGradGuard no_grad;
  const MixerRow row = bank_->row(placement);
  at::Tensor stream = embedded(batch);
  double total = 0;
  for (const LayerLease& layer : LayerWalk(model_)) {
    const auto at = static_cast<std::size_t>(layer.index());
    const Passed passed = pass(layer, teacher_forced_ ? target.streams[at] : stream,
                               [&](LayerInput& input) { return row[at]->forward(input); });
    total += lossOfLayer(batch, target, layer.index(), passed.output).item<double>();
    stream = passed.stream;
  }
  return total;
}

double Objective::loss(const SearchBatch& batch, const TeacherTarget& target, const at::Tensor& stream) const {
  const at::NoGradGuard no_grad;
  return lossAt(batch, target, stream).item<double>();
}

at::Tensor forwardOnPrompt(const CandidateBank& bank, int layer, MixerKind kind, LayerInput& input,
                           std::int64_t answer) {
  const at::Tensor mixed = bank.mixer(layer, kind).forward(input);
  if (answer < 0 || kind == MixerKind::Full || answer >= mixed.size(1)) return mixed;
  const at::Tensor full = bank.mixer(layer, MixerKind::Full).forward(input);
  return at::cat({mixed.slice(1, 0, answer), full.slice(1, answer)}, 1);
}

double residentBytes() {
  std::ifstream status("/proc/self/statm");
  double total = 0, resident = 0;
  if (!(status >> total >> resident)) return 0;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace interleave
