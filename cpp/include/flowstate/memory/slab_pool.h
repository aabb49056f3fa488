// A fixed number of equal slabs of memory, lent and given back without a lock.
//
// The free list is a stack of slab numbers; its head carries a tag that every change raises, because a head that went
// A → B → A between a thread's look and its exchange would otherwise splice in a slab that is lent (ABA). All slabs
// are one allocation, made at once: the cap is hard, and lending never allocates.
// Any thread may lend and give back. A lease keeps the memory alive after the pool itself is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "flowstate/error.h"
#include "flowstate/memory/buffer.h"

namespace flowstate {

struct SlabPoolStats {
  std::size_t slabs = 0;
  std::size_t slab_bytes = 0;
  std::size_t in_use = 0;
  std::size_t peak = 0;
  std::uint64_t lent = 0;     // leases ever given
  std::uint64_t refused = 0;  // times that none was free
};

class SlabPool {
  struct State;

 public:
  struct Options {
    std::size_t slab_bytes = 0;
    std::size_t slabs = 0;
    // Slabs come back to the pool as zeros: no reader sees another's data. Costs a pass over the slab at each return.
    bool zero_on_return = false;
  };

  // The right to one slab, given back when it ends. Movable; one thread at a time.
  class Lease {
   public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept : state_(std::move(other.state_)), index_(other.index_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
        index_ = other.index_;
      }
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { release(); }

    explicit operator bool() const noexcept { return state_ != nullptr; }
    // 64-byte aligned. Null after release.
    std::uint8_t* data() const noexcept { return state_ ? state_->slab(index_) : nullptr; }
    std::size_t size() const noexcept { return state_ ? state_->options.slab_bytes : 0; }
    std::span<std::uint8_t> bytes() const noexcept { return {data(), size()}; }
    // Idempotent.
    void release() noexcept {
      if (state_) {
        state_->give(index_);
        state_.reset();
      }
    }

   private:
    friend class SlabPool;
    Lease(std::shared_ptr<State> state, std::uint32_t index) noexcept
        : state_(std::move(state)), index_(index) {}

    std::shared_ptr<State> state_;
    std::uint32_t index_ = 0;
  };

  // Throws Error ARG_RANGE (sizes of 0, more than 2^31 slabs), OUT_OF_MEMORY.
  explicit SlabPool(const Options& options) : state_(std::make_shared<State>(options)) {}

  // A slab, or nothing when all are lent. Contents: zeros when zero_on_return, else what the last holder left (zeros
  // at first).
  std::optional<Lease> try_lend() noexcept {
    const std::uint32_t index = state_->take();
    if (index == State::kNone) return std::nullopt;
    return Lease(state_, index);
  }
  // As try_lend(); throws Error POOL_EXHAUSTED when all are lent.
  Lease lend() {
    std::optional<Lease> lease = try_lend();
    if (!lease) {
      throw Error(ErrorCode::POOL_EXHAUSTED,
                  "all " + std::to_string(state_->options.slabs) + " slabs of the pool are lent; release one",
                  {{"slabs", static_cast<std::int64_t>(state_->options.slabs)}});
    }
    return std::move(*lease);
  }

  SlabPoolStats stats() const noexcept {
    const State& s = *state_;
    return {s.options.slabs,
            s.options.slab_bytes,
            s.in_use.load(std::memory_order_relaxed),
            s.peak.load(std::memory_order_relaxed),
            s.lent.load(std::memory_order_relaxed),
            s.refused.load(std::memory_order_relaxed)};
  }

 private:
  struct State {
    static constexpr std::uint32_t kNone = 0xffffffffu;

    explicit State(const Options& asked)
        : options(asked), stride(stride_of(asked)), memory(stride * asked.slabs) {
      std::memset(memory.data(), 0, memory.size());
      next = std::make_unique<std::atomic<std::uint32_t>[]>(options.slabs);
      for (std::size_t i = 0; i < options.slabs; ++i) {
        next[i].store(i + 1 < options.slabs ? static_cast<std::uint32_t>(i + 1) : kNone,
                      std::memory_order_relaxed);
      }
      head.store(0, std::memory_order_release);
    }

    static std::size_t stride_of(const Options& asked) {
      constexpr std::size_t kMostSlabs = std::size_t{1} << 31;
      constexpr std::size_t kMostBytes = std::size_t{1} << 46;
      if (asked.slabs == 0 || asked.slabs > kMostSlabs || asked.slab_bytes == 0 ||
          asked.slab_bytes > kMostBytes || asked.slab_bytes > kMostBytes / asked.slabs) {
        throw Error(ErrorCode::ARG_RANGE,
                    "a slab pool needs 1 to 2^31 slabs of 1 to 2^46 bytes in all, got " +
                        std::to_string(asked.slabs) + " of " + std::to_string(asked.slab_bytes));
      }
      return (asked.slab_bytes + 63) & ~std::size_t{63};
    }

    std::uint8_t* slab(std::uint32_t index) noexcept { return memory.data() + index * stride; }

    std::uint32_t take() noexcept {
      std::uint64_t seen = head.load(std::memory_order_acquire);
      for (;;) {
        const auto index = static_cast<std::uint32_t>(seen);
        if (index == kNone) {
          refused.fetch_add(1, std::memory_order_relaxed);
          return kNone;
        }
        // May be stale when another thread takes this slab first; the tag then makes the exchange fail.
        const std::uint64_t after = next[index].load(std::memory_order_relaxed);
        const std::uint64_t wanted = ((seen >> 32) + 1) << 32 | after;
        if (head.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel, std::memory_order_acquire)) {
          count_one();
          return index;
        }
      }
    }

    void give(std::uint32_t index) noexcept {
      if (options.zero_on_return) std::memset(slab(index), 0, options.slab_bytes);
      in_use.fetch_sub(1, std::memory_order_relaxed);
      std::uint64_t seen = head.load(std::memory_order_relaxed);
      std::uint64_t wanted = 0;
      do {
        next[index].store(static_cast<std::uint32_t>(seen), std::memory_order_relaxed);
        wanted = ((seen >> 32) + 1) << 32 | index;
      } while (
          !head.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel, std::memory_order_relaxed));
    }

    void count_one() noexcept {
      lent.fetch_add(1, std::memory_order_relaxed);
      const std::size_t now = in_use.fetch_add(1, std::memory_order_relaxed) + 1;
      std::size_t most = peak.load(std::memory_order_relaxed);
      while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
      }
    }

    const Options options;
    const std::size_t stride;
    Buffer memory;
    std::unique_ptr<std::atomic<std::uint32_t>[]> next;
    alignas(128) std::atomic<std::uint64_t> head{kNone};  // tag << 32 | slab
    alignas(128) std::atomic<std::size_t> in_use{0};
    std::atomic<std::size_t> peak{0};
    std::atomic<std::uint64_t> lent{0};
    std::atomic<std::uint64_t> refused{0};
  };

  std::shared_ptr<State> state_;
};

}  // namespace flowstate
