// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace interleave {

/// While it lives, SQLite's default file layer is one whose n-th write, sync or truncation fails. One at a time.
class FaultyVfs {
 public:
  enum class Fault { DiskFull, InputOutput };
  /// Without shared memory, as on some network file systems, there is no write-ahead log.
  explicit FaultyVfs(bool shared_memory = true);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  void failFrom(std::int64_t call, std::int64_t calls, Fault fault);  ///< Calls are counted from now, the first is 1.
  void heal();
  std::int64_t calls() const;  ///< Since failFrom() or heal().
};

}  // namespace interleave
