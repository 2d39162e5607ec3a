// SPDX-License-Identifier: GPL-3.0-or-later
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "backend/core/error.h"
#include "backend/core/random.h"
#include "resources/resources.h"
#include "sessions/store.h"
#include "tests/sessions/sample.h"
#include "tests/support/error_of.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using test::errorOf;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OpenTest : public testing::Test {
 protected:
  void write(const std::string& bytes) const { std::ofstream(file_, std::ios::binary) << bytes; }
  std::string bytes() const {
    std::ostringstream text;
    text << std::ifstream(file_, std::ios::binary).rdbuf();
    return text.str();
  }

  /// A store of version 1 with a run of two steps, made from that version's own schema.
  void makeVersion1() const {
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(std::string(resource("schema/001.sql")));
    database.exec("PRAGMA application_id=0x494c5653; PRAGMA user_version=1;");
    SQLite::Statement run(database,
                          "INSERT INTO runs (created, spec, title, phase, step) VALUES ('', ?1, 'old', 5, 2)");
    run.bind(1, toJson(sampleSpec("old")).dump());
    run.exec();
    database.exec(
        "INSERT INTO checkpoints VALUES (1, 2, x'7b7d');"
        "INSERT INTO events VALUES (1, 3, 7, '', 0, '{\"level\": 1, \"text\": \"from version 1\"}');"
        "INSERT INTO chunks VALUES (1, 1, 2, 2, x'0003', zeroblob(80), zeroblob(224), zeroblob(16), zeroblob(16), "
        "zeroblob(4))");
    // Steps 1 and 2, recorded first and second.
    database.exec(
        "UPDATE chunks SET head = CAST(x'0100000000000000020000000000000001000000000000000200000000000000' || "
        "zeroblob(48) AS BLOB)");
  }

  void expectBothRefuse(const std::string& reason) const {
    for (const Error& error : {errorOf([&] { StoreWriter writer(file_); }), errorOf([&] { Store::open(file_); }),
                               errorOf([&] { checkStore(file_); })}) {
      EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
      EXPECT_THAT(error.what(), AllOf(HasSubstr(file_.string()), HasSubstr(reason)));
    }
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "runs.interleave";
};

TEST_F(OpenTest, IdentifiesTheFile) {
  { const StoreWriter writer(file_); }
  EXPECT_FALSE(fs::exists(file_.string() + "-wal"));
  SQLite::Database database(file_.string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("PRAGMA application_id").getInt(), 0x494c5653);
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 2);
  EXPECT_EQ(database.execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(database
                .execAndGet("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE "
                            "'sqlite%' AND NOT strict")
                .getInt(),
            0);
}

