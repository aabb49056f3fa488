// The reader above the interface, on the cuda device: through cuFile, and through pinned chunks where that is refused.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "device/scratch_file.h"
#include "flowstate/device/direct_reader.h"
#include "subject.h"

namespace device = flowstate::device;
using flowstate::Error;
using flowstate::ErrorCode;

namespace {

device::DirectReader::Options options_of(device::ReadMode mode) {
  device::DirectReader::Options options;
  options.mode = mode;
  options.threads = 3;
  options.task_bytes = 65536;
  options.chunk_bytes = 16384;
  return options;
}

// Odd ends, small neighbours, and a large middle.
std::vector<device::ReadRange> ranges_of(const std::string& path, std::uint8_t* target, std::size_t bytes) {
  std::vector<device::ReadRange> ranges;
  std::size_t at = 0;
  while (at < 5000) {
    ranges.push_back({path, at, 37, target + at});
    at += 37;
  }
  ranges.push_back({path, at, bytes - at - 1, target + at});
  ranges.push_back({path, bytes - 1, 1, target + bytes - 1});
  return ranges;
}

}  // namespace

TEST_CASE("the reader brings a file's bytes to the cuda device on either path") {
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(1 << 20);
  const device::ScratchFile file(bytes);
  for (const device::ReadMode mode : {device::ReadMode::kDirect, device::ReadMode::kPosix}) {
    sim::reset();
    {
      const auto cuda = device::open_cuda_device(0);
      auto* target = static_cast<std::uint8_t*>(cuda->allocate(bytes.size()));
      {
        device::DirectReader reader(cuda, options_of(mode));
        reader.read(ranges_of(file.path, target, bytes.size()));
        const device::ReaderStats stats = reader.stats();
        REQUIRE(stats.paths.size() == 1);
        REQUIRE((stats.paths[0].name == "POSIX") == (mode == device::ReadMode::kPosix));
        REQUIRE(stats.paths[0].bytes == bytes.size());
      }
      const auto stream = cuda->create_stream();
      std::vector<std::uint8_t> got(bytes.size());
      stream->copy_to_host(got.data(), target, got.size());
      stream->synchronize();
      REQUIRE(got == bytes);
      cuda->free(target);
    }
    REQUIRE(sim::live().total() == 0);
    REQUIRE(sim::violations() == 0);
  }
}

TEST_CASE("whatever CUDA call of a read fails: a typed error or the true bytes, and nothing is kept") {
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(200000);
  const device::ScratchFile file(bytes);
  for (const cudaError_t status : {cudaErrorInvalidValue, cudaErrorIllegalAddress}) {
    bool struck = true;
    for (std::uint64_t nth = 0; struck; nth += 1) {
      REQUIRE(nth < 2000);
      sim::reset();
      {
        const auto cuda = device::open_cuda_device(0);
        auto* target = static_cast<std::uint8_t*>(cuda->allocate(bytes.size()));
        {
          device::DirectReader::Options options = options_of(device::ReadMode::kPosix);
          options.threads = 1;
          device::DirectReader reader(cuda, options);
          sim::arm("", nth, 1, status);
          try {
            reader.read(ranges_of(file.path, target, bytes.size()));
            struck = sim::calls() > nth;
            sim::disarm();
            const auto stream = cuda->create_stream();
            std::vector<std::uint8_t> got(bytes.size());
            stream->copy_to_host(got.data(), target, got.size());
            stream->synchronize();
            REQUIRE(got == bytes);
          } catch (const Error& error) {
            const bool lost = status == cudaErrorIllegalAddress;
            REQUIRE(error.code() == (lost ? ErrorCode::DEVICE_LOST : ErrorCode::CUDA));
          }
          sim::disarm();
        }
        cuda->free(target);
      }
      REQUIRE(sim::live().total() == 0);
      REQUIRE(sim::violations() == 0);
    }
  }
}
