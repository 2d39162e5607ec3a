// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/candidates/bank.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "backend/candidates/alignment.h"
#include "backend/candidates/tensor_file.h"
#include "backend/core/error.h"
#include "backend/core/part_progress.h"
#include "backend/core/setting_differences.h"
#include "backend/data/answered_prompt.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/bounded_json.h"
#include "backend/mixers/gated_delta_net.h"

namespace interleave {
namespace {

constexpr int kCardVersion = 1;
constexpr double kSecondsBetweenSaves = 120;
constexpr double kTrainingFrom = 0.05, kTrainingTo = 0.95;  // of a preparation, as its progress counts it
const char* const kCardName = "card.json";
const char* const kTrainingName = "training.safetensors";

constexpr std::array<std::string_view, 9> kCardKeys{"format",   "version", "model_name", "layers", "key",
                                                    "complete", "tokens",  "seconds",    "quality"};

constexpr std::array<std::string_view, 3> kKeyKeys{"model", "settings", "seed"};
const char* const kTexts = "texts";      // of the key, where there are files
const char* const kPrompts = "prompts";  // of the key, where there are prompts: their digest
constexpr const char* kChat = "chat";    // of the card, likewise: their form, in words
constexpr std::array<std::string_view, 1> kOptionalKeys{kChat};

std::filesystem::path kindFile(const std::filesystem::path& dir, MixerKind kind) {
  return dir / (std::string(name(kind)) + ".safetensors");
}

bool hasPrompts(const nlohmann::json& settings) { return settings.value("prompt_share", 0.0) > 0; }

/// Cards of earlier programs do not tell how prompts were written.
std::string promptsOf(const nlohmann::json& key, const Tokenizer& tokenizer) {
  if (!hasPrompts(key.at("settings"))) return {};
  return key.contains(kPrompts) ? key.at(kPrompts).get<std::string>() : promptDigestOfEarlierPrograms(tokenizer);
}

/// What the bank is a function of. Two equal keys give equal banks on one machine.
nlohmann::json keyOf(const Model& model, const Tokenizer& tokenizer, const Settings& settings, std::uint64_t seed) {
  nlohmann::json key{{"model", model.fingerprint()}, {"settings", settings.json()}, {"seed", seed}};
  for (const char* text : {"text_file", "held_out_file"}) {  // a file may change under its name
    if (const std::string file = settings.text(text); !file.empty()) {
      key[kTexts][text] = textDigest(calibrationText(file));
    }
  }
  if (hasPrompts(settings.json())) key[kPrompts] = promptDigest(tokenizer);
  return key;
}

nlohmann::json newCard(const Model& model, const Tokenizer& tokenizer, const Settings& settings, std::uint64_t seed) {
  const ModelConfig& config = model.config();
  nlohmann::json card{{"format", "interleave-bank"},
                      {"version", kCardVersion},
                      {"model_name", config.name},
                      {"layers", config.layers},
                      {"key", keyOf(model, tokenizer, settings, seed)},
                      {"complete", false},
                      {"tokens", 0},
                      {"seconds", 0.0},
                      {"quality", nlohmann::json::object()}};
  if (hasPrompts(settings.json())) card[kChat] = tokenizer.chatForm().words();
  return card;
}

std::string formOf(const nlohmann::json& card) {
  return card.value(kChat, std::string("as earlier programs wrote them"));
}

nlohmann::json qualityOf(const AlignmentEvent& event) {
  double sum = 0;
  for (float error : event.relative_error) sum += error;
  return {{"relative_error", event.relative_error},
          {"cosine", event.cosine},
          {"mean_relative_error", sum / static_cast<double>(event.relative_error.size())}};
}

Error lacksKind(const std::filesystem::path& dir, MixerKind kind) {
  return badInput(dir.string(), "kinds", "the bank holds no \"" + std::string(name(kind)) + "\" candidates");
}

/// In what the keys of two cards differ, for a message.
std::string differences(const nlohmann::json& stored_card, const nlohmann::json& wanted_card) {
  const nlohmann::json &stored = stored_card.at("key"), &wanted = wanted_card.at("key");
  std::string text = settingDifferences(stored.at("settings"), wanted.at("settings"));
  if (stored.at("seed") != wanted.at("seed")) {
    text += (text.empty() ? "" : "; ") + std::string("seed is ") + stored.at("seed").dump() + " and not " +
            wanted.at("seed").dump();
  }
  if (stored.value(kPrompts, std::string()) != wanted.value(kPrompts, std::string())) {
    text +=
        (text.empty() ? "" : ", ") + std::string("chat ") + formOf(stored_card) + " instead of " + formOf(wanted_card);
  }
  if (text.empty()) text = "a text has changed under its name";
  return text;
}

}  // namespace

nlohmann::json readCard(const std::filesystem::path& dir) {
  const std::filesystem::path file = dir / kCardName;
  nlohmann::json card = readJson(file);
  requireKeys(card, kCardKeys, file.string(), kOptionalKeys);
  if (card.at("format") != "interleave-bank") throw badInput(file.string(), "format", "this is not a bank's card");
  if (card.at("version") != kCardVersion) {
    throw badInput(file.string(), "version",
                   card.at("version").dump() + " is not supported; this program reads " + std::to_string(kCardVersion));
  }
  const auto check = [&](const char* key, bool right) {
    if (!right) throw badInput(file.string(), key, "has the wrong type");
  };
  const nlohmann::json &key = card.at("key"), &quality = card.at("quality");
  check("model_name", card.at("model_name").is_string());
  check("complete", card.at("complete").is_boolean());
  check("tokens", card.at("tokens").is_number_integer());
  check("seconds", card.at("seconds").is_number());
  check("key", key.is_object());
  nlohmann::json plain = key;
  plain.erase(kTexts);
  plain.erase(kPrompts);
  requireKeys(plain, kKeyKeys, file.string());
  check("key.model", key.at("model").is_string());
  check("key.settings", key.at("settings").is_object());
  Settings settings(bankSettings());
  settings.merge(key.at("settings"), file.string() + ": key.settings");
  try {
    kindsListed(settings.text("kinds"), "kinds");
  } catch (const Error& problem) {
    throw badInput(file.string(), "key.settings.kinds", problem.reason());
  }
  check("key.seed", key.at("seed").is_number_unsigned());
  check("key.prompts", !key.contains(kPrompts) || key.at(kPrompts).is_string());
  check("chat", !card.contains(kChat) || card.at(kChat).is_string());
  check("quality", quality.is_object());
  for (const auto& [kind, values] : quality.items()) {
    const std::string place = "quality." + kind;
    check(place.c_str(), mixerKindNamed(kind) && values.is_object());
    for (const char* list : {"relative_error", "cosine"}) {
      const auto found = values.find(list);
      check(place.c_str(), found != values.end() && found->is_array() &&
                               std::ranges::all_of(*found, [](const auto& value) { return value.is_number(); }));
    }
  }
  return card;
}

void checkBankModel(const nlohmann::json& card, const ModelConfig& config, const std::string& fingerprint,
                    const std::filesystem::path& dir) {
  const auto made_for = card.at("key").at("model").get<std::string>();
  if (made_for == fingerprint) return;
  throw badInput((dir / kCardName).string(), "model",
                 "the bank was made for \"" + card.at("model_name").get<std::string>() + "\" (fingerprint " + made_for +
                     "), and the model that is open is \"" + config.name + "\" (fingerprint " + fingerprint +
                     "): name a bank of this model, or another folder");
}

bool holdsBank(const std::filesystem::path& dir) {
  return !dir.empty() && std::filesystem::exists(dir / kCardName) && readCard(dir).at("complete").get<bool>();
}

CandidateBank::CandidateBank(std::shared_ptr<const Model> model, const OperatorWindows& windows)
    : model_(std::move(model)), windows_(windows) {
  for (int layer = 0; layer < model_->config().layers; ++layer) {
    mixers_[MixerKind::Full].push_back(SoftmaxAttention::full(model_, layer));
    mixers_[MixerKind::SlidingWindow].push_back(
        SoftmaxAttention::slidingWindow(model_, layer, windows_.sliding.tokens, windows_.sliding.sinks));
  }
}

std::shared_ptr<CandidateBank> CandidateBank::untrained(std::shared_ptr<const Model> model,
                                                        const OperatorWindows& windows) {
  return std::shared_ptr<CandidateBank>(new CandidateBank(std::move(model), windows));
}

StoredBank StoredBank::open(const std::filesystem::path& dir, const ModelConfig& config,
                            const std::string& fingerprint) {
  StoredBank bank;
  bank.dir_ = dir;
  bank.card_ = readCard(dir);
  checkBankModel(bank.card_, config, fingerprint, dir);
  if (!bank.card_.at("complete").get<bool>()) {
    throw badInput((dir / kCardName).string(), "complete",
                   "making this bank was stopped; `candidates prepare` goes on with it");
  }
  Settings settings(bankSettings());
  settings.merge(bank.card_.at("key").at("settings"), (dir / kCardName).string());
  bank.windows_ = operatorWindows(settings);
  for (MixerKind kind : kindsListed(settings.text("kinds"), "kinds")) {
    if (!isTrained(kind)) continue;
    bank.files_.emplace(kind, SafetensorsFile::open(kindFile(dir, kind)));
  }
  return bank;
}

std::vector<MixerKind> StoredBank::kinds() const {
  std::vector<MixerKind> kinds;
  for (const auto& [kind, file] : files_) kinds.push_back(kind);
  return kinds;
}

const SafetensorsFile& StoredBank::file(MixerKind kind) const {
  const auto found = files_.find(kind);
  if (found == files_.end()) throw lacksKind(dir_, kind);
  return found->second;
}

std::string StoredBank::tensorName(int layer, const std::string& label) {
  return "layers." + std::to_string(layer) + "." + label;
}

std::unique_ptr<GatedDeltaNet> readCandidate(const std::function<at::Tensor(const std::string&)>& tensor,
                                             const std::shared_ptr<const Model>& model, int layer, MixerKind kind,
                                             const Window& window, const std::filesystem::path& place) {
  GdnParameters values;
  for (const auto& [label, into] : values.slots()) {
    const at::Tensor stored = tensor(StoredBank::tensorName(layer, label));
    if (stored.defined()) *into = stored.to(model->device());
  }
  return GatedDeltaNet::withParameters(model, layer, kind, window, std::move(values), place.string());
}

std::shared_ptr<const CandidateBank> CandidateBank::load(const std::filesystem::path& dir,
                                                         std::shared_ptr<const Model> model) {
  const StoredBank stored = StoredBank::open(dir, model->config(), model->fingerprint());
  auto bank = untrained(model, stored.windows());
  bank->dir_ = dir;
  bank->card_ = stored.card();
  for (MixerKind kind : stored.kinds()) {
    const SafetensorsFile& file = stored.file(kind);
    const auto tensor = [&](const std::string& name) { return file.has(name) ? readTensor(file, name) : at::Tensor(); };
    for (int layer = 0; layer < model->config().layers; ++layer) {
      bank->mixers_[kind].push_back(readCandidate(tensor, model, layer, kind, bank->windows_.gdn, file.path()));
    }
  }
  return bank;
}

std::shared_ptr<const CandidateBank> CandidateBank::prepare(const std::filesystem::path& dir,
                                                            std::shared_ptr<const Model> model,
                                                            const std::shared_ptr<const Tokenizer>& tokenizer,
                                                            const Settings& settings, std::uint64_t seed,
                                                            const std::function<void(const AlignmentEvent&)>& watch,
                                                            Progress& progress) {
  nlohmann::json card = newCard(*model, *tokenizer, settings, seed);
  const bool begun = std::filesystem::exists(dir / kCardName);
  if (begun) {
    nlohmann::json stored = readCard(dir);
    checkBankModel(stored, model->config(), model->fingerprint(), dir);
    if (const std::string prompts = promptsOf(stored.at("key"), *tokenizer); !prompts.empty()) {
      stored["key"][kPrompts] = prompts;
    }
    if (stored.at("key") != card.at("key")) {
      throw usageError("bank", dir.string() + " holds another bank of this model (" + differences(stored, card) +
                                   "); choose another folder");
    }
    if (stored.at("complete").get<bool>()) return load(dir, std::move(model));
  } else if (std::filesystem::exists(dir) && !std::filesystem::is_empty(dir)) {
    throw usageError("bank", dir.string() + " is not empty and holds no bank; choose another folder");
  }
  Alignment alignment(model, tokenizer, settings, seed);  // refuses bad settings before anything is written
  std::error_code problem;
  std::filesystem::create_directories(dir, problem);
  if (problem) throw failure(dir.string(), "the folder cannot be made: " + problem.message());
  writeFileAtomically(dir / kCardName, card.dump(2) + "\n");

  const std::filesystem::path training = dir / kTrainingName;
  if (begun && std::filesystem::exists(training)) {
    alignment.load(training);
  } else {
    PartProgress beginning(progress, 0, kTrainingFrom);
    alignment.initialise(beginning);
  }
  PartProgress training_progress(progress, kTrainingFrom, kTrainingTo);
  auto saved = std::chrono::steady_clock::now();
  while (alignment.step() < alignment.steps()) {
    const auto now = std::chrono::steady_clock::now();
    const bool stop = progress.stopRequested();
    if (stop || std::chrono::duration<double>(now - saved).count() > kSecondsBetweenSaves) {
      alignment.save(training);
      saved = now;
    }
    if (stop) throw stopped();
    // Not stopped in the middle of a step, which would leave some layers moved and others not.
    NoProgress whole;
    for (const AlignmentEvent& event : alignment.advance(whole)) watch(event);
    training_progress.report("Preparing candidates",
                             static_cast<double>(alignment.step()) / static_cast<double>(alignment.steps()));
  }

  alignment.finish();
  auto bank = untrained(model, operatorWindows(settings));
  card["complete"] = true;
  card["tokens"] = alignment.steps() * settings.integer("sequence_length");
  card["seconds"] = alignment.seconds();
  try {
    PartProgress measuring(progress, kTrainingTo, 1);
    for (const AlignmentEvent& event : alignment.measure(measuring)) {
      watch(event);
      card["quality"][std::string(name(event.kind))] = qualityOf(event);
    }
  } catch (const Error&) {  // stopped, as a rule: the training is done and must not be lost
    alignment.save(training);
    throw;
  }
  for (MixerKind kind : alignment.kinds()) {
    NamedTensors tensors;
    for (std::size_t layer = 0; layer < alignment.candidates(kind).size(); ++layer) {
      auto& candidate = alignment.candidates(kind)[layer];
      for (const auto& [label, tensor] : candidate->parameters()) {
        tensors.emplace_back(StoredBank::tensorName(static_cast<int>(layer), label),
                             tensor.dim() == 1 ? tensor : tensor.to(at::kBFloat16));
      }
      bank->mixers_[kind].push_back(std::move(candidate));
    }
    writeTensors(kindFile(dir, kind), tensors, {{"format", "interleave-bank"}, {"kind", std::string(name(kind))}});
  }
  writeFileAtomically(dir / kCardName, card.dump(2) + "\n");
  std::filesystem::remove(training, problem);
  bank->dir_ = dir;
  bank->card_ = std::move(card);
  return bank;
}

void checkPromptForm(const nlohmann::json& card, const Tokenizer& tokenizer, const std::filesystem::path& dir) {
  const std::string prompts = card.is_object() ? promptsOf(card.at("key"), tokenizer) : "";
  if (prompts.empty() || prompts == promptDigest(tokenizer)) return;
  throw usageError("chat", "the bank in " + dir.string() + " was aligned on prompts in another form (" + formOf(card) +
                               ") than is wanted now (" + tokenizer.chatForm().words() +
                               "); name another folder for the bank, or that form");
}

const Mixer& CandidateBank::mixer(int layer, MixerKind kind) const {
  const auto found = mixers_.find(kind);
  if (found == mixers_.end()) throw lacksKind(dir_, kind);
  return *found->second.at(static_cast<std::size_t>(layer));
}

Student CandidateBank::student(const Placement& placement) const { return {model_, row(placement)}; }

MixerRow CandidateBank::row(const Placement& placement) const {
  if (placement.layers() != model_->config().layers) {
    throw badInput({}, "placement",
                   "it has " + std::to_string(placement.layers()) + " layers, the model " +
                       std::to_string(model_->config().layers));
  }
  MixerRow row;
  for (int layer = 0; layer < placement.layers(); ++layer) row.push_back(&mixer(layer, placement[layer]));
  return row;
}

}  // namespace interleave
