// Ranges of files reach device memory: the true bytes at every alignment, or a typed error.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <future>
#include <random>
#include <thread>
#include <vector>

#include "device/conformance.h"
#include "device/scratch_file.h"
#include "flowstate/device/direct_reader.h"

namespace device = flowstate::device;
using device::conformance::code_of;
using flowstate::Error;
using flowstate::ErrorCode;

namespace {

constexpr std::size_t kTask = 4 * device::kPageBytes;

device::DirectReader::Options small_tasks(device::ReadMode mode) {
  device::DirectReader::Options options;
  options.mode = mode;
  options.threads = 3;
  options.task_bytes = kTask;
  options.chunk_bytes = 2 * device::kPageBytes;
  return options;
}

// Memory of the host device, which the tests may look at.
struct Memory {
  explicit Memory(device::Device& of, std::size_t size)
      : owner(of), bytes(size), data(static_cast<std::uint8_t*>(of.allocate(size))) {
    std::memset(data, 0xEE, bytes);
  }
  ~Memory() { owner.free(data); }
  device::Device& owner;
  std::size_t bytes;
  std::uint8_t* data;
};

std::uint64_t total_bytes(const device::ReaderStats& stats) {
  std::uint64_t total = 0;
  for (const auto& path : stats.paths) total += path.bytes;
  return total;
}

std::uint64_t total_ranges(const device::ReaderStats& stats) {
  std::uint64_t total = 0;
  for (const auto& path : stats.paths) total += path.ranges;
  return total;
}

const device::ReadMode kModes[] = {device::ReadMode::kAuto, device::ReadMode::kPosix};

}  // namespace

TEST_CASE("the true bytes at every offset, size and target around sectors, pages and tasks") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(3 * kTask + 1234);
  const device::ScratchFile file(bytes);
  const Memory memory(*host, bytes.size() + 10000);
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    std::uint64_t expected_bytes = 0;
    for (const std::size_t offset :
         {0ul, 1ul, 511ul, 512ul, 513ul, 4095ul, 4096ul, 4097ul, kTask - 1, kTask, kTask + 1}) {
      for (const std::size_t wanted : {1ul, 511ul, 512ul, 4095ul, 4096ul, 4097ul, kTask - 1, kTask, kTask + 1,
                                       2 * kTask + 1, std::size_t{1} << 40}) {
        for (const std::size_t shift : {1ul, 512ul, 4095ul, 4096ul}) {
          const std::size_t size = std::min(wanted, bytes.size() - offset);
          std::memset(memory.data, 0xEE, memory.bytes);
          const device::ReadRange range{file.path, offset, size, memory.data + shift};
          reader.read({&range, 1});
          expected_bytes += size;
          REQUIRE(std::memcmp(memory.data + shift, bytes.data() + offset, size) == 0);
          REQUIRE(memory.data[shift - 1] == 0xEE);
          REQUIRE(memory.data[shift + size] == 0xEE);
        }
      }
    }
    REQUIRE(total_bytes(reader.stats()) == expected_bytes);
  }
}

TEST_CASE("many ranges of many files in one call, small ones and empty ones among them") {
  const auto host = device::open_host_device();
  std::vector<std::vector<std::uint8_t>> contents;
  std::vector<std::unique_ptr<device::ScratchFile>> files;
  for (std::size_t i = 0; i < 5; ++i) {
    contents.push_back(device::patterned_bytes(20000 + 30000 * i, i + 1));
    files.push_back(std::make_unique<device::ScratchFile>(contents.back()));
  }
  std::mt19937 random(7);
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    const Memory memory(*host, std::size_t{1} << 22);
    std::vector<device::ReadRange> ranges;
    std::vector<std::size_t> sources;
    std::size_t at = 0;
    std::size_t read_bytes = 0;
    std::size_t full = 0;
    for (int i = 0; i < 600; ++i) {
      const std::size_t source = random() % files.size();
      const std::size_t offset = random() % contents[source].size();
      const std::size_t most = i % 20 == 0 ? std::size_t{60000} : std::size_t{300};
      const std::size_t size =
          i % 7 == 0 ? 0 : std::min<std::size_t>(random() % most, contents[source].size() - offset);
      ranges.push_back({files[source]->path, offset, size, memory.data + at});
      sources.push_back(source);
      at += size;
      read_bytes += size;
      full += size > 0 ? 1 : 0;
      REQUIRE(at < memory.bytes);
    }
    ranges.push_back({"/nowhere/at/all", 5, 0, nullptr});
    reader.read(ranges);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      REQUIRE(std::memcmp(ranges[i].target, contents[sources[i]].data() + ranges[i].offset,
                          ranges[i].bytes) == 0);
    }
    REQUIRE(memory.data[at] == 0xEE);
    REQUIRE(total_bytes(reader.stats()) == read_bytes);
    REQUIRE(total_ranges(reader.stats()) == full);
  }
}

