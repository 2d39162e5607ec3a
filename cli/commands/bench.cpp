// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/inputs.h"

namespace interleave::cli {
namespace {

void bench(const BenchRequest& request, Terminal& terminal) {
  const nlohmann::json document = runBenchmark(request, terminal);
  std::size_t width = 0;
  for (const nlohmann::json& result : document.at("results")) {
    width = std::max(width, result.at("name").get_ref<const std::string&>().size());
  }
  std::string text =
      fmt::format("{:<{}} {:>10} {:>10} {:>10} {:>12}", "", width, "ms", "tokens/s", "GFLOP/s", "peak MB");
  for (const nlohmann::json& result : document.at("results")) {
    text += fmt::format("\n{:<{}} {:>10.2f} {:>10.0f} {:>10.1f} {:>12.0f}", result.at("name").get<std::string>(), width,
                        result.at("seconds").get<double>() * 1e3, result.at("tokens_per_second").get<double>(),
                        result.at("gflops").get<double>(), result.at("peak_bytes").get<double>() / 1e6);
  }
  terminal.print(document, text);
}

}  // namespace

void declareBench(CLI::App& app, Terminal& terminal) {
  const auto request = std::make_shared<BenchRequest>();
  CLI::App* command = app.add_subcommand("bench", "How fast this machine runs a model and searches it");
  command->add_option("MODEL", request->model, "A Hugging Face folder, or a .gguf file")->required();
  command->add_option("--bank", request->bank, "The candidates' folder; without one, sliding windows are searched");
  command->add_option("--tokens", request->tokens, "Length of the sequence, or of each prompt")
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  command->add_option("--repeats", request->repeats, "Medians of so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--prompts", request->prompts, "Of generate: how many are decoded together")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--new-tokens", request->new_tokens, "Of generate: decoded behind each prompt")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--parts", request->parts, "What to time: forward, rule, step, generate, scan")
      ->delimiter(',')
      ->check(CLI::IsMember({"forward", "rule", "step", "generate", "scan"}))
      ->capture_default_str();
  addExecutionOptions(*command, request->execution);
  command->callback([request, &terminal] { bench(*request, terminal); });
}

}  // namespace interleave::cli
