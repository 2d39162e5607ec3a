// SPDX-License-Identifier: GPL-3.0-or-later
//
// The truth, where it can be had: every placement that a budget and the free layers allow, or a random sample of them,
// judged on held-out data. What a method found is held against it: its rank, and its regret.
#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "backend/core/error.h"
#include "backend/core/layer_list.h"
#include "backend/core/random.h"
#include "backend/search/placement_trials.h"
#include "backend/search/trial_methods.h"

namespace interleave {
namespace {

using nlohmann::json;

constexpr std::uint64_t kSamplePurpose = 41;
constexpr std::size_t kMost = 2'000'000;  // placements of one run

const std::vector<SettingSpec>& enumerationTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs =
      trialSettings(8, {integer("sample", 0, 0, static_cast<double>(kMost),
                                "How many placements to draw at random where there are more; 0: all."),
                        text("also", "",
                             "Placements to judge beside them, by the layers kept: 1 5 9-11; 2 3 4. None of these is "
                             "part of a sample.")});
  return specs;
}

/// The placements to try: with every layer kept that the budget still has room for. Neighbours in the list share their
/// lower layers.
class Space {
 public:
  explicit Space(const Selection& selection)
      : start_(selection.pinnedIn(Placement(selection.layers(), selection.other()))) {
    const Gates gates = selection.gates();
    const double least = gates.cost(start_);
    room_ = gates.problem().budget * (1 + 1e-12) - least;
    for (const int layer : selection.freeLayers()) {
      Placement with = start_;
      with.set(layer, MixerKind::Full);
      free_.push_back({layer, gates.cost(with) - least});
    }
  }

  /// None where there are more than `most`.
  std::optional<std::vector<Placement>> all(std::size_t most) const {
    std::vector<Placement> found;
    std::vector<bool> taken(free_.size());
    if (!extend(0, room_, std::numeric_limits<double>::infinity(), taken, most, found)) return std::nullopt;
    return found;
  }

  std::vector<Placement> sample(std::size_t wanted, std::uint64_t seed) const {
    Random random(seed);
    std::set<Placement> drawn;
    for (std::size_t tries = 0; drawn.size() < wanted && tries < 100 * wanted; ++tries) {
      std::vector<std::size_t> order(free_.size());
      for (std::size_t i = 0; i < order.size(); ++i) {
        const std::size_t j = random.below(i + 1);
        order[i] = order[j];
        order[j] = i;
      }
      std::vector<bool> taken(free_.size());
      double room = room_;
      for (const std::size_t i : order) {
        if (free_[i].extra > room) continue;
        taken[i] = true;
        room -= free_[i].extra;
      }
      drawn.insert(placementOf(taken));
    }
    return {drawn.begin(), drawn.end()};
  }

 private:
  struct Layer {
    int layer;
    double extra;  ///< What full attention costs beyond the other operator.
  };

  Placement placementOf(const std::vector<bool>& taken) const {
    Placement placement = start_;
    for (std::size_t i = 0; i < free_.size(); ++i) {
      if (taken[i]) placement.set(free_[i].layer, MixerKind::Full);
    }
    return placement;
  }

  /// Decides the free layers from `from` on; false where there are more than `most`. `least_left_out`: what the
  /// cheapest layer decided against would cost.
  bool extend(std::size_t from, double room, double least_left_out, std::vector<bool>& taken, std::size_t most,
              std::vector<Placement>& found) const {
    double rest = 0;
    for (std::size_t i = from; i < free_.size(); ++i) rest += std::max(0.0, free_[i].extra);
    if (least_left_out <= room - rest) return true;  // whatever is taken from here on, that layer would still fit
    if (from == free_.size()) {
      if (found.size() == most) return false;
      found.push_back(placementOf(taken));
      return true;
    }
    const double extra = free_[from].extra;
    if (extra <= room) {
      taken[from] = true;
      const bool complete = extend(from + 1, room - extra, least_left_out, taken, most, found);
      taken[from] = false;
      if (!complete) return false;
    }
    return extend(from + 1, room, std::min(least_left_out, extra), taken, most, found);
  }

  Placement start_;  ///< With no free layer kept.
  std::vector<Layer> free_;
  double room_ = 0;
};

/// Those asked for, then the others.
class Enumeration final : public TrialPlan {
 public:
  Enumeration(std::vector<Placement> placements, std::int64_t asked, std::int64_t done)
      : placements_(std::move(placements)), asked_(asked), done_(done) {}
  std::optional<Placement> next() const override {
    if (left() == 0) return std::nullopt;
    return placements_[static_cast<std::size_t>(done_)];
  }
  void tell(double) override { ++done_; }
  bool asked() const override { return done_ < asked_; }
  std::int64_t left() const override { return static_cast<std::int64_t>(placements_.size()) - done_; }
  json state() const override { return done_; }

 private:
  std::vector<Placement> placements_;
  std::int64_t asked_, done_;
};

/// "1 5 9-11; 2 3 4"
std::vector<Placement> placementsListed(const std::string& list, const Selection& selection) {
  std::vector<Placement> placements;
  std::istringstream rest(list);
  for (std::string one; std::getline(rest, one, ';');) {
    std::istringstream words(one);
    std::string layers;
    for (std::string word; words >> word;) layers.append(layers.empty() ? "" : ",").append(word);
    if (!layers.empty()) {
      placements.push_back(Placement::keeping(selection.layers(), layersListed(layers, "also"), selection.other()));
    }
  }
  return placements;
}

std::unique_ptr<TrialPlan> planOf(const MethodInput& input, const Selection& selection, const json& state) {
  const Space space(selection);
  const auto wanted = static_cast<std::size_t>(selection.settings().integer("sample"));
  std::optional<std::vector<Placement>> placements = space.all(wanted == 0 ? kMost : wanted);
  if (!placements && wanted == 0) {
    throw usageError("sample", "there are more than " + std::to_string(kMost) +
                                   " placements; leave fewer layers free, or draw a sample");
  }
  if (!placements) placements = space.sample(wanted, derivedSeed(input.spec.seed, kSamplePurpose));
  std::vector<Placement> listed = placementsListed(selection.settings().text("also"), selection);
  const auto asked = static_cast<std::int64_t>(listed.size());
  placements->insert(placements->begin(), listed.begin(), listed.end());
  const std::int64_t done = state.is_number_integer() ? state.get<std::int64_t>() : 0;
  if (done < 0 || done > static_cast<std::int64_t>(placements->size())) {
    throw badInput("checkpoint", "plan", "it belongs to a run of another shape");
  }
  return std::make_unique<Enumeration>(std::move(*placements), asked, done);
}

TrialMethod method() { return {enumerationTable(), SearchData::Part::HeldOut, planOf}; }

}  // namespace

std::span<const SettingSpec> enumerationSettings() { return enumerationTable(); }

void runEnumeration(const MethodInput& input, MethodContext& context) { runTrials(input, context, method()); }

std::vector<TrialEvent> tryBesideEnumeration(const MethodInput& input, std::span<const Placement> placements,
                                             std::int64_t first_step, Progress& progress) {
  return tryPlacements(input, method(), placements, first_step, progress);
}

}  // namespace interleave
