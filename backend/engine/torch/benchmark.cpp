// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/core/statistics.h"
#include "backend/engine/torch/loaded_model.h"
#include "backend/evaluation/evaluate.h"
#include "backend/model/generate.h"
#include "backend/model/parallel.h"
#include "backend/search/objective.h"
#include "backend/search/one_layer_scan.h"
#include "kernels/gated_delta_rule.h"
#include "kernels/reference/gated_delta_rule.h"

namespace interleave {
namespace {

/// Highest resident memory since the last reset, bytes; 0 where the system does not tell.
double peakResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

/// What the parts before have left behind does not count.
void resetPeak() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  std::ofstream("/proc/self/clear_refs") << "5";
}

struct Timing {
  double median = 0, peak_bytes = 0;
};

/// Returns when a device has computed `x`, which a read of one element waits for.
void await(const at::Tensor& x) {
  if (!x.is_cpu()) x.flatten()[0].item<float>();
}

template <class Work>
Timing timed(int repeats, Progress& progress, Work work) {
  work();  // warms caches, allocator and code paths
  resetPeak();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    progress.throwIfStopped();
    const auto began = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }
  return {medianOf(seconds), peakResidentBytes()};
}

/// The model, its candidates, and what has been timed so far.
class Benchmark {
 public:
  Benchmark(const BenchRequest& request, Progress& progress)
      : request_(request),
        progress_(progress),
        files_(openModel(request.model, progress)),
        model_(loadModel(files_, request.execution, progress)),
        bank_(request.bank.empty() ? CandidateBank::untrained(model_, {}) : CandidateBank::load(request.bank, model_)) {
    if (bank_->has(MixerKind::Gdn)) other_ = MixerKind::Gdn;
    if (bank_->has(MixerKind::GdnWindow)) other_ = MixerKind::GdnWindow;
    Random random(1);
    for (std::int64_t i = 0; i < request.tokens; ++i) {
      ids_.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config().vocabulary))));
    }
  }

  void forward() {
    const at::Tensor batch = tokenBatch(ids_, model_->device());
    for (const MixerKind kind : {MixerKind::Full, other_}) {
      const MixerRow row = bank_->row(Placement(config().layers, kind));
      time("forward, " + std::string(name(kind)), flopsOf(kind, true), [&] {
        const at::NoGradGuard no_grad;
        await(logits(*model_, row, batch));
      });
    }
  }

  /// Forward and backward of the gated delta rule at the model's shape.
  void rule() {
    at::manual_seed(1);
    const at::TensorOptions here(model_->device());
    const auto make = [&](std::int64_t size) {
      return at::randn({1, request_.tokens, config().heads, size}, here).set_requires_grad(true);
    };
    const at::Tensor q = make(config().head_dim), k = make(config().head_dim), v = make(config().head_dim);
    const at::Tensor g = (-at::rand({1, request_.tokens, config().heads}, here)).set_requires_grad(true);
    const at::Tensor beta = at::rand({1, request_.tokens, config().heads}, here).set_requires_grad(true);
    const at::Tensor slope = at::randn({1, request_.tokens, config().heads, config().head_dim}, here);
    const double flops =
        3.0 * 7.0 * config().heads * config().head_dim * config().head_dim * static_cast<double>(request_.tokens);
    const auto timeRule = [&](const std::string& form, const auto& compute) {
      time("gated delta rule, forward and backward, " + form, flops, [&] {
        const at::AutoGradMode with_grad(true);
        await(torch::autograd::grad({compute(q, k, v, g, beta).out}, {q, k, v, g, beta}, {slope}).front());
      });
    };
    timeRule("fused",
             [](const auto&... tensors) { return kernels::gatedDeltaRule(tensors..., {}, {.l2_normalise = true}); });
    timeRule("ATen chunk loop", [](const auto&... tensors) {
      return kernels::reference::chunkwiseDeltaRule(tensors..., {}, {.l2_normalise = true});
    });
  }

  /// The gradient of the mixing logits: teacher, student with both operators in every layer, KL at every position.
  void step() {
    SearchBatch search;
    search.ids = ids_;
    for (std::int64_t i = 0; i + 1 < request_.tokens; ++i) search.positions.push_back(i);
    const std::vector<double> half(static_cast<std::size_t>(config().layers) * 2, 0.5);
    const double feed_forward =
        6.0 * config().hidden * config().intermediate * static_cast<double>(config().layers * request_.tokens);
    const double teacher = flopsOf(MixerKind::Full, true), mixed = teacher + flopsOf(other_, false) - feed_forward;
    for (const bool recompute : {true, false}) {  // the smaller first, for the process keeps what it once took
      const Objective objective(bank_, {MixerKind::Full, other_}, recompute);
      const std::string form = recompute ? ", recomputing" : "";
      time("search step, full and " + std::string(name(other_)) + ", KL at every position" + form,
           teacher + (recompute ? 3 : 2) * mixed, [&] { objective.soft(search, objective.target(search), half); });
    }
  }

  /// Pass key prompts, answered as an evaluation does (which is given the answers) and token by token.
  void generate() {
    Workbench::EvaluationRequest prompts;
    prompts.model = request_.model;
    prompts.prompts = request_.prompts;
    prompts.prompt_tokens = request_.tokens;
    PasskeyEvaluation evaluation(judgedPasskeys(tokenizerOf(*files_, std::string(ChatForm::kAuto), progress_),
                                                prompts.prompt_tokens, prompts.wording, prompts.seed),
                                 request_.prompts);
    const std::vector<std::vector<std::int32_t>> questions = passkeyPrompts(prompts);
    std::int64_t tokens = 0;
    for (const auto& question : questions) tokens += std::ssize(question);
    const std::vector<std::span<const std::int32_t>> spans(questions.begin(), questions.end());
    const auto shared = std::ssize(commonBeginning(spans));  // which is computed once
    const Placement teacher(config().layers, MixerKind::Full);
    for (const Placement& placement : {teacher, Placement::uniform(config().layers, config().layers / 4, 0, other_)}) {
      const std::string of = std::to_string(request_.prompts) + " prompts, " +
                             (placement == teacher ? "teacher" : "K = " + std::to_string(placement.fullCount()));
      const auto flopsOfFirst = [&](std::int64_t count) {
        return count == 0 ? 0 : forwardFlops(config(), placement, bank_->windows(), count, 0);
      };
      const double flops = static_cast<double>(request_.prompts) * flopsOfFirst(tokens / request_.prompts) -
                           static_cast<double>(request_.prompts - 1) * flopsOfFirst(shared);
      time("evaluate " + of, tokens, flops, [&] { evaluation.scores(bank_->student(placement), progress_); });
      const Student student{model_, bank_->row(placement)};
      std::optional<Prefilled> filled;
      time("prefill " + of, tokens, flops, [&] {
        filled.reset();  // one cache at a time
        filled.emplace(prefill(student, questions, progress_));
        await(filled->logits);
      });
      auto& [decoder, last] = *filled;
      const std::int64_t answers = request_.prompts * request_.new_tokens;
      time("decode " + of, answers, stepFlops(placement) * static_cast<double>(answers), [&] {
        for (std::int64_t i = 0; i < request_.new_tokens; ++i) last = decoder.feed(last.argmax(-1, true));
        await(last);
      });
    }
  }

  /// The scores of all layers on one example, as NLL-guided selection has them: from the stream kept below each layer,
  /// and each from the first layer on. Failed where the two do not agree.
  void scan() {
    const auto mix = [this](MixerKind kind) -> LayerMix {
      return [this, kind](int layer, LayerInput& input) { return bank_->mixer(layer, kind).forward(input); };
    };
    const auto loss = [this](const at::Tensor& stream) {
      const at::Tensor last = model_->head(model_->finalNorm(stream[0].slice(0, -1)));
      return at::logsumexp(last, -1).item<double>();
    };
    const std::int64_t passes = 1 + config().layers, tokens = request_.tokens * passes;
    const double flops = flopsOf(MixerKind::SlidingWindow, false) * static_cast<double>(passes);
    OneLayerScan shared;
    time("scan of all layers, sharing those below", tokens, flops, [&] {
      shared = scanOneLayer(*model_, ids_, mix(MixerKind::SlidingWindow), mix(MixerKind::Full), loss, progress_);
    });
    std::vector<double> alone;
    time("scan of all layers, each from the first", tokens, flops, [&] {
      const at::NoGradGuard no_grad;
      const auto pass = [&](const Placement& placement) {
        return loss(runLayers(*model_, bank_->row(placement), tokenBatch(ids_, model_->device())));
      };
      const Placement none(config().layers, MixerKind::SlidingWindow);
      alone.assign(static_cast<std::size_t>(passes), pass(none));
      eachSequence(*model_, config().layers, request_.tokens, progress_, [&](std::int64_t layer) {
        Placement placement = none;
        placement.set(static_cast<int>(layer), MixerKind::Full);
        alone[static_cast<std::size_t>(layer) + 1] = pass(placement);
      });
    });
    std::vector<double> kept{shared.base};
    kept.insert(kept.end(), shared.changed.begin(), shared.changed.end());
    const double rounding = request_.execution.precision == "bf16" ? 1e-2 : 1e-6;
    for (std::size_t i = 0; i < alone.size(); ++i) {
      if (!(std::abs(alone[i] - kept[i]) <= rounding * std::max(1.0, std::abs(alone[i])))) {
        throw failure("bench, scan", "sharing the layers below changes values");
      }
    }
  }

  nlohmann::json document() const {
    const DeviceReport report = deviceReport(request_.execution.device);
    return {{"environment",
             {{"device", report.device},
              {"kernel", report.kernel},
              {"library", report.library},
              {"threads", report.threads},
              {"precision", request_.execution.precision},
              {"model", config().name},
              {"tokens", request_.tokens},
              {"prompts", request_.prompts},
              {"new_tokens", request_.new_tokens},
              {"repeats", request_.repeats},
              {"weights_bytes", model_->parameterBytes()}}},
            {"results", results_}};
  }

 private:
  const ModelConfig& config() const { return model_->config(); }
  double flopsOf(MixerKind kind, bool with_head) const {
    return forwardFlops(config(), Placement(config().layers, kind), bank_->windows(), request_.tokens,
                        with_head ? request_.tokens : 0);
  }

  /// Of one token behind the prompts.
  double stepFlops(const Placement& placement) const {
    return forwardFlops(config(), placement, bank_->windows(), request_.tokens + 1, 1) -
           forwardFlops(config(), placement, bank_->windows(), request_.tokens, 0);
  }

  template <class Work>
  void time(const std::string& what, double flops, Work work) {
    time(what, request_.tokens, flops, work);
  }

  template <class Work>
  void time(const std::string& what, std::int64_t tokens, double flops, Work work) {
    progress_.report("Benchmark: " + what, -1);
    const Timing timing = timed(request_.repeats, progress_, work);
    results_.push_back({{"name", what},
                        {"seconds", timing.median},
                        {"tokens_per_second", static_cast<double>(tokens) / timing.median},
                        {"gflops", flops / timing.median / 1e9},
                        {"peak_bytes", timing.peak_bytes}});
  }

  const BenchRequest& request_;
  Progress& progress_;
  std::shared_ptr<const ModelFiles> files_;
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const CandidateBank> bank_;
  MixerKind other_ = MixerKind::SlidingWindow;
  std::vector<std::int32_t> ids_;
  nlohmann::json results_ = nlohmann::json::array();
};

}  // namespace

nlohmann::json runBenchmark(const BenchRequest& request, Progress& progress) {
  if (request.tokens < 8 || request.repeats < 1) throw usageError("bench", "at least 8 tokens and 1 repeat");
  if (request.prompts < 1 || request.new_tokens < 1) throw usageError("bench", "at least 1 prompt and 1 new token");
  const std::map<std::string, void (Benchmark::*)()> parts{{"forward", &Benchmark::forward},
                                                           {"rule", &Benchmark::rule},
                                                           {"step", &Benchmark::step},
                                                           {"generate", &Benchmark::generate},
                                                           {"scan", &Benchmark::scan}};
  for (const std::string& part : request.parts) {
    if (!parts.contains(part)) {
      throw usageError("bench", "no part " + part + "; there are forward, rule, step, generate and scan");
    }
  }
  return guarded([&] {
    Benchmark benchmark(request, progress);
    for (const std::string& part : request.parts) (benchmark.*parts.at(part))();
    return benchmark.document();
  });
}

}  // namespace interleave
