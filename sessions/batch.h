// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/budget.h"
#include "backend/core/placement.h"
#include "backend/core/run_spec.h"
#include "backend/engine/run_catalog.h"
#include "backend/engine/workbench.h"

namespace interleave {

/// What a batch asks for: runs of methods × budgets × seeds with one model and one bank, and what their results are
/// judged on. The content of a batch file (docs/formats.md), or what a window has put together.
struct Batch {
  struct Method {
    std::string name, preset = {};                       ///< Without a preset: the one that the method starts from …
    nlohmann::json settings = nlohmann::json::object();  ///< … with these changes.
  };
  struct Grid {
    std::vector<Method> methods;
    std::vector<Budget> budgets;  ///< None: each preset's own.
    std::vector<std::uint64_t> seeds{0};
    bool per_budget = false;  ///< A run for each budget, also of a method whose one run answers all.
    nlohmann::json settings = nlohmann::json::object();  ///< Changes to every method's, before its own.
  };
  std::string file;  ///< For messages, and for names relative to it; empty: none.
  std::filesystem::path model, bank, store;
  std::string device = "cpu";
  nlohmann::json bank_settings = nlohmann::json::object();  ///< Changes to the recipe of the first method's preset.
  std::vector<Grid> runs;
  std::optional<Workbench::EvaluationRequest> evaluation;  ///< Without model and candidates; absent: nothing is judged.
  bool judged_as_found = true;          ///< Prompts are judged in the chat form of the runs, where all have the same.
  std::vector<std::string> placements;  ///< Judged too; see placementFrom().
};

/// BadInput naming the place in the file, and for an unknown key the nearest known one.
Batch readBatch(const std::filesystem::path& file);

/// A run that is to be made, and the budgets that are asked of it: its own first, the others in its setting "extract".
struct PlannedRun {
  RunSpec spec;
  std::vector<Budget> budgets;
  nlohmann::json defaults = nlohmann::json::object();  ///< Of the method's settings.
  std::string earlier_form = {};                       ///< See RunCatalog::Prompts.
  std::optional<std::int64_t> steps = {};              ///< That it will take; see plannedSteps().
  double step_work = 0;                                ///< See workOfStep().
};

/// How results are judged: all by the same request, so that their scores are paired.
struct Judging {
  struct Reference {
    std::string label;
    Placement placement;
  };
  Workbench::EvaluationRequest request;
  std::string manner;  ///< See mannerOf().
  std::vector<Reference> references;
};

/// A batch with everything looked up and checked: nothing in it can fail for what was asked.
struct BatchPlan {
  std::vector<PlannedRun> runs;
  std::shared_ptr<const Judging> judging;  ///< Null: nothing is judged.
  bool prepares_bank = false;              ///< The first run makes it.
};

/// The runs in the order in which they are made: all methods with the first seed, then with the next, so that a batch
/// that is broken off has compared the methods. Equal runs are one. Errors, before anything is loaded: whatever of the
/// batch cannot be done; BadInput where it came from a file.
BatchPlan planBatch(const Batch& batch, RunCatalog& catalog);

/// How an evaluation measures, in words: "kl, nll; 3072 tokens of text in sequences of 512; …". Equal for requests
/// whose scores of one placement are equal. A chat template in a file is read for its digest.
std::string mannerOf(const Workbench::EvaluationRequest& request);

/// What a run's result depends on, the model left out, and the further budgets that it tells. A chat template in a file
/// counts by its content where that is known.
nlohmann::json essenceOf(const RunSpec& spec);

/// Whether `stored` is, or on going on will be, the run that is planned: all that determines its result is equal, and
/// it tells placements for all budgets planned. Titles, preset names and where the files lie do not count.
bool answers(const RunSpec& stored, const PlannedRun& planned);

}  // namespace interleave
