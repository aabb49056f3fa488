// What is the host device's alone: its account of memory, pinned ranges, streams as threads, planned faults.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "device/conformance.h"
#include "flowstate/device/device.h"
#include "flowstate/device/faults.h"

namespace device = flowstate::device;
using device::conformance::code_of;
using flowstate::ErrorCode;

namespace {

std::vector<std::uint8_t> numbers(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{3});
  return bytes;
}

struct TemporaryFile {
  explicit TemporaryFile(const std::vector<std::uint8_t>& bytes) {
    path = (std::filesystem::current_path() / "host_device_test.bin").string();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

}  // namespace

TEST_CASE("device memory is aligned, counted, and refused past the limit") {
  const auto host = device::open_host_device({.memory_bytes = 1 << 20, .faults = nullptr});
  REQUIRE(host->allocate(0) == nullptr);
  void* const small = host->allocate(5);
  void* const page = host->allocate(device::kPageBytes);
  REQUIRE(reinterpret_cast<std::uintptr_t>(small) % device::kDeviceAlignment == 0);
  REQUIRE(reinterpret_cast<std::uintptr_t>(page) % device::kPageBytes == 0);
  REQUIRE(host->memory_info().free_bytes == (1 << 20) - 5 - device::kPageBytes);
  REQUIRE(code_of([&] { (void)host->allocate(1 << 20); }) == ErrorCode::OUT_OF_MEMORY);
  host->free(small);
  host->free(page);
  host->free(nullptr);
  REQUIRE(host->memory_info().free_bytes == 1 << 20);
}

TEST_CASE("pinned memory starts as zeros and is told from pageable and registered memory") {
  const auto host = device::open_host_device();
  const device::PinnedBlock block = host->allocate_pinned(5000);
  const auto* const bytes = static_cast<const std::uint8_t*>(block.data);
  REQUIRE(reinterpret_cast<std::uintptr_t>(block.data) % device::kPageBytes == 0);
  REQUIRE(std::accumulate(bytes, bytes + 5000, 0) == 0);
  REQUIRE(host->kind_of_host_memory(bytes + 4999) == device::HostMemoryKind::kPinned);

  std::vector<std::uint8_t> own(10000);
  REQUIRE(host->kind_of_host_memory(own.data()) == device::HostMemoryKind::kPageable);
  if (host->register_host(own.data(), own.size())) {
    REQUIRE(host->kind_of_host_memory(own.data() + 9999) == device::HostMemoryKind::kRegistered);
    REQUIRE(host->kind_of_host_memory(own.data() + 10000) == device::HostMemoryKind::kPageable);
    REQUIRE(code_of([&] { (void)host->register_host(own.data() + 1, 1); }) == ErrorCode::ARG_RANGE);
    host->unregister_host(own.data());
    REQUIRE(host->kind_of_host_memory(own.data()) == device::HostMemoryKind::kPageable);
  }
  host->free_pinned(block);
}

TEST_CASE("a stream is a queue beside its caller; events order streams") {
  const auto host = device::open_host_device();
  const auto first = host->create_stream();
  const auto second = host->create_stream();
  const auto event = host->create_event();
  REQUIRE(event->is_complete());

  std::atomic<bool> gate{false};
  std::atomic<int> step{0};
  first->run_on_host([&] {
    while (!gate) std::this_thread::yield();
    step = 1;
  });
  first->record(*event);
  second->wait(*event);
  int seen = -1;
  second->run_on_host([&] { seen = step; });
  REQUIRE_FALSE(event->is_complete());
  REQUIRE_FALSE(second->is_idle());
  gate = true;
  second->synchronize();
  REQUIRE(seen == 1);
  REQUIRE(event->is_complete());
}

TEST_CASE("who waits for an event's earlier point is not released by a later one elsewhere") {
  const auto host = device::open_host_device();
  const auto slow = host->create_stream();
  const auto fast = host->create_stream();
  const auto waiting = host->create_stream();
  const auto event = host->create_event();
  std::atomic<bool> gate{false};
  std::atomic<bool> passed{false};
  slow->run_on_host([&] {
    while (!gate) std::this_thread::yield();
  });
  slow->record(*event);
  waiting->wait(*event);
  waiting->run_on_host([&] { passed = gate.load(); });
  fast->record(*event);
  fast->synchronize();
  REQUIRE(event->is_complete());
  gate = true;
  waiting->synchronize();
  REQUIRE(passed);
}

TEST_CASE("memory freed in order is freed after the work before it") {
  const auto host = device::open_host_device({.memory_bytes = 4096, .faults = nullptr});
  const auto stream = host->create_stream();
  void* const block = host->allocate_ordered(4096, *stream);
  std::atomic<bool> gate{false};
  stream->run_on_host([&] {
    while (!gate) std::this_thread::yield();
  });
  host->free_ordered(block, *stream);
  REQUIRE(host->memory_info().free_bytes == 0);
  gate = true;
  host->synchronize();
  REQUIRE(host->memory_info().free_bytes == 4096);
}

TEST_CASE(
    "a copy that fails later breaks its stream, the events after it, and the streams that wait for those") {
  const auto plan = std::make_shared<device::FaultPlan>();
  const auto host = device::open_host_device({.memory_bytes = 0, .faults = plan});
  const auto stream = host->create_stream();
  const auto other = host->create_stream();
  const auto event = host->create_event();
  const std::vector<std::uint8_t> source = numbers(64);
  std::vector<std::uint8_t> target(64);
  plan->arm(device::Call::kCopyLater, 1);
  stream->copy_to_device(target.data(), source.data(), 32);
  stream->copy_to_device(target.data() + 32, source.data() + 32, 32);
  stream->record(*event);
  other->wait(*event);
  bool ran = false;
  other->run_on_host([&] { ran = true; });
  REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::CUDA);
  REQUIRE(code_of([&] { event->synchronize(); }) == ErrorCode::CUDA);
  REQUIRE(code_of([&] { other->synchronize(); }) == ErrorCode::CUDA);
  REQUIRE_FALSE(ran);
  REQUIRE(target[31] == source[31]);
  REQUIRE(target[32] == 0);
  // The device itself goes on.
  const auto fresh = host->create_stream();
  fresh->copy_to_host(target.data(), source.data(), 64);
  fresh->synchronize();
  REQUIRE(target == source);
}

