// The one interface to accelerators. Everything above it (pools, transfers, file readers, tensors) is written once and
// runs on two implementations that must give identical bytes:
//   host   open_host_device(): memory is the CPU's, a stream is a thread, a pinned block is page-aligned and locked
//          where the system allows. Complete and real; the reference in tests.
//   cuda   open_cuda_device() (cuda/): the CUDA runtime.
//
// Order: work given to one stream runs in the order given; different streams are ordered by events only. Nothing here
// waits for a stream except what says so (synchronize, free, close).
// Errors: every call throws flowstate::Error (ARG_RANGE, OUT_OF_MEMORY, CUDA, DEVICE_LOST, CLOSED). Work that fails
// after it was accepted breaks its stream: the error comes out of every later synchronize() and of the events recorded
// after it. A lost device fails every call with DEVICE_LOST; what it held may still be freed.
// Thread-safety: a Device may be used from any thread. A Stream or an Event belongs to one thread at a time.
// Lifetime: streams, events and files keep their device alive; memory is freed by who allocated it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "flowstate/device/probe.h"
#include "flowstate/error.h"
#include "flowstate/functors/elements.h"
#include "flowstate/functors/tiles.h"

namespace flowstate::device {

enum class DeviceKind : std::uint8_t { kHost, kCuda };

// Alignment of device memory: what TensorFlow's, ONNX Runtime's and CUDA's own kernels may rely on.
inline constexpr std::size_t kDeviceAlignment = 256;
// Alignment of pinned memory, and of device blocks of at least this size: a page, which is also what O_DIRECT and
// cuFile want.
inline constexpr std::size_t kPageBytes = 4096;

struct MemoryInfo {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
};

// Host memory that the device's copy engine reads without a bounce. `page_locked` is false where the system's limit
// (RLIMIT_MEMLOCK) or container forbade locking; the memory works all the same, only slower.
struct PinnedBlock {
  void* data = nullptr;
  std::size_t bytes = 0;
  bool page_locked = false;
};

enum class HostMemoryKind : std::uint8_t { kPageable, kPinned, kRegistered };

// Keys with the 32-bit value that goes along, from one pair of arrays into another; the four do not overlap.
struct SortPairs {
  const void* keys_in = nullptr;  // int32 from 0, or int64, by key_bytes
  void* keys_out = nullptr;
  const std::uint32_t* values_in = nullptr;
  std::uint32_t* values_out = nullptr;
  std::size_t count = 0;
  int key_bytes = 4;
  int key_bits = 31;  // key_bytes 4: no key has a bit from this one on; fewer are faster
};

class Stream;

// A point in a stream's work. Recorded again, it stands for the later point. Never recorded, it is complete.
class Event {
 public:
  virtual ~Event() = default;
  // True when the work before the last record() is done. Throws the stream's error when that work failed.
  virtual bool is_complete() = 0;
  // Blocks the calling thread until then. Throws likewise.
  virtual void synchronize() = 0;
  // Milliseconds from `start` to this event; both complete, both of this device. Throws ARG_RANGE where not.
  virtual double elapsed_ms_since(Event& start) = 0;
};

// A queue of work. Its destructor waits for the work, so that no copy outlives the memory its caller frees next.
class Stream {
 public:
  virtual ~Stream() = default;

  // Sources and targets stay valid, and sources unchanged, until the copy has run. A copy between pinned (or
  // registered) and device memory runs beside the caller; one from or to pageable memory may wait for it (cuda does).
  // 0 bytes are no work. Throws ARG_RANGE for null pointers with bytes > 0.
  virtual void copy_to_device(void* target, const void* source, std::size_t bytes) = 0;
  virtual void copy_to_host(void* target, const void* source, std::size_t bytes) = 0;
  virtual void copy_on_device(void* target, const void* source, std::size_t bytes) = 0;
  virtual void fill(void* target, std::uint8_t value, std::size_t bytes) = 0;
  // target[i] = source[i] * scale + offset in float32, fused (functors/affine.h); may run in place. Pointers are
  // 4-byte aligned device memory.
  virtual void affine_f32(float* target, const float* source, std::size_t count, float scale,
                          float offset) = 0;

  // Kernels. Their pointers are device memory, each aligned to what it points at; they are not checked. Sizes of 0 are
  // no work.
  // element(i) for every i in [0, count) (functors/elements.h).
  virtual void for_each(std::size_t count, const functors::Element& element) = 0;
  // The tile body for every tile in [0, count) (functors/tiles.h).
  virtual void run_tiles(std::size_t count, const functors::Tile& tile) = 0;
  // A stable sort by key. Throws OUT_OF_MEMORY where there is no room to work in.
  virtual void sort_pairs(const SortPairs& sort) = 0;
  // out[i] = in[0] + ... + in[i - 1].
  virtual void exclusive_sum(std::int64_t* out, const std::int64_t* in, std::size_t count) = 0;

