// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "backend/core/error.h"

namespace interleave {

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string pattern = path_.string() + ".XXXXXX";
  descriptor_ = ::mkstemp(pattern.data());
  if (descriptor_ < 0) fail("cannot be created");
  temporary_ = pattern;
  ::fchmod(descriptor_, 0644);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::writeAt(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail("cannot be brought to the disk");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot be closed");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot be put in place");
  temporary_.clear();
  // The new name itself must survive a power cut; a file system that cannot sync folders has nothing better to offer.
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  if (const int number = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); number >= 0) {
    ::fsync(number);
    ::close(number);
  }
}

void AtomicFile::fail(std::string_view what) const {
  const std::string reason = std::generic_category().message(errno);
  throw Error(ErrorKind::Failed, path_, {}, std::string(what) + ": " + reason);
}

void writeFileAtomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.writeAt(0, std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace interleave
