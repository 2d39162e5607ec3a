// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/writer_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "backend/core/error.h"

namespace interleave {
namespace {

std::filesystem::path lockFile(std::filesystem::path store) { return store += ".lock"; }

struct flock wholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

long writtenPid(int file) {
  char text[24] = {};
  if (pread(file, text, sizeof(text) - 1, 0) <= 0) return 0;
  return std::strtol(text, nullptr, 10);
}

}  // namespace

WriterLock::WriterLock(const std::filesystem::path& store)
    : file_(open(lockFile(store).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ < 0) {
    throw Error(ErrorKind::Failed, store.string(), "lock",
                "the folder cannot be written: " + std::string(std::strerror(errno)));
  }
  struct flock lock = wholeFile();
  if (fcntl(file_, F_OFD_SETLK, &lock) != 0) {
    const int code = errno;
    const long pid = writtenPid(file_);
    close(file_);
    if (code != EAGAIN && code != EACCES) {
      throw Error(ErrorKind::Failed, store.string(), "lock",
                  "the file system cannot lock: " + std::string(std::strerror(code)));
    }
    throw Error(ErrorKind::Usage, store.string(), "lock",
                (pid == getpid() ? "this process" : "process " + std::to_string(pid)) +
                    " writes to it already; it can be read meanwhile");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(file_, 0) != 0 || pwrite(file_, pid.data(), pid.size(), 0) < 0) {
    // Only the number in the other's message is lost: on a full disk the lock itself still counts.
  }
}

WriterLock::~WriterLock() { close(file_); }

std::optional<long> WriterLock::holder(const std::filesystem::path& store) {
  const int file = open(lockFile(store).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock lock = wholeFile();
  const bool held = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  const long pid = held ? writtenPid(file) : 0;
  close(file);
  return held ? std::optional(pid) : std::nullopt;
}

}  // namespace interleave
