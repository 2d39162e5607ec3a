// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/mock_engine.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <utility>

#include "backend/core/random.h"
#include "backend/engine/machine.h"
#include "backend/engine/thread_engine.h"

namespace interleave {
namespace {

constexpr std::int64_t kTokensPerStep = 512;
constexpr double kNominalSeconds = 0.05;  // That a step says it took.

double& at(Metrics& metrics, Metric metric) { return metrics[static_cast<std::size_t>(metric)]; }
std::size_t index(int layer) { return static_cast<std::size_t>(layer); }

/// What the next step depends on; goes into the checkpoint.
struct State {
  std::int64_t step = 0;
  std::uint64_t random = 0;
  std::vector<float> logits;  // Of full attention over the others, a layer each.
  Budget budget;
  double temperature = -1;  // Set by hand; below 0: by schedule.
  double learning_rate = 0.1;
  std::map<int, MixerKind> pins;

  std::string text() const {
    nlohmann::json pinned = nlohmann::json::object();
    for (const auto& [layer, kind] : pins) pinned[std::to_string(layer)] = name(kind);
    return nlohmann::json{{"random", random},
                          {"logits", logits},
                          {"budget", budget.text()},
                          {"temperature", temperature},
                          {"learning_rate", learning_rate},
                          {"pins", pinned}}
        .dump();
  }

  static State from(const Checkpoint& checkpoint, int layers) try {
    const nlohmann::json json = nlohmann::json::parse(checkpoint.state);
    State state;
    state.step = checkpoint.step;
    json.at("random").get_to(state.random);
    json.at("logits").get_to(state.logits);
    state.budget = Budget::parse(json.at("budget"));
    json.at("temperature").get_to(state.temperature);
    json.at("learning_rate").get_to(state.learning_rate);
    for (const auto& [layer, kind] : json.at("pins").items()) {
      state.pins[std::stoi(layer)] = mixerKindNamed(kind.get<std::string>()).value();
    }
    if (state.logits.size() != index(layers)) throw badInput({}, "checkpoint", "it has another count of layers");
    return state;
  } catch (const nlohmann::json::exception& problem) {
    throw badInput({}, "checkpoint", problem.what());
  }
};

class Mock {
 public:
  explicit Mock(MockScript script) : script_(std::move(script)) {}

  void operator()(const RunSpec& spec, RunControl& control) const {
    control.enter(Phase::Loading, "Opening the model");
    for (const double fraction : {0.5, 1.0}) {
      control.proceed();
      control.report("Opening the model", fraction);
    }
    control.emit(environment());
    control.emit(LogEvent{LogEvent::Level::Info, "A mock run: nothing is computed"});
    if (!spec.resume_from) prepare(spec, control);
    State state = search(spec, control);
    evaluate(spec, state, control);
  }

 private:
  EnvironmentEvent environment() const {
    EnvironmentEvent event{"cpu", "mock", "fp32", "none", script_.layers, 9, 3, 1, "Mock model", "mock", {}, {}};
    event.operators = script_.operators;
    event.machine = machineText();
    event.program = programVersion();
    for (const std::int64_t tokens : drawnContextLengths()) event.costs.push_back(mockCosts(tokens, script_.layers));
    return event;
  }

  void pace(RunControl& control) const {
    control.proceed();
    if (script_.steps_per_second > 0) control.sleep(std::chrono::duration<double>(1 / script_.steps_per_second));
    control.proceed();
  }

  void prepare(const RunSpec& spec, RunControl& control) const {
    control.enter(Phase::Preparing, "Preparing candidates");
    std::int64_t done = 0;
    for (const MixerKind kind : script_.operators) {
      if (!isTrained(kind)) continue;
      Random random(derivedSeed(spec.seed, static_cast<std::uint64_t>(kind)));
      std::vector<double> hardness(index(script_.layers));
      std::ranges::generate(hardness, [&] { return 0.5 + random.uniform(); });
      for (std::int64_t step = 1; step <= script_.alignment_steps; ++step) {
        pace(control);
        ++done;
        AlignmentEvent event;
        event.kind = kind;
        event.step = step;
        event.steps = script_.alignment_steps;
        event.tokens = kTokensPerStep * step;
        event.seconds = kNominalSeconds * static_cast<double>(done);
        event.held_out = step == script_.alignment_steps;
        const double progress = static_cast<double>(step) / static_cast<double>(script_.alignment_steps);
        for (const double hard : hardness) {
          const double error = hard * (0.06 + 0.6 * std::exp(-4 * progress)) * (0.95 + 0.1 * random.uniform());
          event.relative_error.push_back(static_cast<float>(error));
          event.cosine.push_back(static_cast<float>(std::sqrt(std::max(0.0, 1 - error))));
        }
        control.emit(event);
      }
    }
  }

  /// How many layers may keep full attention.
  int keptAt(const Budget& budget) const {
    if (budget.unit == Budget::Unit::FullLayers) {
      return static_cast<int>(std::clamp<std::int64_t>(budget.amount, 0, script_.layers));
    }
    const auto row = mockCosts(budget.context_tokens, 1).rows[0];
    const std::int64_t full = row[0].cache_bytes;
    const std::int64_t rest = row[static_cast<std::size_t>(other())].cache_bytes;
    const std::int64_t spare = budget.amount - rest * script_.layers;
    return full <= rest ? script_.layers
                        : static_cast<int>(std::clamp<std::int64_t>(spare / (full - rest), 0, script_.layers));
  }

