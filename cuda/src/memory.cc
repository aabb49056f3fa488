#include "memory.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace flowstate::cuda {

namespace {

using device::kPageBytes;

// Refuses sizes whose rounding up would wrap.
void check_size(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() - 2 * kPageBytes) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "no memory can hold " + std::to_string(bytes) + " bytes");
  }
}

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

bool PageAligner::is_aligned(const void* data) noexcept {
  return reinterpret_cast<std::uintptr_t>(data) % kPageBytes == 0;
}

void* PageAligner::move_up(void* data) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return static_cast<std::byte*>(data) + (whole_pages(address) - address);
}

void* PageAligner::raw(void* data) noexcept {
  if (!is_aligned(data)) return data;
  const std::lock_guard lock(mutex_);
  const auto found = raw_.find(data);
  if (found == raw_.end()) return data;
  void* raw = found->second;
  raw_.erase(found);
  return raw;
}

CudaMemory::CudaMemory(std::shared_ptr<Context> context, bool memory_pools) : context_(std::move(context)) {
  if (!memory_pools) return;
  // A pool of its own, so that keeping freed memory changes nothing for other users of the device's default pool.
  cudaMemPoolProps properties;
  std::memset(&properties, 0, sizeof(properties));
  properties.allocType = cudaMemAllocationTypePinned;
  properties.handleTypes = cudaMemHandleTypeNone;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = context_->ordinal();
  FS_CUDA_TRY(*context_, cudaMemPoolCreate, &pool_, &properties);
  // Without this, every synchronisation would hand unused memory back to the driver, and the next block would be slow.
  std::uint64_t threshold = std::numeric_limits<std::uint64_t>::max();
  const cudaError_t status = cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &threshold);
  if (status != cudaSuccess) {
    FS_CUDA_NOTE(*context_, cudaMemPoolDestroy, pool_);
    context_->check(status, "cudaMemPoolSetAttribute");
  }
}

CudaMemory::~CudaMemory() {
  context_->enter_quietly();
  reap(true);
  if (pool_ != nullptr) FS_CUDA_NOTE(*context_, cudaMemPoolDestroy, pool_);
}

// What the pool keeps without using is memory too. True when it gave some back.
bool CudaMemory::trim_pool() noexcept {
  if (pool_ == nullptr) return false;
  std::uint64_t reserved = 0;
  std::uint64_t used = 0;
  if (cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved) != cudaSuccess ||
      cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used) != cudaSuccess) {
    (void)cudaGetLastError();
    return false;
  }
  if (reserved <= used) return false;
  FS_CUDA_NOTE(*context_, cudaMemPoolTrimTo, pool_, 0);
  return true;
}

void* CudaMemory::take(std::size_t bytes) {
  void* data = nullptr;
  cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    reap(false);
    if (trim_pool()) status = cudaMalloc(&data, bytes);
  }
  context_->check_allocation(status, "cudaMalloc", bytes);
  return data;
}

void* CudaMemory::allocate(std::size_t bytes) {
  context_->enter();
  if (bytes == 0) return nullptr;
  check_size(bytes);
  return device_blocks_.allocate(
      bytes, [this](std::size_t size) { return take(size); },
      [this](void* data) { FS_CUDA_NOTE(*context_, cudaFree, data); });
}

void CudaMemory::free(void* data) noexcept {
  if (data == nullptr) return;
  context_->enter_quietly();
  FS_CUDA_NOTE(*context_, cudaFree, device_blocks_.raw(data));
}

void* CudaMemory::allocate_ordered(std::size_t bytes, cudaStream_t stream) {
  if (pool_ == nullptr) {
    reap(false);
    return allocate(bytes);
  }
  context_->enter();
  if (bytes == 0) return nullptr;
  check_size(bytes);
  return device_blocks_.allocate(
      bytes,
      [&](std::size_t size) {
        void* data = nullptr;
        context_->check_allocation(cudaMallocFromPoolAsync(&data, size, pool_, stream),
                                   "cudaMallocFromPoolAsync", size);
        return data;
      },
      [&](void* data) { FS_CUDA_NOTE(*context_, cudaFreeAsync, data, stream); });
}

void CudaMemory::free_ordered(void* data, cudaStream_t stream) noexcept {
  if (data == nullptr) return;
  context_->enter_quietly();
  void* raw = device_blocks_.raw(data);
  if (pool_ != nullptr) {
    FS_CUDA_NOTE(*context_, cudaFreeAsync, raw, stream);
  } else {
    reap(false);
    defer(raw, stream);
  }
}

void CudaMemory::defer(void* data, cudaStream_t stream) noexcept {
  cudaEvent_t event = nullptr;
  cudaError_t status = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  if (status == cudaSuccess) {
    status = cudaEventRecord(event, stream);
    if (status == cudaSuccess) {
      try {
        const std::lock_guard lock(deferred_mutex_);
        deferred_.push_back({data, event});
        return;
      } catch (...) {  // no room in the list: free it the slow way
      }
    }
    FS_CUDA_NOTE(*context_, cudaEventDestroy, event);
  }
  context_->note(status, "cudaEventRecord");
  FS_CUDA_NOTE(*context_, cudaStreamSynchronize, stream);
  FS_CUDA_NOTE(*context_, cudaFree, data);
}

