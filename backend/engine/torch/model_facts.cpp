// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/candidates/bank.h"
#include "backend/core/error.h"
#include "backend/core/random.h"
#include "backend/data/passkey.h"
#include "backend/data/planted_model.h"
#include "backend/engine/input_checks.h"
#include "backend/engine/workbench.h"
#include "backend/formats/placement_io.h"
#include "backend/formats/published.h"
#include "backend/formats/tokenizer.h"
#include "backend/heal/exported_folder.h"
#include "backend/heal/hybrid_model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

namespace interleave {
namespace {

/// "word:A:B" cut at its colons, or at another `mark`.
std::vector<std::string> parts(const std::string& text, char mark = ':') {
  std::vector<std::string> all;
  std::size_t from = 0;
  for (std::size_t next; (next = text.find(mark, from)) != std::string::npos; from = next + 1) {
    all.push_back(text.substr(from, next - from));
  }
  all.push_back(text.substr(from));
  return all;
}

template <class Number>
Number numberIn(const std::string& word, const std::string& whole) {
  Number value{};
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc{} || end != word.data() + word.size()) {
    throw usageError("placement", "\"" + word + "\" in \"" + whole + "\" is not a whole number");
  }
  return value;
}

/// Of a placement that is not in other words.
void requireFile(const std::string& text) {
  if (std::filesystem::exists(text)) return;
  if (text.find_first_of("./") != std::string::npos) throw badInput(text, {}, "there is no such file");
  throw usageError("placement",
                   "\"" + text +
                       "\" is neither a file nor layers:I,J,…, uniform:K[:OFFSET], first:K, last:K, random:K:SEED, " +
                       "published:NAME[:K], healed:DIR, hybrid:DIR, all, none");
}

}  // namespace

nlohmann::json Workbench::modelInfo(const std::filesystem::path& model) {
  const ModelFiles files = ModelFiles::open(model);
  const ModelConfig& config = files.config();
  std::set<std::string> types;
  for (const std::string& tensor : files.tensorNames()) types.emplace(name(files.dtype(tensor)));
  nlohmann::json facts{
      {"path", files.path().string()},       {"format", files.format()},        {"name", config.name},
      {"family", familyName(config.family)}, {"layers", config.layers},         {"hidden", config.hidden},
      {"intermediate", config.intermediate}, {"heads", config.heads},           {"kv_heads", config.kv_heads},
      {"head_dim", config.head_dim},         {"vocabulary", config.vocabulary}, {"context", config.context},
      {"tied_head", config.tied_head},       {"sliding_window", config.window}, {"rope_theta", config.rope_theta},
      {"parameters", files.parameters()},    {"tensor_types", types},           {"fingerprint", files.fingerprint()}};
  std::vector<std::string> warnings = files.warnings();
  try {
    const Tokenizer tokenizer = Tokenizer::from(files);
    warnings.insert(warnings.end(), tokenizer.warnings().begin(), tokenizer.warnings().end());
    facts["tokenizer"] = {{"size", tokenizer.size()},
                          {"chat_form", tokenizer.chatForm().words()},
                          {"plain", tokenizer.chatForm().isPlain()},
                          {"end_ids", tokenizer.endIds()}};
  } catch (const Error& problem) {
    facts["tokenizer"] = {{"problem", problem.what()}};
  }
  if (!warnings.empty()) facts["warnings"] = warnings;
  return facts;
}

Placement placementFrom(const std::string& text, int layers, MixerKind rest) {
  if (text.starts_with(kPublishedPrefix)) return publishedPlacement(text, layers, rest);
  if (text.starts_with(kHealedPrefix)) return healedPlacement(text.substr(kHealedPrefix.size()), layers);
  if (text.starts_with(kHybridPrefix)) return exportedPlacement(text.substr(kHybridPrefix.size()), layers);
  const std::vector<std::string> words = parts(text);
  const std::string& kind = words[0];
  const std::size_t arguments = words.size() - 1;
  if (kind == "all" && arguments == 0) return Placement(layers, MixerKind::Full);
  if (kind == "none" && arguments == 0) return Placement(layers, rest);
  if (kind == "uniform" && (arguments == 1 || arguments == 2)) {
    const int offset = arguments == 2 ? numberIn<int>(words[2], text) : 0;
    if (offset < 0 || offset >= layers) throw usageError("placement", "the offset is outside the model's layers");
    return Placement::uniform(layers, numberIn<int>(words[1], text), offset, rest);
  }
  if (kind == "first" && arguments == 1) return Placement::first(layers, numberIn<int>(words[1], text), rest);
  if (kind == "last" && arguments == 1) return Placement::last(layers, numberIn<int>(words[1], text), rest);
  if (kind == "random" && arguments == 2) {
    return Placement::random(layers, numberIn<int>(words[1], text), numberIn<std::uint64_t>(words[2], text), rest);
  }
  if (kind == "layers" && arguments == 1) {
    std::vector<int> kept;
    for (const std::string& word : parts(words[1], ',')) kept.push_back(numberIn<int>(word, text));
    return Placement::keeping(layers, kept, rest);
  }
  requireFile(text);
  return readPlacement(text, layers, rest);
}

void requirePlacement(const std::string& text) {
  constexpr std::array<std::string_view, 7> kWords{"all", "none", "uniform", "first", "last", "random", "layers"};
  const std::string_view word = std::string_view(text).substr(0, text.find(':'));
  if (std::ranges::find(kWords, word) != kWords.end()) return;
  if (text.starts_with(kPublishedPrefix)) {
    publishedPlacement(text, 0, MixerKind::SlidingWindow);
  } else if (text.starts_with(kHealedPrefix)) {
    healedPlacement(text.substr(kHealedPrefix.size()), 0);
  } else if (text.starts_with(kHybridPrefix)) {
    exportedPlacement(text.substr(kHybridPrefix.size()), 0);
  } else {
    requireFile(text);
  }
}

void requireBankOf(const ModelFiles& model, const std::filesystem::path& bank) {
  if (bank.empty() || !std::filesystem::exists(bank / "card.json")) return;
  checkBankModel(readCard(bank), model.config(), model.fingerprint(), bank);
}

nlohmann::json readBankCard(const std::filesystem::path& dir) { return readCard(dir); }

nlohmann::json plantModel(const std::filesystem::path& folder, int layers, std::uint64_t seed) {
  return toJson(writePlantedModel(folder, layers, seed));
}

std::vector<std::string> promptWordings() { return PasskeyTask::wordings(); }

}  // namespace interleave