  MixerKind other() const { return script_.operators.back(); }

  /// Layers by logit, the largest first, those pinned to full attention before all and those pinned away last.
  std::vector<int> order(const State& state) const {
    std::vector<int> layers(index(script_.layers));
    std::iota(layers.begin(), layers.end(), 0);
    const auto rank = [&](int layer) {
      const auto pin = state.pins.find(layer);
      if (pin == state.pins.end()) return state.logits[index(layer)];
      return pin->second == MixerKind::Full ? 1e9f : -1e9f;
    };
    std::ranges::stable_sort(layers, std::greater{}, rank);
    return layers;
  }

  Placement placementAt(const State& state, int kept) const {
    const std::vector<int> layers = order(state);
    Placement placement = Placement::keeping(script_.layers, std::span(layers).first(index(kept)), other());
    for (const auto& [layer, kind] : state.pins) placement.set(layer, kind);
    return placement;
  }

  double marginAt(const State& state, int kept) const {
    if (kept <= 0 || kept >= script_.layers) return 0;
    const std::vector<int> layers = order(state);
    return state.logits[index(layers[index(kept - 1)])] - state.logits[index(layers[index(kept)])];
  }

  void apply(const Intervention& change, State& state) const {
    if (change.kind == Intervention::Kind::Set) {
      if (change.key == "budget") state.budget = change.budget();
      if (change.key == "temperature") state.temperature = change.value.get<double>();
      if (change.key == "learning_rate") state.learning_rate = change.value.get<double>();
    } else if (change.layer < 0 || change.layer >= script_.layers) {
      throw usageError("layer " + std::to_string(change.layer), "there is no such layer");
    } else if (change.kind == Intervention::Kind::Pin) {
      state.pins[change.layer] = change.mixer;
    } else {
      state.pins.erase(change.layer);
    }
  }

  State search(const RunSpec& spec, RunControl& control) const {
    State state;
    if (spec.resume_from) {
      state = State::from(*spec.resume_from, script_.layers);
      if (spec.startsFork()) state.budget = spec.budget;
    } else {
      state.random = derivedSeed(spec.seed, 100);
      state.logits.assign(index(script_.layers), 0);
      state.budget = spec.budget;
    }
    Random hidden(derivedSeed(spec.seed, 101));
    std::vector<double> importance(index(script_.layers));
    std::ranges::generate(importance, [&] { return 4 * hidden.uniform() - 2; });

    control.enter(Phase::Searching, "Searching");
    while (state.step < script_.steps) {
      pace(control);
      for (const Intervention& change : control.takeInterventions(state.step + 1)) {
        apply(change, state);
        control.emit(InterventionEvent{change});
      }
      control.emit(takeStep(state, importance));
      if (state.step == script_.fail_at_step) throw failure("step " + std::to_string(state.step), "a scripted failure");
    }
    return state;
  }

  StepEvent takeStep(State& state, const std::vector<double>& importance) const {
    Random random(state.random);
    for (std::size_t layer = 0; layer < state.logits.size(); ++layer) {
      const double noise = 0.6 * (random.uniform() - 0.5);
      state.logits[layer] +=
          static_cast<float>(state.learning_rate * (importance[layer] + noise - state.logits[layer]));
    }
    const double noise = random.uniform() - 0.5;
    ++state.step;
    state.random = random.state();

    const double progress = static_cast<double>(state.step) / static_cast<double>(script_.steps);
    const double temperature = state.temperature > 0 ? state.temperature : 1 - 0.7 * progress;
    const int kept = keptAt(state.budget);
    StepEvent event;
    event.step = state.step;
    event.steps = script_.steps;
    event.tokens = kTokensPerStep * state.step;
    event.seconds = kNominalSeconds * static_cast<double>(state.step);
    event.operators = script_.operators;
    fillProbabilities(state, temperature, kept, event);
    event.if_stopped_now = placementAt(state, kept);
    event.checkpoint = {state.step, state.text()};

    const double loss = 0.1 + 1.4 * std::exp(-4 * progress) + 0.1 * noise;
    at(event.metrics, Metric::Loss) = loss;
    at(event.metrics, state.step % 2 == 1 ? Metric::TextLoss : Metric::PromptLoss) = loss;
    if (state.step % 8 == 0) {
      at(event.metrics, Metric::HardTextLoss) = loss + 0.3 * (1 - progress);
      at(event.metrics, Metric::HardPromptLoss) = loss + 0.5 * (1 - progress);
    }
    at(event.metrics, Metric::ExpectedBudget) = kept;
    at(event.metrics, Metric::Margin) = marginAt(state, kept);
    at(event.metrics, Metric::Temperature) = temperature;
    at(event.metrics, Metric::LearningRate) = state.learning_rate;
    at(event.metrics, Metric::EntropyWeight) = 0.01 * progress;
    at(event.metrics, Metric::GradientNorm) = 1 - 0.9 * progress;
    at(event.metrics, Metric::TokensPerSecond) = static_cast<double>(kTokensPerStep) / kNominalSeconds;
    at(event.metrics, Metric::MemoryBytes) = 6e8;
    return event;
  }

