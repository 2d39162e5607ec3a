// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "backend/core/error.h"
#include "sessions/store.h"
#include "tests/sessions/faulty_vfs.h"
#include "tests/sessions/sample.h"

namespace interleave {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

/// How the disk fails, and whether it allows a write-ahead log.
struct Disk {
  const char* name;
  FaultyVfs::Fault fault;
  bool shared_memory;
};

class FaultTest : public testing::TestWithParam<Disk> {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "runs.interleave";
};

/// Until the writer has nothing left to write, or it took too long.
bool settles(StoreWriter& writer) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!writer.flush()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

// The loop of SQLite's own tests: the n-th call fails, for every n, until nothing fails any more.
TEST_P(FaultTest, EveryCallMayFailOnce) {
  FaultyVfs disk(GetParam().shared_memory);
  std::int64_t last_calls = kForever;
  for (std::int64_t n = 1; n <= last_calls; ++n) {
    SCOPED_TRACE(n);
    const std::filesystem::path file = folder_.path() / (std::to_string(n) + ".interleave");
    {
      disk.heal();
      StoreWriter writer(file);
      const RunId id = writer.addRun(sampleSpec("faulty"));
      disk.failFrom(n, 1, GetParam().fault);
      std::int64_t acknowledged = 0;
      for (std::int64_t step = 1; step <= 4; ++step) {
        writer.record(id, sampleStep(step, 4));
        writer.flush();
        EXPECT_GE(writer.status().acknowledged_step, acknowledged);
        acknowledged = writer.status().acknowledged_step;
      }
      writer.record(id, PlacementEvent{4, Budget::layers(8), sampleStep(4, 4).if_stopped_now});
      writer.record(id, PhaseEvent{Phase::Done, ""});
      EXPECT_TRUE(settles(writer));
      EXPECT_EQ(writer.status().acknowledged_step, 4);
      EXPECT_EQ(writer.status().problem, "");
      EXPECT_EQ(writer.status().dropped, 0);
      last_calls = disk.calls();
    }
    disk.heal();
    EXPECT_THAT(checkStore(file).problems, IsEmpty());
    const Store store = Store::open(file);
    const auto steps = store.steps(1);
    ASSERT_EQ(steps.size(), 4u);
    for (std::int64_t step = 1; step <= 4; ++step) {
      EXPECT_TRUE(same(steps[static_cast<std::size_t>(step - 1)], withoutCheckpoint(sampleStep(step, 4))));
      EXPECT_EQ(store.checkpointAt(1, step), sampleStep(step, 4).checkpoint);
    }
    EXPECT_EQ(store.placements(1).size(), 1u);
    EXPECT_EQ(store.run(1).phase, Phase::Done);
  }
  EXPECT_GT(last_calls, 20);
}

TEST_P(FaultTest, CreatingAStoreMayFailAnywhere) {
  FaultyVfs disk(GetParam().shared_memory);
  bool created = false;
  for (std::int64_t n = 1; !created; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 200);
    disk.failFrom(n, kForever, GetParam().fault);
    try {
      const StoreWriter writer(file_);
      created = true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Failed) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("runs.interleave"));
    }
    disk.heal();
    const StoreWriter writer(file_);  // The next try is not hindered by what was left.
    EXPECT_THAT(Store::open(file_).runs(), IsEmpty());
    if (!created) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove(entry);
    }
  }
}

