// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/chat.h"
#include "backend/formats/config_fields.h"
#include "sessions/batch.h"

namespace interleave {
namespace {

using nlohmann::json;
using Keys = std::span<const std::string_view>;

constexpr std::array<std::string_view, 10> kBatchKeys{"format", "version",       "model", "bank",       "store",
                                                      "device", "bank_settings", "runs",  "evaluation", "placements"};
constexpr std::array<std::string_view, 5> kGridKeys{"methods", "budgets", "seeds", "per_budget", "settings"};
constexpr std::array<std::string_view, 3> kMethodKeys{"method", "preset", "settings"};
constexpr std::array<std::string_view, 15> kEvaluationKeys{
    "tasks",     "tokens",   "sequence", "prompts", "prompt_tokens", "wording",  "chat",         "seed",
    "precision", "nll_only", "hay",      "squad",   "hotpot",        "passkeys", "passkey_words"};
constexpr int kMost = std::numeric_limits<int>::max();

/// An object at `place` of the file, all of whose keys are known.
class Object {
 public:
  Object(const json& object, Keys keys, std::string file, std::string place)
      : object_(object), file_(std::move(file)), place_(std::move(place)) {
    requireKeys(object, {}, file_, keys, place_);
  }

  ConfigFields fields() const { return {object_, file_, place_.empty() ? "" : place_ + "."}; }
  bool has(const std::string& key) const { return object_.contains(key); }

  /// Hands each entry of the list under `key` to `take`, with its place. A list that is there has entries.
  template <class Take>
  void each(const std::string& key, Take take) const {
    if (!has(key)) return;
    const json& list = object_.at(key);
    if (!list.is_array() || list.empty()) fields().refuse(key, "expected a list with at least one entry");
    for (std::size_t i = 0; i < list.size(); ++i) {
      take(list[i], (place_.empty() ? key : place_ + "." + key) + "[" + std::to_string(i) + "]");
    }
  }

  std::vector<std::string> words(const std::string& key) const {
    std::vector<std::string> words;
    each(key, [&](const json& entry, const std::string& place) {
      if (!entry.is_string()) throw badInput(file_, place, "expected text, found " + entry.dump());
      words.push_back(entry);
    });
    return words;
  }

  json object(const std::string& key) const {
    if (!has(key)) return json::object();
    if (!object_.at(key).is_object()) fields().refuse(key, "expected a JSON object");
    return object_.at(key);
  }

 private:
  const json& object_;
  std::string file_, place_;
};

std::uint64_t seedOf(const json& value, const std::string& file, const std::string& place) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  throw badInput(file, place, "a seed is a whole number from 0 on, not " + value.dump());
}

Budget budgetOf(const json& value, const std::string& file, const std::string& place) {
  try {
    return Budget::parse(value.is_string() ? value.get<std::string>() : value.dump());
  } catch (const Error& problem) {
    throw badInput(file, place, problem.reason());
  }
}

Batch::Method methodOf(const json& value, const std::string& file, const std::string& place) {
  if (value.is_string()) return {value.get<std::string>()};
  const Object object(value, kMethodKeys, file, place);
  return {object.fields().text("method"), object.fields().text("preset", ""), object.object("settings")};
}

Batch::Grid gridOf(const json& value, const std::string& file, const std::string& place) {
  const Object object(value, kGridKeys, file, place);
  Batch::Grid grid;
  object.each("methods",
              [&](const json& entry, const std::string& at) { grid.methods.push_back(methodOf(entry, file, at)); });
  if (grid.methods.empty()) object.fields().refuse("methods", "is missing: which methods are to run");
  object.each("budgets",
              [&](const json& entry, const std::string& at) { grid.budgets.push_back(budgetOf(entry, file, at)); });
  if (object.has("seeds")) grid.seeds.clear();
  object.each("seeds",
              [&](const json& entry, const std::string& at) { grid.seeds.push_back(seedOf(entry, file, at)); });
  grid.per_budget = object.fields().flag("per_budget", false);
  grid.settings = object.object("settings");
  return grid;
}

Workbench::EvaluationRequest evaluationOf(const json& value, const std::string& file) {
  const Object object(value, kEvaluationKeys, file, "evaluation");
  const ConfigFields fields = object.fields();
  Workbench::EvaluationRequest request;
  if (object.has("tasks")) request.tasks = object.words("tasks");
  request.text_tokens = fields.integer("tokens", 1, kMost, static_cast<int>(request.text_tokens));
  request.sequence_length = fields.integer("sequence", 2, kMost, static_cast<int>(request.sequence_length));
  request.prompts = fields.integer("prompts", 1, kMost, static_cast<int>(request.prompts));
  request.prompt_tokens = fields.integer("prompt_tokens", 1, kMost, static_cast<int>(request.prompt_tokens));
  request.wording = fields.text("wording", request.wording);
  request.chat = fields.text("chat", request.chat);
  if (ChatForm::isFile(request.chat)) {
    request.chat = (std::filesystem::absolute(file).parent_path() / request.chat).lexically_normal();
  }
  if (object.has("seed")) request.seed = seedOf(value.at("seed"), file, "evaluation.seed");
  request.execution.precision = fields.text("precision", request.execution.precision);
  if (request.execution.precision != "fp32" && request.execution.precision != "bf16") {
    fields.refuse("precision", "is neither fp32 nor bf16");
  }
  const auto beside = [&](const char* key) {
    return object.has(key) ? (std::filesystem::absolute(file).parent_path() / fields.text(key)).lexically_normal()
                           : std::filesystem::path();
  };
  request.generate = !fields.flag("nll_only", false);
  request.hay_file = beside("hay");
  request.squad_file = beside("squad");
  request.hotpot_file = beside("hotpot");
  request.passkeys = fields.integer("passkeys", 1, kMost, request.passkeys);
  request.passkey_words = fields.integer("passkey_words", 1, kMost, request.passkey_words);
  return request;
}

}  // namespace

Batch readBatch(const std::filesystem::path& path) {
  const std::string file = path.string();
  const json document = readJson(path);
  const Object object(document, kBatchKeys, file, {});
  const ConfigFields fields = object.fields();
  if (fields.text("format") != "interleave-batch") fields.refuse("format", "this is no batch");
  if (document.value("version", json()) != 1) {
    fields.refuse("version", document.value("version", json()).dump() + " is not supported; this program reads 1");
  }
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  const auto beside = [&](const char* key) { return (folder / fields.text(key)).lexically_normal(); };
  Batch batch;
  batch.file = file;
  batch.model = beside("model");
  batch.bank = beside("bank");
  batch.store = beside("store");
  batch.device = fields.text("device", batch.device);
  if (batch.device != "cpu" && batch.device != "cuda") fields.refuse("device", "is neither cpu nor cuda");
  batch.bank_settings = object.object("bank_settings");
  object.each("runs",
              [&](const json& entry, const std::string& place) { batch.runs.push_back(gridOf(entry, file, place)); });
  if (batch.runs.empty()) fields.refuse("runs", "is missing: methods, budgets and seeds");
  if (object.has("evaluation")) {
    batch.evaluation = evaluationOf(document.at("evaluation"), file);
    batch.judged_as_found = !document.at("evaluation").contains("chat");
  }
  batch.placements = object.words("placements");
  if (!batch.placements.empty() && !batch.evaluation) {
    fields.refuse("placements", "are judged, and \"evaluation\", which says how, is missing");
  }
  return batch;
}

}  // namespace interleave
