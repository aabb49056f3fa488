// An open device as JavaScript holds it, and its memory.
//
// Memory may be released while a task still copies it: every task holds a MemoryUse, and the block returns to the pool
// when it is both released and unused. Tasks end on the JavaScript thread, so nothing of theirs needs a lock; what a
// task's worker needs (address, the event to wait for) is taken on the JavaScript thread before it starts.
//
// Frameworks keep memory too, and let it go on threads of their own: `holds` counts all who keep the block, and the last
// of them, whoever that is, gives it back. Nobody may begin to hold it once JavaScript has released it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "flowstate/device/device.h"
#include "flowstate/device/device_matcher.h"
#include "flowstate/device/device_pool.h"
#include "flowstate/device/faults.h"
#include "flowstate/device/pinned_pool.h"
#include "flowstate/device/transfer.h"

namespace flowstate::binding {

struct DeviceSession {
  std::shared_ptr<device::Device> device;
  std::shared_ptr<device::FaultPlan> faults;  // host only
  std::shared_ptr<device::DevicePool> pool;
  std::shared_ptr<device::PinnedPool> staging;
  std::shared_ptr<device::Transfer> transfer;
  std::shared_ptr<device::CopyRate> copy_rate = std::make_shared<device::CopyRate>();
  // Where memoryAffine is queued.
  std::shared_ptr<device::Stream> compute;
  std::uint64_t allocations = 0;
  bool closed = false;

  void require_open() const {
    if (closed) throw Error(ErrorCode::CLOSED, "the device " + device->id() + " was closed");
  }
};

// Made by make_memory(). Fields are of the JavaScript thread while it holds the block, afterwards of the last holder.
struct DeviceMemory : std::enable_shared_from_this<DeviceMemory> {
  std::shared_ptr<DeviceSession> session;
  device::DeviceBuffer buffer;
  std::size_t bytes = 0;
  // After the work queued last; null when there is none. Never recorded again: who waits for it keeps it.
  std::shared_ptr<device::Event> ready;
  int uses = 0;     // copies and waits under way
  int writers = 0;  // of them, those that write it
  bool released = false;
  std::atomic<int> holds{1};  // JavaScript's, one for all uses, one for each framework's tensor

  void require_live() const {
    if (released) throw Error(ErrorCode::CLOSED, "the device memory was released");
  }
  std::byte* at(std::size_t offset, std::size_t size) const {
    if (offset > bytes || size > bytes - offset) {
      throw Error(ErrorCode::ARG_RANGE, "native device: a range lies outside its memory");
    }
    return static_cast<std::byte*>(buffer.data()) + offset;
  }
  void hold() noexcept { holds.fetch_add(1, std::memory_order_relaxed); }
  // True for the last one, who then gives the block back.
  bool let_go() noexcept { return holds.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  // JavaScript thread; idempotent.
  void release() noexcept {
    if (released) return;
    released = true;
    if (let_go()) buffer.release();
  }
};

// JavaScript's share in the memory, for the JavaScript thread only: with its last copy the memory is released.
inline std::shared_ptr<DeviceMemory> make_memory(std::shared_ptr<DeviceMemory> memory) {
  DeviceMemory* const raw = memory.get();
  return {raw, [owned = std::move(memory)](DeviceMemory*) { owned->release(); }};
}

// Keeps memory from returning to the pool. JavaScript thread.
class MemoryUse {
 public:
  MemoryUse(std::shared_ptr<DeviceMemory> memory, bool writes) : memory_(std::move(memory)), writes_(writes) {
    if (memory_->uses++ == 0) memory_->hold();
    if (writes_) ++memory_->writers;
  }
  MemoryUse(MemoryUse&& other) noexcept = default;
  MemoryUse& operator=(MemoryUse&&) = delete;
  ~MemoryUse() {
    if (!memory_) return;
    if (writes_) --memory_->writers;
    if (--memory_->uses == 0 && memory_->let_go()) memory_->buffer.release();
  }
  DeviceMemory& operator*() const { return *memory_; }

 private:
  std::shared_ptr<DeviceMemory> memory_;
  bool writes_;
};

}  // namespace flowstate::binding