  // Runs `work` on a thread of the device when everything before it is done. `work` must not throw, call this
  // interface, or wait for other work of the device.
  virtual void run_on_host(std::function<void()> work) = 0;

  virtual void record(Event& event) = 0;
  // Work given from now on starts only after `event`'s last record() is reached.
  virtual void wait(Event& event) = 0;
  // True when all work given so far is done. Throws the stream's error.
  virtual bool is_idle() = 0;
  virtual void synchronize() = 0;
  // cudaStream_t on cuda (for ONNX Runtime's user_compute_stream), null on host.
  virtual void* native_handle() const noexcept = 0;
};

// A file whose bytes reach device memory without a copy through the caller's pages: cuFile on cuda, O_DIRECT on host.
// Any thread; calls may overlap.
class DirectFile {
 public:
  virtual ~DirectFile() = default;
  // Reads [offset, offset + bytes) to device memory base + base_offset; waits. Returns the bytes read: fewer only at
  // the end of the file, and then the rest of the target range is undefined. Any alignment is right; offsets, sizes and targets in whole pages are fast. Throws IO.
  virtual std::size_t read(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes) = 0;
  // The same on a stream; `*done` gets the bytes read (or -1 on error, which also breaks the stream) when it has run
  // and must live until then.
  virtual void read_async(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes,
                          std::int64_t* done, Stream& stream) = 0;
  struct Piece {
    void* base = nullptr;
    std::size_t base_offset = 0;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    std::size_t done = 0;  // out
  };
  // Several pieces as one submission; waits for all. Throws IO when one failed, after all have settled.
  virtual void read_batch(std::span<Piece> pieces) = 0;
  // "cufile", "cufile compatibility mode", "direct I/O".
  virtual const char* path_taken() const noexcept = 0;
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  virtual ~Device() = default;

  virtual DeviceKind kind() const noexcept = 0;
  // "host", "cuda:0".
  virtual const std::string& id() const noexcept = 0;
  virtual const DeviceProperties& properties() const noexcept = 0;
  virtual MemoryInfo memory_info() = 0;

  // kDeviceAlignment-aligned, kPageBytes-aligned from that size on; contents undefined. 0 bytes give null. Throws
  // OUT_OF_MEMORY.
  virtual void* allocate(std::size_t bytes) = 0;
  // Null is ignored. The caller has seen to it that no work still uses the memory.
  virtual void free(void* data) noexcept = 0;
  // Stream-ordered: the memory may be used by work given to `stream` after this call, and is freed once the work given
  // to `stream` before free_ordered() is done. Neither waits.
  virtual void* allocate_ordered(std::size_t bytes, Stream& stream) = 0;
  virtual void free_ordered(void* data, Stream& stream) noexcept = 0;

  // kPageBytes-aligned, zeros at first. Throws OUT_OF_MEMORY.
  virtual PinnedBlock allocate_pinned(std::size_t bytes) = 0;
  virtual void free_pinned(const PinnedBlock& block) noexcept = 0;
  // Locks memory of the caller's for the copy engine until unregister_host(data). Whole pages are locked. Returns
  // false where the system refuses. Throws ARG_RANGE when the range overlaps one that is registered.
  virtual bool register_host(void* data, std::size_t bytes) = 0;
  virtual void unregister_host(void* data) noexcept = 0;
  virtual HostMemoryKind kind_of_host_memory(const void* data) const noexcept = 0;

  virtual std::unique_ptr<Stream> create_stream() = 0;
  virtual std::unique_ptr<Event> create_event() = 0;

  // Null, with the reason, where this file or system has no direct path (file system, permission to lock, no cuFile).
  // Throws IO when the file itself cannot be opened.
  virtual std::unique_ptr<DirectFile> open_direct(const std::string& path, std::string& reason) = 0;

  // Waits for all work of all streams.
  virtual void synchronize() = 0;
  // Waits for what anybody in this process has given to the device so far: other libraries too, whose streams nobody
  // here knows. Nothing to wait for on the host, where such work is the caller's own.
  virtual void wait_for_everybody() {}
};

// The fault plan of the host device; see device/faults.h.
class FaultPlan;

struct HostDeviceOptions {
  // What allocate() may hand out in all; 0: half of the machine's memory.
  std::size_t memory_bytes = 0;
  std::shared_ptr<FaultPlan> faults;
};
std::shared_ptr<Device> open_host_device(const HostDeviceOptions& options = {});

// Throws CUDA_UNAVAILABLE with probe().reason, ARG_RANGE for an ordinal that does not exist. In cuda/ or its stub.
std::shared_ptr<Device> open_cuda_device(int ordinal);

}  // namespace flowstate::device
