// A file for one test, below the working directory (a real file system: the temporary folder is often in memory), with
// bytes that differ at every position that matters: neighbours, pages, and pages' neighbours.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace flowstate::device {

inline std::vector<std::uint8_t> patterned_bytes(std::size_t count, std::uint64_t seed = 1) {
  std::vector<std::uint8_t> bytes(count);
  std::uint64_t word = seed * 0x9E3779B97F4A7C15u + 1;
  for (std::size_t i = 0; i < count; ++i) {
    word ^= word << 13;
    word ^= word >> 7;
    word ^= word << 17;
    bytes[i] = static_cast<std::uint8_t>(word >> 32);
  }
  return bytes;
}

struct ScratchFile {
  explicit ScratchFile(const std::vector<std::uint8_t>& bytes,
                       const std::filesystem::path& folder = std::filesystem::current_path()) {
    static std::atomic<int> number{0};
    path = (folder / ("scratch-" + std::to_string(::getpid()) + "-" + std::to_string(++number) + ".bin"))
               .string();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ~ScratchFile() { std::remove(path.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void shrink(std::size_t bytes) const { std::filesystem::resize_file(path, bytes); }

  std::string path;
};

}  // namespace flowstate::device
