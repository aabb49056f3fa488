// Transfers: the right bytes at every size, alignment and kind of memory, in order, and nothing else touched; cancelled
// and on a device that fails. The host device's memory is the CPU's, so results are read where they are.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <tuple>
#include <vector>

#include "device/audit_device.h"
#include "device/streaming_copy.h"
#include "flowstate/device/transfer.h"

namespace flowstate::device {
namespace {

using test::AuditDevice;
using test::code_of;
using test::from_environment;

constexpr std::size_t kChunk = 8192;
constexpr std::uint8_t kGuard = 0xa5;

std::vector<std::uint8_t> noise(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> out(bytes);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

struct Bench {
  explicit Bench(const Transfer::Options& options, std::shared_ptr<FaultPlan> faults = nullptr,
                 std::size_t cap_bytes = std::size_t{1} << 20)
      : device(std::make_shared<AuditDevice>(std::move(faults))),
        pool(std::make_shared<PinnedPool>(
            device, PinnedPool::Options{.slab_bytes = std::size_t{256} << 10, .cap_bytes = cap_bytes})),
        transfer(device, pool, options) {}

  std::shared_ptr<AuditDevice> device;
  std::shared_ptr<PinnedPool> pool;
  Transfer transfer;
};

// Device memory with guards all over.
class DeviceMemory {
 public:
  DeviceMemory(Device& device, std::size_t bytes)
      : device_(device), data_(static_cast<std::uint8_t*>(device.allocate(bytes))), bytes_(bytes) {
    std::memset(data_, kGuard, bytes);
  }
  ~DeviceMemory() { device_.free(data_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  std::uint8_t* data() const { return data_; }
  std::span<std::uint8_t> span() const { return {data_, bytes_}; }

 private:
  Device& device_;
  std::uint8_t* data_;
  std::size_t bytes_;
};

bool are_guards(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == kGuard; });
}

}  // namespace

TEST_CASE("every size around chunk borders arrives whole at every alignment, both ways") {
  for (const auto& [streams, threads] : {std::tuple{1, 1}, {2, 1}, {2, 2}, {3, 2}}) {
    Bench bench({.streams = streams, .chunk_bytes = kChunk, .staging_threads = threads});
    for (const std::size_t chunks : {0, 1, 2, 9}) {
      for (const int more : {-65, -1, 0, 1, 63}) {
        const auto size = static_cast<std::ptrdiff_t>(chunks * kChunk) + more;
        if (size < 0) continue;
        const auto bytes = static_cast<std::size_t>(size);
        for (const std::size_t shift : {0, 1, 7, 64}) {
          CAPTURE(streams, threads, bytes, shift);
          const std::vector<std::uint8_t> source = noise(bytes + shift, bytes);
          const DeviceMemory device(*bench.device, bytes + 2 * shift + 1);
          const Copy there{device.data() + shift, source.data() + shift, bytes};
          bench.transfer.copy_blocking(Direction::kToDevice, {&there, 1});
          REQUIRE(std::equal(source.begin() + static_cast<long>(shift), source.end(), device.data() + shift));
          REQUIRE(are_guards(device.span().first(shift)));
          REQUIRE(are_guards(device.span().subspan(shift + bytes)));
          std::vector<std::uint8_t> back(bytes + 2 * shift, kGuard);
          const Copy here{back.data() + shift, device.data() + shift, bytes};
          bench.transfer.copy_blocking(Direction::kToHost, {&here, 1});
          REQUIRE(std::equal(source.begin() + static_cast<long>(shift), source.end(),
                             back.begin() + static_cast<long>(shift)));
          REQUIRE(are_guards(std::span(back).first(shift)));
          REQUIRE(are_guards(std::span(back).subspan(shift + bytes)));
        }
      }
    }
    CHECK(bench.transfer.stats().pageable_bytes > 0);
    CHECK(bench.transfer.stats().pinned_bytes == 0);
    CHECK(bench.pool->stats().peak_lent_bytes <= 2 * static_cast<std::size_t>(streams) * kChunk);
    bench.transfer.trim();
    CHECK(bench.pool->stats().lent_bytes == 0);
  }
}

TEST_CASE("copies past the cache bring every byte, whatever the alignment") {
  const std::vector<std::uint8_t> source = noise(1000, 1);
  for (std::size_t from = 0; from < 3; ++from) {
    for (std::size_t to = 0; to < 66; ++to) {
      for (const std::size_t bytes : {0, 1, 63, 64, 65, 127, 128, 200, 640}) {
        std::vector<std::uint8_t> target(1000, kGuard);
        copy_streaming(target.data() + to, source.data() + from, bytes);
        const auto arrived = std::span(target).subspan(to, bytes);
        REQUIRE(std::ranges::equal(arrived, std::span(source).subspan(from, bytes)));
        REQUIRE(are_guards(std::span(target).first(to)));
        REQUIRE(are_guards(std::span(target).subspan(to + bytes)));
      }
    }
  }
}

TEST_CASE("transfers larger than the cache arrive whole") {
  Bench bench({}, nullptr, std::size_t{64} << 20);
  const std::size_t bytes = (std::size_t{20} << 20) + 4097;
  for (const std::size_t shift : {0, 3}) {
    const std::vector<std::uint8_t> source = noise(bytes + shift, shift);
    const DeviceMemory device(*bench.device, bytes + shift);
    std::vector<std::uint8_t> back(bytes + shift);
    const Copy there{device.data() + shift, source.data() + shift, bytes};
    const Copy here{back.data() + shift, device.data() + shift, bytes};
    bench.transfer.copy_blocking(Direction::kToDevice, {&there, 1});
    bench.transfer.copy_blocking(Direction::kToHost, {&here, 1});
    CHECK(std::ranges::equal(std::span(back).subspan(shift), std::span(source).subspan(shift)));
  }
}

TEST_CASE("small neighbours share one device copy, and only padding between them is overwritten") {
  Bench bench({.streams = 2, .chunk_bytes = kChunk});
  std::ranges::fill(bench.pool->lend(std::size_t{256} << 10).span(),
                    std::uint8_t{0xff});  // what staging will find
  const std::vector<std::uint8_t> source = noise(1000, 3);
  const DeviceMemory device(*bench.device, 4096);
  const std::vector<Copy> copies = {
      {device.data(), source.data(), 100, 156},         // joins the next: 28 bytes of padding lie between
      {device.data() + 128, source.data() + 500, 128},  // joins the next: nothing lies between
      {device.data() + 256, source.data() + 100, 10},   // 246 bytes of somebody else's
      {device.data() + 512, source.data() + 200, 256}};
  bench.transfer.copy_blocking(Direction::kToDevice, copies);
  const TransferStats stats = bench.transfer.stats();
  CHECK(stats.device_copies == 2);
  CHECK(stats.staged_chunks == 1);
  for (const Copy& copy : copies) CHECK(std::memcmp(copy.target, copy.source, copy.bytes) == 0);
  CHECK(std::ranges::count(device.span().subspan(100, 28), 0) == 28);
  CHECK(are_guards(device.span().subspan(266, 246)));
  CHECK(are_guards(device.span().subspan(768)));
}

TEST_CASE("pinned and registered memory goes straight, and a range that leaves it does not") {
  Bench bench({.streams = 2, .chunk_bytes = kChunk});
  const std::size_t bytes = 5 * kChunk + 11;
  const DeviceMemory device(*bench.device, bytes);
  const PinnedPool::Lease pinned = bench.pool->lend(bytes);
  std::ranges::copy(noise(bytes, 1), pinned.data());
  const Copy first{device.data(), pinned.data(), bytes};
  bench.transfer.copy_blocking(Direction::kToDevice, {&first, 1});
  CHECK(std::memcmp(device.data(), pinned.data(), bytes) == 0);
  CHECK(bench.transfer.stats().pinned_bytes == bytes);
  CHECK(bench.transfer.stats().staged_chunks == 0);
  std::memset(pinned.data(), 0, bytes);
  const Copy back{pinned.data(), device.data(), bytes};
  bench.transfer.copy_blocking(Direction::kToHost, {&back, 1});
  CHECK(std::memcmp(device.data(), pinned.data(), bytes) == 0);

  const std::vector<std::uint8_t> source = noise(bytes + 2 * kPageBytes, 2);
  const auto page =
      reinterpret_cast<std::uintptr_t>(source.data() + kPageBytes - 1) / kPageBytes * kPageBytes;
  auto* const data = reinterpret_cast<std::uint8_t*>(page);
  if (!bench.device->register_host(data, kChunk)) {
    WARN("this system locks no memory; registered sources are not tested");
    return;
  }
  const Copy registered{device.data(), data, kChunk};
  bench.transfer.copy_blocking(Direction::kToDevice, {&registered, 1});
  CHECK(bench.transfer.stats().registered_bytes == kChunk);
  CHECK(std::memcmp(device.data(), data, kChunk) == 0);
  const Copy leaving{device.data(), data, bytes};
  bench.transfer.copy_blocking(Direction::kToDevice, {&leaving, 1});
  CHECK(bench.transfer.stats().registered_bytes == kChunk);
  CHECK(bench.transfer.stats().pageable_bytes == bytes);
  CHECK(std::memcmp(device.data(), data, bytes) == 0);
  bench.device->unregister_host(data);
}

TEST_CASE("copies start after their event and are waited for by streams, not by callers") {
  Bench bench({.streams = 2, .chunk_bytes = kChunk});
  const std::size_t bytes = 3 * kChunk;
  const DeviceMemory device(*bench.device, bytes);
  const PinnedPool::Lease pinned = bench.pool->lend(bytes);
  const auto stream = bench.device->create_stream();
  const auto filled = bench.device->create_event();
  const auto ready = bench.device->create_event();
  std::atomic<bool> open{false};
  stream->run_on_host([&] {
    while (!open) std::this_thread::sleep_for(std::chrono::microseconds(20));
  });
  stream->fill(device.data(), 9, bytes);
  stream->record(*filled);
  const Copy here{pinned.data(), device.data(), bytes};
  bench.transfer.to_host({&here, 1}, *ready, {.after = filled.get()});
  CHECK_FALSE(ready->is_complete());
  // What another stream does with the target comes after the copy.
  const auto later = bench.device->create_stream();
  bench.transfer.wait_on(*later);
  std::vector<std::uint8_t> seen(bytes);
  later->run_on_host([&] { std::memcpy(seen.data(), pinned.data(), bytes); });
  CHECK_FALSE(later->is_idle());
  open = true;
  later->synchronize();
  CHECK(std::ranges::count(seen, 9) == static_cast<long>(bytes));
  ready->synchronize();
  // Nothing to copy is ready after the event all the same.
  bench.transfer.to_device({}, *ready, {.after = filled.get()});
  ready->synchronize();
}

TEST_CASE("a cancelled transfer ends between chunks, and the next one is whole") {
  for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
    Bench bench({.streams = 2, .chunk_bytes = kChunk});
    const std::size_t bytes = 64 * kChunk;
    const DeviceMemory device(*bench.device, bytes);
    std::vector<std::uint8_t> host = noise(bytes, 5);
    const auto stream = bench.device->create_stream();
    const auto gate = bench.device->create_event();
    std::atomic<bool> open{false};
    std::atomic<bool> cancel{false};
    stream->run_on_host([&] {
      while (!open) std::this_thread::sleep_for(std::chrono::microseconds(20));
    });
    stream->record(*gate);
    const Copy copy = direction == Direction::kToDevice ? Copy{device.data(), host.data(), bytes}
                                                        : Copy{host.data(), device.data(), bytes};
    ErrorCode code = ErrorCode::INTERNAL;
    std::thread worker([&] {
      code = code_of([&] {
        bench.transfer.copy_blocking(direction, {&copy, 1}, {.after = gate.get(), .cancel = &cancel});
      });
    });
    while (bench.pool->stats().leases < 4) std::this_thread::yield();
    cancel = true;
    open = true;
    worker.join();
    CHECK(code == ErrorCode::ABORTED);
    // At most the chunks in flight came through.
    if (direction == Direction::kToDevice) CHECK(are_guards(device.span().subspan(5 * kChunk)));
    cancel = false;
    bench.transfer.copy_blocking(direction, {&copy, 1}, {.cancel = &cancel});
    CHECK(std::memcmp(device.data(), host.data(), bytes) == 0);
    CHECK(bench.transfer.stats().failed_calls == 1);
  }
}

TEST_CASE("without staging memory pageable copies are refused, and pinned ones run") {
  Bench bench({.streams = 2, .chunk_bytes = kChunk}, nullptr, 4 * kChunk);
  const PinnedPool::Lease all = bench.pool->lend(3 * kChunk);
  const DeviceMemory device(*bench.device, 3 * kChunk);
  const std::vector<std::uint8_t> source = noise(64 * kChunk, 1);
  const Copy large{device.data(), source.data(), 3 * kChunk};
  CHECK(code_of([&] {
          bench.transfer.copy_blocking(Direction::kToDevice, {&large, 1});
        }) == ErrorCode::POOL_EXHAUSTED);
  const Copy pinned{device.data(), all.data(), 3 * kChunk};
  bench.transfer.copy_blocking(Direction::kToDevice, {&pinned, 1});
  const Copy null{nullptr, source.data(), 1};
  CHECK(code_of([&] {
          bench.transfer.copy_blocking(Direction::kToDevice, {&null, 1});
        }) == ErrorCode::ARG_RANGE);
  for (const Transfer::Options& options :
       {Transfer::Options{0, kChunk, 1}, {65, kChunk, 1}, {1, kChunk, 2}, {1, 100, 1}}) {
    CHECK(code_of([&] { Transfer(bench.device, bench.pool, options); }) == ErrorCode::ARG_RANGE);
  }
}

// Random tables: buffers of all sizes and kinds, in any order, with and without padding and neighbours.
TEST_CASE("random lists of copies arrive whole and touch nothing else") {
  const std::uint64_t first = from_environment("FS_TEST_SEED", 1);
  const std::uint64_t cases = from_environment("FS_TEST_CASES", 60);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const int streams = 1 + static_cast<int>(random() % 3);
    Bench bench({.streams = streams,
                 .chunk_bytes = kPageBytes * (1 + random() % 4),
                 .staging_threads = 1 + static_cast<int>(random() % static_cast<unsigned>(streams))});
    const std::size_t total = 300000;
    const DeviceMemory device(*bench.device, total);
    const PinnedPool::Lease pinned = bench.pool->lend(total);
    std::vector<std::uint8_t> pageable = noise(total, seed);
    std::ranges::copy(noise(total, seed + 1000), pinned.data());
    const std::vector<std::uint8_t> pageable_before = pageable;
    std::vector<Copy> copies;
    std::vector<bool> may_change(total, false);
    for (std::size_t at = random() % 100; at < total;) {
      const std::size_t bytes = std::min(total - at, random() % (random() % 8 == 0 ? 60000 : 700));
      const std::size_t gap = std::min(total - at - bytes, random() % 3 == 0 ? 0 : random() % 300);
      std::uint8_t* const host = (random() % 3 == 0 ? pinned.data() : pageable.data()) + at;
      copies.push_back({device.data() + at, host, bytes, random() % 2 == 0 ? gap : 0});
      const std::size_t open = bytes + copies.back().padding;
      std::fill_n(may_change.begin() + static_cast<long>(at), open, true);
      at += bytes + gap + (bytes + gap == 0);
    }
    if (random() % 2 == 0) std::ranges::shuffle(copies, random);
    bench.transfer.copy_blocking(Direction::kToDevice, copies);
    for (const Copy& copy : copies)
      REQUIRE((copy.bytes == 0 || std::memcmp(copy.target, copy.source, copy.bytes) == 0));
    for (std::size_t i = 0; i < total; ++i) {
      if (!may_change[i] && device.data()[i] != kGuard) FAIL("byte " << i << " was nobody's and changed");
    }
    std::vector<Copy> back;
    for (const Copy& copy : copies) {
      back.push_back({const_cast<void*>(copy.source), copy.target, copy.bytes, copy.padding});
      std::memset(back.back().target, 0, copy.bytes);
    }
    bench.transfer.copy_blocking(Direction::kToHost, back);
    REQUIRE(pageable == pageable_before);
    for (const Copy& copy : copies)
      REQUIRE((copy.bytes == 0 || std::memcmp(copy.target, copy.source, copy.bytes) == 0));
    REQUIRE(bench.transfer.stats().device_copies <= 2 * copies.size() + 2 * total / kPageBytes);
  }
}

