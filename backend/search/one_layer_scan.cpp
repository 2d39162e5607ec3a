// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/search/one_layer_scan.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "backend/model/finite_watch.h"
#include "backend/model/layer_walk.h"
#include "backend/model/parallel.h"

namespace interleave {

OneLayerScan scanOneLayer(const Model& model, const std::vector<std::int32_t>& ids, const LayerMix& base,
                          const LayerMix& changed, const std::function<double(const at::Tensor&)>& measure,
                          Progress& progress) {
  const at::NoGradGuard no_grad;
  const int layers = model.config().layers;
  const auto through = [](const LayerLease& layer, const at::Tensor& stream, const LayerMix& mix) {
    LayerInput input = layer.input(stream);
    return layer.finish(stream, mix(layer.index(), input));
  };
  std::vector<at::Tensor> streams{model.embed(tokenBatch(ids, model.device()))};
  FiniteWatch watch;
  watch.add(streams.back());
  for (const LayerLease& layer : LayerWalk(model)) {
    streams.push_back(through(layer, streams.back(), base));
    watch.add(streams.back());
  }
  watch.check();
  OneLayerScan scan{.base = measure(streams.back()), .changed = std::vector<double>(streams.size() - 1)};
  eachSequence(model, layers, std::ssize(ids), progress, [&](std::int64_t index) {
    const auto layer = static_cast<int>(index);
    at::Tensor stream = streams[static_cast<std::size_t>(layer)];
    for (const LayerLease& above : LayerWalk(model, layer)) {
      progress.throwIfStopped();
      stream = through(above, stream, above.index() == layer ? changed : base);
    }
    scan.changed[static_cast<std::size_t>(layer)] = measure(stream);
  });
  return scan;
}

}  // namespace interleave
