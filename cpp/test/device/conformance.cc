#include "device/conformance.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "device/device_array.h"
#include "device/scratch_file.h"

namespace flowstate::device::conformance {

namespace {

std::uintptr_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }

// A host function that holds a stream up until it is opened; opens itself when the test leaves early.
struct Gate {
  std::shared_ptr<std::atomic<bool>> open = std::make_shared<std::atomic<bool>>(false);
  ~Gate() { *open = true; }
  void hold(Stream& stream) const {
    stream.run_on_host([held = open] {
      while (!*held) std::this_thread::yield();
    });
  }
};

bool is_failure(ErrorCode code) {
  return code == ErrorCode::CUDA || code == ErrorCode::DEVICE_LOST || code == ErrorCode::OUT_OF_MEMORY;
}

}  // namespace

void check_memory(const Subject& subject) {
  const auto device = subject.open();
  const std::size_t free_before = device->memory_info().free_bytes;

  SECTION("blocks are aligned as promised, apart from each other, and counted") {
    std::vector<std::pair<std::uintptr_t, std::size_t>> blocks;
    for (int round = 0; round < 4; ++round) {
      for (const std::size_t bytes : {1, 255, 256, 257, 4095, 4096, 4097, 8192, 100000, 1 << 20}) {
        void* data = device->allocate(bytes);
        REQUIRE(address(data) % (bytes >= kPageBytes ? kPageBytes : kDeviceAlignment) == 0);
        for (const auto& [other, size] : blocks) {
          REQUIRE((address(data) + bytes <= other || other + size <= address(data)));
        }
        blocks.emplace_back(address(data), bytes);
      }
    }
    REQUIRE(device->memory_info().free_bytes < free_before);
    for (const auto& [data, bytes] : blocks) device->free(reinterpret_cast<void*>(data));
    REQUIRE(device->memory_info().free_bytes == free_before);
  }
  SECTION("no bytes are no block, and null is ignored") {
    const auto stream = device->create_stream();
    REQUIRE(device->allocate(0) == nullptr);
    REQUIRE(device->allocate_ordered(0, *stream) == nullptr);
    REQUIRE(device->allocate_pinned(0).data == nullptr);
    device->free(nullptr);
    device->free_ordered(nullptr, *stream);
    device->free_pinned({});
    device->unregister_host(nullptr);
  }
  SECTION("too much is refused, and the device goes on") {
    const auto stream = device->create_stream();
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    for (const std::size_t bytes : {device->memory_info().total_bytes + 1, most / 2, most - 100, most}) {
      REQUIRE(code_of([&] { (void)device->allocate(bytes); }) == ErrorCode::OUT_OF_MEMORY);
      REQUIRE(code_of([&] { (void)device->allocate_ordered(bytes, *stream); }) == ErrorCode::OUT_OF_MEMORY);
    }
    device->free(device->allocate(100));
    REQUIRE(device->memory_info().free_bytes == free_before);
  }
  SECTION("pinned blocks are zeros on whole pages, and known as pinned") {
    for (int round = 0; round < 3; ++round) {
      for (const std::size_t bytes : {1, 4096, 5000, 70000}) {
        const PinnedBlock block = device->allocate_pinned(bytes);
        auto* data = static_cast<std::uint8_t*>(block.data);
        REQUIRE(block.bytes == bytes);
        REQUIRE(address(data) % kPageBytes == 0);
        REQUIRE(std::all_of(data, data + bytes, [](std::uint8_t byte) { return byte == 0; }));
        REQUIRE(device->kind_of_host_memory(data) == HostMemoryKind::kPinned);
        REQUIRE(device->kind_of_host_memory(data + bytes - 1) == HostMemoryKind::kPinned);
        std::memset(data, 0xFF, bytes);
        device->free_pinned(block);
      }
    }
  }
  SECTION("the caller's memory can be registered once, and is known until it is not") {
    std::vector<std::uint8_t> own(100000);
    REQUIRE(device->kind_of_host_memory(own.data()) == HostMemoryKind::kPageable);
    REQUIRE(code_of([&] { (void)device->register_host(nullptr, 10); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { (void)device->register_host(own.data(), 0); }) == ErrorCode::ARG_RANGE);
    if (device->register_host(own.data() + 10, 50000)) {
      REQUIRE(device->kind_of_host_memory(own.data() + 10) == HostMemoryKind::kRegistered);
      REQUIRE(device->kind_of_host_memory(own.data() + 50009) == HostMemoryKind::kRegistered);
      REQUIRE(device->kind_of_host_memory(own.data() + 9) == HostMemoryKind::kPageable);
      REQUIRE(device->kind_of_host_memory(own.data() + 50010) == HostMemoryKind::kPageable);
      REQUIRE(code_of([&] { (void)device->register_host(own.data(), 100000); }) == ErrorCode::ARG_RANGE);
      REQUIRE(code_of([&] { (void)device->register_host(own.data() + 20000, 1); }) == ErrorCode::ARG_RANGE);
      device->unregister_host(own.data() + 10);
    }
    REQUIRE(device->kind_of_host_memory(own.data() + 20000) == HostMemoryKind::kPageable);
    device->unregister_host(own.data());
    const PinnedBlock block = device->allocate_pinned(8192);
    REQUIRE(code_of([&] { (void)device->register_host(block.data, 100); }) == ErrorCode::ARG_RANGE);
    device->free_pinned(block);
  }
  SECTION("a device says what it is") {
    REQUIRE_FALSE(device->id().empty());
    REQUIRE_FALSE(device->properties().name.empty());
    REQUIRE(device->memory_info().total_bytes > 0);
    REQUIRE((device->kind() == DeviceKind::kHost) == (device->id() == "host"));
  }
}

void check_copies(const Subject& subject) {
  const auto device = subject.open();
  const auto stream = device->create_stream();
  constexpr std::size_t kBytes = 70000;
  const std::vector<std::uint8_t> source = patterned_bytes(kBytes);
  auto* memory = static_cast<std::uint8_t*>(device->allocate(kBytes));
  auto* other = static_cast<std::uint8_t*>(device->allocate(kBytes));

  SECTION("bytes arrive from pageable and pinned memory, at any offset and size") {
    const PinnedBlock pinned = device->allocate_pinned(kBytes);
    std::memcpy(pinned.data, source.data(), kBytes);
    for (const void* from :
         {static_cast<const void*>(source.data()), static_cast<const void*>(pinned.data)}) {
      for (const std::size_t offset : {0, 1, 4095, 4096}) {
        for (const std::size_t bytes : {1, 3, 4096, 65535}) {
          stream->fill(memory, 0xEE, kBytes);
          stream->copy_to_device(memory + offset, static_cast<const std::uint8_t*>(from) + offset, bytes);
          stream->copy_on_device(other, memory, kBytes);
          stream->synchronize();
          const std::vector<std::uint8_t> got = download(*device, *stream, other, kBytes);
          REQUIRE(std::equal(got.begin() + static_cast<std::ptrdiff_t>(offset),
                             got.begin() + static_cast<std::ptrdiff_t>(offset + bytes),
                             source.begin() + static_cast<std::ptrdiff_t>(offset)));
          REQUIRE(std::count(got.begin(), got.end(), 0xEE) >= static_cast<std::ptrdiff_t>(kBytes - bytes));
        }
      }
    }
    std::vector<std::uint8_t> pageable(kBytes);
    stream->copy_to_device(memory, pinned.data, kBytes);
    stream->copy_to_host(pageable.data(), memory, kBytes);
    stream->synchronize();
    REQUIRE(pageable == source);
    device->free_pinned(pinned);
  }
  SECTION("no bytes are no work, whatever the pointers; null with bytes is refused") {
    stream->copy_to_device(nullptr, nullptr, 0);
    stream->copy_to_host(nullptr, nullptr, 0);
    stream->copy_on_device(nullptr, nullptr, 0);
    stream->fill(nullptr, 1, 0);
    stream->affine_f32(nullptr, nullptr, 0, 1, 0);
    std::vector<std::uint8_t> bytes(16);
    REQUIRE(code_of([&] { stream->copy_to_device(nullptr, bytes.data(), 16); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { stream->copy_to_device(memory, nullptr, 16); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { stream->copy_to_host(nullptr, memory, 16); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { stream->copy_on_device(memory, nullptr, 16); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { stream->fill(nullptr, 1, 16); }) == ErrorCode::ARG_RANGE);
    REQUIRE(code_of([&] { stream->affine_f32(nullptr, nullptr, 4, 1, 0); }) == ErrorCode::ARG_RANGE);
    stream->synchronize();
  }
  SECTION("affine is one fused rounding, in place too") {
    const std::vector<float> values = {
        1.1f, -2.5f, 3e38f, 1e-40f, -0.0f, 16777217.0f, std::numeric_limits<float>::infinity()};
    const std::size_t bytes = values.size() * sizeof(float);
    for (void* target : {static_cast<void*>(memory), static_cast<void*>(other)}) {
      stream->copy_to_device(memory, values.data(), bytes);
      stream->affine_f32(static_cast<float*>(target), reinterpret_cast<float*>(memory), values.size(),
                         1.0000001f, -1.1f);
      const std::vector<std::uint8_t> got = download(*device, *stream, target, bytes);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float expected = std::fma(values[i], 1.0000001f, -1.1f);
        REQUIRE(std::memcmp(got.data() + i * sizeof(float), &expected, sizeof(float)) == 0);
      }
    }
  }
  device->free(memory);
  device->free(other);
}

void check_order(const Subject& subject) {
  const auto device = subject.open();

  SECTION("a stream is a queue beside its caller") {
    const auto stream = device->create_stream();
    const Gate gate;
    std::vector<int> seen;
    gate.hold(*stream);
    for (int i = 0; i < 100; ++i) stream->run_on_host([&seen, i] { seen.push_back(i); });
    REQUIRE_FALSE(stream->is_idle());
    *gate.open = true;
    stream->synchronize();
    REQUIRE(stream->is_idle());
    REQUIRE(seen.size() == 100);
    REQUIRE(std::is_sorted(seen.begin(), seen.end()));
  }
  SECTION("an event is a point in a stream's work, and orders another stream") {
    const auto first = device->create_stream();
    const auto second = device->create_stream();
    const auto event = device->create_event();
    const auto start = device->create_event();
    REQUIRE(event->is_complete());
    event->synchronize();
    second->wait(*event);
    second->synchronize();
    REQUIRE(code_of([&] { (void)event->elapsed_ms_since(*start); }) == ErrorCode::ARG_RANGE);

    const Gate gate;
    std::atomic<int> step{0};
    first->record(*start);
    gate.hold(*first);
    first->run_on_host([&] { step = 1; });
    first->record(*event);
    second->wait(*event);
    int seen = -1;
    second->run_on_host([&] { seen = step; });
    REQUIRE_FALSE(event->is_complete());
    REQUIRE_FALSE(second->is_idle());
    REQUIRE(code_of([&] { (void)event->elapsed_ms_since(*start); }) == ErrorCode::ARG_RANGE);
    *gate.open = true;
    second->synchronize();
    REQUIRE(seen == 1);
    REQUIRE(event->is_complete());
    REQUIRE(event->elapsed_ms_since(*start) >= 0);
  }
  SECTION("who waits for an event's earlier point is not released by a later one elsewhere") {
    const auto slow = device->create_stream();
    const auto fast = device->create_stream();
    const auto waiting = device->create_stream();
    const auto event = device->create_event();
    const Gate gate;
    std::atomic<bool> passed{false};
    gate.hold(*slow);
    slow->record(*event);
    waiting->wait(*event);
    waiting->run_on_host([&] { passed = gate.open->load(); });
    fast->record(*event);
    fast->synchronize();
    REQUIRE(event->is_complete());
    *gate.open = true;
    waiting->synchronize();
    REQUIRE(passed);
  }
  SECTION("memory freed in order is usable until then, and free afterwards") {
    const auto stream = device->create_stream();
    const auto other = device->create_stream();
    const std::size_t free_before = device->memory_info().free_bytes;
    const std::vector<std::uint8_t> source = patterned_bytes(50000);
    const PinnedBlock from = device->allocate_pinned(source.size());
    const PinnedBlock to = device->allocate_pinned(source.size());
    std::memcpy(from.data, source.data(), source.size());
    {
      const Gate gate;
      void* block = device->allocate_ordered(source.size(), *stream);
      REQUIRE(address(block) % kPageBytes == 0);
      gate.hold(*stream);
      stream->copy_to_device(block, from.data, source.size());
      stream->copy_to_host(to.data, block, source.size());
      device->free_ordered(block, *stream);
      REQUIRE(device->memory_info().free_bytes < free_before);
      // A block taken meanwhile is another one.
      void* second = device->allocate_ordered(source.size(), *other);
      other->fill(second, 0, source.size());
      other->synchronize();
      device->free_ordered(second, *other);
      *gate.open = true;
      stream->synchronize();
    }
    REQUIRE(std::memcmp(to.data, source.data(), source.size()) == 0);
    device->free_pinned(from);
    device->free_pinned(to);
    device->synchronize();
    REQUIRE(device->memory_info().free_bytes == free_before);
  }
  SECTION("a stream that goes away finishes its work first") {
    const std::vector<std::uint8_t> source = patterned_bytes(30000);
    void* block = device->allocate(source.size());
    const PinnedBlock to = device->allocate_pinned(source.size());
    {
      const auto stream = device->create_stream();
      stream->copy_to_device(block, source.data(), source.size());
      stream->copy_to_host(to.data, block, source.size());
    }
    REQUIRE(std::memcmp(to.data, source.data(), source.size()) == 0);
    device->free(block);
    device->free_pinned(to);
  }
  SECTION("streams and events keep their device alive") {
    auto gone = subject.open();
    const auto stream = gone->create_stream();
    const auto event = gone->create_event();
    gone.reset();
    bool ran = false;
    stream->run_on_host([&] { ran = true; });
    stream->record(*event);
    event->synchronize();
    REQUIRE(ran);
  }
  SECTION("the device waits for all its streams") {
    const auto first = device->create_stream();
    const auto second = device->create_stream();
    std::atomic<int> ran{0};
    for (int i = 0; i < 50; ++i) {
      first->run_on_host([&] { ++ran; });
      second->run_on_host([&] { ++ran; });
    }
    device->synchronize();
    REQUIRE(ran == 100);
  }
}

void check_errors(const Subject& subject) {
  const auto device = subject.open();
  const auto stream = device->create_stream();
  std::vector<std::uint8_t> bytes(4096, 7);
  void* block = device->allocate(4096);

  SECTION("a refused call is an error of its kind, and the device goes on") {
    subject.arm(Call::kAllocate, 0, 1000);
    REQUIRE(code_of([&] { (void)device->allocate(100); }) == ErrorCode::OUT_OF_MEMORY);
    REQUIRE(code_of([&] { (void)device->allocate_ordered(100, *stream); }) == ErrorCode::OUT_OF_MEMORY);
    subject.disarm();
    subject.arm(Call::kAllocatePinned, 0, 1000);
    REQUIRE(code_of([&] { (void)device->allocate_pinned(100); }) == ErrorCode::OUT_OF_MEMORY);
    subject.disarm();
    subject.arm(Call::kCreate, 0, 1000);
    REQUIRE(code_of([&] { (void)device->create_stream(); }) == ErrorCode::CUDA);
    REQUIRE(code_of([&] { (void)device->create_event(); }) == ErrorCode::CUDA);
    subject.disarm();
    subject.arm(Call::kRegister, 0, 1);
    REQUIRE_FALSE(device->register_host(bytes.data(), bytes.size()));
    subject.disarm();
    subject.arm(Call::kCopy, 0, 1);
    REQUIRE(code_of([&] { stream->copy_to_device(block, bytes.data(), 10); }) == ErrorCode::CUDA);
    subject.disarm();
    stream->copy_to_device(block, bytes.data(), bytes.size());
    stream->synchronize();
    REQUIRE(download(*device, *stream, block, bytes.size()) == bytes);
  }
  SECTION("work that fails later breaks its stream, the events after it, and not those before") {
    const auto before = device->create_event();
    const auto after = device->create_event();
    const PinnedBlock pinned = device->allocate_pinned(4096);
    stream->copy_to_device(block, pinned.data, 4096);
    stream->record(*before);
    before->synchronize();
    subject.arm(Call::kCopyLater, 0, 1);
    stream->copy_to_device(block, pinned.data, 4096);
    // Where such a failure loses the whole device, the record itself may be what meets it.
    try {
      stream->record(*after);
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::DEVICE_LOST);
    }
    REQUIRE(is_failure(code_of([&] { stream->synchronize(); })));
    REQUIRE(is_failure(code_of([&] { stream->synchronize(); })));
    REQUIRE(is_failure(code_of([&] { after->synchronize(); })));
    REQUIRE(is_failure(code_of([&] { (void)after->is_complete(); })));
    REQUIRE(is_failure(code_of([&] { (void)stream->is_idle(); })));
    subject.disarm();
    device->free_pinned(pinned);
  }
  device->free(block);
}

void check_lost(const Subject& subject) {
  {
    const auto device = subject.open();
    auto stream = device->create_stream();
    auto event = device->create_event();
    void* block = device->allocate(100);
    void* ordered = device->allocate_ordered(10000, *stream);
    const PinnedBlock pinned = device->allocate_pinned(100);
    auto held = std::make_shared<int>(1);
    subject.arm(Call::kLost, 0, 1);
    REQUIRE(code_of([&] { (void)device->allocate(1); }) == ErrorCode::DEVICE_LOST);
    subject.disarm();
    REQUIRE(code_of([&] { (void)device->allocate(1); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)device->allocate_ordered(1, *stream); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)device->allocate_pinned(1); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)device->create_stream(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)device->create_event(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)device->memory_info(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { device->synchronize(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->copy_to_device(block, pinned.data, 10); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->fill(block, 1, 10); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->run_on_host([held] {}); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->record(*event); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->wait(*event); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(code_of([&] { (void)stream->is_idle(); }) == ErrorCode::DEVICE_LOST);
    REQUIRE(held.use_count() == 1);
    device->free(block);
    device->free_ordered(ordered, *stream);
    device->free_pinned(pinned);
  }
  REQUIRE(subject.live() == 0);
}

void check_faults_everywhere(const Subject& subject) {
  // One script over every kind of call. True when nothing failed.
  const auto script = [&](Call call, std::uint64_t nth, std::uint8_t& checked) {
    try {
      const auto device = subject.open();
      subject.arm(call, nth, 1);
      struct Owned {
        explicit Owned(Device& of) : device(of) {}
        Device& device;
        void* block = nullptr;
        void* ordered = nullptr;
        PinnedBlock pinned;
        bool registered = false;
        std::vector<std::uint8_t> own = std::vector<std::uint8_t>(20000, 3);
        std::unique_ptr<Stream> stream;
        std::unique_ptr<Stream> other;
        std::unique_ptr<Event> event;
        ~Owned() {
          other.reset();  // it uses the block that `stream` frees
          if (ordered != nullptr) device.free_ordered(ordered, *stream);
          stream.reset();
          device.free(block);
          device.free_pinned(pinned);
          if (registered) device.unregister_host(own.data());
        }
      } owned(*device);
      owned.stream = device->create_stream();
      owned.other = device->create_stream();
      owned.event = device->create_event();
      owned.block = device->allocate(20000);
      owned.ordered = device->allocate_ordered(20000, *owned.stream);
      owned.pinned = device->allocate_pinned(20000);
      owned.registered = device->register_host(owned.own.data(), owned.own.size());
      owned.stream->copy_to_device(owned.block, owned.own.data(), 20000);
      owned.stream->copy_on_device(owned.ordered, owned.block, 20000);
      owned.stream->record(*owned.event);
      owned.other->wait(*owned.event);
      owned.other->copy_to_host(owned.pinned.data, owned.ordered, 20000);
      bool ran = false;
      owned.other->run_on_host([&ran] { ran = true; });
      owned.other->synchronize();
      if (!ran) return false;
      checked = static_cast<std::uint8_t*>(owned.pinned.data)[19999];
      owned.stream->fill(owned.block, 9, 20000);
      auto* const words = static_cast<std::uint32_t*>(owned.block);
      auto* const keys = static_cast<std::int32_t*>(owned.block);
      owned.stream->for_each(1000, functors::IotaElement{words});
      owned.stream->sort_pairs({keys, keys + 1000, words + 2000, words + 3000, 1000, 4, 10});
      owned.stream->exclusive_sum(static_cast<std::int64_t*>(owned.block) + 200,
                                  static_cast<std::int64_t*>(owned.block), 200);
      owned.stream->synchronize();
      (void)owned.event->is_complete();
      (void)owned.stream->is_idle();
      device->synchronize();
      return true;
    } catch (const Error& error) {
      if (!is_failure(error.code())) throw;
      return false;
    }
  };
  for (const Call call : {Call::kAllocate, Call::kAllocatePinned, Call::kRegister, Call::kCreate, Call::kCopy,
                          Call::kCopyLater, Call::kKernel, Call::kLost}) {
    CAPTURE(static_cast<int>(call));
    std::uint64_t nth = 0;
    for (bool failed = true; failed; ++nth) {
      REQUIRE(nth < 500);
      std::uint8_t checked = 0;
      failed = !script(call, nth, checked);
      subject.disarm();
      REQUIRE(subject.live() == 0);
      if (!failed) REQUIRE(checked == 3);
    }
    // A refused registration is an answer, not a failure; each of the others was met at least once.
    if (call != Call::kRegister) REQUIRE(nth > 1);
  }
}

void check_files(const Subject& subject) {
  const auto device = subject.open();
  std::string reason;

  SECTION("a file that cannot be opened is an error of the system's, not of the device") {
    REQUIRE(code_of([&] { (void)device->open_direct("/nowhere/at/all", reason); }) == ErrorCode::IO);
    REQUIRE(code_of([&] { (void)device->open_direct("/proc", reason); }) == ErrorCode::IO);
    REQUIRE(device->open_direct("/dev/zero", reason) == nullptr);
    REQUIRE_FALSE(reason.empty());
    // Nor is a pipe waited for.
    const ScratchFile pipe({});
    std::remove(pipe.path.c_str());
    REQUIRE(::mkfifo(pipe.path.c_str(), 0600) == 0);
    REQUIRE(device->open_direct(pipe.path, reason) == nullptr);
  }
  SECTION("the file's bytes at every alignment, fewer only at its end") {
    const std::vector<std::uint8_t> bytes = patterned_bytes(3 * 4096 + 1234);
    const ScratchFile file(bytes);
    const auto direct = device->open_direct(file.path, reason);
    if (direct == nullptr) {
      REQUIRE_FALSE(reason.empty());
      WARN("no direct reads here: " << reason);
      return;
    }
    REQUIRE(std::string(direct->path_taken()).size() > 0);
    const auto stream = device->create_stream();
    constexpr std::size_t kRoom = 40000;
    auto* target = static_cast<std::uint8_t*>(device->allocate(kRoom));
    const auto expected_at = [&](std::size_t offset, std::size_t size) {
      return offset >= bytes.size() ? 0 : std::min(size, bytes.size() - offset);
    };
    const auto check = [&](std::size_t offset, std::size_t shift, std::size_t got, std::size_t size) {
      const std::vector<std::uint8_t> memory = download(*device, *stream, target, kRoom);
      const auto at = static_cast<std::ptrdiff_t>(shift);
      REQUIRE(std::equal(memory.begin() + at, memory.begin() + at + static_cast<std::ptrdiff_t>(got),
                         bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, bytes.size()))));
      REQUIRE(memory[shift + size] == 0xEE);
      if (shift > 0) REQUIRE(memory[shift - 1] == 0xEE);
    };
    for (const std::size_t offset : {0, 1, 511, 512, 4095, 4096, 4097, 8192, 12288, 13521, 13522, 20000}) {
      for (const std::size_t size : {0, 1, 511, 512, 4095, 4096, 4097, 8192, 13522, 30000}) {
        for (const std::size_t shift : {0, 1, 512, 4095}) {
          stream->fill(target, 0xEE, kRoom);
          stream->synchronize();
          const std::size_t got = direct->read(target, shift, offset, size);
          REQUIRE(got == expected_at(offset, size));
          check(offset, shift, got, size);
        }
        std::int64_t done = -2;
        stream->fill(target, 0xEE, kRoom);
        direct->read_async(target, 1, offset, size, &done, *stream);
        stream->synchronize();
        REQUIRE(done == static_cast<std::int64_t>(expected_at(offset, size)));
        check(offset, 1, static_cast<std::size_t>(done), size);
      }
    }
    std::vector<DirectFile::Piece> pieces;
    for (std::size_t i = 0; i < 300; ++i) {
      pieces.push_back({target, i * 100, i * 47, i % 101, 77});
    }
    stream->fill(target, 0xEE, kRoom);
    stream->synchronize();
    direct->read_batch(pieces);
    const std::vector<std::uint8_t> memory = download(*device, *stream, target, kRoom);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      REQUIRE(pieces[i].done == expected_at(i * 47, i % 101));
      for (std::size_t at = 0; at < pieces[i].done; ++at) {
        REQUIRE(memory[i * 100 + at] == bytes[i * 47 + at]);
      }
    }
    direct->read_batch({});
    REQUIRE(code_of([&] { (void)direct->read(nullptr, 0, 0, 10); }) == ErrorCode::ARG_RANGE);
    device->free(target);
  }
  SECTION("an empty file has no bytes") {
    const ScratchFile file({});
    const auto direct = device->open_direct(file.path, reason);
    if (direct == nullptr) return;
    void* target = device->allocate(100);
    REQUIRE(direct->read(target, 0, 0, 100) == 0);
    device->free(target);
  }
}

}  // namespace flowstate::device::conformance
