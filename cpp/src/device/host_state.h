// What the host device shares with its streams, events and files, and what outlives the device while one of them lives:
// the account of its memory, the fault plan, and whether it is lost.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "flowstate/device/device.h"
#include "flowstate/device/faults.h"

namespace flowstate::device {

class HostStream;

struct HostState {
  explicit HostState(const HostDeviceOptions& options);
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Counts a call against the plan. Throws DEVICE_LOST when the device is lost, now or before; returns whether the
  // call itself shall fail.
  bool strikes(Call call);
  void throw_if_lost() const;

  void* allocate(std::size_t bytes);
  void release(void* data) noexcept;

  PinnedBlock allocate_pinned(std::size_t bytes);
  void free_pinned(const PinnedBlock& block) noexcept;
  bool register_host(void* data, std::size_t bytes);
  void unregister_host(void* data) noexcept;
  HostMemoryKind kind_of(const void* data) const noexcept;

  void add_stream(HostStream* stream);
  void remove_stream(HostStream* stream) noexcept;

  const std::size_t memory_bytes;
  const std::shared_ptr<FaultPlan> faults;
  std::atomic<bool> lost{false};

  mutable std::mutex mutex;
  std::unordered_map<void*, std::size_t> blocks;  // device memory by address
  std::size_t used_bytes = 0;
  struct Range {
    std::size_t bytes = 0;
    bool registered = false;
    bool page_locked = false;
  };
  std::map<std::uintptr_t, Range> host_ranges;  // pinned and registered memory by address
  std::vector<HostStream*> streams;
};

}  // namespace flowstate::device
