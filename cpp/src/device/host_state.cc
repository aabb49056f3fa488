#include "device/host_state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define FS_HAVE_MMAN 1
#endif

namespace flowstate::device {

namespace {

std::size_t machine_memory() noexcept {
#ifdef FS_HAVE_MMAN
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
#endif
  return std::size_t{8} << 30;
}

constexpr std::size_t round_up(std::size_t value, std::size_t to) noexcept {
  return (value + to - 1) / to * to;
}

Error out_of_memory(const char* what, std::size_t bytes) {
  return Error(
      ErrorCode::OUT_OF_MEMORY,
      std::string("the host device could not allocate ") + std::to_string(bytes) + " bytes of " + what,
      {{"bytes", static_cast<std::int64_t>(bytes)}});
}

// Locks the pages that hold the range. A refusal (RLIMIT_MEMLOCK, a container) costs speed, nothing else.
bool lock_pages(void* data, std::size_t bytes) noexcept {
#ifdef FS_HAVE_MMAN
  return ::mlock(data, bytes) == 0;
#else
  (void)data;
  (void)bytes;
  return false;
#endif
}

void unlock_pages(void* data, std::size_t bytes) noexcept {
#ifdef FS_HAVE_MMAN
  (void)::munlock(data, bytes);
#else
  (void)data;
  (void)bytes;
#endif
}

void* map_zeroed(std::size_t bytes) noexcept {
#ifdef FS_HAVE_MMAN
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
#else
  void* const data = ::operator new(bytes, std::align_val_t{kPageBytes}, std::nothrow);
  if (data != nullptr) std::memset(data, 0, bytes);
  return data;
#endif
}

void unmap(void* data, std::size_t bytes) noexcept {
#ifdef FS_HAVE_MMAN
  (void)::munmap(data, bytes);
#else
  (void)bytes;
  ::operator delete(data, std::align_val_t{kPageBytes});
#endif
}

}  // namespace

HostState::HostState(const HostDeviceOptions& options)
    : memory_bytes(options.memory_bytes != 0 ? options.memory_bytes : machine_memory() / 2),
      faults(options.faults) {}

HostState::~HostState() {
  for (const auto& [address, range] : host_ranges) {
    if (range.registered && range.page_locked) unlock_pages(reinterpret_cast<void*>(address), range.bytes);
  }
}

void HostState::throw_if_lost() const {
  if (lost.load(std::memory_order_acquire)) {
    throw Error(ErrorCode::DEVICE_LOST, "the device was lost; open it again and upload anew");
  }
}

bool HostState::strikes(Call call) {
  throw_if_lost();
  if (!faults) return false;
  if (faults->strikes(Call::kLost)) {
    lost.store(true, std::memory_order_release);
    throw_if_lost();
  }
  return faults->strikes(call);
}

void* HostState::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const bool refused = strikes(Call::kAllocate);
  const std::lock_guard lock(mutex);
  if (refused || bytes > memory_bytes - used_bytes) throw out_of_memory("device memory", bytes);
  const std::size_t alignment = bytes >= kPageBytes ? kPageBytes : kDeviceAlignment;
  void* const data = ::operator new(round_up(bytes, alignment), std::align_val_t{kPageBytes}, std::nothrow);
  if (data == nullptr) throw out_of_memory("device memory", bytes);
  try {
    blocks.emplace(data, bytes);
  } catch (...) {
    ::operator delete(data, std::align_val_t{kPageBytes});
    throw;
  }
  used_bytes += bytes;
  return data;
}

void HostState::release(void* data) noexcept {
  if (data == nullptr) return;
  {
    const std::lock_guard lock(mutex);
    const auto found = blocks.find(data);
    if (found == blocks.end()) return;  // not ours: freeing it would end the process
    used_bytes -= found->second;
    blocks.erase(found);
  }
  ::operator delete(data, std::align_val_t{kPageBytes});
}

PinnedBlock HostState::allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return {};
  const std::size_t rounded = round_up(bytes, kPageBytes);
  void* const data = strikes(Call::kAllocatePinned) ? nullptr : map_zeroed(rounded);
  if (data == nullptr) throw out_of_memory("pinned memory", bytes);
  const bool locked = lock_pages(data, rounded);
  try {
    const std::lock_guard lock(mutex);
    host_ranges.emplace(reinterpret_cast<std::uintptr_t>(data), Range{rounded, false, locked});
  } catch (...) {
    unmap(data, rounded);
    throw;
  }
  return {data, bytes, locked};
}

void HostState::free_pinned(const PinnedBlock& block) noexcept {
  if (block.data == nullptr) return;
  std::size_t bytes = 0;
  {
    const std::lock_guard lock(mutex);
    const auto found = host_ranges.find(reinterpret_cast<std::uintptr_t>(block.data));
    if (found == host_ranges.end() || found->second.registered) return;
    bytes = found->second.bytes;
    host_ranges.erase(found);
  }
  unmap(block.data, bytes);
}

bool HostState::register_host(void* data, std::size_t bytes) {
  if (data == nullptr || bytes == 0) {
    throw Error(ErrorCode::ARG_RANGE, "register_host: expected memory of at least one byte");
  }
  if (strikes(Call::kRegister)) return false;
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const std::lock_guard lock(mutex);
  const auto after = host_ranges.lower_bound(begin);
  const bool overlaps =
      (after != host_ranges.end() && after->first < begin + bytes) || (after != host_ranges.begin() && [&] {
        const auto before = std::prev(after);
        return before->first + before->second.bytes > begin;
      }());
  if (overlaps)
    throw Error(ErrorCode::ARG_RANGE, "register_host: the range overlaps pinned or registered memory");
  const auto placed = host_ranges.emplace_hint(after, begin, Range{bytes, true, false});
  placed->second.page_locked = lock_pages(data, bytes);
  if (placed->second.page_locked) return true;
  host_ranges.erase(placed);
  return false;
}

void HostState::unregister_host(void* data) noexcept {
  const std::lock_guard lock(mutex);
  const auto found = host_ranges.find(reinterpret_cast<std::uintptr_t>(data));
  if (found == host_ranges.end() || !found->second.registered) return;
  if (found->second.page_locked) unlock_pages(data, found->second.bytes);
  host_ranges.erase(found);
}

HostMemoryKind HostState::kind_of(const void* data) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::lock_guard lock(mutex);
  auto found = host_ranges.upper_bound(address);
  if (found == host_ranges.begin()) return HostMemoryKind::kPageable;
  --found;
  if (address - found->first >= found->second.bytes) return HostMemoryKind::kPageable;
  return found->second.registered ? HostMemoryKind::kRegistered : HostMemoryKind::kPinned;
}

void HostState::add_stream(HostStream* stream) {
  const std::lock_guard lock(mutex);
  streams.push_back(stream);
}

void HostState::remove_stream(HostStream* stream) noexcept {
  const std::lock_guard lock(mutex);
  streams.erase(std::remove(streams.begin(), streams.end(), stream), streams.end());
}

}  // namespace flowstate::device
