// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/parallel.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

namespace interleave {
namespace {

constexpr std::int64_t kTokensBeside = 1 << 15;

}  // namespace

void eachSequence(const Model& model, std::int64_t count, std::int64_t longest, Progress& progress,
                  const std::function<void(std::int64_t)>& work, const std::function<void(std::int64_t)>& done) {
  const std::int64_t threads = at::get_num_threads();
  const bool beside = model.device().is_cpu() && threads * longest <= kTokensBeside;
  const auto run = [&](std::int64_t from, std::int64_t to) {
    const at::NoGradGuard no_grad;  // of this thread
    for (std::int64_t i = from; i < to; ++i) work(i);
  };
  for (std::int64_t first = 0; first < count;) {
    progress.throwIfStopped();
    const std::int64_t end = beside && first + threads <= count ? first + threads : first + 1;
    end - first > 1 ? at::parallel_for(first, end, 1, run) : run(first, end);
    first = end;
    if (done) done(first);
  }
}

std::int64_t headRows() {
  const std::int64_t beside = at::in_parallel_region() ? at::get_num_threads() : 1;
  return std::max<std::int64_t>(kHeadRows / beside, 64);  // with fewer, bf16 products are slow (kernels/linear.h)
}

}  // namespace interleave