void CudaMemory::reap(bool all) noexcept {
  const std::lock_guard lock(deferred_mutex_);
  std::erase_if(deferred_, [&](const Deferred& block) {
    if (!all) {
      const cudaError_t status = cudaEventQuery(block.event);
      if (status == cudaErrorNotReady) {
        (void)cudaGetLastError();
        return false;
      }
      context_->note(status, "cudaEventQuery");
    } else {
      FS_CUDA_NOTE(*context_, cudaEventSynchronize, block.event);
    }
    FS_CUDA_NOTE(*context_, cudaEventDestroy, block.event);
    FS_CUDA_NOTE(*context_, cudaFree, block.data);
    return true;
  });
}

device::PinnedBlock CudaMemory::allocate_pinned(std::size_t bytes) {
  context_->enter();
  if (bytes == 0) return {};
  check_size(bytes);
  void* data = pinned_blocks_.allocate(
      whole_pages(bytes),
      [this](std::size_t size) {
        void* block = nullptr;
        context_->check_allocation(cudaMallocHost(&block, size), "cudaMallocHost", size);
        return block;
      },
      [this](void* block) { FS_CUDA_NOTE(*context_, cudaFreeHost, block); });
  std::memset(data, 0, bytes);
  return {data, bytes, true};
}

void CudaMemory::free_pinned(const device::PinnedBlock& block) noexcept {
  if (block.data == nullptr) return;
  context_->enter_quietly();
  FS_CUDA_NOTE(*context_, cudaFreeHost, pinned_blocks_.raw(block.data));
}

bool CudaMemory::register_host(void* data, std::size_t bytes) {
  context_->enter();
  if (data == nullptr || bytes == 0) {
    throw Error(ErrorCode::ARG_RANGE, "register_host expects memory, got null or 0 bytes");
  }
  check_size(bytes);
  const auto first = reinterpret_cast<std::uintptr_t>(data) / kPageBytes * kPageBytes;
  const std::uintptr_t end = whole_pages(reinterpret_cast<std::uintptr_t>(data) + bytes);
  const Error taken(ErrorCode::ARG_RANGE, "register_host: a page of these " + std::to_string(bytes) +
                                              " bytes is registered already");
  const std::lock_guard lock(registered_mutex_);
  const auto after = registered_.lower_bound(end);
  if (after != registered_.begin() && std::prev(after)->second.end > first) throw taken;
  const cudaError_t status =
      cudaHostRegister(reinterpret_cast<void*>(first), end - first, cudaHostRegisterPortable);
  if (status == cudaErrorHostMemoryAlreadyRegistered) {
    (void)cudaGetLastError();
    throw taken;
  }
  // The system's refusals: no room to lock, memory that cannot be locked (a mapped file, a device's).
  if (status == cudaErrorMemoryAllocation || status == cudaErrorNotSupported ||
      status == cudaErrorOperatingSystem || status == cudaErrorInvalidValue ||
      status == cudaErrorNotPermitted) {
    (void)cudaGetLastError();
    return false;
  }
  context_->check(status, "cudaHostRegister");
  registered_.emplace(first, Registered{data, bytes, end});
  return true;
}

void CudaMemory::unregister_host(void* data) noexcept {
  context_->enter_quietly();
  const auto first = reinterpret_cast<std::uintptr_t>(data) / kPageBytes * kPageBytes;
  const std::lock_guard lock(registered_mutex_);
  const auto found = registered_.find(first);
  if (found == registered_.end() || found->second.data != data) return;
  FS_CUDA_NOTE(*context_, cudaHostUnregister, reinterpret_cast<void*>(first));
  registered_.erase(found);
}

device::HostMemoryKind CudaMemory::kind_of_host_memory(const void* data) const noexcept {
  if (data == nullptr) return device::HostMemoryKind::kPageable;
  {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    const std::lock_guard lock(registered_mutex_);
    const auto after = registered_.upper_bound(address);
    if (after != registered_.begin()) {
      const Registered& range = std::prev(after)->second;
      const auto begin = reinterpret_cast<std::uintptr_t>(range.data);
      if (address >= begin && address - begin < range.bytes) return device::HostMemoryKind::kRegistered;
      // The rest of its pages is locked too, but not for long enough to rely on.
      if (address < range.end) return device::HostMemoryKind::kPageable;
    }
  }
  context_->enter_quietly();
  cudaPointerAttributes attributes;
  if (cudaPointerGetAttributes(&attributes, data) != cudaSuccess) {
    (void)cudaGetLastError();
    return device::HostMemoryKind::kPageable;
  }
  return attributes.type == cudaMemoryTypeHost ? device::HostMemoryKind::kPinned
                                               : device::HostMemoryKind::kPageable;
}

}  // namespace flowstate::cuda
