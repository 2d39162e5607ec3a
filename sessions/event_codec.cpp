// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/event_codec.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

using Json = nlohmann::json;

Json encoded(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number(const Json& json) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (json.is_string()) return json.get<std::string>() == "inf" ? kInfinity : -kInfinity;
  return json.get<double>();
}

template <class T>
Json encoded(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T value : values) json.push_back(encoded(static_cast<double>(value)));
  return json;
}

template <class T>
std::vector<T> numbers(const Json& json) {
  std::vector<T> values;
  for (const Json& value : json) values.push_back(static_cast<T>(number(value)));
  return values;
}

/// Operators as their letters, "FHHF".
Json encoded(std::span<const MixerKind> kinds) {
  std::string letters;
  for (const MixerKind kind : kinds) letters += letter(kind);
  return letters;
}

std::vector<MixerKind> kinds(const Json& json) {
  std::vector<MixerKind> kinds;
  for (const char wanted : json.get<std::string>()) {
    int kind = 0;
    while (kind < kMixerKinds && letter(static_cast<MixerKind>(kind)) != wanted) ++kind;
    if (kind == kMixerKinds) throw badInput({}, {}, "an unknown operator");
    kinds.push_back(static_cast<MixerKind>(kind));
  }
  return kinds;
}

template <class Enum>
Enum enumerator(const Json& json, Enum last) {
  const auto value = json.get<std::int64_t>();
  if (value < 0 || value > static_cast<std::int64_t>(last)) throw badInput({}, {}, "a value out of range");
  return static_cast<Enum>(value);
}

Json encoded(const std::vector<CostTable>& tables) {
  Json json = Json::array();
  for (const CostTable& table : tables) {
    Json rows = Json::array();
    for (const auto& row : table.rows) {
      Json& cells = rows.emplace_back(Json::array());
      for (const MixerCost& cost : row) cells.push_back({cost.parameters, cost.flops, cost.cache_bytes});
    }
    json.push_back({{"context_tokens", table.context_tokens}, {"rows", std::move(rows)}});
  }
  return json;
}

std::vector<CostTable> costs(const Json& json) {
  std::vector<CostTable> tables;
  for (const Json& entry : json) {
    CostTable& table = tables.emplace_back();
    table.context_tokens = entry.at("context_tokens").get<std::int64_t>();
    for (const Json& cells : entry.at("rows")) {
      if (cells.size() != kMixerKinds) {  // Readers look up a kind's cell unasked.
        throw badInput(
            {}, {},
            "costs of " + std::to_string(cells.size()) + " operators instead of " + std::to_string(kMixerKinds));
      }
      auto& row = table.rows.emplace_back();
      for (const Json& cell : cells) {
        row.push_back({cell.at(0).get<std::int64_t>(), cell.at(1).get<std::int64_t>(), cell.at(2).get<std::int64_t>()});
      }
    }
  }
  return tables;
}

