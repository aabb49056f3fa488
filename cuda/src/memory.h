// Memory of the cuda device: plain, stream-ordered, pinned and registered.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "context.h"
#include "flowstate/device/device.h"

namespace flowstate::cuda {

// CUDA promises 256 bytes of alignment and gives more as it sees fit; the device interface promises whole pages to
// blocks of at least a page. A block that came unaligned is taken again with room to move in, and its own address is
// kept here.
class PageAligner {
 public:
  // `take(bytes)` allocates or throws, `give(data)` frees. Returns what `take` gave, moved up where it must be.
  template <class Take, class Give>
  void* allocate(std::size_t bytes, const Take& take, const Give& give) {
    if (bytes < device::kPageBytes) return take(bytes);
    void* data = take(bytes);
    if (is_aligned(data)) return data;
    give(data);
    void* raw = take(bytes + device::kPageBytes);
    void* moved = move_up(raw);
    try {
      const std::lock_guard lock(mutex_);
      raw_.emplace(moved, raw);
    } catch (...) {
      give(raw);
      throw;
    }
    return moved;
  }
  // The address to free `data` by; forgets it.
  void* raw(void* data) noexcept;

 private:
  static bool is_aligned(const void* data) noexcept;
  static void* move_up(void* data) noexcept;

  std::mutex mutex_;
  std::unordered_map<void*, void*> raw_;
};

class CudaMemory {
 public:
  CudaMemory(std::shared_ptr<Context> context, bool memory_pools);
  ~CudaMemory();
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;

  void* allocate(std::size_t bytes);
  void free(void* data) noexcept;
  void* allocate_ordered(std::size_t bytes, cudaStream_t stream);
  void free_ordered(void* data, cudaStream_t stream) noexcept;
  // Frees what free_ordered() has put off and whose time has come; nothing where the device has memory pools.
  void collect() noexcept { reap(false); }
  device::PinnedBlock allocate_pinned(std::size_t bytes);
  void free_pinned(const device::PinnedBlock& block) noexcept;
  bool register_host(void* data, std::size_t bytes);
  void unregister_host(void* data) noexcept;
  device::HostMemoryKind kind_of_host_memory(const void* data) const noexcept;

 private:
  // Without memory pools: a block waits here for the event behind its last use.
  struct Deferred {
    void* data;
    cudaEvent_t event;
  };
  // What the caller named, and where its last page ends.
  struct Registered {
    void* data;
    std::size_t bytes;
    std::uintptr_t end;
  };

  void* take(std::size_t bytes);
  void defer(void* data, cudaStream_t stream) noexcept;
  // Frees the deferred blocks whose events are complete, or all of them.
  void reap(bool all) noexcept;
  bool trim_pool() noexcept;

  std::shared_ptr<Context> context_;
  cudaMemPool_t pool_ = nullptr;
  PageAligner device_blocks_;
  PageAligner pinned_blocks_;
  std::mutex deferred_mutex_;
  std::vector<Deferred> deferred_;
  mutable std::mutex registered_mutex_;
  std::map<std::uintptr_t, Registered> registered_;  // by the first page
};

}  // namespace flowstate::cuda
