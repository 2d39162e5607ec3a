// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/placement.h"

namespace interleave {

/// A figure that was published with a placement.
struct PublishedResult {
  int kept = 0;  ///< Layers with full attention that it is of.
  std::string task, unit;
  double value = 0;
};

/// Placements, or an order of importance of layers, that others have published for a model (docs/formats.md). It has
/// either sets or a ranking.
struct PublishedSelection {
  std::string name;  ///< What it is called on a command line.
  std::string title, model, notes;
  std::string source, url;  ///< Of its file, as are the first of the notes.
  int year = 0;             ///< 0: not told.
  int layers = 0;

  std::vector<std::vector<int>> sets;  ///< Layers kept, by how many; each list ascending, of another length.
  std::vector<int> windowed;           ///< With the one set: layers with a sliding window.
  int window = 0;                      ///< Of so many tokens there.

  std::vector<int> ranking;    ///< The most important layer first; all layers, or the top alone.
  std::vector<double> scores;  ///< Of the ranking's layers, or empty; they never rise.
  std::string scored_by;       ///< What they are.

  std::vector<PublishedResult> results;

  /// How many layers its placements keep, ascending.
  std::vector<int> counts() const;
  /// The one of its counts that is nearest to `kept`, the smaller of two.
  int nearestCount(int kept) const;
  /// Usage error, which tells its counts, where it has no placement of `kept` layers.
  Placement placement(int kept, MixerKind rest) const;
  /// [L]: what ranks the layers, the scores where they are told, else places in the ranking; empty where not all layers
  /// are ranked.
  std::vector<double> layerScores() const;
  /// Title, model, source, notes and results, a line each: what a window shows.
  std::string about() const;
};

/// What a document of the format "interleave-published" holds. BadInput names `file` and the place in it.
std::vector<PublishedSelection> publishedFromDocument(const nlohmann::json& document, const std::string& file);
std::vector<PublishedSelection> readPublished(const std::filesystem::path& file);

/// All of resources/published/. Thread-safe; lives as long as the program.
const std::vector<PublishedSelection>& bundledPublished();

/// "published:NAME[:K]", or "published:FILE[#NAME][:K]" for a file of the user's: NAME and K may be left out where
/// there is one to choose. `layers` is the model's count, 0 where there is no model. Usage error: an unknown name or
/// count. BadInput: a file that is none; a selection for a model of another depth.
inline constexpr std::string_view kPublishedPrefix = "published:";
Placement publishedPlacement(const std::string& text, int layers, MixerKind rest);

}  // namespace interleave
