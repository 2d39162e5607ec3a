// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/tasks.h"

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

}  // namespace

TaskFacts taskFacts(std::string_view task) {
  for (const Row& row : kTasks) {
    if (row.task == task) return {std::string(row.title), std::string(row.unit), row.better};
  }
  if (!task.ends_with(kLoss)) return {std::string(task), "share of prompts", Better::Higher};
  return {std::string(task.substr(0, task.size() - kLoss.size())).append(", answer NLL"), "nats", Better::Lower};
}

}  // namespace interleave
