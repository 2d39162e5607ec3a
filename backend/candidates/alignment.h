// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/candidates/tensor_file.h"
#include "backend/data/passkey.h"
#include "backend/data/text_source.h"
#include "backend/mixers/gated_delta_net.h"

namespace interleave {

/// Teacher-forced alignment of all layers from one teacher pass a batch: layer l's candidate sees the teacher's own
/// input x_l and learns its attention output a_l, is updated there and then, and the teacher's stream moves on. Memory
/// holds one layer's activations, whatever the number of layers and tokens. Not thread-safe.
class Alignment {
 public:
  Alignment(std::shared_ptr<const Model> model, const std::shared_ptr<const Tokenizer>& tokenizer, Settings settings,
            std::uint64_t seed);

  std::int64_t steps() const { return steps_; }
  std::int64_t step() const { return step_; }

  /// Copies the teacher's weights and, where the recipe says so, calibrates gates from its attention on one sequence.
  void initialise(Progress& progress);
  /// One optimiser step; an event for each kind.
  std::vector<AlignmentEvent> advance(Progress& progress);
  /// Errors of the candidates as they stand on held-out text; an event for each kind.
  std::vector<AlignmentEvent> measure(Progress& progress);
  /// Ends training: matrices are rounded to bf16, which is how they are kept on disk.
  void finish();

  /// Parameters, optimiser moments and position: save() and load() make a stopped alignment go on bit for bit.
  void save(const std::filesystem::path& file) const;
  void load(const std::filesystem::path& file);

  const std::vector<MixerKind>& kinds() const { return kinds_; }
  std::vector<std::unique_ptr<GatedDeltaNet>>& candidates(MixerKind kind) { return layers_.at(kind); }
  double seconds() const { return seconds_; }

 private:
  /// Adam's moments of one candidate, in the order of its parameters.
  struct Moments {
    std::vector<at::Tensor> first, second;
  };
  struct Errors {
    double squared_error = 0, squared_norm = 0, dot = 0, squared_output = 0;
  };
  std::vector<std::int32_t> trainingSequence(std::int64_t step) const;
  NamedTensors state() const;  ///< All that training changes, sharing storage.
  at::Tensor meanDistance(LayerInput& input) const;
  void calibrate(GatedDeltaNet& candidate, LayerInput& input, const at::Tensor& teacher_context) const;
  at::Tensor loss(const at::Tensor& output, const at::Tensor& target) const;
  void update(GatedDeltaNet& candidate, Moments& moments, const at::Tensor& loss);
  /// Runs the teacher over one sequence and calls visit(layer, input, attention output) at each layer.
  template <class Visit>
  void throughTeacher(const std::vector<std::int32_t>& ids, Progress& progress, Visit visit) const;
  std::vector<AlignmentEvent> events(const std::map<MixerKind, std::vector<Errors>>& errors, bool held_out) const;

  std::shared_ptr<const Model> model_;
  Settings settings_;
  std::vector<MixerKind> kinds_;
  TextSource text_, held_out_;
  std::unique_ptr<PasskeyTask> prompts_;  ///< Null where the recipe asks for none.
  std::vector<std::unique_ptr<SoftmaxAttention>> teacher_;
  std::map<MixerKind, std::vector<std::unique_ptr<GatedDeltaNet>>> layers_;
  std::map<MixerKind, std::vector<Moments>> moments_;
  std::int64_t steps_ = 0, step_ = 0;
  double seconds_ = 0;
};

}  // namespace interleave
