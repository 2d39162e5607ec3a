// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/database.h"

#include <SQLiteCpp/Backup.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "resources/resources.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
constexpr int kBusyMilliseconds = 5000;

Error notOurs(const fs::path& file) { return badInput(file.string(), {}, "not an Interleave store"); }

/// Whether a process that died left a log or journal of the store.
bool leftBehind(const fs::path& file, const char* suffix) {
  std::error_code none;
  const auto size = fs::file_size(file.string() + suffix, none);
  return !none && size > 0;
}

/// What SQLite is told: a name that is a file's whatever it looks like. Others it reads as a URI ("file:x"), a database
/// in memory (":memory:").
std::string nameForSqlite(const fs::path& file) { return fs::absolute(file).string(); }

void harden(SQLite::Database& database) {
  database.exec("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
}

/// A new file, or one whose creation did not end.
bool isBlank(SQLite::Database& database) {
  return integerPragma(database, "application_id") == 0 && integerPragma(database, "user_version") == 0 &&
         database.execAndGet("SELECT count(*) FROM sqlite_master").getInt64() == 0;
}

/// The schema's version, when the store is ours and not newer than we are.
std::int64_t checkedVersion(const fs::path& file, SQLite::Database& database) {
  if (integerPragma(database, "application_id") != kApplicationId) throw notOurs(file);
  const std::int64_t version = integerPragma(database, "user_version");
  if (version > kSchemaVersion) {
    throw badInput(file.string(), "schema",
                   "version " + std::to_string(version) + " is newer than version " + std::to_string(kSchemaVersion) +
                       ", the newest that this program knows; open it with a newer Interleave");
  }
  if (version < 1) throw badInput(file.string(), "schema", "version " + std::to_string(version) + " does not exist");
  return version;
}

void quickCheck(const fs::path& file, SQLite::Database& database) {
  SQLite::Statement check(database, "PRAGMA quick_check(1)");
  if (check.executeStep() && check.getColumn(0).getString() != "ok") {
    throw badInput(file.string(), "quick_check", "the store is damaged: " + check.getColumn(0).getString());
  }
}

/// Brings the schema from `version` to kSchemaVersion, all or nothing.
void migrate(SQLite::Database& database, std::int64_t version) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  while (version < kSchemaVersion) {
    char name[24];
    std::snprintf(name, sizeof(name), "schema/%03d.sql", static_cast<int>(++version));
    database.exec(std::string(resource(name)));
  }
  database.exec("PRAGMA application_id=" + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version=" + std::to_string(version));
  transaction.commit();
}

void backUp(const fs::path& file, SQLite::Database& database, std::int64_t version) {
  const std::string stem = file.string() + ".v" + std::to_string(version) + ".backup";
  std::string copy = stem;
  for (int i = 2; fs::exists(copy); ++i) copy = stem + std::to_string(i);
  SQLite::Statement vacuum(database, "VACUUM INTO ?1");
  execute(vacuum, nameForSqlite(copy));
}

/// On these a write-ahead log, whose index is shared memory, may be seen differently from two machines.
bool isNetworkFileSystem(const fs::path& file) {
  struct statfs info {};
  if (statfs(file.c_str(), &info) != 0) return false;
  constexpr std::array<unsigned, 6> kMagic{0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x5346414f};
  for (const unsigned magic : kMagic) {
    if (static_cast<unsigned>(info.f_type) == magic) return true;
  }
  return false;
}

void chooseJournal(const fs::path& file, SQLite::Database& database) {
  if (!isNetworkFileSystem(file)) {
    SQLite::Statement wal(database, "PRAGMA journal_mode=WAL");
    if (wal.executeStep() && wal.getColumn(0).getString() == "wal") return;
  }
  SQLite::Statement rollback(database, "PRAGMA journal_mode=TRUNCATE");
  rollback.executeStep();
}

std::string percentEncoded(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      char code[4];
      std::snprintf(code, sizeof(code), "%%%02X", static_cast<unsigned>(c));
      text += code;
    } else {
      text += c;
    }
  }
  return text;
}

