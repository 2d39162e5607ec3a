// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <string>

#include "backend/core/error.h"

namespace interleave {

inline constexpr int kSchemaVersion = 2;           ///< Of resources/schema/: 001.sql to this number.
inline constexpr int kApplicationId = 0x494c5653;  ///< "ILVS", in the file's header.

/// Opens the writing connection; creates the file, or migrates an old schema after a backup beside it. The caller holds
/// the WriterLock. Errors as StoreWriter's.
SQLite::Database openForWriting(const std::filesystem::path& file);

/// Opens a read-only connection. An old schema is read through a migrated copy in memory.
SQLite::Database openForReading(const std::filesystem::path& file);

/// The version of the schema that the file itself has, whatever openForReading() makes of it. The file is ours.
int storedSchemaVersion(const std::filesystem::path& file);

/// BadInput unless the file begins like a store of ours.
void checkHeader(const std::filesystem::path& file);

/// What SQLite said, as our error: which file and what to do about it.
Error storeError(const std::filesystem::path& file, const SQLite::Exception& problem);

std::int64_t integerPragma(SQLite::Database& database, const std::string& name);
std::string utcNow();  ///< ISO 8601, to the second.

/// A blob for bind(); SQLite takes an empty one for NULL unless it has an address.
struct BlobOf {
  const std::string& bytes;
};

inline void bindAt(SQLite::Statement& statement, int index, BlobOf blob) {
  statement.bindNoCopy(index, static_cast<const void*>(blob.bytes.c_str()), static_cast<int>(blob.bytes.size()));
}
template <class T>
void bindAt(SQLite::Statement& statement, int index, const T& value) {
  statement.bind(index, value);
}

/// Makes a prepared statement ready to run again with these values in ?1, ?2, …
template <class... Values>
SQLite::Statement& bound(SQLite::Statement& statement, const Values&... values) {
  statement.tryReset();  // reset() would throw again what the last run of the statement threw.
  int index = 0;
  (bindAt(statement, ++index, values), ...);
  return statement;
}

/// Runs it; the number of rows changed. It is reset afterwards, so that blobs bound without a copy are let go.
template <class... Values>
int execute(SQLite::Statement& statement, const Values&... values) {
  const int changed = bound(statement, values...).exec();
  statement.tryReset();
  return changed;
}

}  // namespace interleave
