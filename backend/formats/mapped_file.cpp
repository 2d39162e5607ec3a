// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "backend/core/error.h"

namespace interleave {
namespace {

/// Closes a descriptor on every way out; the mapping outlives it.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::string systemReason(int code) { return std::generic_category().message(code); }

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe with no writer must be refused below, not waited for.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) throw badInput(path, "", "cannot be opened: " + systemReason(errno));
  struct stat status {};
  if (::fstat(file.number, &status) != 0) throw badInput(path, "", "cannot be examined: " + systemReason(errno));
  if (S_ISDIR(status.st_mode)) throw badInput(path, "", "is a folder, where a file is needed");
  if (!S_ISREG(status.st_mode)) throw badInput(path, "", "is not a regular file");
  if (status.st_size == 0) throw badInput(path, "", "is empty");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (start == MAP_FAILED) throw badInput(path, "", "cannot be mapped: " + systemReason(errno));
  return MappedFile({static_cast<const std::byte*>(start), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace interleave
