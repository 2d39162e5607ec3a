// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "sessions/store.h"
#include "tests/sessions/sample.h"

namespace interleave {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// A victim process and what it says.
class Victim {
 public:
  Victim(const std::filesystem::path& file, std::int64_t steps) {
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) throw failure("pipe", "refused");
    output_ = pipe_ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    std::string program = VICTIM, store = file.string(), count = std::to_string(steps);
    char* arguments[] = {program.data(), store.data(), count.data(), nullptr};
    const int code = posix_spawn(&pid_, VICTIM, &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    if (code != 0) throw failure("spawn", "refused");
  }
  ~Victim() {
    kill(pid_, SIGKILL);
    if (!waited_) waitpid(pid_, nullptr, 0);
    close(output_);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  pid_t pid() const { return pid_; }
  void killNow() { kill(pid_, SIGKILL); }

  /// Reads for so long, or until it has ended; the last step that it said was acknowledged.
  std::int64_t listen(std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd poll_for{output_, POLLIN, 0};
      if (left.count() <= 0 || poll(&poll_for, 1, static_cast<int>(left.count())) <= 0) break;
      char buffer[4096];
      const ssize_t size = read(output_, buffer, sizeof(buffer));
      if (size <= 0) break;
      said_.append(buffer, static_cast<std::size_t>(size));
    }
    const std::size_t end = said_.rfind('\n');
    if (end == std::string::npos) return 0;
    const std::size_t begin = said_.rfind('\n', end - 1);
    return std::stoll(said_.substr(begin == std::string::npos ? 0 : begin + 1));
  }

  int exitCode() {
    int status = 0;
    waitpid(pid_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
  bool waited_ = false;
  std::string said_;
};

class KillTest : public testing::Test {
 protected:
  /// All steps from the first to the newest are there, each with its checkpoint, as recorded.
  void expectWhole(std::int64_t steps) const {
    const Store store = Store::open(file_);
    const auto found = store.steps(1);
    EXPECT_EQ(static_cast<std::int64_t>(found.size()), store.run(1).step);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const StepEvent expected = sampleStep(static_cast<std::int64_t>(i + 1), steps);
      ASSERT_TRUE(same(found[i], withoutCheckpoint(expected))) << "step " << i + 1;
      ASSERT_EQ(store.checkpointAt(1, expected.step), expected.checkpoint);
    }
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "runs.interleave";
};

TEST_F(KillTest, NoAcknowledgedStepIsLostAndNoHalfRunIsLeft) {
  constexpr std::int64_t kSteps = 100'000;
  Random random(1);
  std::int64_t acknowledged = 0;
  for (int life = 0; life < 12; ++life) {
    SCOPED_TRACE(life);
    {
      Victim victim(file_, kSteps);
      victim.listen(std::chrono::milliseconds(5 + random.below(150)));
      victim.killNow();
      acknowledged = std::max(acknowledged, victim.listen(std::chrono::seconds(5)));
    }
    if (!std::filesystem::exists(file_)) continue;  // Killed before it began.
    if (acknowledged == 0) {
      const StoreWriter writer(file_);  // Takes up a creation that did not end.
      if (Store::open(file_).runs().empty()) continue;
    }
    EXPECT_THAT(checkStore(file_).problems, IsEmpty());
    const RunSummary run = Store::open(file_).run(1);
    EXPECT_GE(run.step, acknowledged);
    EXPECT_EQ(run.phase, Phase::Stopped);
    expectWhole(kSteps);
  }
  EXPECT_GT(acknowledged, 0);
}

TEST_F(KillTest, ARunThatWasKilledEndsLikeOneThatWasNot) {
  constexpr std::int64_t kSteps = 800;
  {
    Victim victim(file_, kSteps);
    const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (victim.listen(std::chrono::milliseconds(5)) < 300 && std::chrono::steady_clock::now() < late) {
    }
    victim.killNow();
  }
  Victim victim(file_, kSteps);
  EXPECT_EQ(victim.exitCode(), 0);
  expectWhole(kSteps);
  EXPECT_EQ(Store::open(file_).run(1).phase, Phase::Done);
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

TEST_F(KillTest, ASecondWriterIsToldWhichProcessWritesAndAReaderReads) {
  Victim victim(file_, 100'000'000);
  while (victim.listen(std::chrono::milliseconds(5)) < 5) {
  }
  try {
    const StoreWriter second(file_);
    FAIL() << "two writers";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(victim.pid()) + " writes to it"));
  }
  EXPECT_EQ(Store::open(file_).run(1).phase, Phase::Searching);
  EXPECT_GE(Store::open(file_).run(1).step, 5);
  victim.killNow();
  victim.exitCode();
  EXPECT_EQ(Store::open(file_).run(1).phase, Phase::Stopped);
  const StoreWriter now_free(file_);
}

}  // namespace
}  // namespace interleave
