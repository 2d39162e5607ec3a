// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/tasks.h"
#include "backend/core/verdict.h"
#include "cli/run_report.h"

namespace interleave::cli {
namespace {

using nlohmann::json;

/// Of a placement with the reference. The correlations are NaN where one of them has no layer scores.
struct Overlap {
  double jaccard, overlap_at_k, spearman, kendall;
};

Overlap overlapOf(const Judged& a, const Judged& b) {
  Overlap found{jaccard(a.placement, b.placement), overlapAtK(a.placement, b.placement), NAN, NAN};
  if (a.layer_scores.size() == b.layer_scores.size()) {
    found.spearman = spearman(a.layer_scores, b.layer_scores);
    found.kendall = kendall(a.layer_scores, b.layer_scores);
  }
  return found;
}

std::string correlationText(double value) { return std::isnan(value) ? "–" : fmt::format("{:.2f}", value); }

}  // namespace

json toJson(const ScoreDifference& difference) {
  if (!difference.paired) return {{"difference", nullptr}, {"why_not", difference.why_not}};
  const PairedDifference& paired = *difference.paired;
  return {{"difference", paired.mean}, {"low", paired.interval.low},  {"high", paired.interval.high},
          {"pairs", paired.pairs()},   {"won", paired.won},           {"lost", paired.lost},
          {"tied", paired.tied},       {"carried", paired.carries()}, {"verdict", paired.verdict()}};
}

std::string differenceText(const ScoreDifference& difference) {
  if (!difference.paired) return "not paired: " + difference.why_not;
  const PairedDifference& paired = *difference.paired;
  return fmt::format("{:>+10.4f}  [{:>+9.4f}, {:>+9.4f}]  {:>4} {:>4} {:>4}  {}", paired.mean, paired.interval.low,
                     paired.interval.high, paired.won, paired.lost, paired.tied, markedVerdict(paired));
}

std::string differenceHeader() {
  return fmt::format("{:>10}  {:<22}  {:>4} {:>4} {:>4}", "difference", "95 % interval", "won", "lost", "tied");
}

Comparison::Comparison(std::vector<Judged> judged, std::size_t reference)
    : judged_(std::move(judged)), reference_(reference) {}

/// row(judged, score, difference): each task of each other placement that the reference has too.
template <class Row>
void Comparison::forEachDifference(Row row) const {
  for (std::size_t i = 0; i < judged_.size(); ++i) {
    if (i == reference_) continue;
    for (const Score& score : judged_[i].scores) {
      const ScoreDifference found = differenceOn(score.task, judged_[i].scores, judged_[reference_].scores);
      if (found.paired || !found.why_not.empty()) row(judged_[i], score, found);
    }
  }
}

/// row(judged, overlap): each other placement.
template <class Row>
void Comparison::forEachOverlap(Row row) const {
  for (std::size_t i = 0; i < judged_.size(); ++i) {
    if (i != reference_) row(judged_[i], overlapOf(judged_[i], judged_[reference_]));
  }
}

json Comparison::json() const {
  nlohmann::json differences = nlohmann::json::array(), overlaps = nlohmann::json::array();
  forEachDifference([&](const Judged& judged, const Score& score, const ScoreDifference& difference) {
    nlohmann::json row = toJson(difference);
    row["placement"] = judged.label;
    row["task"] = score.task;
    row["unit"] = score.unit;
    row["better"] = taskFacts(score.task).better == Better::Lower ? "lower" : "higher";
    differences.push_back(std::move(row));
  });
  forEachOverlap([&](const Judged& judged, const Overlap& overlap) {
    overlaps.push_back({{"placement", judged.label},
                        {"jaccard", overlap.jaccard},
                        {"overlap_at_k", overlap.overlap_at_k},
                        {"spearman", number(overlap.spearman)},
                        {"kendall", number(overlap.kendall)}});
  });
  return {
      {"against", judged_[reference_].label},
      {"bootstrap", {{"resamples", kBootstrapResamples}, {"level", 0.95}, {"least_pairs_that_differ", kLeastPairs}}},
      {"differences", std::move(differences)},
      {"overlaps", std::move(overlaps)}};
}

std::string Comparison::text() const {
  std::string text =
      fmt::format("Difference from {}, pair by pair; bootstrap interval of {} resamples\n{:<28} {:<12} {}\n",
                  judged_[reference_].label, kBootstrapResamples, "placement", "task", differenceHeader());
  forEachDifference([&](const Judged& judged, const Score& score, const ScoreDifference& difference) {
    text += fmt::format("{:<28} {:<12} {}\n", judged.label, score.task, differenceText(difference));
  });
  text += fmt::format("\nOverlap with {}\n{:<28} {:>2}  {:>7}  {:>9}  {:>8}  {:>7}", judged_[reference_].label,
                      "placement", "K", "Jaccard", "overlap@K", "Spearman", "Kendall");
  forEachOverlap([&](const Judged& judged, const Overlap& overlap) {
    text += fmt::format("\n{:<28} {:>2}  {:>7.2f}  {:>9.2f}  {:>8}  {:>7}", judged.label, judged.placement.fullCount(),
                        overlap.jaccard, overlap.overlap_at_k, correlationText(overlap.spearman),
                        correlationText(overlap.kendall));
  });
  return text;
}

std::size_t namedBy(const std::string& against, const std::vector<std::string>& labels) {
  const auto found = std::ranges::find(labels, against);
  if (found != labels.end()) {
    if (std::ranges::count(labels, against) > 1) {
      throw usageError("--against", "there are several \"" + against + "\"; give its number from 1 on");
    }
    return static_cast<std::size_t>(found - labels.begin());
  }
  std::size_t number = 0;
  const char* const end = against.data() + against.size();
  const auto [read, problem] = std::from_chars(against.data(), end, number);
  if (problem == std::errc() && read == end && number >= 1 && number <= labels.size()) return number - 1;
  std::string known;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    known.append(i == 0 ? "" : ", ").append(std::to_string(i + 1)).append(" \"").append(labels[i]).append("\"");
  }
  throw usageError("--against", "\"" + against + "\" is none of the placements: " + known);
}

}  // namespace interleave::cli
