// Every call that the reader makes of its device fails once: a typed error or the true bytes, nothing kept, and the
// reader goes on.
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "device/audit_device.h"
#include "device/conformance.h"
#include "device/scratch_file.h"
#include "flowstate/device/direct_reader.h"
#include "flowstate/device/faults.h"

namespace device = flowstate::device;
using flowstate::Error;
using flowstate::ErrorCode;

namespace {

bool is_expected(device::Call call, ErrorCode code) {
  switch (call) {
    case device::Call::kAllocatePinned:
      return code == ErrorCode::OUT_OF_MEMORY;
    case device::Call::kCreate:
    case device::Call::kCopy:
    case device::Call::kCopyLater:
      return code == ErrorCode::CUDA;
    case device::Call::kRead:
      return code == ErrorCode::IO;
    case device::Call::kLost:
      return code == ErrorCode::DEVICE_LOST;
    default:
      return false;
  }
}

}  // namespace

TEST_CASE("every call of the reader's fails once: a typed error or the true bytes, and nothing is kept") {
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(200000);
  const device::ScratchFile file(bytes);
  for (const device::ReadMode mode :
       {device::ReadMode::kDirect, device::ReadMode::kAuto, device::ReadMode::kPosix}) {
    for (const device::Call call :
         {device::Call::kAllocatePinned, device::Call::kCreate, device::Call::kCopy, device::Call::kCopyLater,
          device::Call::kRead, device::Call::kReadShort, device::Call::kLost}) {
      CAPTURE(static_cast<int>(mode), static_cast<int>(call));
      int failures = 0;
      // Calls beyond those that are made strike nothing; 60 is more than any kind has here.
      for (std::uint64_t nth = 0; nth < 60; ++nth) {
        const auto plan = std::make_shared<device::FaultPlan>();
        const auto audited = std::make_shared<device::test::AuditDevice>(plan);
        void* target = audited->allocate(bytes.size());
        {
          device::DirectReader::Options options;
          options.mode = mode;
          options.threads = 2;
          options.task_bytes = 40960;
          options.chunk_bytes = 8192;
          device::DirectReader reader(audited, options);
          std::vector<device::ReadRange> ranges;
          for (std::size_t at = 0; at < bytes.size(); at += 50000) {
            ranges.push_back({file.path, at, 50000, static_cast<char*>(target) + at});
          }
          plan->arm(call, nth);
          bool lost = false;
          try {
            reader.read(ranges);
            REQUIRE(std::memcmp(target, bytes.data(), bytes.size()) == 0);
          } catch (const Error& error) {
            ++failures;
            INFO(error.what());
            REQUIRE(is_expected(call, error.code()));
            REQUIRE((call != device::Call::kRead || mode == device::ReadMode::kDirect));
            lost = error.code() == ErrorCode::DEVICE_LOST;
          }
          plan->disarm();
          std::memset(target, 0, bytes.size());
          if (!lost) {
            reader.read(ranges);
            REQUIRE(std::memcmp(target, bytes.data(), bytes.size()) == 0);
          }
          REQUIRE(audited->peak_pinned_bytes() <= 2u * 2u * 8192u);
        }
        REQUIRE(audited->pinned_bytes() == 0);
        audited->free(target);
        REQUIRE(audited->device_bytes() == 0);
        REQUIRE(audited->false_frees() == 0);
        REQUIRE(audited.use_count() == 1);
      }
      // Each kind that the mode calls at all has failed; a short read never does.
      const bool posix = mode == device::ReadMode::kPosix;
      const bool calls_it = call == device::Call::kLost ||
                            (call == device::Call::kRead ? mode == device::ReadMode::kDirect
                                                         : call != device::Call::kReadShort && posix);
      if (calls_it) REQUIRE(failures > 0);
    }
  }
}

TEST_CASE("direct reads that fail go through the page cache in auto mode, once for the file") {
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(200000);
  const device::ScratchFile file(bytes);
  const auto plan = std::make_shared<device::FaultPlan>();
  const auto host = device::open_host_device({.memory_bytes = 0, .faults = plan});
  std::string reason;
  if (host->open_direct(file.path, reason) == nullptr) {
    WARN("no direct reads here: " << reason);
    return;
  }
  void* target = host->allocate(bytes.size());
  {
    device::DirectReader::Options options;
    options.threads = 1;
    options.task_bytes = 40960;
    device::DirectReader reader(host, options);
    plan->arm(device::Call::kRead, 1, 1000);
    const device::ReadRange range{file.path, 0, bytes.size(), target};
    reader.read({&range, 1});
    REQUIRE(std::memcmp(target, bytes.data(), bytes.size()) == 0);
    const device::ReaderStats stats = reader.stats();
    REQUIRE(stats.fallbacks.size() == 1);
    REQUIRE(stats.fallbacks[0].second == 1);
    REQUIRE(stats.paths.size() == 2);
    REQUIRE(stats.paths[0].bytes == 40960);
    REQUIRE(stats.paths[1].name == "POSIX");
    REQUIRE(stats.paths[1].bytes == bytes.size() - 40960);
    // Another call tries the direct path again.
    plan->disarm();
    reader.read({&range, 1});
    REQUIRE(reader.stats().paths[0].bytes == 40960 + bytes.size());
  }
  host->free(target);
}

TEST_CASE("short direct reads are gone on with, and counted") {
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(200000);
  const device::ScratchFile file(bytes);
  const auto plan = std::make_shared<device::FaultPlan>();
  const auto host = device::open_host_device({.memory_bytes = 0, .faults = plan});
  std::string reason;
  if (host->open_direct(file.path, reason) == nullptr) {
    WARN("no direct reads here: " << reason);
    return;
  }
  void* target = host->allocate(bytes.size());
  {
    device::DirectReader::Options options;
    options.mode = device::ReadMode::kDirect;
    device::DirectReader reader(host, options);
    plan->arm(device::Call::kReadShort, 0, 5);
    const device::ReadRange range{file.path, 1, bytes.size() - 1, target};
    reader.read({&range, 1});
    REQUIRE(std::memcmp(target, bytes.data() + 1, bytes.size() - 1) == 0);
    REQUIRE(reader.stats().short_reads == 5);
    REQUIRE(reader.stats().retries == 5);
  }
  host->free(target);
}
