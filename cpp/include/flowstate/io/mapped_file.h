// A file mapped into memory, privately: writes to it stay in this process and never reach the file. A file that
// another process cuts short while it is mapped is beyond help (SIGBUS), as with every mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace flowstate::io {

class MappedFile {
 public:
  // Throws Error IO.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::uint8_t* data() noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace flowstate::io
