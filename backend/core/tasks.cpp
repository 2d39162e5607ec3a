// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/tasks.h"

#include <algorithm>
#include <array>

namespace interleave {
namespace {

struct Row {
  std::string_view task, title, unit;
  Better better;
};
constexpr std::array<Row, 4> kTasks{{
    {"kl", "KL on text", "nats", Better::Lower},
    {"nll", "NLL on text", "nats", Better::Lower},
    {"passkey", "recall", "share of prompts", Better::Higher},
    {"passkey_nll", "answer NLL", "nats", Better::Lower},
}};
constexpr std::string_view kLoss = "_nll";

/// How tasks made after others' must be called wherever their scores stand.
std::string styleOf(std::string_view task) {
  constexpr std::array<std::string_view, 5> kRuler{"niah_", "vt", "cwe", "fwe", "qa_"};
  const auto begins = [&](std::string_view name) {
    return name.ends_with('_') ? task.starts_with(name) : task == name;
  };
  if (std::ranges::any_of(kRuler, begins)) return " (RULER-style)";
  return task == "flashmorph_passkey" ? " (FlashMorph-style)" : "";
}

}  // namespace

TaskFacts taskFacts(std::string_view task) {
  for (const Row& row : kTasks) {
    if (row.task == task) return {std::string(row.title), std::string(row.unit), row.better};
  }
  const bool loss = task.ends_with(kLoss);
  const std::string_view name = loss ? task.substr(0, task.size() - kLoss.size()) : task;
  const std::string title = std::string(name) + styleOf(name);
  return loss ? TaskFacts{title + ", answer NLL", "nats", Better::Lower}
              : TaskFacts{title, "share of references", Better::Higher};
}

}  // namespace interleave
