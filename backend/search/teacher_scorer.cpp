// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/teacher_scorer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <limits>
#include <utility>

#include "backend/mixers/cost.h"
#include "backend/model/layer_walk.h"
#include "backend/model/model.h"

namespace interleave {
namespace {

class TeacherScorer final : public LayerScorer {
 public:
  TeacherScorer(const MethodInput& input, const Settings& settings, std::function<double(const TeacherLook&)> look)
      : data_(input, settings), bank_(input.bank), look_(std::move(look)) {}

  Example example(std::int64_t index, Progress& progress) const override {
    const at::NoGradGuard no_grad;
    const Model& model = bank_->model();
    const SearchBatch batch = data_.batch(index);
    Example example{.scores = {}, .tokens = static_cast<std::int64_t>(batch.ids.size())};
    at::Tensor stream = model.embed(tokenBatch(batch.ids, model.device()));
    for (const LayerLease& layer : LayerWalk(model)) {
      progress.throwIfStopped();
      LayerInput input = layer.input(stream);
      const at::Tensor attention = bank_->mixer(layer.index(), MixerKind::Full).forward(input);
      example.scores.push_back(look_({*bank_, batch, data_.isPrompt(index), layer.index(), input, attention}));
      stream = layer.finish(stream, attention);
    }
    return example;
  }

 private:
  SearchData data_;
  std::shared_ptr<const CandidateBank> bank_;
  std::function<double(const TeacherLook&)> look_;
};

}  // namespace

std::unique_ptr<LayerScorer> teacherScorer(const MethodInput& input, const Settings& settings,
                                           std::function<double(const TeacherLook& seen)> look) {
  return std::make_unique<TeacherScorer>(input, settings, std::move(look));
}

at::Tensor attentionOf(LayerInput& input, const std::vector<std::int64_t>& rows) {
  const LayerInput::Projections& seen = input.rotated();
  const ModelConfig& config = input.model().config();
  const at::Tensor at = at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong).to(seen.q.device());
  const at::Tensor q = seen.q[0].index_select(0, at).transpose(0, 1).to(at::kFloat);  // [H, n, d]
  const at::Tensor k =
      seen.k[0].transpose(0, 1).to(at::kFloat).repeat_interleave(config.heads / config.kv_heads, 0);  // [H, T, d]
  const at::Tensor columns = at::arange(k.size(1), at.options()).unsqueeze(0), distance = at.unsqueeze(1) - columns;
  const Window window = windowIn(config, input.layer(), {std::numeric_limits<std::int64_t>::max(), 0});
  const at::Tensor hidden = (distance < 0).logical_or(distance >= window.tokens);
  const at::Tensor scores = at::matmul(q, k.transpose(1, 2)) * config.attention_scale;
  return at::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1);
}

}  // namespace interleave