/// In a folder that cannot be written the log's index cannot be made: with no log left there, none is needed.
SQLite::Database openReadOnly(const fs::path& file) {
  try {
    SQLite::Database database(nameForSqlite(file), SQLite::OPEN_READONLY, kBusyMilliseconds);
    integerPragma(database, "schema_version");
    return database;
  } catch (const SQLite::Exception& problem) {
    const int code = problem.getErrorCode();
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || leftBehind(file, "-wal")) throw;
    return SQLite::Database("file://" + percentEncoded(nameForSqlite(file)) + "?immutable=1",
                            SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMilliseconds);
  }
}

}  // namespace

std::int64_t integerPragma(SQLite::Database& database, const std::string& name) {
  SQLite::Statement pragma(database, "PRAGMA " + name);
  return pragma.executeStep() ? pragma.getColumn(0).getInt64() : 0;
}

std::string utcNow() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[24];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Error storeError(const fs::path& file, const SQLite::Exception& problem) {
  const std::string said = problem.what();
  switch (problem.getErrorCode()) {
    case SQLITE_NOTADB:
      return notOurs(file);
    case SQLITE_CORRUPT:
      return badInput(file.string(), {}, "the store is damaged: " + said);
    case SQLITE_FULL:
      return {ErrorKind::Failed, file.string(), {}, "the disk is full"};
    case SQLITE_IOERR:
      return {ErrorKind::Failed, file.string(), {}, "the disk does not take it: " + said};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::Failed, file.string(), {}, "another program holds it locked"};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return {ErrorKind::Failed, file.string(), {}, "the file or its folder cannot be opened or written: " + said};
    default:
      return {ErrorKind::Failed, file.string(), {}, said};
  }
}

void checkHeader(const fs::path& file) {
  if (leftBehind(file, "-journal")) return;  // Only SQLite can tell what the file is once that is rolled back.
  std::array<unsigned char, 100> header{};
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw badInput(file.string(), {}, fs::exists(file) ? "cannot be read" : "there is no such file");
  stream.read(reinterpret_cast<char*>(header.data()), header.size());
  const auto byte = [&](std::size_t at) { return static_cast<int>(header[at]); };
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  if (stream.gcount() != header.size() ||
      std::string_view(reinterpret_cast<const char*>(header.data()), kMagic.size()) != kMagic ||
      ((byte(68) << 24) | (byte(69) << 16) | (byte(70) << 8) | byte(71)) != kApplicationId) {
    throw notOurs(file);
  }
}

int storedSchemaVersion(const fs::path& file) try {
  SQLite::Database database = openReadOnly(file);
  return static_cast<int>(integerPragma(database, "user_version"));
} catch (const SQLite::Exception& problem) {
  throw storeError(file, problem);
}

SQLite::Database openForWriting(const fs::path& file) try {
  const bool unclean = leftBehind(file, "-wal");
  SQLite::Database database(nameForSqlite(file), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMilliseconds);
  harden(database);
  if (isBlank(database)) {
    migrate(database, 0);
  } else {
    const std::int64_t version = checkedVersion(file, database);
    if (unclean || version < kSchemaVersion) quickCheck(file, database);
    if (version < kSchemaVersion) {
      backUp(file, database, version);
      migrate(database, version);
    }
  }
  chooseJournal(file, database);
  return database;
} catch (const SQLite::Exception& problem) {
  throw storeError(file, problem);
}

SQLite::Database openForReading(const fs::path& file) try {
  checkHeader(file);
  SQLite::Database database = openReadOnly(file);
  harden(database);
  const std::int64_t version = checkedVersion(file, database);
  if (version < kSchemaVersion) {
    SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(memory, database).executeStep();
    harden(memory);
    migrate(memory, version);
    return memory;
  }
  return database;
} catch (const SQLite::Exception& problem) {
  throw storeError(file, problem);
}

}  // namespace interleave
