// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <c10/util/Exception.h>

#include <filesystem>
#include <memory>
#include <string>

#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/core/events.h"
#include "backend/core/progress.h"
#include "backend/core/settings.h"
#include "backend/engine/workbench.h"
#include "backend/formats/tokenizer.h"
#include "backend/model/model.h"

namespace interleave {

/// The model in `files`, ready to run. Usage error: an unknown precision or device.
std::shared_ptr<const Model> loadModel(std::shared_ptr<const ModelFiles> files, const Execution& execution,
                                       Progress& progress);
/// What is odd about the files is told to `progress`.
std::shared_ptr<const ModelFiles> openModel(const std::filesystem::path& path, Progress& progress);
/// `chat`: in which form prompts are written; see ChatForm. Told as above.
std::shared_ptr<const Tokenizer> tokenizerOf(const ModelFiles& files, const std::string& chat, Progress& progress);

/// Sizes and times of a model's files, or of one file; what cannot be read shows when it is opened.
std::string identityOf(const std::filesystem::path& path);

/// Bank settings over the fallbacks; keys are checked.
Settings completeBankSettings(const nlohmann::json& values);

/// BadInput where a stored run was begun with prompts in another form than the tokenizer's.
void checkBegunWith(const RunSpec& run, const Tokenizer& tokenizer);

/// What of a run can be told to be wrong with its prompts before weights are read: a template that cannot write any
/// where there are some, a bank of this model in `bank` that was aligned on prompts in another form. Usage error.
void checkPrompts(const ModelFiles& model, const Tokenizer& tokenizer, const Settings& search, const Settings& recipe,
                  const std::filesystem::path& bank);

/// What a run tells once about itself: device, kernel, sizes, the form of its prompts, and costs at the context lengths
/// that KV views draw.
EnvironmentEvent environmentOf(const Model& model, const Tokenizer& tokenizer, const Execution& execution,
                               const OperatorWindows& windows, std::vector<MixerKind> operators);

/// Runs `work`; LibTorch's own exceptions come out as a Failed Error with their message and no backtrace.
template <class Work>
auto guarded(Work work) {
  try {
    return work();
  } catch (const c10::Error& problem) {
    throw failure("LibTorch", problem.what_without_backtrace());
  }
}

}  // namespace interleave
