// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/transfer.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/chat.h"
#include "sessions/batch.h"
#include "sessions/neighbours.h"

namespace interleave {
namespace {

std::int64_t wholeNumber(const std::string& key, const std::string& value, std::int64_t least) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc{} || end != value.data() + value.size() || number < least) {
    throw usageError(std::string(key).append("=").append(value),
                     "expected a whole number, " + std::to_string(least) + " or more");
  }
  return number;
}

/// "KEY=VALUE,KEY=VALUE"; a comma within a value (a folder's name) is part of it.
std::vector<std::pair<std::string, std::string>> pairsIn(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::istringstream rest(text);
  for (std::string word; std::getline(rest, word, ',');) {
    const std::size_t sign = word.find('=');
    if (sign != std::string::npos) {
      pairs.emplace_back(word.substr(0, sign), word.substr(sign + 1));
    } else if (!pairs.empty()) {
      pairs.back().second.append(",").append(word);
    } else {
      break;
    }
  }
  if (pairs.empty()) throw usageError("\"" + text + "\"", "expected KEY=VALUE");
  return pairs;
}

/// The layers that keep full attention are those of a placement whatever stands in the others.
bool keepsTheSame(const Placement& a, const Placement& b) {
  if (a.layers() != b.layers()) return false;
  for (int layer = 0; layer < a.layers(); ++layer) {
    if ((a[layer] == MixerKind::Full) != (b[layer] == MixerKind::Full)) return false;
  }
  return true;
}

using Column = std::pair<std::string, std::string>;  // label and manner of its events

std::string nameOf(const Column& column) { return column.first.substr(ScoreEvent::kUnder.size()); }

std::string rowName(const RunSummary& run, const std::string& method, const Placement& found) {
  std::string name = "run " + std::to_string(run.id);
  name.append(": ").append(method).append(" seed ").append(std::to_string(run.seed));
  return name.append(", K = ").append(std::to_string(found.fullCount()));
}

}  // namespace

Condition Condition::parse(const std::string& text, const Workbench::EvaluationRequest& usual) {
  Condition condition{.name = text, .rest = {}, .bank = {}, .chat = {}, .request = usual};
  Workbench::EvaluationRequest& request = condition.request;
  const std::map<std::string, std::int64_t*> numbers{{"tokens", &request.text_tokens},
                                                     {"sequence", &request.sequence_length},
                                                     {"prompts", &request.prompts},
                                                     {"prompt_tokens", &request.prompt_tokens}};
  for (const auto& [key, value] : pairsIn(text)) {
    if (const auto number = numbers.find(key); number != numbers.end()) {
      *number->second = wholeNumber(key, value, 1);
    } else if (key == "seed") {
      request.seed = static_cast<std::uint64_t>(wholeNumber(key, value, 0));
    } else if (key == "operator") {
      condition.rest = mixerKindNamed(value);
      if (!condition.rest || condition.rest == MixerKind::Full) {
        throw usageError(std::string(key).append("=").append(value),
                         "no operator that can stand in for full attention has this name");
      }
    } else if (key == "bank") {
      condition.bank = value;
    } else if (key == "chat") {
      condition.chat = ChatForm::isFile(value) ? std::filesystem::absolute(value).lexically_normal().string() : value;
    } else if (key == "wording") {
      request.wording = value;
    } else {
      std::vector<std::string> known{"operator", "bank", "chat", "seed", "wording"};
      for (const auto& [name, place] : numbers) known.push_back(name);
      throw usageError("KEY=VALUE", "there is no condition \"" + key + "\"" + didYouMean(key, known));
    }
  }
  return condition;
}

Placement Condition::of(Placement found) const {
  for (int layer = 0; rest && layer < found.layers(); ++layer) {
    if (found[layer] != MixerKind::Full) found.set(layer, *rest);
  }
  return found;
}

Condition Condition::forRun(const RunSpec& spec) const {
  Condition own = *this;
  own.request.chat = chat.value_or(spec.chat());
  return own;
}

Workbench::EvaluationRequest Condition::requestFor(const RunSpec& spec) const {
  Workbench::EvaluationRequest own = forRun(spec).request;
  own.model = spec.model_path;
  own.candidates.bank = bank.value_or(spec.bank_dir);
  own.candidates.bank_settings = spec.bank_settings;
  return own;
}

