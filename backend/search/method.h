// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/candidates/bank.h"
#include "backend/core/events.h"
#include "backend/core/progress.h"
#include "backend/core/settings.h"
#include "backend/formats/tokenizer.h"
#include "backend/model/model.h"

namespace interleave {

/// What the engine gives a method while it runs.
class MethodContext {
 public:
  virtual ~MethodContext() = default;
  /// Before every step (the first is 1): holds while paused, throws Stopped when asked to stop, and returns the changes
  /// that this step is the first to see. The method emits an InterventionEvent for each that it does not refuse.
  virtual std::vector<Intervention> beginStep(std::int64_t step) = 0;
  virtual void emit(const Event& event) = 0;
  virtual Progress& progress() = 0;
};

/// What a method turns into placements.
struct MethodInput {
  std::shared_ptr<const Model> model;
  std::shared_ptr<const CandidateBank> bank;
  std::shared_ptr<const Tokenizer> tokenizer;
  RunSpec spec;
};

/// A selection method: one file, one line in the table, one preset.
struct Method {
  std::string name, title;
  std::string evidence;  ///< Shown with every result: "re-implementation from a published outline".
  std::span<const SettingSpec> settings;
  /// Usage error for values that are wrong beyond their type and range: before anything is loaded.
  void (*check)(const Settings& settings);
  /// Runs from the spec's checkpoint, or from the start, to the end; tells one placement for each budget, that of the
  /// spec first.
  void (*run)(const MethodInput& input, MethodContext& context);
};

std::span<const Method> methods();
const Method& methodNamed(const std::string& name);  ///< Usage error with the nearest known name.

}  // namespace interleave
