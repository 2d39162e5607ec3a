// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sessions/faulty_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <limits>
#include <new>

namespace interleave {
namespace {

std::atomic<std::int64_t> g_calls{0}, g_first{0}, g_last{0};
std::atomic<int> g_code{SQLITE_OK};
sqlite3_vfs* g_real = nullptr;
sqlite3_vfs g_faulty;

/// SQLITE_OK, or what this call shall fail with.
int verdict() {
  const std::int64_t call = ++g_calls;
  return call >= g_first && call < g_last ? g_code.load() : SQLITE_OK;
}

/// A file of ours: SQLite's base, then the real file behind it.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* ours(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return ours(file)->real(); }

sqlite3_io_methods g_methods{
    3,
    [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
    [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
      return real(f)->pMethods->xRead(real(f), to, size, at);
    },
    [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
      const int code = verdict();
      if (code == SQLITE_OK) return real(f)->pMethods->xWrite(real(f), from, size, at);
      // What a full disk does: a part arrives.
      if (size > 1) real(f)->pMethods->xWrite(real(f), from, size / 2, at);
      return code;
    },
    [](sqlite3_file* f, sqlite3_int64 size) {
      const int code = verdict();
      return code == SQLITE_OK ? real(f)->pMethods->xTruncate(real(f), size) : code;
    },
    [](sqlite3_file*, int) { return verdict(); },  // Nothing here loses power, so nothing need reach the disk.
    [](sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); },
    [](sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); },
    [](sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); },
    [](sqlite3_file* f, int* held) { return real(f)->pMethods->xCheckReservedLock(real(f), held); },
    [](sqlite3_file* f, int code, void* value) { return real(f)->pMethods->xFileControl(real(f), code, value); },
    [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
    [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
    [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
      return real(f)->pMethods->xShmMap(real(f), page, size, extend, at);
    },
    [](sqlite3_file* f, int offset, int count, int flags) {
      return real(f)->pMethods->xShmLock(real(f), offset, count, flags);
    },
    [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
    [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
    [](sqlite3_file*, sqlite3_int64, int, void** at) {
      *at = nullptr;  // No memory mapping: every write goes through here.
      return SQLITE_OK;
    },
    [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; },
};

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  file->pMethods = nullptr;
  const int code = g_real->xOpen(g_real, name, real(file), flags, out);
  if (real(file)->pMethods != nullptr) file->pMethods = &g_methods;
  return code;
}

}  // namespace

FaultyVfs::FaultyVfs(bool shared_memory) {
  g_methods.iVersion = shared_memory ? 3 : 1;
  g_real = sqlite3_vfs_find(nullptr);
  g_faulty = *g_real;
  g_faulty.zName = "faulty";
  g_faulty.szOsFile = static_cast<int>(sizeof(File)) + g_real->szOsFile;
  g_faulty.xOpen = open;
  sqlite3_vfs_register(&g_faulty, 1);
  heal();
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&g_faulty);
  sqlite3_vfs_register(g_real, 1);
}

void FaultyVfs::failFrom(std::int64_t call, std::int64_t calls, Fault fault) {
  g_first = std::numeric_limits<std::int64_t>::max();
  g_code = fault == Fault::DiskFull ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
  g_calls = 0;
  g_last =
      calls > std::numeric_limits<std::int64_t>::max() - call ? std::numeric_limits<std::int64_t>::max() : call + calls;
  g_first = call;
}

void FaultyVfs::heal() {
  g_first = std::numeric_limits<std::int64_t>::max();
  g_calls = 0;
}

std::int64_t FaultyVfs::calls() const { return g_calls; }

}  // namespace interleave
