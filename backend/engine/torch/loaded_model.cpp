// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/loaded_model.h"

#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/data/answered_prompt.h"
#include "backend/engine/machine.h"
#include "backend/model/device.h"
#include "kernels/gated_delta_rule.h"

namespace interleave {
std::shared_ptr<const Model> loadModel(std::shared_ptr<const ModelFiles> files, const Execution& execution,
                                       Progress& progress) {
  if (execution.precision != "fp32" && execution.precision != "bf16") {
    throw usageError("precision", "\"" + execution.precision + "\" is neither fp32 nor bf16");
  }
  const at::ScalarType precision = execution.precision == "bf16" ? at::kBFloat16 : at::kFloat;
  return Model::load(std::move(files), {execution.device, precision}, progress);
}

std::shared_ptr<const ModelFiles> openModel(const std::filesystem::path& path, Progress& progress) {
  auto files = std::make_shared<const ModelFiles>(ModelFiles::open(path));
  for (const std::string& line : files->warnings()) progress.warn(line);
  return files;
}

std::shared_ptr<const Tokenizer> tokenizerOf(const ModelFiles& files, const std::string& chat, Progress& progress) {
  auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from(files, chat));
  for (const std::string& line : tokenizer->warnings()) progress.warn(line);
  return tokenizer;
}

std::string identityOf(const std::filesystem::path& model) {
  std::vector<std::string> entries;
  const auto add = [&](const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    const auto time = std::filesystem::last_write_time(file, ignored).time_since_epoch().count();
    entries.push_back(file.filename().string() + " " + std::to_string(size) + " " + std::to_string(time) + "\n");
  };
  std::error_code unreadable;
  if (std::filesystem::is_directory(model, unreadable)) {
    for (const auto& entry : std::filesystem::directory_iterator(model, unreadable)) add(entry.path());
  } else {
    add(model);
  }
  std::ranges::sort(entries);
  return std::accumulate(entries.begin(), entries.end(), std::string());
}

Settings completeBankSettings(const nlohmann::json& values) {
  Settings settings(bankSettings());
  settings.merge(values, "bank settings");
  return settings;
}

void checkBegunWith(const RunSpec& run, const Tokenizer& tokenizer) {
  const std::string begun = run.tellsChat() ? run.prompt_form : promptDigestOfEarlierPrograms(tokenizer);
  if (begun.empty() || begun == promptDigest(tokenizer)) return;
  throw badInput(run.model_path, kChatSetting,
                 "the run was begun with prompts in another form than they have now (" + tokenizer.chatForm().words() +
                     "); a fork or a new run takes this one");
}

void checkPrompts(const ModelFiles& model, const Tokenizer& tokenizer, const Settings& search, const Settings& recipe,
                  const std::filesystem::path& bank) {
  const bool judges = search.json().value("judge_prompts", 0) > 0;  // of a heal
  if (judges || search.real("prompt_share") > 0 || recipe.real("prompt_share") > 0) asked(tokenizer, "?", {});
  if (!holdsBank(bank)) return;
  const nlohmann::json card = readCard(bank);  // one of another model is refused as such
  if (card.at("key").at("model") == model.fingerprint()) checkPromptForm(card, tokenizer, bank);
}

EnvironmentEvent environmentOf(const Model& model, const Tokenizer& tokenizer, const Execution& execution,
                               const OperatorWindows& windows, std::vector<MixerKind> operators) {
  const DeviceReport report = deviceReport(execution.device);
  const ModelConfig& config = model.config();
  EnvironmentEvent event;
  event.device = report.device;
  event.kernel = report.kernel;
  event.precision = execution.precision;
  event.library = report.library;
  event.layers = config.layers;
  event.heads = config.heads;
  event.kv_heads = config.kv_heads;
  event.threads = report.threads;
  event.model_name = config.name;
  event.model_fingerprint = model.fingerprint();
  event.operators = std::move(operators);
  event.machine = machineText();
  event.program = programVersion();
  event.chat = tokenizer.chatForm().words();
  event.prompt_form = promptDigest(tokenizer);
  for (std::int64_t tokens : drawnContextLengths()) event.costs.push_back(costTable(config, windows, tokens));
  return event;
}

DeviceReport deviceReport(const std::string& wanted) {
  DeviceReport report;
  const c10::Device device = resolveDevice(wanted, report.note);
  report.device = device.is_cuda() ? "cuda" : "cpu";
  report.kernel = kernels::activeKernelName(device);
  report.library = std::string("LibTorch ") + TORCH_VERSION;
  report.threads = at::get_num_threads();
  return report;
}

}  // namespace interleave
