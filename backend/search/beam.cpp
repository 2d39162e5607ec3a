// SPDX-License-Identifier: GPL-3.0-or-later
//
// Greedy and beam search over placements, on the bank as it is: PostNAS (Jet-Nemotron, arXiv 2508.15884) searches a
// trained super-network's placements by beam; here nothing is trained. A width of 1 is greedy selection.
#include <algorithm>
#include <set>

#include "backend/core/error.h"
#include "backend/search/placement_trials.h"
#include "backend/search/trial_methods.h"

namespace interleave {
namespace {

using nlohmann::json;

const std::vector<SettingSpec>& beamTable() {
  using namespace setting;
  static const std::vector<SettingSpec> specs =
      trialSettings(8, {inferred(integer("width", 1, 1, 1000, "Placements kept at each size; 1: greedy.")),
                        choice("direction", "forward", {"forward", "backward"},
                               "forward: one layer more at each size, from none; backward: one less, from all.")});
  return specs;
}

/// At each size the best `width` placements are grown, or shrunk, by each layer that may change.
class Beam final : public TrialPlan {
 public:
  Beam(const Selection& selection, const json& state)
      : selection_(selection),
        width_(static_cast<std::size_t>(selection.settings().integer("width"))),
        forward_(selection.settings().text("direction") == "forward"),
        other_(selection.other()) {
    for (const Budget& budget : selection.budgets("extract")) gates_.push_back(selection.gates(budget));
    if (state.is_null()) {
      grow({start()});
      return;
    }
    try {
      for (const json& kept : state.at("queue")) queue_.push_back(placementOf(kept.get<std::vector<int>>()));
      state.at("losses").get_to(losses_);
    } catch (const json::exception& problem) {
      throw badInput("checkpoint", "plan", problem.what());
    }
    if (losses_.size() > queue_.size()) throw badInput("checkpoint", "plan", "it belongs to a run of another shape");
    if (losses_.size() == queue_.size()) choose();
  }

  std::optional<Placement> next() const override {
    if (losses_.size() == queue_.size()) return std::nullopt;
    return queue_[losses_.size()];
  }

  void tell(double loss) override {
    losses_.push_back(loss);
    if (losses_.size() == queue_.size()) choose();
  }

  std::int64_t left() const override {
    // Sizes to come, each with as many trials as layers are then left for each of the beam.
    auto all = static_cast<std::int64_t>(queue_.size() - losses_.size());
    if (queue_.empty()) return all;
    Placement ahead = queue_.back();
    for (bool goes_on = true; goes_on;) {
      const std::vector<Placement> neighbours = neighboursOf(ahead);
      goes_on = !neighbours.empty();
      all += static_cast<std::int64_t>(neighbours.size() * std::min(width_, queue_.size()));
      if (goes_on) ahead = neighbours.back();
    }
    return all;
  }

  json state() const override {
    json queue = json::array();
    for (const Placement& placement : queue_) queue.push_back(placement.kept());
    return {{"queue", std::move(queue)}, {"losses", losses_}};
  }

 private:
  Placement placementOf(std::span<const int> kept) const {
    return Placement::keeping(selection_.layers(), kept, other_);
  }

  Placement start() const {
    return selection_.pinnedIn(Placement(selection_.layers(), forward_ ? other_ : MixerKind::Full));
  }

  /// With one layer changed, highest first, so that each shares the layers below with the one before. Forward: those
  /// within some budget. Backward: as long as some budget is not met.
  std::vector<Placement> neighboursOf(const Placement& placement) const {
    std::vector<Placement> all;
    const auto met = [&](const Gates& gates) { return gates.allows(placement); };
    if (!forward_ && std::ranges::all_of(gates_, met)) return all;
    for (int layer = selection_.layers(); layer-- > 0;) {
      const bool full = placement[layer] == MixerKind::Full;
      if (full == forward_ || selection_.now.pinned[static_cast<std::size_t>(layer)] >= 0) continue;
      Placement next = placement;
      next.set(layer, forward_ ? MixerKind::Full : other_);
      const auto fits = [&](const Gates& gates) { return gates.allows(next); };
      if (!forward_ || std::ranges::any_of(gates_, fits)) all.push_back(std::move(next));
    }
    return all;
  }

  void grow(const std::vector<Placement>& beam) {
    queue_.clear();
    losses_.clear();
    std::set<Placement> known;
    for (const Placement& placement : beam) {
      for (Placement& next : neighboursOf(placement)) {
        if (known.insert(next).second) queue_.push_back(std::move(next));
      }
    }
  }

  /// All of one size are judged: the best go on.
  void choose() {
    std::vector<std::pair<double, Placement>> ranked;
    for (std::size_t i = 0; i < queue_.size(); ++i) ranked.emplace_back(losses_[i], queue_[i]);
    std::ranges::sort(ranked);
    std::vector<Placement> beam;
    for (std::size_t i = 0; i < std::min(width_, ranked.size()); ++i) beam.push_back(std::move(ranked[i].second));
    grow(beam);
  }

  const Selection& selection_;
  std::size_t width_;
  bool forward_;
  MixerKind other_;
  std::vector<Gates> gates_;  ///< One a budget.
  std::vector<Placement> queue_;
  std::vector<double> losses_;  ///< Of the first ones in the queue.
};

}  // namespace

std::span<const SettingSpec> beamSettings() { return beamTable(); }

void runBeam(const MethodInput& input, MethodContext& context) {
  runTrials(input, context,
            {beamTable(), SearchData::Part::Search,
             [](const MethodInput&, const Selection& selection, const json& state) -> std::unique_ptr<TrialPlan> {
               return std::make_unique<Beam>(selection, state);
             }});
}

}  // namespace interleave