TEST_CASE("a lost device refuses everything and still takes its memory back") {
  const auto plan = std::make_shared<device::FaultPlan>();
  const auto host = device::open_host_device({.memory_bytes = 0, .faults = plan});
  const auto stream = host->create_stream();
  void* const block = host->allocate(100);
  const device::PinnedBlock pinned = host->allocate_pinned(100);
  plan->arm(device::Call::kLost, 0);
  REQUIRE(code_of([&] { (void)host->allocate(1); }) == ErrorCode::DEVICE_LOST);
  REQUIRE(code_of([&] { stream->copy_to_device(block, pinned.data, 10); }) == ErrorCode::DEVICE_LOST);
  REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::DEVICE_LOST);
  REQUIRE(code_of([&] { (void)host->create_event(); }) == ErrorCode::DEVICE_LOST);
  host->free(block);
  host->free_pinned(pinned);
}

TEST_CASE("affine is one fused rounding") {
  const auto host = device::open_host_device();
  const auto stream = host->create_stream();
  const std::vector<float> source = {1.1f, -2.5f, 3e38f, 1e-40f};
  std::vector<float> target(4);
  stream->affine_f32(target.data(), source.data(), 4, 1.0000001f, -1.1f);
  stream->synchronize();
  for (std::size_t i = 0; i < 4; ++i) REQUIRE(target[i] == std::fma(source[i], 1.0000001f, -1.1f));
}

TEST_CASE("a direct file gives the file's bytes at every alignment, and fewer only at its end") {
  const auto host = device::open_host_device();
  const std::vector<std::uint8_t> bytes = numbers(3 * 4096 + 1234);
  const TemporaryFile file(bytes);
  std::string reason;
  const auto direct = host->open_direct(file.path, reason);
  if (!direct) {
    WARN("no direct reads here: " << reason);
    return;
  }
  auto* const target = static_cast<std::uint8_t*>(host->allocate(1 << 16));
  for (const std::size_t offset : {0, 1, 511, 512, 4095, 4096, 4097, 8192, 12288, 13521, 13522, 20000}) {
    for (const std::size_t size : {0, 1, 511, 512, 4095, 4096, 4097, 8192, 8193, 13522, 30000}) {
      for (const std::size_t shift : {0, 1, 512, 4095}) {
        std::fill_n(target, 1 << 16, std::uint8_t{0xEE});
        const std::size_t expected = offset >= bytes.size() ? 0 : std::min(size, bytes.size() - offset);
        REQUIRE(direct->read(target, shift, offset, size) == expected);
        REQUIRE(std::equal(target + shift, target + shift + expected,
                           bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, bytes.size()))));
        REQUIRE(target[shift + size] == 0xEE);
      }
    }
  }
  const auto stream = host->create_stream();
  std::int64_t done = 0;
  direct->read_async(target, 0, 100, 200, &done, *stream);
  stream->synchronize();
  REQUIRE(done == 200);
  REQUIRE(std::equal(target, target + 200, bytes.begin() + 100));
  // The file may be closed while a read of it waits.
  {
    std::atomic<bool> gate{false};
    stream->run_on_host([&] {
      while (!gate) std::this_thread::yield();
    });
    auto closing = host->open_direct(file.path, reason);
    closing->read_async(target, 0, 300, 200, &done, *stream);
    closing.reset();
    gate = true;
    stream->synchronize();
    REQUIRE(done == 200);
    REQUIRE(std::equal(target, target + 200, bytes.begin() + 300));
  }
  REQUIRE(code_of([&] { (void)host->open_direct("/nowhere/at/all", reason); }) == ErrorCode::IO);
  host->free(target);
}
