// The direct reader on the host device, beside one thread that preads into the target: what a reader cannot beat with a
// warm cache and one thread. Where the defaults of threads, tasks and chunks come from.
// Run: reader_bench [MIB] ; the file is made in the working directory. Every read's bytes are compared before it is
// timed; ratios are of the same round, the median of rounds counts. The cache is warm for POSIX; direct reads pass it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "flowstate/device/direct_reader.h"

namespace {

using namespace flowstate::device;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 9;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double pread_all(const std::string& path, std::uint8_t* target, std::size_t bytes) {
  const auto start = Clock::now();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = ::pread(fd, target + done, bytes - done, static_cast<off_t>(done));
    if (got <= 0) std::abort();
    done += static_cast<std::size_t>(got);
  }
  (void)::close(fd);
  return seconds_since(start);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t bytes = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 256) << 20;
  const std::string path = "reader_bench.bin";
  std::vector<std::uint8_t> content(bytes);
  for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 13);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(bytes));
  const auto host = open_host_device();
  auto* target = static_cast<std::uint8_t*>(host->allocate(bytes));
  (void)pread_all(path, target, bytes);

  std::printf("%-7s %8s %8s %9s | %9s %9s | %s\n", "mode", "threads", "task", "chunk", "GB/s", "pread",
              "ratio");
  for (const ReadMode mode : {ReadMode::kPosix, ReadMode::kDirect}) {
    for (const int threads : {1, 2, 4, 8}) {
      for (const std::size_t task_mib : {1, 4, 16}) {
        for (const std::size_t chunk_kib : {256, 1024, 4096}) {
          if (chunk_kib > task_mib * 1024 || (mode == ReadMode::kDirect && chunk_kib != 1024)) continue;
          DirectReader::Options options;
          options.mode = mode;
          options.threads = threads;
          options.task_bytes = task_mib << 20;
          options.chunk_bytes = chunk_kib << 10;
          DirectReader reader(host, options);
          const ReadRange range{path, 0, bytes, target};
          std::memset(target, 0, bytes);
          try {
            reader.read({&range, 1});
          } catch (const flowstate::Error& error) {
            std::printf("%s\n", error.what());
            continue;
          }
          if (std::memcmp(target, content.data(), bytes) != 0) {
            std::printf("wrong bytes\n");
            return 1;
          }
          std::vector<double> rates;
          std::vector<double> preads;
          std::vector<double> ratios;
          for (int round = 0; round < kRounds; ++round) {
            const auto start = Clock::now();
            reader.read({&range, 1});
            const double taken = seconds_since(start);
            const double plain = pread_all(path, target, bytes);
            rates.push_back(static_cast<double>(bytes) / taken / 1e9);
            preads.push_back(static_cast<double>(bytes) / plain / 1e9);
            ratios.push_back(plain / taken);
          }
          std::printf("%-7s %8d %6zuMi %7zuKi | %9.2f %9.2f | %.2f\n",
                      mode == ReadMode::kPosix ? "posix" : "direct", threads, task_mib, chunk_kib,
                      median(rates), median(preads), median(ratios));
          std::fflush(stdout);
        }
      }
    }
  }
  host->free(target);
  (void)std::remove(path.c_str());
  return 0;
}