TEST_CASE("threads share a transfer") {
  Bench bench({.streams = 2, .chunk_bytes = kChunk, .staging_threads = 2});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 1; t <= 3; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 40; ++i) {
        const std::size_t bytes = 1 + random() % (6 * kChunk);
        const std::vector<std::uint8_t> source = noise(bytes, t * 1000 + static_cast<unsigned>(i));
        std::vector<std::uint8_t> back(bytes);
        auto* const device = static_cast<std::uint8_t*>(bench.device->allocate(bytes));
        const Copy there{device, source.data(), bytes};
        const Copy here{back.data(), device, bytes};
        const auto ready = bench.device->create_event();
        bench.transfer.to_device({&there, 1}, *ready);
        bench.transfer.to_host({&here, 1}, *ready, {.after = ready.get()});
        ready->synchronize();
        wrong += back != source;
        bench.device->free(device);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(bench.transfer.stats().failed_calls == 0);
}

TEST_CASE("a copy that fails after the call comes out of its event, and the next call works") {
  auto faults = std::make_shared<FaultPlan>();
  Bench bench({.streams = 1, .chunk_bytes = kChunk}, faults);
  const PinnedPool::Lease pinned = bench.pool->lend(kChunk);
  const DeviceMemory device(*bench.device, kChunk);
  const Copy copy{device.data(), pinned.data(), kChunk};
  const auto ready = bench.device->create_event();
  faults->arm(Call::kCopyLater, 0);
  bench.transfer.to_device({&copy, 1}, *ready);
  CHECK(code_of([&] { ready->synchronize(); }) == ErrorCode::CUDA);
  bench.transfer.to_device({&copy, 1}, *ready);
  ready->synchronize();
  CHECK(std::memcmp(device.data(), pinned.data(), kChunk) == 0);
}