TEST_CASE("a file without a direct path is read the other way, and the statistics say so") {
  const auto host = device::open_host_device();
  // A file of the kernel's: regular, and never open for direct reads.
  const std::string path = "/proc/version";
  std::string reason;
  REQUIRE(host->open_direct(path, reason) == nullptr);
  const Memory memory(*host, 100);
  const device::ReadRange range{path, 0, 10, memory.data};
  {
    device::DirectReader reader(host, small_tasks(device::ReadMode::kAuto));
    reader.read({&range, 1});
    REQUIRE(std::memcmp(memory.data, "Linux vers", 10) == 0);
    const device::ReaderStats stats = reader.stats();
    REQUIRE(stats.paths.size() == 1);
    REQUIRE(stats.paths[0].name == "POSIX");
    REQUIRE(stats.paths[0].ranges == 1);
    REQUIRE(stats.paths[0].bytes == 10);
    REQUIRE(stats.fallbacks.size() == 1);
    REQUIRE(stats.fallbacks[0].first == reason);
    REQUIRE(stats.fallbacks[0].second == 1);
  }
  device::DirectReader reader(host, small_tasks(device::ReadMode::kDirect));
  REQUIRE(code_of([&] { reader.read({&range, 1}); }) == ErrorCode::GDS_UNAVAILABLE);
  device::DirectReader posix(host, small_tasks(device::ReadMode::kPosix));
  posix.read({&range, 1});
  REQUIRE(posix.stats().fallbacks.empty());
}

TEST_CASE("a file that ends early is damage that names the place, in every mode") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(kTask + 100);
  const device::ScratchFile file(bytes);
  const device::ScratchFile empty({});
  const Memory memory(*host, 4 * kTask);
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    const auto details_of = [&](const std::string& path, std::uint64_t offset, std::size_t size) {
      const device::ReadRange range{path, offset, size, memory.data};
      try {
        reader.read({&range, 1});
      } catch (const Error& error) {
        REQUIRE(error.code() == ErrorCode::CORRUPT);
        REQUIRE(std::string(error.what()).find(path) != std::string::npos);
        return error.details();
      }
      FAIL("expected an error");
      return std::vector<Error::Detail>{};
    };
    using Details = std::vector<Error::Detail>;
    REQUIRE(details_of(file.path, 50, 1000 + kTask - 900) ==
            Details{{"offset", kTask}, {"expected", 150}, {"got", 100}});
    REQUIRE(details_of(file.path, kTask + 100, 1) ==
            Details{{"offset", kTask + 100}, {"expected", 1}, {"got", 0}});
    REQUIRE(details_of(file.path, 10 * kTask, 7) ==
            Details{{"offset", 10 * kTask}, {"expected", 7}, {"got", 0}});
    REQUIRE(details_of(empty.path, 0, 1) == Details{{"offset", 0}, {"expected", 1}, {"got", 0}});
    REQUIRE(reader.stats().short_reads > 0);
    // The reader goes on.
    const device::ReadRange range{file.path, 0, bytes.size(), memory.data};
    reader.read({&range, 1});
    REQUIRE(std::memcmp(memory.data, bytes.data(), bytes.size()) == 0);
  }
}

TEST_CASE("a file that shrinks while it is read gives its bytes or that error, never less in silence") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(64 * kTask);
  const Memory memory(*host, bytes.size());
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    for (int round = 0; round < 10; ++round) {
      const device::ScratchFile file(bytes);
      std::memset(memory.data, 0xEE, memory.bytes);
      const device::ReadJob job = reader.read_async({{file.path, 0, bytes.size(), memory.data}});
      file.shrink(static_cast<std::size_t>(round) * 3 * kTask + 77);
      try {
        job.wait();
        REQUIRE(std::memcmp(memory.data, bytes.data(), bytes.size()) == 0);
      } catch (const Error& error) {
        REQUIRE(error.code() == ErrorCode::CORRUPT);
      }
      // Where the file was short before the read began, it is an error for certain.
      const device::ReadRange range{file.path, 0, bytes.size(), memory.data};
      REQUIRE(code_of([&] { reader.read({&range, 1}); }) == ErrorCode::CORRUPT);
    }
  }
}

