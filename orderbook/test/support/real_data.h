// Market data that is not ours to ship: read from ../shared/data where it is (or ORDERBOOK_DATA), decompressed by the
// system's zcat and zstd. A test that finds none says so and passes over.
#pragma once

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace orderbook::test {

inline std::optional<std::string> real_data(const std::string& name) {
  const char* folder = std::getenv("ORDERBOOK_DATA");
  const std::string path = std::string(folder != nullptr ? folder : "../shared/data") + "/" + name;
  std::FILE* there = std::fopen(path.c_str(), "rb");
  if (there == nullptr) {
    WARN("skipped: " + path + " is not there");
    return std::nullopt;
  }
  std::fclose(there);
  const std::string command = (name.ends_with(".zst") ? "zstd -dcq '" : "gzip -dc '") + path + "'";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    WARN("skipped: cannot run " + command);
    return std::nullopt;
  }
  std::string content;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) content.append(buffer, count);
  if (pclose(pipe) != 0 || content.empty()) {
    WARN("skipped: failed: " + command);
    return std::nullopt;
  }
  return content;
}

}  // namespace orderbook::test