TEST_CASE("whatever call the device fails at, a transfer throws its error, leaks nothing and works on") {
  for (const Direction direction : {Direction::kToDevice, Direction::kToHost}) {
    for (const Call call :
         {Call::kAllocatePinned, Call::kCreate, Call::kCopy, Call::kCopyLater, Call::kLost}) {
      bool struck = true;
      for (std::uint64_t nth = 0; struck; ++nth) {
        CAPTURE(static_cast<int>(direction), static_cast<int>(call), nth);
        REQUIRE(nth < 200);
        auto faults = std::make_shared<FaultPlan>();
        auto audit = std::make_shared<AuditDevice>(faults);
        const std::size_t bytes = 7 * kChunk + 5;
        auto* const device = static_cast<std::uint8_t*>(audit->allocate(2 * bytes));
        std::memset(device, 1, 2 * bytes);
        std::vector<std::uint8_t> host = noise(bytes, nth);
        const PinnedBlock pinned = audit->allocate_pinned(bytes);
        std::memcpy(pinned.data, host.data(), bytes);
        struck = false;
        {
          auto pool = std::make_shared<PinnedPool>(
              audit, PinnedPool::Options{.slab_bytes = kChunk, .cap_bytes = 16 * kChunk});
          Transfer transfer(audit, pool, {.streams = 2, .chunk_bytes = kChunk, .staging_threads = 2});
          const std::vector<Copy> copies =
              direction == Direction::kToDevice
                  ? std::vector<Copy>{{device, host.data(), bytes}, {device + bytes, pinned.data, bytes}}
                  : std::vector<Copy>{{host.data(), device, bytes}, {pinned.data, device + bytes, bytes}};
          faults->arm(call, nth);
          try {
            transfer.copy_blocking(direction, copies);
          } catch (const Error& error) {
            struck = true;
            CHECK(error.code() == (call == Call::kLost             ? ErrorCode::DEVICE_LOST
                                   : call == Call::kAllocatePinned ? ErrorCode::OUT_OF_MEMORY
                                                                   : ErrorCode::CUDA));
          }
          faults->disarm();
          if (call != Call::kLost) {
            transfer.copy_blocking(direction, copies);
            CHECK(std::memcmp(device, host.data(), bytes) == 0);
            CHECK(std::memcmp(device + bytes, pinned.data, bytes) == 0);
          }
          CHECK(pool->stats().lent_bytes <= 4 * kChunk);
        }
        CHECK(audit->pinned_bytes() == bytes);
        audit->free_pinned(pinned);
        audit->free(device);
        CHECK(audit->pinned_bytes() == 0);
        CHECK(audit->device_bytes() == 0);
        CHECK(audit->false_frees() == 0);
      }
    }
  }
}

}  // namespace flowstate::device
