#include "flowstate/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "flowstate/error.h"

namespace flowstate::io {

namespace {

[[noreturn]] void throw_errno(const char* call, const std::string& path) {
  const int code = errno;
  throw Error(ErrorCode::IO, std::string("cannot ") + call + " " + path + ": " + std::strerror(code));
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw_errno("open", path);
  struct stat info {};
  if (fstat(file, &info) != 0) {
    const int code = errno;
    close(file);
    errno = code;
    throw_errno("stat", path);
  }
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ > 0) {
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (memory == MAP_FAILED) {
      const int code = errno;
      close(file);
      errno = code;
      throw_errno("map", path);
    }
    data_ = static_cast<std::uint8_t*>(memory);
  }
  close(file);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace flowstate::io
