// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/cli/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/backend/support/tiny_model.h"

namespace interleave::testing {
namespace {

std::string utf8(int code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

/// Byte-level BPE without merges: a token for each byte, in GPT-2's spelling, and one special token.
nlohmann::json byteTokenizer() {
  nlohmann::json vocabulary;
  int unprintable = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    vocabulary[utf8(printable ? byte : unprintable++)] = byte;
  }
  const nlohmann::json special{{"id", 256},       {"content", "<end>"},  {"single_word", false}, {"lstrip", false},
                               {"rstrip", false}, {"normalized", false}, {"special", true}};
  const nlohmann::json byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"added_tokens", {special}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}}};
}

}  // namespace

nlohmann::json CommandResult::json() const { return nlohmann::json::parse(out); }

Command::Command(const std::vector<std::string>& arguments, const std::string& program) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (folder_ / "out").c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (folder_ / "log").c_str(), kFlags, 0600);
  const int problem = posix_spawn(&process_, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) throw std::system_error(problem, std::generic_category(), program);
}

bool Command::waitFor(const std::string& text) const {
  while (readText(folder_ / "log").find(text) == std::string::npos) {
    siginfo_t state{};
    waitid(P_PID, static_cast<id_t>(process_), &state, WEXITED | WNOHANG | WNOWAIT);
    if (state.si_pid != 0) return readText(folder_ / "log").find(text) != std::string::npos;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void Command::signal(int number) const { kill(process_, number); }

CommandResult Command::wait() {
  int status = 0;
  waitpid(process_, &status, 0);
  return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          .out = readText(folder_ / "out"),
          .log = readText(folder_ / "log")};
}

CommandResult run(const std::vector<std::string>& arguments) { return Command(arguments).wait(); }

CommandResult runProgram(const std::string& program, const std::vector<std::string>& arguments) {
  return Command(arguments, program).wait();
}

std::filesystem::path writeModelWithTokenizer(const std::filesystem::path& folder, std::uint64_t seed) {
  writeTinyModel(
      folder, tinyConfig("llama", {{"vocab_size", 257}, {"num_hidden_layers", 4}, {"max_position_embeddings", 4096}}),
      seed);
  writeText(folder / "tokenizer.json", byteTokenizer().dump());
  return folder;
}

std::filesystem::path writeText(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

std::string readText(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace interleave::testing