template <class T>
EventRow row(std::string topic, std::int64_t step, const Json& json) {
  return {kEventKind<T>, std::move(topic), step, json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

// Encoding and decoding of each type, side by side.

std::vector<EventRow> rows(const StepEvent&) { return {}; }

std::vector<EventRow> rows(const AlignmentEvent& event) {
  // Step 0 tells the quality of a whole bank, and is no point of the curve.
  const std::string topic = std::string(name(event.kind)) + (event.held_out ? " held out" : "");
  return {row<AlignmentEvent>(event.step == 0 ? topic + " as a whole" : topic, event.step,
                              {{"kind", encoded(std::span(&event.kind, 1))},
                               {"step", event.step},
                               {"steps", event.steps},
                               {"tokens", event.tokens},
                               {"seconds", encoded(event.seconds)},
                               {"held_out", event.held_out},
                               {"relative_error", encoded(event.relative_error)},
                               {"cosine", encoded(event.cosine)}})};
}
void decode(const Json& json, AlignmentEvent& event) {
  event.kind = kinds(json.at("kind")).at(0);
  json.at("step").get_to(event.step);
  json.at("steps").get_to(event.steps);
  json.at("tokens").get_to(event.tokens);
  event.seconds = number(json.at("seconds"));
  json.at("held_out").get_to(event.held_out);
  event.relative_error = numbers<float>(json.at("relative_error"));
  event.cosine = numbers<float>(json.at("cosine"));
}

std::vector<EventRow> rows(const PhaseEvent& event) {
  return {row<PhaseEvent>({}, 0,
                          {{"phase", static_cast<int>(event.phase)},
                           {"title", event.title},
                           {"fraction", encoded(event.fraction)},
                           {"elapsed", encoded(event.elapsed)},
                           {"remaining", encoded(event.remaining)}})};
}
void decode(const Json& json, PhaseEvent& event) {
  event.phase = enumerator(json.at("phase"), Phase::Failed);
  json.at("title").get_to(event.title);
  event.fraction = number(json.at("fraction"));
  event.elapsed = number(json.at("elapsed"));
  event.remaining = number(json.at("remaining"));
}

std::vector<EventRow> rows(const PlacementEvent& event) {
  return {row<PlacementEvent>(event.budget.text() + (event.repaired ? " repaired" : ""), event.step,
                              {{"step", event.step},
                               {"budget", event.budget.text()},
                               {"placement", encoded(event.placement.kinds())},
                               {"margin", encoded(event.margin)},
                               {"repaired", event.repaired},
                               {"soft_loss", encoded(event.soft_loss)},
                               {"hard_loss", encoded(event.hard_loss)}})};
}
void decode(const Json& json, PlacementEvent& event) {
  json.at("step").get_to(event.step);
  event.budget = Budget::parse(json.at("budget").get<std::string>());
  event.placement = Placement(kinds(json.at("placement")));
  event.margin = number(json.at("margin"));
  json.at("repaired").get_to(event.repaired);
  event.soft_loss = number(json.at("soft_loss"));
  event.hard_loss = number(json.at("hard_loss"));
}

std::vector<EventRow> rows(const ScoreEvent& event) {
  std::vector<EventRow> rows;
  const Json placement = encoded(event.placement.kinds());
  // What is measured anew replaces what was measured in that manner.
  const std::string manner = event.manner.empty() ? "" : "\n" + event.manner;
  for (const Score& score : event.scores) {
    rows.push_back(row<ScoreEvent>(event.label + "\n" + placement.get<std::string>() + "\n" + score.task + manner, 0,
                                   {{"label", event.label},
                                    {"placement", placement},
                                    {"task", score.task},
                                    {"unit", score.unit},
                                    {"value", encoded(score.value)},
                                    {"standard_error", encoded(score.standard_error)},
                                    {"samples", score.samples},
                                    {"per_sample", encoded(score.per_sample)},
                                    {"samples_id", score.samples_id},
                                    {"manner", event.manner},
                                    {"seconds", encoded(event.seconds)}}));
  }
  return rows;
}
void decode(const Json& json, ScoreEvent& event) {
  json.at("label").get_to(event.label);
  event.placement = Placement(kinds(json.at("placement")));
  Score& score = event.scores.emplace_back();
  json.at("task").get_to(score.task);
  json.at("unit").get_to(score.unit);
  score.value = number(json.at("value"));
  score.standard_error = number(json.at("standard_error"));
  json.at("samples").get_to(score.samples);
  score.per_sample = numbers<double>(json.at("per_sample"));
  // Older stores do not say these.
  score.samples_id = json.value("samples_id", std::string());
  event.manner = json.value("manner", std::string());
  event.seconds = number(json.value("seconds", Json()));
}

std::vector<EventRow> rows(const InterventionEvent& event) {
  return {row<InterventionEvent>(std::to_string(event.change.step), event.change.step, toJson(event.change))};
}
void decode(const Json& json, InterventionEvent& event) { event.change = interventionFromJson(json, {}); }

std::vector<EventRow> rows(const EnvironmentEvent& event) {
  return {row<EnvironmentEvent>("environment", 0,
                                {{"device", event.device},
                                 {"kernel", event.kernel},
                                 {"precision", event.precision},
                                 {"library", event.library},
                                 {"layers", event.layers},
                                 {"heads", event.heads},
                                 {"kv_heads", event.kv_heads},
                                 {"threads", event.threads},
                                 {"model_name", event.model_name},
                                 {"model_fingerprint", event.model_fingerprint},
                                 {"operators", encoded(std::span<const MixerKind>(event.operators))},
                                 {"costs", encoded(event.costs)},
                                 {"machine", event.machine},
                                 {"program", event.program},
                                 {"chat", event.chat},
                                 {"prompt_form", event.prompt_form}})};
}
void decode(const Json& json, EnvironmentEvent& event) {
  json.at("device").get_to(event.device);
  json.at("kernel").get_to(event.kernel);
  json.at("precision").get_to(event.precision);
  json.at("library").get_to(event.library);
  json.at("layers").get_to(event.layers);
  json.at("heads").get_to(event.heads);
  json.at("kv_heads").get_to(event.kv_heads);
  json.at("threads").get_to(event.threads);
  json.at("model_name").get_to(event.model_name);
  json.at("model_fingerprint").get_to(event.model_fingerprint);
  event.operators = kinds(json.at("operators"));
  event.costs = costs(json.at("costs"));
  event.machine = json.value("machine", std::string());  // older programs did not tell it
  event.program = json.value("program", std::string());
  event.chat = json.value("chat", std::string());
  event.prompt_form = json.value("prompt_form", std::string());
}

std::vector<EventRow> rows(const LogEvent& event) {
  return {row<LogEvent>({}, 0, {{"level", static_cast<int>(event.level)}, {"text", event.text}})};
}
void decode(const Json& json, LogEvent& event) {
  event.level = enumerator(json.at("level"), LogEvent::Level::Error);
  json.at("text").get_to(event.text);
}

std::vector<EventRow> rows(const LayerScoreEvent& event) {
  return {row<LayerScoreEvent>(
      event.score, event.step,
      {{"step", event.step}, {"score", event.score}, {"unit", event.unit}, {"values", encoded(event.values)}})};
}
void decode(const Json& json, LayerScoreEvent& event) {
  json.at("step").get_to(event.step);
  json.at("score").get_to(event.score);
  json.at("unit").get_to(event.unit);
  event.values = numbers<double>(json.at("values"));
}

std::vector<EventRow> rows(const TrialEvent& event) {
  return {row<TrialEvent>("trial", event.step,
                          {{"step", event.step},
                           {"placement", encoded(event.placement.kinds())},
                           {"text", encoded(event.text)},
                           {"prompts", encoded(event.prompts)},
                           {"asked", event.asked}})};
}
void decode(const Json& json, TrialEvent& event) {
  json.at("step").get_to(event.step);
  event.placement = Placement(kinds(json.at("placement")));
  event.text = numbers<double>(json.at("text"));
  event.prompts = numbers<double>(json.at("prompts"));
  json.at("asked").get_to(event.asked);
}

Json encoded(const MeasuredCost& cost) {
  Json points = Json::array();
  for (const CostPoint& point : cost.points) {
    points.push_back({{"context_tokens", point.context_tokens},
                      {"prefill_samples", encoded(point.prefill_samples)},
                      {"decode_samples", encoded(point.decode_samples)},
                      {"cache_bytes", point.cache_bytes},
                      {"computed_bytes", point.computed_bytes},
                      {"prefill_flops", encoded(point.prefill_flops)},
                      {"decode_bytes", encoded(point.decode_bytes)}});
  }
  return {{"placement", encoded(cost.placement.kinds())}, {"points", std::move(points)}, {"manner", cost.manner}};
}
MeasuredCost measuredCost(const Json& json) {
  MeasuredCost cost{.placement = Placement(kinds(json.at("placement"))), .manner = json.at("manner")};
  for (const Json& entry : json.at("points")) {
    cost.points.push_back({.context_tokens = entry.at("context_tokens").get<std::int64_t>(),
                           .prefill_samples = numbers<double>(entry.at("prefill_samples")),
                           .decode_samples = numbers<double>(entry.at("decode_samples")),
                           .cache_bytes = entry.at("cache_bytes").get<std::int64_t>(),
                           .computed_bytes = entry.at("computed_bytes").get<std::int64_t>(),
                           .prefill_flops = number(entry.at("prefill_flops")),
                           .decode_bytes = number(entry.at("decode_bytes"))});
  }
  return cost;
}

std::vector<EventRow> rows(const CostEvent& event) {
  const Json cost = encoded(event.cost);
  return {row<CostEvent>(cost.at("placement").get<std::string>() + "\n" + event.cost.manner, 0,
                         {{"label", event.label}, {"cost", cost}, {"teacher", encoded(event.teacher)}})};
}
void decode(const Json& json, CostEvent& event) {
  json.at("label").get_to(event.label);
  event.cost = measuredCost(json.at("cost"));
  event.teacher = measuredCost(json.at("teacher"));
  // Readers compare the two length by length.
  const auto at = [](const MeasuredCost& cost) {
    std::vector<std::int64_t> lengths;
    for (const CostPoint& point : cost.points) lengths.push_back(point.context_tokens);
    return lengths;
  };
  if (event.cost.points.empty() || at(event.cost) != at(event.teacher)) {
    throw badInput({}, {}, "costs of a placement and its teacher at different lengths, or at none");
  }
}

void decode(const Json&, StepEvent&) { throw badInput({}, {}, "a step outside the chunks"); }

/// A default-constructed event of the alternative `kind`.
template <std::size_t I = 0>
Event alternative(std::size_t kind) {
  if constexpr (I < std::variant_size_v<Event>) {
    return kind == I ? Event(std::in_place_index<I>) : alternative<I + 1>(kind);
  } else {
    throw badInput({}, {}, "an unknown kind of event");
  }
}

}  // namespace

std::vector<EventRow> rowsOf(const Event& event) {
  return std::visit([](const auto& typed) { return rows(typed); }, event);
}

Event eventFrom(std::size_t kind, const std::string& data, const std::string& place) {
  try {
    Event event = alternative(kind);
    const Json json = Json::parse(data);
    std::visit([&](auto& typed) { decode(json, typed); }, event);
    return event;
  } catch (const Json::exception& problem) {
    throw badInput({}, place, problem.what());
  } catch (const Error& problem) {
    throw badInput({}, place, problem.reason());
  } catch (const std::out_of_range&) {
    throw badInput({}, place, "a value is missing");
  }
}

bool join(ScoreEvent& event, const ScoreEvent& next) {
  if (event.label != next.label || event.placement != next.placement || event.manner != next.manner) return false;
  event.scores.insert(event.scores.end(), next.scores.begin(), next.scores.end());
  return true;
}

}  // namespace interleave
