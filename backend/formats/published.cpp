// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/published.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/halo_score.h"
#include "backend/formats/bounded_json.h"
#include "backend/formats/checked.h"
#include "backend/formats/config_limits.h"
#include "resources/resources.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "interleave-published", kFolder = "published/";
constexpr int kVersion = 1;
constexpr double kLargest = 1e100;  // differences and quotients of two stay finite
constexpr std::size_t kMostSelections = 1000, kMostText = 2000, kMostName = 100;

/// A place in a document: what it says, and where it is for messages.
struct Part {
  const json& value;
  const std::string& file;
  std::string place;

  Error wrong(const std::string& reason) const { return badInput(file, place, reason); }
  Part at(const std::string& key) const {
    return {value.at(key), file, place.empty() ? key : std::string(place).append(".").append(key)};
  }
  Part at(std::size_t i) const { return {value[i], file, place + "[" + std::to_string(i) + "]"}; }
  bool has(const std::string& key) const { return value.contains(key); }

  void checkKeys(std::span<const std::string_view> needed, std::span<const std::string_view> optional = {}) const {
    requireKeys(value, needed, file, optional, place);
  }
  std::string text() const {
    if (!value.is_string()) throw wrong("expected text");
    const auto& found = value.get_ref<const std::string&>();
    const auto unprintable = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
    if (found.empty() || found.size() > kMostText || std::ranges::any_of(found, unprintable)) {
      throw wrong("expected a line of text of at most " + std::to_string(kMostText) + " bytes");
    }
    return found;
  }
  std::string textOr(const std::string& key) const { return has(key) ? at(key).text() : std::string(); }
  int integer(int least, int most) const {
    const auto number = value.is_number_integer() ? value.get<std::int64_t>() : std::int64_t{-1};
    if (!value.is_number_integer() || number < least || number > most) {
      throw wrong("expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return static_cast<int>(number);
  }
  double number() const {
    if (!value.is_number() || !(std::abs(value.get<double>()) <= kLargest)) throw wrong("expected a number");
    return value.get<double>();
  }
  std::size_t length(std::size_t most) const {
    if (!value.is_array()) throw wrong("expected a list");
    if (value.empty() || value.size() > most) throw wrong("expected 1 to " + std::to_string(most) + " entries");
    return value.size();
  }
  std::vector<double> numbers(std::size_t count) const {
    if (length(count) != count) throw wrong("expected " + std::to_string(count) + " numbers, one a layer");
    std::vector<double> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(at(i).number());
    return all;
  }
  /// Layers of a model of `layers`, each named once.
  std::vector<int> layerList(int layers) const {
    std::vector<int> all;
    std::set<int> seen;
    for (std::size_t i = 0; i < length(static_cast<std::size_t>(layers)); ++i) {
      all.push_back(at(i).integer(0, layers - 1));
      if (!seen.insert(all.back()).second) throw at(i).wrong("names layer " + std::to_string(all.back()) + " twice");
    }
    return all;
  }
};

std::string nameIn(const Part& part) {
  std::string name = part.text();
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  if (name.size() > kMostName || !std::ranges::all_of(name, allowed)) {
    throw part.wrong(inQuotes(name) + " is no name: small letters, digits, '-', '.' and '_'");
  }
  return name;
}

void readSets(const Part& part, PublishedSelection& selection) {
  const Part sets = part.at("sets");
  for (std::size_t i = 0; i < sets.length(kMostLayers); ++i) {
    std::vector<int> kept = sets.at(i).layerList(selection.layers);
    std::ranges::sort(kept);
    selection.sets.push_back(std::move(kept));
  }
  std::ranges::sort(selection.sets, {}, &std::vector<int>::size);
  if (std::ranges::adjacent_find(selection.sets, {}, &std::vector<int>::size) != selection.sets.end()) {
    throw sets.wrong("two of the sets keep as many layers");
  }
  if (!part.has("sliding_window")) return;
  const Part window = part.at("sliding_window");
  window.checkKeys(std::array<std::string_view, 2>{"layers", "tokens"});
  if (selection.sets.size() != 1) throw window.wrong("goes with one set");
  selection.windowed = window.at("layers").layerList(selection.layers);
  selection.window = window.at("tokens").integer(1, kMostContext);
  for (std::size_t i = 0; i < selection.windowed.size(); ++i) {
    if (std::ranges::binary_search(selection.sets[0], selection.windowed[i])) {
      throw window.at("layers").at(i).wrong("the layer has full attention");
    }
  }
}

/// Scores of all layers, which make the ranking; equal ones by lower index.
void rank(const std::vector<double>& by_layer, PublishedSelection& selection) {
  selection.ranking.resize(by_layer.size());
  std::iota(selection.ranking.begin(), selection.ranking.end(), 0);
  const auto score = [&](int layer) { return by_layer[static_cast<std::size_t>(layer)]; };
  std::ranges::stable_sort(selection.ranking, std::greater(), score);
  for (const int layer : selection.ranking) selection.scores.push_back(score(layer));
}

void readRanking(const Part& part, PublishedSelection& selection) {
  const auto layers = static_cast<std::size_t>(selection.layers);
  selection.scored_by = part.textOr("scored_by");
  if (part.has("halo")) {
    const Part halo = part.at("halo");
    halo.checkKeys(std::array<std::string_view, 2>{"recall", "common_sense"});
    return rank(haloScores(halo.at("recall").numbers(layers), halo.at("common_sense").numbers(layers)), selection);
  }
  if (!part.has("ranking")) return rank(part.at("scores").numbers(layers), selection);
  selection.ranking = part.at("ranking").layerList(selection.layers);
  if (!part.has("scores")) return;
  selection.scores = part.at("scores").numbers(selection.ranking.size());
  if (!std::ranges::is_sorted(selection.scores, std::greater()))
    throw part.at("scores").wrong("rise along the ranking");
}

void readResults(const Part& results, PublishedSelection& selection) {
  for (std::size_t i = 0; i < results.length(kMostSelections); ++i) {
    const Part result = results.at(i);
    result.checkKeys(std::array<std::string_view, 4>{"kept", "task", "value", "unit"});
    selection.results.push_back({.kept = result.at("kept").integer(0, selection.layers),
                                 .task = result.at("task").text(),
                                 .unit = result.at("unit").text(),
                                 .value = result.at("value").number()});
  }
}

/// `selection` has what its file says of all.
PublishedSelection readSelection(const Part& part, PublishedSelection selection) {
  constexpr std::array<std::string_view, 4> kNeeded{"name", "title", "model", "layers"};
  constexpr std::array<std::string_view, 8> kOptional{"sets", "sliding_window", "ranking", "scores",
                                                      "halo", "scored_by",      "notes",   "results"};
  part.checkKeys(kNeeded, kOptional);
  selection.name = nameIn(part.at("name"));
  selection.title = part.at("title").text();
  selection.model = part.at("model").text();
  selection.layers = part.at("layers").integer(1, kMostLayers);
  if (part.has("notes")) selection.notes.append(selection.notes.empty() ? "" : " ").append(part.at("notes").text());
  const bool sets = part.has("sets"), halo = part.has("halo"), table = part.has("scores") || part.has("ranking");
  if (int{sets} + int{halo} + int{table} != 1) {
    throw part.wrong("needs one of \"sets\", \"ranking\" (with or without \"scores\"), \"scores\" and \"halo\"");
  }
  if (sets ? part.has("scored_by") : part.has("sliding_window")) {
    throw part.wrong(sets ? "\"scored_by\" goes with scores" : "\"sliding_window\" goes with sets");
  }
  if (sets) {
    readSets(part, selection);
  } else {
    readRanking(part, selection);
  }
  if (part.has("results")) readResults(part.at("results"), selection);
  return selection;
}

std::string joined(const std::vector<int>& counts) {
  std::string text;
  const bool all = counts.size() > 1 && counts.back() - counts.front() + 1 == static_cast<int>(counts.size());
  if (all) return std::to_string(counts.front()) + " to " + std::to_string(counts.back());
  for (const int count : counts) text.append(text.empty() ? "" : ", ").append(std::to_string(count));
  return text;
}

/// The one of `all` that is called `name`; an empty name is enough where there is one.
const PublishedSelection& chosen(const std::vector<PublishedSelection>& all, const std::string& name,
                                 const std::string& where) {
  if (name.empty() && all.size() == 1) return all.front();
  std::vector<std::string> names;
  for (const PublishedSelection& selection : all) names.push_back(selection.name);
  const auto found = std::ranges::find(all, name, &PublishedSelection::name);
  if (found != all.end()) return *found;
  throw usageError("placement", "\"" + name + "\" is none of " + where + didYouMean(name, names) +
                                    " (interleave-cli placement published lists them)");
}

}  // namespace

std::vector<int> PublishedSelection::counts() const {
  std::vector<int> all;
  for (const std::vector<int>& kept : sets) all.push_back(static_cast<int>(kept.size()));
  for (std::size_t count = 1; count <= ranking.size(); ++count) all.push_back(static_cast<int>(count));
  return all;
}

int PublishedSelection::nearestCount(int kept) const {
  return std::ranges::min(counts(), {}, [kept](int count) { return std::abs(count - kept); });
}

std::vector<double> PublishedSelection::layerScores() const {
  if (ranking.size() != static_cast<std::size_t>(layers)) return {};
  std::vector<double> found(ranking.size());
  for (std::size_t place = 0; place < ranking.size(); ++place) {
    found[static_cast<std::size_t>(ranking[place])] = scores.empty() ? -static_cast<double>(place) : scores[place];
  }
  return found;
}

Placement PublishedSelection::placement(int kept, MixerKind rest) const {
  const auto set = std::ranges::find(sets, static_cast<std::size_t>(std::max(kept, 0)), &std::vector<int>::size);
  if (set == sets.end() && (kept < 1 || static_cast<std::size_t>(kept) > ranking.size())) {
    throw usageError("placement", name + " has no placement of " + std::to_string(kept) +
                                      " layers with full attention: it has those of " + joined(counts()));
  }
  const std::span<const int> top =
      set != sets.end() ? std::span(*set) : std::span(ranking).first(static_cast<std::size_t>(kept));
  Placement found = Placement::keeping(layers, top, rest);
  for (const int layer : windowed) found.set(layer, MixerKind::SlidingWindow);
  return found;
}

std::string PublishedSelection::about() const {
  std::string text = title + ", " + model + ", " + std::to_string(layers) + " layers";
  for (const std::string* line : {&source, &url, &notes}) {
    if (!line->empty()) text.append("\n").append(*line);
  }
  if (!scored_by.empty()) text.append("\nScored by: ").append(scored_by);
  if (window > 0) text.append("\nWindows of ").append(std::to_string(window)).append(" tokens there");
  for (const PublishedResult& result : results) {
    const std::string value = json(result.value).dump();
    text.append("\n").append(result.task).append(": ").append(value).append(" ").append(result.unit);
    text.append(" with K = ").append(std::to_string(result.kept));
  }
  return text;
}

std::vector<PublishedSelection> publishedFromDocument(const json& document, const std::string& file) {
  const Part root{document, file, {}};
  constexpr std::array<std::string_view, 5> kNeeded{"format", "version", "source", "url", "selections"};
  constexpr std::array<std::string_view, 2> kOptional{"year", "notes"};
  root.checkKeys(kNeeded, kOptional);
  if (document.at("format") != kFormat) throw root.at("format").wrong("this is no file of published placements");
  if (document.at("version") != kVersion) {
    throw root.at("version").wrong(document.at("version").dump() + " is not supported; this program reads 1");
  }
  PublishedSelection common;
  common.notes = root.textOr("notes");
  common.source = root.at("source").text();
  common.url = root.at("url").text();
  if (root.has("year")) common.year = root.at("year").integer(1900, 2200);
  std::vector<PublishedSelection> all;
  std::set<std::string> names;
  const Part selections = root.at("selections");
  for (std::size_t i = 0; i < selections.length(kMostSelections); ++i) {
    all.push_back(readSelection(selections.at(i), common));
    if (!names.insert(all.back().name).second) throw selections.at(i).at("name").wrong("is there twice");
  }
  return all;
}

std::vector<PublishedSelection> readPublished(const std::filesystem::path& file) {
  return publishedFromDocument(readJson(file), file);
}

const std::vector<PublishedSelection>& bundledPublished() {
  static const std::vector<PublishedSelection> all = [] {
    std::vector<PublishedSelection> found;
    for (const std::string_view name : resourceNames(kFolder)) {
      const std::string file(name);
      for (PublishedSelection& its : publishedFromDocument(parseJson(resource(name), file), file)) {
        found.push_back(std::move(its));
      }
    }
    return found;
  }();
  return all;
}

Placement publishedPlacement(const std::string& text, int layers, MixerKind rest) {
  std::string name = text.substr(kPublishedPrefix.size());
  std::optional<int> kept;
  if (const std::size_t colon = name.rfind(':'); colon != std::string::npos) {
    const char* const end = name.data() + name.size();
    int count = 0;
    const auto [stop, code] = std::from_chars(name.data() + colon + 1, end, count);
    if (code == std::errc{} && stop == end) {
      kept = count;
      name.resize(colon);
    }
  }
  const std::size_t mark = name.rfind('#');
  const std::string file = name.substr(0, mark);
  const bool own = std::filesystem::is_regular_file(file);
  const std::vector<PublishedSelection> from_file = own ? readPublished(file) : std::vector<PublishedSelection>();
  const PublishedSelection& selection =
      own ? chosen(from_file, mark == std::string::npos ? std::string() : name.substr(mark + 1), file)
          : chosen(bundledPublished(), name, "the published placements, nor a file");
  if (layers != 0 && layers != selection.layers) {
    throw badInput(text, "layers",
                   "is for " + selection.model + ", of " + std::to_string(selection.layers) +
                       " layers; this model has " + std::to_string(layers));
  }
  const std::vector<int> counts = selection.counts();
  if (!kept && counts.size() > 1) {
    throw usageError("placement", "how many layers of " + selection.name +
                                      " shall keep full attention? Add :K, K being " + joined(counts));
  }
  return selection.placement(kept.value_or(counts.front()), rest);
}

}  // namespace interleave