TEST_F(OpenTest, ReadingNeedsAFile) {
  EXPECT_THAT(errorOf([&] { Store::open(file_); }).what(), HasSubstr("there is no such file"));
  EXPECT_EQ(errorOf([&] { checkStore(file_); }).kind(), ErrorKind::BadInput);
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(OpenTest, RefusesAText) {
  const std::string text(5000, 'x');
  write(text);
  expectBothRefuse("not an Interleave store");
  EXPECT_EQ(bytes(), text);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(OpenTest, RefusesADatabaseOfAnotherProgram) {
  {
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("CREATE TABLE runs (id)");
  }
  const std::string before = bytes();
  expectBothRefuse("not an Interleave store");
  EXPECT_EQ(bytes(), before);
}

TEST_F(OpenTest, RefusesANewerSchemaAndNamesTheVersions) {
  { const StoreWriter writer(file_); }
  {
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA user_version=3; PRAGMA journal_mode=DELETE");
  }
  const std::string before = bytes();
  expectBothRefuse("version 3 is newer than version 2");
  EXPECT_EQ(bytes(), before);
}

/// Names that SQLite itself reads as something else.
TEST_F(OpenTest, TakesEveryNameForAFiles) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  for (const std::string name :
       {"file:x.sqlite", ":memory:", "file::memory:", "file:y?mode=memory", "a?b.sqlite", "100%41.sqlite", "a#b.sqlite",
        "a b.sqlite", "-x.sqlite", "file:%2e%2e", "ü.sqlite", "a'b\"c", "x.sqlite?immutable=1", "[a]*.sqlite"}) {
    SCOPED_TRACE(name);
    {
      StoreWriter writer(name);
      writer.addRun(sampleSpec(name));
      EXPECT_EQ(Store::open(name).run(1).title, name) << "while it is written";
      EXPECT_EQ(errorOf([&] { StoreWriter second(name); }).kind(), ErrorKind::Usage);
    }
    EXPECT_TRUE(fs::is_regular_file(folder_.path() / name));
    EXPECT_EQ(Store::open(folder_.path() / name).run(1).title, name);
    EXPECT_THAT(checkStore(name).problems, IsEmpty());
    for (const fs::path& entry : std::vector<fs::path>(fs::directory_iterator(folder_.path()), {})) {
      EXPECT_THAT((std::vector{name, name + ".lock", name + "-wal", name + "-shm"}), Contains(entry.filename()));
      fs::remove(entry);
    }
  }
  EXPECT_EQ(errorOf([] { StoreWriter writer(""); }).kind(), ErrorKind::Usage);
  EXPECT_TRUE(fs::is_empty(folder_.path()));

  makeVersion1();
  for (const std::string name : {"file:old", ":memory:", "old?vfs=none"}) {
    fs::copy_file(file_, folder_.path() / name);
    EXPECT_EQ(Store::open(name).run(1).title, "old");
    { const StoreWriter writer(name); }
    EXPECT_TRUE(fs::is_regular_file(folder_.path() / (name + ".v1.backup")));
    fs::permissions(folder_.path() / name, fs::perms::owner_read);
    EXPECT_EQ(Store::open(name).run(1).title, "old");
  }
  fs::current_path(before);
}

TEST_F(OpenTest, MigratesAnOldStoreAfterABackup) {
  makeVersion1();
  const std::string before = bytes();
  {
    const Store reader = Store::open(file_);  // Reading does not change it.
    EXPECT_EQ(reader.run(1).title, "old");
    EXPECT_EQ(reader.run(1).note, "");
    EXPECT_EQ(reader.steps(1).size(), 2u);
    EXPECT_EQ(checkStore(file_).schema_version, 1);
  }
  EXPECT_EQ(bytes(), before);

  StoreWriter writer(file_);
  const Store store = Store::open(file_);
  EXPECT_EQ(store.run(1).phase, Phase::Done);
  EXPECT_EQ(store.log(1).at(0).text, "from version 1");
  EXPECT_EQ(store.steps(1).at(1).step, 2);
  EXPECT_EQ(store.checkpoint(1)->state, "{}");
  writer.setTags(1, {"kept"});
  EXPECT_THAT(store.run(1).tags, ElementsAre("kept"));
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
  EXPECT_EQ(checkStore(file_).schema_version, 2);

  SQLite::Database backup(file_.string() + ".v1.backup", SQLite::OPEN_READONLY);
  EXPECT_EQ(backup.execAndGet("PRAGMA user_version").getInt(), 1);
  EXPECT_EQ(backup.execAndGet("SELECT title FROM runs").getString(), "old");
  EXPECT_EQ(backup.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

TEST_F(OpenTest, AMigrationThatFailsLeavesTheOldStore) {
  makeVersion1();
  {
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
    database.exec("ALTER TABLE runs ADD COLUMN deleted INTEGER");  // The fourth statement of the migration will fail.
  }
  const std::string before = bytes();
  EXPECT_EQ(errorOf([&] { StoreWriter writer(file_); }).kind(), ErrorKind::Failed);
  EXPECT_EQ(bytes(), before);
  SQLite::Database database(file_.string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 1);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'note'").getInt(), 0);
}

TEST_F(OpenTest, ASecondWriterInTheSameProcessIsRefused) {
  const StoreWriter writer(file_);
  const Error error = errorOf([&] { StoreWriter second(file_); });
  EXPECT_EQ(error.kind(), ErrorKind::Usage);
  EXPECT_THAT(error.what(), HasSubstr("this process writes to it already"));
}

TEST_F(OpenTest, UnfinishedRunsOfADeadWriterAreStopped) {
  RunId open = 0, done = 0;
  {
    StoreWriter writer(file_);
    open = writer.addRun(sampleSpec("open"));
    done = writer.addRun(sampleSpec("done"));
    writer.setPhase(open, Phase::Searching, "");
    writer.setPhase(done, Phase::Done, "");
    EXPECT_EQ(Store::open(file_).run(open).phase, Phase::Searching);
  }
  EXPECT_EQ(Store::open(file_).run(open).phase, Phase::Stopped);
  EXPECT_EQ(Store::open(file_).run(done).phase, Phase::Done);
  const StoreWriter writer(file_);
  EXPECT_EQ(Store::open(file_).run(open).phase, Phase::Stopped);
  EXPECT_EQ(Store::open(file_).run(done).phase, Phase::Done);
}

/// Runs `body` in a child that is not root, so that permissions count; its exit code.
template <class Body>
int asNobody(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(OpenTest, AFolderThatCannotBeWrittenIsReadNotWritten) {
  {
    StoreWriter writer(file_);
    writer.addRun(sampleSpec("read only"));
  }
  fs::remove(file_.string() + ".lock");
  chmod(file_.c_str(), 0444);
  chmod(folder_.path().c_str(), 0555);
  const int code = asNobody([&] {
    try {
      StoreWriter writer(file_);
      return 1;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Failed) return 2;
      if (std::string(error.what()).find("cannot be written") == std::string::npos) return 3;
    }
    try {
      return Store::open(file_).runs().at(0).title == "read only" && checkStore(file_).problems.empty() ? 0 : 4;
    } catch (const Error&) {
      return 5;
    }
  });
  chmod(folder_.path().c_str(), 0755);
  EXPECT_EQ(code, 0);
}

TEST_F(OpenTest, AFileSizeLimitIsAFullDisk) {
  {
    StoreWriter writer(file_);
    writer.addRun(sampleSpec("limited"));
  }
  const int code = asNobody([&] { return 0; });
  ASSERT_EQ(code, 0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600'000, 600'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    StoreWriter writer(file_);
    for (std::int64_t step = 1; step <= 3000; ++step) writer.record(1, sampleStep(step, 3000));
    if (writer.flush()) _exit(1);
    if (writer.status().problem.empty()) _exit(2);
    if (Store::open(file_).run(1).step < writer.status().acknowledged_step) _exit(3);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
}

TEST_F(OpenTest, ADamagedStoreIsToldNotCrashedOn) {
  {
    StoreWriter writer(file_);
    const RunId id = writer.addRun(sampleSpec("damaged"));
    for (const Event& event : sampleEvents()) writer.record(id, event);
    for (std::int64_t step = 4; step <= 300; ++step) writer.record(id, sampleStep(step, 300));
  }
  const std::string whole = bytes();
  Random random(5);
  int noticed = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    if (round % 5 == 0) {
      damaged.resize(random.below(whole.size()));
    } else {
      for (int i = 0; i < 20; ++i) damaged[100 + random.below(whole.size() - 100)] = static_cast<char>(random.next());
    }
    write(damaged);
    try {
      noticed += checkStore(file_).problems.empty() ? 0 : 1;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadInput) << error.what();
      ++noticed;
    }
    try {
      const Store store = Store::open(file_);
      for (const RunSummary& run : store.runs(true)) {
        store.spec(run.id);
        store.events(run.id);
        store.series(run.id, Metric::Loss);
        store.steps(run.id, 0, 10);
        store.checkpoint(run.id);
      }
    } catch (const Error&) {
    }
  }
  EXPECT_GT(noticed, 50);
}

TEST_F(OpenTest, TheCheckFindsStepsThatDoNotFitTogether) {
  {
    StoreWriter writer(file_);
    for (int i = 0; i < 4; ++i) {
      const RunId id = writer.addRun(sampleSpec("checked"));
      for (std::int64_t step = 1; step <= 300; ++step) writer.record(id, sampleStep(step, 300));
    }
  }
  EXPECT_THAT(checkStore(file_).problems, IsEmpty());
  EXPECT_EQ(checkStore(file_).runs, 4);
  EXPECT_EQ(checkStore(file_).steps, 1200);
  EXPECT_EQ(checkStore(file_).schema_version, 2);
  {
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
    database.exec("DELETE FROM chunks WHERE run = 1 AND first > 1");
    database.exec("UPDATE chunks SET logits = substr(logits, 2) WHERE run = 2 AND first = 1");
    database.exec("UPDATE runs SET spec = '{}' WHERE id = 3");
    database.exec("PRAGMA foreign_keys=OFF; DELETE FROM runs WHERE id = 4");
  }
  const auto problems = checkStore(file_).problems;
  EXPECT_THAT(problems, testing::Contains(AllOf(HasSubstr("run 1"), HasSubstr("step 300"))).Times(1));
  EXPECT_THAT(problems, testing::Contains(AllOf(HasSubstr("run 2"), HasSubstr("do not hold 256 steps"))));
  EXPECT_THAT(problems, testing::Contains(AllOf(HasSubstr("run 3"), HasSubstr("title"))));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("belongs to no run")));
}

}  // namespace
}  // namespace interleave
