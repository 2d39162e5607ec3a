// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/heal/heal_folder.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/safetensors.h"
#include "backend/heal/hybrid_model.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStatePrefix = "state-", kStateEnding = ".safetensors";
constexpr std::size_t kStatesKept = 2;

std::string stateName(std::int64_t step) {
  return std::string(kStatePrefix) + std::to_string(step) + std::string(kStateEnding);
}

std::optional<std::int64_t> stepOf(const std::string& name) {
  if (!name.starts_with(kStatePrefix) || !name.ends_with(kStateEnding)) return std::nullopt;
  const char* const end = name.data() + name.size() - kStateEnding.size();
  std::int64_t step = 0;
  const auto [at, problem] = std::from_chars(name.data() + kStatePrefix.size(), end, step);
  return problem == std::errc() && at == end && step > 0 ? std::optional(step) : std::nullopt;
}

/// What in two keys differs, for a message.
std::string differences(const nlohmann::json& stored, const nlohmann::json& wanted) {
  std::string text;
  const auto tell = [&](const std::string& what, const nlohmann::json& old, const nlohmann::json& now) {
    if (old == now) return;
    text += text.empty() ? "" : ", ";
    text += what + " " + old.dump() + " instead of " + now.dump();
  };
  tell("model", stored.at("model"), wanted.at("model"));
  tell("seed", stored.at("seed"), wanted.at("seed"));
  for (const auto& [key, value] : wanted.at("settings").items()) {
    tell(key, stored.at("settings").value(key, nlohmann::json()), value);
  }
  return text.empty() ? "another bank or text" : text;
}

}  // namespace

HealFolder::HealFolder(fs::path dir, nlohmann::json card, bool resumes) : dir_(std::move(dir)), card_(std::move(card)) {
  Digest digest;
  digest.add(card_.at("key").dump());
  key_ = digest.text();
  const std::string place = dir_.string();
  std::error_code problem;
  if (fs::exists(dir_ / kHealedCard, problem)) {
    const nlohmann::json stored = readHealedCard(dir_);
    if (stored.at("key") != card_.at("key")) {
      const std::string what = differences(stored.at("key"), card_.at("key"));
      if (resumes) throw badInput((dir_ / kHealedCard).string(), "key", "the folder is of another heal: " + what);
      throw usageError("folder", place + " holds another heal (" + what + "); choose another folder");
    }
    card_ = stored;
    if (finished() && !resumes) throw usageError("folder", place + " holds this very heal, finished");
    if (!resumes) forgetStates(0);
    return;
  }
  if (resumes) throw badInput((dir_ / kHealedCard).string(), {}, "the folder of the run's weights is not there");
  check(dir_);
  fs::create_directories(dir_, problem);
  if (problem) throw failure(place, "the folder cannot be made: " + problem.message());
  writeFileAtomically(dir_ / kHealedCard, card_.dump(2) + "\n");
}

void HealFolder::check(const fs::path& dir) {
  std::error_code problem;
  if (!fs::exists(dir, problem)) return;
  if (!fs::is_directory(dir, problem)) throw usageError("folder", dir.string() + " is no folder");
  if (fs::exists(dir / kHealedCard, problem)) {
    readHealedCard(dir);
  } else if (!fs::is_empty(dir, problem)) {
    throw usageError("folder", dir.string() + " is not empty and holds no heal; choose another folder");
  }
}

std::vector<std::pair<std::int64_t, fs::path>> HealFolder::states() const {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (const auto step = stepOf(entry.path().filename().string())) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found, std::greater{});
  return found;
}

void HealFolder::forgetStates(std::size_t but_the_newest) const {
  const auto all = states();
  for (std::size_t i = but_the_newest; i < all.size(); ++i) {
    std::error_code ignored;  // it is only in the way
    fs::remove(all[i].second, ignored);
  }
}

std::string HealFolder::save(const HealProgress& progress, const NamedTensors& state) {
  const std::string name = stateName(progress.step);
  writeTensors(dir_ / name, state,
               {{"format", "interleave-heal-state"},
                {"key", key_},
                {"step", std::to_string(progress.step)},
                {"tokens", std::to_string(progress.tokens)},
                {"seconds", std::to_string(progress.seconds)}});
  // Later ones are of a part of the run that is being done again.
  for (const auto& [step, file] : states()) {
    std::error_code ignored;
    if (step > progress.step) fs::remove(file, ignored);
  }
  forgetStates(kStatesKept);
  return name;
}

HealProgress HealFolder::read(const fs::path& file, const NamedTensors& state) const {
  const SafetensorsFile stored = SafetensorsFile::open(file);
  HealProgress progress;
  try {
    const auto& facts = stored.metadata();
    if (facts.at("key") != key_) throw badInput(file.string(), "key", "the state is of another heal");
    progress = {std::stoll(facts.at("step")), std::stoll(facts.at("tokens")), std::stod(facts.at("seconds"))};
  } catch (const std::logic_error&) {  // what at(), stoll() and stod() throw
    throw badInput(file.string(), "metadata", "what the state is of is missing, or no number");
  }
  if (stepOf(file.filename().string()) != progress.step) throw badInput(file.string(), "step", "is not the name's");
  if (stored.names().size() != state.size())
    throw badInput(file.string(), {}, "it holds other tensors than the heal's");
  std::vector<at::Tensor> values;  // all are read before one is taken over
  for (const auto& [name, tensor] : state) {
    values.push_back(readTensor(stored, name));
    if (values.back().sizes() != tensor.sizes()) throw badInput(file.string(), name, "has another shape than expected");
  }
  for (std::size_t i = 0; i < state.size(); ++i) state[i].second.copy_(values[i]);
  return progress;
}

std::optional<HealProgress> HealFolder::restore(std::int64_t step, const std::string& expected,
                                                const NamedTensors& state,
                                                const std::function<void(const std::string&)>& warn) const {
  const at::NoGradGuard no_grad;
  std::optional<Error> damaged;
  for (const auto& [at_step, file] : states()) {
    if (at_step > step) continue;  // the store is behind it: a kill came between the two
    try {
      const HealProgress found = read(file, state);
      if (damaged) warn(std::string("The heal goes on from step ") + std::to_string(at_step) + ": " + damaged->what());
      return found;
    } catch (const Error& problem) {
      damaged = problem;
    }
  }
  if (damaged) throw *damaged;
  if (!expected.empty()) throw badInput((dir_ / expected).string(), {}, "the state of the run's weights is not there");
  return std::nullopt;
}

void HealFolder::finish(const HealProgress& progress, const NamedTensors& weights) {
  writeTensors(dir_ / kHealedWeights, weights, {{"format", "interleave-healed"}});
  card_["complete"] = true;
  card_["tokens"] = progress.tokens;
  card_["seconds"] = progress.seconds;
  writeFileAtomically(dir_ / kHealedCard, card_.dump(2) + "\n");
  forgetStates(0);
}

}  // namespace interleave