TEST_CASE("what the system refuses is an error with its number") {
  const auto host = device::open_host_device();
  const Memory memory(*host, 100);
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    const auto errno_of = [&](const std::string& path) {
      const device::ReadRange range{path, 0, 10, memory.data};
      try {
        reader.read({&range, 1});
      } catch (const Error& error) {
        REQUIRE(error.code() == ErrorCode::IO);
        REQUIRE(std::string(error.what()).find(path) != std::string::npos);
        return error.details().at(0).second;
      }
      FAIL("expected an error");
      return std::int64_t{0};
    };
    REQUIRE(errno_of("/nowhere/at/all") == ENOENT);
    REQUIRE(errno_of("/proc") == EISDIR);
    // Refused to root as well: the first page of an address space is never there.
    REQUIRE(errno_of("/proc/self/mem") == EIO);
    const device::ScratchFile pipe({});
    std::remove(pipe.path.c_str());
    REQUIRE(::mkfifo(pipe.path.c_str(), 0600) == 0);
    REQUIRE(errno_of(pipe.path) == ESPIPE);
    const device::ScratchFile secret(device::patterned_bytes(100));
    REQUIRE(::chmod(secret.path.c_str(), 0) == 0);
    if (::geteuid() == 0) {
      WARN("root may read every file: the case of a missing permission is skipped");
    } else {
      REQUIRE(errno_of(secret.path) == EACCES);
    }
  }
}

TEST_CASE("a call that cannot be meant is refused before anything is read") {
  const auto host = device::open_host_device();
  const device::ScratchFile file(device::patterned_bytes(100));
  const Memory memory(*host, 100);
  device::DirectReader reader(host, small_tasks(device::ReadMode::kAuto));
  const auto refused = [&](const device::ReadRange& bad) {
    const std::vector<device::ReadRange> ranges = {{file.path, 0, 100, memory.data}, bad};
    return code_of([&] { reader.read(ranges); });
  };
  REQUIRE(refused({file.path, 0, 1, nullptr}) == ErrorCode::ARG_RANGE);
  REQUIRE(refused({file.path, ~std::uint64_t{0}, 1, memory.data}) == ErrorCode::ARG_RANGE);
  REQUIRE(refused({file.path, 1, std::size_t{1} << 63, memory.data}) == ErrorCode::ARG_RANGE);
  REQUIRE(memory.data[0] == 0xEE);
  REQUIRE(total_bytes(reader.stats()) == 0);
  for (const auto& change : std::vector<std::function<void(device::DirectReader::Options&)>>{
           [](auto& options) { options.threads = 0; }, [](auto& options) { options.threads = 65; },
           [](auto& options) { options.chunks = 1; }, [](auto& options) { options.chunks = 17; },
           [](auto& options) { options.task_bytes = 4095; },
           [](auto& options) { options.chunk_bytes = 4095; },
           [](auto& options) { options.task_bytes = std::size_t{1} << 31; }}) {
    device::DirectReader::Options options;
    change(options);
    REQUIRE(code_of([&] { device::DirectReader(host, options); }) == ErrorCode::ARG_RANGE);
  }
  REQUIRE(code_of([&] { device::DirectReader(nullptr, {}); }) == ErrorCode::ARG_RANGE);
}

TEST_CASE("a job tells its end once, from the reader's thread, with the outcome that wait() has") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(10 * kTask);
  const device::ScratchFile file(bytes);
  const Memory memory(*host, bytes.size());
  device::DirectReader reader(host, small_tasks(device::ReadMode::kAuto));
  const auto read = [&](std::vector<device::ReadRange> ranges, int& calls, std::exception_ptr& outcome) {
    const device::ReadJob job = reader.read_async(std::move(ranges), [&](std::exception_ptr error) {
      ++calls;
      outcome = std::move(error);
    });
    try {
      job.wait();
    } catch (const Error&) {
      REQUIRE(outcome != nullptr);
    }
    REQUIRE(job.is_done());
  };
  int calls = 0;
  std::exception_ptr outcome;
  read({{file.path, 0, bytes.size(), memory.data}}, calls, outcome);
  REQUIRE(calls == 1);
  REQUIRE(outcome == nullptr);
  REQUIRE(std::memcmp(memory.data, bytes.data(), bytes.size()) == 0);
  read({}, calls, outcome);
  REQUIRE(calls == 2);
  REQUIRE(outcome == nullptr);
  read({{"/nowhere", 0, 10, memory.data}, {file.path, 0, bytes.size(), memory.data}}, calls, outcome);
  REQUIRE(calls == 3);
  REQUIRE(outcome != nullptr);
}