  /// Probabilities of full attention are logistic in (logit + a common shift) / temperature, the shift such that they
  /// add up to the budget; the other operators share the rest.
  void fillProbabilities(const State& state, double temperature, int kept, StepEvent& event) const {
    const auto full = [&](int layer, double shift) {
      const auto pin = state.pins.find(layer);
      if (pin != state.pins.end()) return pin->second == MixerKind::Full ? 1.0 : 0.0;
      return 1 / (1 + std::exp(-(state.logits[index(layer)] + shift) / temperature));
    };
    double low = -60, high = 60;
    for (int i = 0; i < 40; ++i) {
      const double middle = (low + high) / 2;
      double sum = 0;
      for (int layer = 0; layer < script_.layers; ++layer) sum += full(layer, middle);
      (sum < kept ? low : high) = middle;
    }
    const auto others = static_cast<double>(script_.operators.size() - 1);
    double entropy = 0;
    for (int layer = 0; layer < script_.layers; ++layer) {
      const double keep = full(layer, low);
      for (std::size_t i = 0; i < script_.operators.size(); ++i) {
        const double probability = i == 0 ? keep : (1 - keep) / others;
        event.logits.push_back(i == 0 ? state.logits[index(layer)] : 0.f);
        event.probabilities.push_back(static_cast<float>(probability));
        if (probability > 0) entropy -= probability * std::log(probability) / script_.layers;
      }
    }
    at(event.metrics, Metric::Entropy) = entropy;
  }

  void evaluate(const RunSpec& spec, const State& state, RunControl& control) const {
    const int asked = keptAt(state.budget);
    const auto propose = [&](const Budget& budget, int kept) {
      PlacementEvent event{state.step, budget, placementAt(state, kept), marginAt(state, kept)};
      event.soft_loss = 0.1 + 0.01 * (script_.layers - kept);
      event.hard_loss = event.soft_loss + 0.02;
      control.emit(event);
    };
    propose(state.budget, asked);
    for (int kept = 1; kept < script_.layers; ++kept) {
      if (kept != asked || state.budget.unit != Budget::Unit::FullLayers) propose(Budget::layers(kept), kept);
    }

    control.enter(Phase::Evaluating, "Evaluating");
    const std::pair<std::string, Placement> judged[] = {
        {"found " + state.budget.text(), placementAt(state, asked)},
        {"uniform:" + std::to_string(asked) + " offset 0", Placement::uniform(script_.layers, asked, 0, other())},
        {"teacher", Placement(script_.layers, MixerKind::Full)}};
    double fraction = 0;
    for (const auto& [label, placement] : judged) {
      control.proceed();
      control.emit(scores(spec, label, placement, placementAt(state, asked)));
      control.report("Evaluating", fraction += 1.0 / std::size(judged));
    }
  }

  /// The nearer to what was found, the better.
  ScoreEvent scores(const RunSpec& spec, const std::string& label, const Placement& placement,
                    const Placement& found) const {
    constexpr int kSamples = 16;
    const bool teacher = placement.fullCount() == script_.layers;
    const double overlap = teacher ? 1 : jaccard(placement, found);
    Random random(derivedSeed(spec.seed, std::hash<Placement>{}(placement)));
    const auto score = [&](std::string task, std::string unit, double value, double spread) {
      std::vector<double> per_sample;
      for (int i = 0; i < kSamples; ++i) per_sample.push_back(value + spread * (random.uniform() - 0.5));
      return scoreOf(std::move(task), std::move(unit), std::move(per_sample), "mock " + std::to_string(spec.seed));
    };
    return {label,
            placement,
            {score("kl", "nats", teacher ? 0 : 0.3 - 0.2 * overlap, teacher ? 0 : 0.02),
             score("nll", "nats", teacher ? 2.9 : 3.2 - 0.2 * overlap, 0.1),
             score("passkey", "share", overlap > 0.5 ? 1 : 0, 0)},
            "mock"};
  }

  MockScript script_;
};

}  // namespace

CostTable mockCosts(std::int64_t context_tokens, int layers) {
  const std::vector<MixerCost> row{{884'736, 3'538'944 + 2'304 * context_tokens, 768 * context_tokens},
                                   {884'736, 3'700'000, 768 * std::min<std::int64_t>(context_tokens, 68)},
                                   {1'000'000, 4'100'000, 73'728},
                                   {1'000'000, 4'200'000, 73'728 + 768 * std::min<std::int64_t>(context_tokens, 36)}};
  return {context_tokens, std::vector<std::vector<MixerCost>>(index(layers), row)};
}

std::unique_ptr<Engine> makeMockEngine(MockScript script, std::shared_ptr<Turns> turns) {
  return std::make_unique<ThreadEngine>(Mock(std::move(script)), std::move(turns));
}

}  // namespace interleave
