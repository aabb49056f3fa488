// A file read by offset from any number of threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace flowstate::device {

class PlainFile {
 public:
  // Throws IO.
  explicit PlainFile(const std::string& path);
  ~PlainFile();
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  // Bytes read, 0 at the end of the file; fewer than asked for anywhere. Counts interruptions into `interrupted`.
  // Throws IO.
  std::size_t read(void* target, std::uint64_t offset, std::size_t bytes, std::uint64_t& interrupted) const;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace flowstate::device
