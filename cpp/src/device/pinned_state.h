// What a PinnedPool is made of: slabs, their free ranges, and who waits. It outlives the pool while a lease or a held
// slab does.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <string>

#include "device/page_ranges.h"
#include "flowstate/device/pinned_pool.h"

namespace flowstate::device {

// Locking: everything below is guarded by `mutex`, which is dropped while the device allocates a slab; the slab's
// bytes are counted as held before that, so the cap holds meanwhile. Slabs are given back to the device under it: that
// is rare, and bytes that are still locked must not look free. Callbacks run without it.
struct PinnedPool::State : std::enable_shared_from_this<PinnedPool::State> {
  using Lock = std::unique_lock<std::mutex>;

  struct Holder;
  struct Slab {
    PinnedSlab shown;
    PinnedBlock block;
    std::uint32_t pages = 0;
    std::size_t leases = 0;
    // Usually 0 or 1, as all holders share one reference; 2 while the last one ends as a new one begins.
    std::size_t holders = 0;
    std::weak_ptr<Holder> reference;
  };

  struct Holder {
    ~Holder() {
      if (state) state->drop_holder(slot);
    }
    PinnedSlab shown;
    std::uint32_t slot = 0;
    std::shared_ptr<State> state;
  };

  // Where lend_wait() finds its lease.
  struct Meeting {
    std::condition_variable arrived;
    bool done = false;
    Lease lease;
    std::exception_ptr error;
  };
  struct Waiter {
    Ticket ticket = 0;
    std::size_t bytes = 0;
    std::uint32_t pages = 0;
    Callback callback;
    Meeting* meeting = nullptr;  // instead of a callback
  };
  struct Delivery {
    Callback callback;
    Lease lease;
    std::exception_ptr error;
  };

  State(std::shared_ptr<Device> on, const Options& asked);
  ~State();

  // Pages that count for a request. Throws ARG_RANGE.
  std::uint32_t pages_of(std::size_t bytes) const;
  void check_open() const;
  bool fits(std::uint32_t pages) const noexcept;
  // Requires fits(). May drop and take the lock again.
  Lease take(Lock& lock, std::size_t bytes, std::uint32_t pages);
  void give(const Lease::Place& place) noexcept;
  // Serves who can be served, in order, and runs callbacks; leaves the lock open.
  void serve(Lock& lock) noexcept;
  Ticket queue(std::size_t bytes, std::uint32_t pages, Callback callback, Meeting* meeting);
  // The waiter, out of the queue; to be destroyed without the lock, as its callback may own leases.
  std::list<Waiter> unqueue(Ticket ticket) noexcept;
  std::size_t trim() noexcept;
  void close();
  void drop_holder(std::uint32_t slot) noexcept;
  Error exhausted(std::size_t bytes, const std::string& why) const;

  const std::shared_ptr<Device> device;
  const Options options;
  const std::uint32_t slab_pages;
  const std::uint64_t cap_pages;

  mutable std::mutex mutex;
  bool closed = false;
  PageRanges ranges;
  std::vector<std::unique_ptr<Slab>> slabs;  // by slot, as in `ranges`; null where given back
  std::uint32_t next_slab_id = 1;
  std::uint64_t next_generation = 1;
  std::uint64_t held_pages = 0;
  std::uint64_t lent_pages = 0;
  std::list<Waiter> waiters;
  Ticket next_ticket = 1;
  std::deque<Delivery> deliveries;
  bool delivering = false;
  PinnedPoolStats counts;

 private:
  bool is_idle(std::uint32_t slot) const noexcept;
  std::uint64_t idle_pages() const noexcept;
  Lease grow(Lock& lock, std::size_t bytes, std::uint32_t pages);
  Lease lease_of(PageRanges::Place place, std::size_t bytes, std::uint32_t pages);
  void free_slab(std::uint32_t slot) noexcept;
  void deliver(Waiter& waiter, Lease lease, std::exception_ptr error) noexcept;
  void run_deliveries(Lock& lock) noexcept;
};

}  // namespace flowstate::device