std::string Condition::manner() const {
  std::string text = mannerOf(request);
  if (bank) text.append("; operators of ").append(std::filesystem::absolute(*bank).lexically_normal().string());
  return text;
}

ScoreEvent Condition::event(const Placement& found, std::vector<Score> scores, double seconds) const {
  return {std::string(ScoreEvent::kUnder) + name, of(found), std::move(scores), manner(), seconds};
}

bool sameSubject(const RunSpec& a, const RunSpec& b) {
  return a.model_fingerprint == b.model_fingerprint && !a.isHeal() && !b.isHeal() && a.bank_dir == b.bank_dir &&
         a.bank_settings == b.bank_settings;
}

Lookup lookUp(const Store& store, RunId of, const Placement& found, const Condition& condition) {
  const RunSpec spec = store.spec(of);
  Lookup result{.event = condition.forRun(spec).event(found, {}, 0), .recorded = false};
  const auto isThat = [&](const ScoreEvent& event) {
    return event.placement == result.event.placement && event.manner == result.event.manner;
  };
  for (const ScoreEvent& event : store.transfers(of)) {
    if (event.label == result.event.label && isThat(event)) return {event, true};
  }
  for (const RunSummary& run : store.runs()) {
    if (!sameSubject(store.spec(run.id), spec)) continue;
    for (const std::vector<ScoreEvent>& events : {store.scores(run.id), store.transfers(run.id)}) {
      const auto known = std::ranges::find_if(events, isThat);
      if (known == events.end()) continue;
      result.event.scores = known->scores;
      result.event.seconds = known->seconds;
      return result;
    }
  }
  return result;
}

TransferTable transferIn(const Store& store, std::span<const RunId> runs) {
  TransferTable table;
  std::vector<Column> columns;
  struct Judged {
    RunId run;
    std::vector<ScoreEvent> transfers;
  };
  std::vector<Judged> all;
  std::vector<RunSpec> specs;
  for (const RunId id : runs) {
    Judged judged{id, store.transfers(id)};
    if (judged.transfers.empty()) continue;
    all.push_back(std::move(judged));
    specs.push_back(store.spec(id));
  }
  const std::vector<std::string> methods = methodNamesAmong(specs);  // a search's data is among its settings
  for (std::size_t run = 0; run < all.size(); ++run) {
    const auto& [id, transfers] = all[run];
    std::vector<Placement> found;  // each once, though it may be the best at several budgets
    for (const PlacementEvent& event : store.placements(id)) {
      if (std::ranges::find(found, event.placement) == found.end()) found.push_back(event.placement);
    }
    const auto isFound = [&](const Placement& placement) { return std::ranges::find(found, placement) != found.end(); };
    for (const Placement& own : found) {
      std::vector<std::vector<Score>> cells(columns.size());
      bool judged = false;
      for (const ScoreEvent& event : transfers) {
        // As found, another of the run's own that keeps the same layers is a row by itself.
        const bool exchanged = keepsTheSame(event.placement, own) &&
                               (nameOf({event.label, {}}) != Condition::kAsFound || !isFound(event.placement));
        if (event.placement != own && !exchanged) continue;
        const Column column(event.label, event.manner);
        const auto place = static_cast<std::size_t>(std::ranges::find(columns, column) - columns.begin());
        if (place == columns.size()) {
          columns.push_back(column);
          cells.emplace_back();
        }
        cells[place] = event.scores;
        judged = true;
      }
      if (!judged) continue;
      table.rows.push_back(rowName(store.run(id), methods[run], own));
      table.scores.push_back(std::move(cells));
    }
  }
  std::vector<std::size_t> order(columns.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(), [&](std::size_t column) {  // clang 14 knows no ranges::
    return nameOf(columns[column]) == Condition::kAsFound;
  });
  std::map<std::string, int> used;
  for (const std::size_t column : order) {
    std::string& name = table.columns.emplace_back(nameOf(columns[column]));
    if (const int count = ++used[name]; count > 1) name.append(" (").append(std::to_string(count)).append(")");
  }
  for (auto& cells : table.scores) {
    cells.resize(columns.size());
    std::vector<std::vector<Score>> ordered;
    for (const std::size_t column : order) ordered.push_back(std::move(cells[column]));
    cells = std::move(ordered);
  }
  return table;
}

}  // namespace interleave
