// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/machine.h"

#include <unistd.h>

#include <fstream>
#include <thread>

namespace interleave {
namespace {

/// "model name : AMD EPYC 9654" of the first processor.
std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t from = line.find_first_not_of(" \t", line.find(':') + 1);
    return from == std::string::npos ? std::string() : line.substr(from);
  }
  return {};
}

}  // namespace

std::string programVersion() { return "interleave " INTERLEAVE_VERSION; }

std::string machineText() {
  std::string text = processorName();
  const auto add = [&text](const std::string& fact) { text.append(text.empty() ? "" : ", ").append(fact); };
  if (const unsigned cores = std::thread::hardware_concurrency(); cores > 0) {
    add(std::to_string(cores).append(cores == 1 ? " core" : " cores"));
  }
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && size > 0) {
    constexpr double kTenth = (1 << 30) / 10.0;
    const auto tenths = static_cast<long long>(static_cast<double>(pages) * static_cast<double>(size) / kTenth);
    add(std::to_string(tenths / 10).append(".").append(std::to_string(tenths % 10)).append(" GiB"));
  }
  return text;
}

}  // namespace interleave