TEST_P(FaultTest, TheSearchGoesOnAndWhatWasDroppedIsTold) {
  FaultyVfs disk(GetParam().shared_memory);
  {
    StoreWriter writer(file_);
    const RunId id = writer.addRun(sampleSpec("full"));
    for (std::int64_t step = 1; step <= 10; ++step) writer.record(id, sampleStep(step, 4000));
    ASSERT_TRUE(writer.flush());

    disk.failFrom(1, kForever, GetParam().fault);
    StepEvent big = sampleStep(11, 4000);
    big.checkpoint.state.assign(100'000, 'x');
    double longest = 0;
    writer.record(id, PlacementEvent{11, Budget::layers(8), big.if_stopped_now});
    for (std::int64_t step = 11; step <= 1500; ++step) {  // 150 MB
      big.step = big.checkpoint.step = step;
      const auto began = std::chrono::steady_clock::now();
      writer.record(id, big);
      longest = std::max(longest, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    }
    EXPECT_LT(longest, 0.5);
    EXPECT_FALSE(writer.flush());
    EXPECT_NE(writer.status().problem, "");
    EXPECT_EQ(writer.status().acknowledged_step, 10);
    EXPECT_GT(writer.status().dropped, 500);
    EXPECT_LT(writer.status().queued * 100'000, 70'000'000);
    EXPECT_THROW(writer.setNote(id, "x"), Error);
    EXPECT_EQ(Store::open(file_).run(id).step, 10);  // Readers are not hindered.

    disk.heal();
    EXPECT_TRUE(settles(writer));
    EXPECT_EQ(writer.status().problem, "");
    EXPECT_EQ(writer.status().acknowledged_step, 1500);
    const Store store = Store::open(file_);
    EXPECT_EQ(store.placements(id).size(), 1u);
    EXPECT_EQ(store.run(id).step, 1500);
    EXPECT_THAT(store.run(id).reason, HasSubstr(std::to_string(writer.status().dropped) + " events were not recorded"));
    EXPECT_EQ(static_cast<std::int64_t>(store.steps(id).size()), 1500 - writer.status().dropped);
  }
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Disks, FaultTest,
                         testing::Values(Disk{"Full", FaultyVfs::Fault::DiskFull, true},
                                         Disk{"InputOutput", FaultyVfs::Fault::InputOutput, true},
                                         Disk{"FullWithoutLog", FaultyVfs::Fault::DiskFull, false}),
                         [](const auto& instance) { return instance.param.name; });

class LostFileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "runs.interleave";
};

TEST_F(LostFileTest, AFileThatIsGoneIsToldAndOneThatComesBackIsUsed) {
  StoreWriter writer(file_);
  const RunId id = writer.addRun(sampleSpec("lost"));
  writer.record(id, sampleStep(1, 9));
  ASSERT_TRUE(writer.flush());
  const auto elsewhere = folder_.path() / "elsewhere";
  std::filesystem::rename(file_, elsewhere);
  writer.record(id, sampleStep(2, 9));
  EXPECT_FALSE(writer.flush());
  EXPECT_THAT(writer.status().problem, HasSubstr("moved, deleted or replaced"));
  EXPECT_THROW(writer.addRun(sampleSpec("none")), Error);

  std::ofstream(file_) << "another file";
  EXPECT_FALSE(writer.flush());
  EXPECT_EQ(std::filesystem::file_size(file_), 12u);

  std::filesystem::rename(elsewhere, file_);
  EXPECT_TRUE(settles(writer));
  EXPECT_EQ(writer.status().problem, "");
  EXPECT_EQ(Store::open(file_).steps(id).size(), 2u);
}

TEST_F(LostFileTest, ADeletedFileIsNotTheEnd) {
  {
    StoreWriter writer(file_);
    const RunId id = writer.addRun(sampleSpec("deleted"));
    std::filesystem::remove(file_);
    for (std::int64_t step = 1; step <= 100; ++step) writer.record(id, sampleStep(step, 100));
    EXPECT_FALSE(writer.flush());
    EXPECT_EQ(writer.status().queued, 100);
  }
  const StoreWriter again(file_);
  EXPECT_THAT(Store::open(file_).runs(), IsEmpty());
}

TEST_F(LostFileTest, TheLogDoesNotSpoilTheFileThatTookItsPlace) {
  const auto elsewhere = folder_.path() / "elsewhere", spare = folder_.path() / "spare";
  {
    StoreWriter writer(spare);
    writer.addRun(sampleSpec("spare"));
  }
  RunId id = 0;
  {
    StoreWriter writer(file_);
    id = writer.addRun(sampleSpec("moved"));
    writer.record(id, sampleStep(1, 9));
    ASSERT_TRUE(writer.flush());
    std::filesystem::rename(file_, elsewhere);
    std::filesystem::copy_file(spare, file_);
  }
  EXPECT_FALSE(std::filesystem::exists(file_.string() + "-wal"));
  EXPECT_EQ(Store::open(file_).runs().at(0).title, "spare");
  EXPECT_EQ(Store::open(elsewhere).steps(id).size(), 1u) << "what was acknowledged is in the file that was moved";
}

}  // namespace
}  // namespace interleave
