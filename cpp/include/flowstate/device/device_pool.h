// Device memory, kept for reuse: an allocation of a driver costs microseconds to milliseconds and may wait for all
// streams; one out of the pool costs neither.
//
// Reuse follows the streams. A block freed on a stream may be used again at once by work given to that stream; by
// another only when the work before the free is done, or when that stream is made to wait for it. The pool picks in
// that order, and makes a stream wait only where the cap leaves nothing else. It never waits itself, except to make
// room: at the cap, when the device is out of memory, in trim() and close().
//
// Blocks are rounded to size classes (powers of two and their 1.5-fold from 256 bytes up to 64 MiB, whole 2 MiB above)
// and serve requests of at least three quarters of their size; each is one allocation of the device, so blocks of at
// least a page are page-aligned. The driver cuts small ones out of its own 2 MiB pieces.
//
// Thread-safe. A call that is given a stream, and the end of a buffer, count as uses of that stream (device.h: one
// thread at a time).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "flowstate/device/device.h"

namespace flowstate::device {

struct DevicePoolStats {
  std::uint64_t hits = 0;     // buffers out of kept blocks
  std::uint64_t misses = 0;   // buffers that the device allocated
  std::uint64_t waits = 0;    // hits for which a stream was made to wait
  std::uint64_t evicted = 0;  // blocks given back to make room
  std::uint64_t refused = 0;  // POOL_EXHAUSTED
  std::size_t buffers = 0;
  std::size_t lent_bytes = 0;  // rounded to classes
  std::size_t held_bytes = 0;  // lent or kept
  std::size_t peak_lent_bytes = 0;
  std::size_t peak_held_bytes = 0;
};

struct DevicePoolState;

// A block of device memory. Ends with a release or the destructor; also after its pool. Movable.
class DeviceBuffer {
 public:
  DeviceBuffer() noexcept = default;
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { release(); }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  // Null for a buffer of 0 bytes and after release.
  void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  Device& device() const noexcept;
  // Where it was used last, hence where release() frees it. Null: its work is known to be done.
  const std::shared_ptr<Stream>& stream() const noexcept { return stream_; }
  // The caller has ordered that stream after the one before (an event, a finished wait).
  void used_on(std::shared_ptr<Stream> stream) noexcept { stream_ = std::move(stream); }

  // Frees it in the order of stream(): work given there before may still use it. Idempotent.
  void release() noexcept;

 private:
  friend class DevicePool;
  std::shared_ptr<DevicePoolState> state_;
  std::shared_ptr<Stream> stream_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t block_bytes_ = 0;
};

class DevicePool {
 public:
  struct Options {
    // Of everything held, lent or kept; 0: what the device has.
    std::size_t cap_bytes = 0;
  };

  explicit DevicePool(std::shared_ptr<Device> device) : DevicePool(std::move(device), Options{}) {}
  DevicePool(std::shared_ptr<Device> device, const Options& options);
  // As close().
  ~DevicePool();
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  // For work given to `stream` from now on; null: for any work, of any stream. Contents undefined. Throws
  // POOL_EXHAUSTED with what was asked for, lent, held and the cap; OUT_OF_MEMORY when the device has no more even
  // after a trim(); CLOSED; the stream's and the device's errors.
  DeviceBuffer allocate(std::size_t bytes, std::shared_ptr<Stream> stream = nullptr);

  DevicePoolStats stats() const;
  // Gives all kept blocks back to the device, after waiting for the work that may use them; returns their bytes.
  std::size_t trim();
  // Trims, and lends no more; buffers free their memory when they end. Idempotent.
  void close();
  Device& device() const noexcept;

 private:
  std::shared_ptr<DevicePoolState> state_;
};

}  // namespace flowstate::device