TEST_CASE("a job that is cancelled before its turn reads nothing; one that is done stays done") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(10 * kTask);
  const device::ScratchFile file(bytes);
  const Memory memory(*host, bytes.size());
  device::DirectReader::Options options = small_tasks(device::ReadMode::kAuto);
  options.threads = 1;
  device::DirectReader reader(host, options);
  std::promise<void> gate;
  device::ReadJob first =
      reader.read_async({}, [held = gate.get_future().share()](std::exception_ptr) { held.wait(); });
  device::ReadJob second = reader.read_async({{file.path, 0, bytes.size(), memory.data}});
  second.cancel();
  REQUIRE_FALSE(second.is_done());
  gate.set_value();
  REQUIRE(code_of([&] { second.wait(); }) == ErrorCode::ABORTED);
  REQUIRE(memory.data[0] == 0xEE);
  first.wait();
  first.cancel();
  first.wait();
  device::ReadJob third = reader.read_async({{file.path, 0, bytes.size(), memory.data}});
  third.wait();
  third.cancel();
  third.wait();
  REQUIRE(std::memcmp(memory.data, bytes.data(), bytes.size()) == 0);
}

TEST_CASE("cancelling at any moment ends in all bytes or in ABORTED") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(40 * kTask);
  const device::ScratchFile file(bytes);
  const Memory memory(*host, bytes.size());
  for (const device::ReadMode mode : kModes) {
    device::DirectReader reader(host, small_tasks(mode));
    for (int round = 0; round < 40; ++round) {
      device::ReadJob job = reader.read_async({{file.path, 0, bytes.size(), memory.data}});
      for (int i = 0; i < round * 20; ++i) std::this_thread::yield();
      job.cancel();
      try {
        job.wait();
        REQUIRE(std::memcmp(memory.data, bytes.data(), bytes.size()) == 0);
      } catch (const Error& error) {
        REQUIRE(error.code() == ErrorCode::ABORTED);
      }
      std::memset(memory.data, 0, memory.bytes);
    }
  }
}

TEST_CASE("closing ends what waits, and nothing begins afterwards") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(4 * kTask);
  const device::ScratchFile file(bytes);
  const Memory memory(*host, bytes.size());
  device::DirectReader::Options options = small_tasks(device::ReadMode::kAuto);
  options.threads = 1;
  device::DirectReader reader(host, options);
  std::promise<void> gate;
  (void)reader.read_async({}, [held = gate.get_future().share()](std::exception_ptr) { held.wait(); });
  std::atomic<int> aborted{0};
  std::vector<device::ReadJob> jobs;
  for (int i = 0; i < 5; ++i) {
    jobs.push_back(
        reader.read_async({{file.path, 0, bytes.size(), memory.data}}, [&](std::exception_ptr error) {
          if (error != nullptr) ++aborted;
        }));
  }
  // Opened while close() waits for the first job.
  std::thread opener([&] { gate.set_value(); });
  for (device::ReadJob& job : jobs) job.cancel();
  reader.close();
  opener.join();
  REQUIRE(aborted == 5);
  for (const device::ReadJob& job : jobs) REQUIRE(code_of([&] { job.wait(); }) == ErrorCode::ABORTED);
  REQUIRE(code_of([&] { (void)reader.read_async({}); }) == ErrorCode::CLOSED);
  reader.close();
}

TEST_CASE("a reader may be used from many threads at once") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes(20 * kTask);
  const device::ScratchFile file(bytes);
  device::DirectReader reader(host, small_tasks(device::ReadMode::kAuto));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Memory memory(*host, bytes.size());
      for (int i = 0; i < 10; ++i) {
        const auto offset = static_cast<std::size_t>(t * 1000 + i * 333);
        const device::ReadRange range{file.path, offset, bytes.size() - offset, memory.data};
        reader.read({&range, 1});
        if (std::memcmp(memory.data, bytes.data() + offset, bytes.size() - offset) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
}
