#include "device/plain_file.h"

#include <cerrno>

#include "device/io_error.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace flowstate::device {

#if defined(__unix__) || defined(__APPLE__)

PlainFile::PlainFile(const std::string& path) : path_(path) {
  // Without waiting: opening a pipe would, for a writer that may never come.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) throw io_error("open", path, errno);
}

PlainFile::~PlainFile() { (void)::close(fd_); }

std::size_t PlainFile::read(void* target, std::uint64_t offset, std::size_t bytes,
                            std::uint64_t& interrupted) const {
  for (;;) {
    const ssize_t got = ::pread(fd_, target, bytes, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw io_error("read", path_, errno);
    ++interrupted;
  }
}

#else

PlainFile::PlainFile(const std::string& path) : path_(path) { throw io_error("open", path, ENOSYS); }
PlainFile::~PlainFile() = default;
std::size_t PlainFile::read(void*, std::uint64_t, std::size_t, std::uint64_t&) const {
  throw io_error("read", path_, ENOSYS);
}

#endif

}  // namespace flowstate::device
