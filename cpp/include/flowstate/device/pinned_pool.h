// Pinned host memory, lent by the piece: locking pages costs milliseconds, so it is done once per slab.
//
// A slab is one pinned block of the device. Leases are whole pages of it, rounded to size classes (powers of two and
// their 1.5-fold, from a page up to a slab); a larger request gets a slab of its own, rounded to pages. Pages that
// come back merge with free neighbours. A lease never overlaps another that lives.
//
// The cap counts every slab held, lent or free, and is hard. What does not fit can be refused (try_lend, lend) or
// waited for (lend_wait, lend_async). Waiters are served strictly in order, and while any waits nobody else is served,
// so a large request is not starved by small ones.
//
// JavaScript makes one ArrayBuffer per slab and views into it. hold_slab() is its reference: a slab that is held, or
// has a live lease, is never given back to the device, even when the pool is gone.
//
// Thread-safe throughout; a Lease belongs to one thread at a time. Under AddressSanitizer free pages are poisoned.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "flowstate/device/device.h"

namespace flowstate::device {

struct PinnedPoolStats {
  std::uint64_t hits = 0;     // leases out of slabs that were there
  std::uint64_t misses = 0;   // leases for which a slab was allocated
  std::uint64_t waits = 0;    // leases that were not there at once, and waited for
  std::uint64_t refused = 0;  // calls that ended without a lease because nothing was free
  std::size_t slabs = 0;
  std::size_t leases = 0;
  std::size_t waiting = 0;
  std::size_t lent_bytes = 0;  // rounded to classes, as they count against the cap
  std::size_t held_bytes = 0;  // all slabs
  std::size_t peak_lent_bytes = 0;
  std::size_t peak_held_bytes = 0;
};

// One pinned block. Readable as long as someone holds it.
struct PinnedSlab {
  std::uint32_t id = 0;  // never used again in this pool
  std::uint8_t* data = nullptr;
  std::size_t bytes = 0;
  bool page_locked = false;
};

class PinnedPool {
  struct State;

 public:
  // What happens to pages when their lease ends.
  enum class OnReturn : std::uint8_t {
    kKeep,
    kZero,    // nobody sees another's data; leases are zeros. Costs a pass over the lease, by its holder
    kPoison,  // kPoisonByte everywhere, so that a use after the release shows
  };
  static constexpr std::uint8_t kPoisonByte = 0xdd;

  // 32 MiB: 4 GiB of pool are 128 slabs, hence 128 ArrayBuffers, which the garbage collector does not notice (3,000
  // cost it seconds); a staging ring of default size fits into one; and a process that needs little locks little.
  static constexpr std::size_t kDefaultSlabBytes = std::size_t{32} << 20;
  // Node 20's limit of an external ArrayBuffer.
  static constexpr std::size_t kMostSlabBytes = std::size_t{4} << 30;

  struct Options {
    std::size_t slab_bytes = kDefaultSlabBytes;
    std::size_t cap_bytes = std::size_t{1} << 30;
    OnReturn on_return = OnReturn::kKeep;
  };

  // The right to `bytes` of a slab. Ends with release() or the destructor; the pages then belong to the pool again.
  class Lease {
   public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept
        : state_(std::move(other.state_)), place_(std::exchange(other.place_, Place{})) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
        place_ = std::exchange(other.place_, Place{});
      }
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { release(); }

    explicit operator bool() const noexcept { return state_ != nullptr; }
    // kPageBytes-aligned. Null, and 0, after release.
    std::uint8_t* data() const noexcept { return place_.data; }
    std::size_t bytes() const noexcept { return place_.bytes; }
    std::span<std::uint8_t> span() const noexcept { return {place_.data, place_.bytes}; }
    std::uint32_t slab_id() const noexcept { return place_.slab_id; }
    std::size_t offset() const noexcept { return place_.offset; }
    // Unique among all leases of the pool: tells a lease from a later one of the same pages.
    std::uint64_t generation() const noexcept { return place_.generation; }
    // Idempotent. May serve waiters, and then runs their callbacks.
    void release() noexcept;

   private:
    friend class PinnedPool;
    struct Place {
      std::uint8_t* data = nullptr;
      std::size_t bytes = 0;
      std::size_t offset = 0;
      std::uint64_t generation = 0;
      std::uint32_t slab_id = 0;
      std::uint32_t slot = 0;
      std::uint32_t pages = 0;
    };
    Lease(std::shared_ptr<State> state, const Place& place) noexcept
        : state_(std::move(state)), place_(place) {}

    std::shared_ptr<State> state_;
    Place place_;
  };

  // Throws ARG_RANGE: slabs under a page or over kMostSlabBytes, a cap under a page.
  PinnedPool(std::shared_ptr<Device> device, const Options& options);
  // As close().
  ~PinnedPool();
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;

  // All forms throw ARG_RANGE for more than the cap or kMostSlabBytes, CLOSED, and what allocate_pinned() throws.
  // 0 bytes are a lease of one page that shows none of it.

  // A lease, or nothing where it does not fit or others wait.
  std::optional<Lease> try_lend(std::size_t bytes);
  // As try_lend(); throws POOL_EXHAUSTED with what was asked for, lent, held and the cap.
  Lease lend(std::size_t bytes);
  // Waits its turn. Throws POOL_EXHAUSTED after `timeout`, ABORTED once *cancel is true.
  Lease lend_wait(std::size_t bytes, std::chrono::nanoseconds timeout,
                  const std::atomic<bool>* cancel = nullptr);

  // Called once with a lease or an error, on this thread before lend_async() returns or later on a thread that gave
  // memory back. Must not throw. May use the pool.
  using Callback = std::function<void(Lease lease, std::exception_ptr error)>;
  using Ticket = std::uint64_t;
  // 0 when the callback has been called.
  Ticket lend_async(std::size_t bytes, Callback callback);
  // True when the callback will now never be called; false when it was called or is about to be.
  bool cancel(Ticket ticket);

  PinnedPoolStats stats() const;
  struct SlabInfo {
    PinnedSlab slab;
    std::size_t leases = 0;
    bool held = false;
  };
  std::vector<SlabInfo> slabs() const;
  // A reference that keeps the slab's memory, also beyond the pool. Null for a slab that is no more.
  std::shared_ptr<const PinnedSlab> hold_slab(std::uint32_t id);
  // Gives slabs with neither lease nor holder back to the device; returns their bytes.
  std::size_t trim();
  // Lends no more; waiters get CLOSED. Leases and held slabs stay usable, and free their slab when they end.
  // Idempotent.
  void close();

  const Options& options() const noexcept;
  Device& device() const noexcept;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace flowstate::device
