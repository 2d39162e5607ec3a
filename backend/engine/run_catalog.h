// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/core/placement.h"
#include "backend/core/run_spec.h"
#include "backend/core/settings.h"
#include "backend/engine/workbench.h"

namespace interleave {

/// What the backend knows of runs before they begin: nothing is loaded and nothing written. An interface, so that runs
/// are planned and tested without LibTorch. Not thread-safe; the file of a model is opened once.
class RunCatalog {
 public:
  virtual ~RunCatalog() = default;

  struct Model {
    std::string name, fingerprint;
    int layers = 0;
  };
  virtual Model model(const std::filesystem::path& path) = 0;  ///< BadInput: it cannot be opened.

  /// How prompts are written for a model when `chat` is asked for; see ChatForm. BadInput: no tokenizer, or no such
  /// file.
  struct Prompts {
    std::string words;    ///< See ChatForm::words().
    std::string form;     ///< A digest: equal where prompts are.
    std::string earlier;  ///< That of runs and banks that do not say their form.
  };
  virtual Prompts prompts(const std::filesystem::path& model, const std::string& chat, Progress& progress) = 0;

  /// Usage error or BadInput. An empty name is the preset that the method starts from.
  virtual Preset preset(const std::string& name, const std::string& method) = 0;

  /// The recipe of the bank in `bank`, which is used as it is; nothing where there is none. BadInput: it was made for
  /// another model than the one at `model`.
  virtual std::optional<Settings> bankRecipe(const std::filesystem::path& bank, const std::filesystem::path& model) = 0;

  /// What is wrong with a run, if anything: settings beyond their ranges, operators that its bank does not hold
  /// and its recipe does not make, a chat form that cannot write prompts or that the bank was not aligned on (Usage
  /// error), a budget that the model cannot meet with these operators (BadInput).
  virtual void check(const RunSpec& run) = 0;

  /// The same of an evaluation's tasks, wording and chat form. Usage error or BadInput.
  virtual void check(const Workbench::EvaluationRequest& request) = 0;

  /// placementFrom() for the model at `model`. BadInput also where a file names another model.
  virtual Placement placement(const std::string& text, const std::filesystem::path& model, MixerKind rest) = 0;
};

}  // namespace interleave
