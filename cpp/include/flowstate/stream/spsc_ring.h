// A bounded queue from one thread to one other, lock-free.
//
// Layout (128-byte lines, aligned, so that no side's store takes a line from the other's loads): what never changes;
// the producer's index with its copy of the consumer's; the consumer's with its copy of the producer's; the rarely
// written signs (closed, asleep). The remote index is read only when the copy says full or empty, so that a stream of
// pushes touches the consumer's line once per lap. Indices count up for ever (64 bits); the slot is index & mask.
//
// Ends: `close()` by the producer: what is in the ring still comes out, then the consumer sees the end.
// `cancel()` by the consumer: the producer sees it at its next push. Both may be called by any thread, repeatedly.
//
// Source of the cached index: Lee, Bu, Chandranmenon, "A lock-free, cache-efficient multi-core synchronization
// mechanism" (2010). Waiting: detail/park_spot.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "flowstate/error.h"
#include "flowstate/stream/detail/park_spot.h"

namespace flowstate::stream {

// What waiting for an element brought.
enum class PopStatus : std::uint8_t { kItem, kTimeout, kEnd };

template <typename T>
class SpscRing {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>);
  static constexpr bool kPlain = std::is_trivially_copyable_v<T>;

 public:
  using Clock = detail::ParkSpot::Clock;

  // Holds at least `capacity` elements (the next power of two). Throws Error ARG_RANGE for 0 or more than 2^32,
  // OUT_OF_MEMORY.
  explicit SpscRing(std::size_t capacity) : mask_(checked(capacity) - 1), slots_(allocate(mask_ + 1)) {}

  // No thread may be inside a call. Elements not taken are destroyed.
  ~SpscRing() {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
      for (std::uint64_t i = consumer_.head.load(std::memory_order_relaxed); i != tail; ++i)
        std::destroy_at(slot(i));
    }
    ::operator delete(static_cast<void*>(slots_), std::align_val_t{kAlignment});
  }

  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  std::size_t capacity() const noexcept { return static_cast<std::size_t>(mask_ + 1); }
  // Exact for the calling end when the other rests, else a moment's value, never more than capacity.
  std::size_t size() const noexcept {
    const std::uint64_t head = consumer_.head.load(std::memory_order_acquire);
    const std::uint64_t tail = producer_.tail.load(std::memory_order_acquire);
    return static_cast<std::size_t>(std::min<std::uint64_t>(tail - head, mask_ + 1));
  }
  bool is_closed() const noexcept { return (signs_.closed.load(std::memory_order_acquire) & kClosed) != 0; }
  bool is_cancelled() const noexcept {
    return (signs_.closed.load(std::memory_order_acquire) & kCancelled) != 0;
  }

  // --- producer's end ---

  // False when full, closed or cancelled; `value` is then untouched.
  bool try_push(T&& value) noexcept {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    if (room(tail, 1) == 0 || is_shut()) return false;
    std::construct_at(slot(tail), std::move(value));
    publish_tail(tail + 1);
    return true;
  }
  bool try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::is_copy_constructible_v<T>
  {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    if (room(tail, 1) == 0 || is_shut()) return false;
    std::construct_at(slot(tail), value);
    publish_tail(tail + 1);
    return true;
  }

  // Pushes as many as there is room for, from the first; returns how many (0: full, closed or cancelled).
  std::size_t try_push_n(std::span<const T> values) noexcept
    requires kPlain
  {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    const std::size_t count = std::min<std::size_t>(values.size(), room(tail, values.size()));
    if (count == 0 || is_shut()) return 0;
    const std::size_t first = std::min(count, to_wrap(tail));
    copy(slot(tail), values.data(), first);
    copy(slots_, values.data() + first, count - first);
    publish_tail(tail + count);
    return count;
  }

  // Waits while full. False: closed or cancelled, `value` untouched.
  bool push(T&& value) noexcept {
    while (!try_push(std::move(value))) {
      if (!wait_for_room()) return false;
    }
    return true;
  }
  bool push(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    while (!try_push(value)) {
      if (!wait_for_room()) return false;
    }
    return true;
  }

  // Pushes all, waiting while full; returns how many went in before the ring was closed or cancelled.
  std::size_t push_n(std::span<const T> values) noexcept
    requires kPlain
  {
    std::size_t done = 0;
    while (done < values.size()) {
      const std::size_t count = try_push_n(values.subspan(done));
      done += count;
      if (count == 0 && !wait_for_room()) break;
    }
    return done;
  }

  // Up to `most` free slots in one piece, to be written in place and then committed; empty when full or shut. A piece
  // ends at the end of the storage: ask again after the commit. Slots hold old bytes.
  std::span<T> reserve(std::size_t most) noexcept
    requires kPlain
  {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    if (is_shut()) return {};
    const std::size_t count = std::min<std::size_t>({most, room(tail, most), to_wrap(tail)});
    return {slot(tail), count};
  }
  // Hands over the first `count` of the reserved slots.
  void commit(std::size_t count) noexcept
    requires kPlain
  {
    if (count != 0) publish_tail(producer_.tail.load(std::memory_order_relaxed) + count);
  }

  // No more will come. What is inside still comes out.
  void close() noexcept { shut(kClosed); }

  // --- consumer's end ---

  // False when empty; `value` is then untouched.
  bool try_pop(T& value) noexcept(std::is_nothrow_move_assignable_v<T>) {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    if (available(head, 1) == 0) return false;
    value = std::move(*slot(head));
    std::destroy_at(slot(head));
    publish_head(head + 1);
    return true;
  }

  // Takes up to `out.size()`; returns how many.
  std::size_t try_pop_n(std::span<T> out) noexcept
    requires kPlain
  {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    const std::size_t count = std::min<std::size_t>(out.size(), available(head, out.size()));
    if (count == 0) return 0;
    const std::size_t first = std::min(count, to_wrap(head));
    copy(out.data(), slot(head), first);
    copy(out.data() + first, slots_, count - first);
    publish_head(head + count);
    return count;
  }

  // Waits while empty. False: closed and drained, or cancelled.
  bool pop(T& value) { return pop_until(value, std::nullopt) == PopStatus::kItem; }

  // Waits while empty, until `deadline` at most (none: for ever).
  PopStatus pop_until(T& value, const std::optional<Clock::time_point>& deadline) {
    for (;;) {
      if (is_cancelled()) return PopStatus::kEnd;
      if (try_pop(value)) return PopStatus::kItem;
      const PopStatus waited = wait_for_items(deadline);
      if (waited != PopStatus::kItem) return waited;
    }
  }

  // Waits while empty, then takes what is there, up to `out.size()`. 0: closed and drained, or cancelled.
  std::size_t pop_n(std::span<T> out) noexcept
    requires kPlain
  {
    if (out.empty()) return 0;
    for (;;) {
      if (is_cancelled()) return 0;
      const std::size_t count = try_pop_n(out);
      if (count != 0) return count;
      if (wait_for_items(std::nullopt) != PopStatus::kItem) return 0;
    }
  }

  // Up to `most` elements in one piece, to be read in place and then released; empty when there are none. A piece ends
  // at the end of the storage: ask again after the release.
  std::span<T> peek(std::size_t most) noexcept
    requires kPlain
  {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    const std::size_t count = std::min<std::size_t>({most, available(head, most), to_wrap(head)});
    return {slot(head), count};
  }
  // Gives back the first `count` of the peeked slots.
  void release(std::size_t count) noexcept
    requires kPlain
  {
    if (count != 0) publish_head(consumer_.head.load(std::memory_order_relaxed) + count);
  }

  // Nothing more will be taken: a producer that waits returns, later pushes fail.
  void cancel() noexcept { shut(kCancelled); }

  // True when the producer has closed and nothing is left.
  bool is_drained() noexcept {
    return is_closed() && available(consumer_.head.load(std::memory_order_relaxed), 1) == 0;
  }

 private:
  static constexpr std::uint32_t kClosed = 1;
  static constexpr std::uint32_t kCancelled = 2;
  static constexpr std::size_t kAlignment = std::max(detail::kLine, alignof(T));

  static std::uint64_t checked(std::size_t capacity) {
    if (capacity == 0 || capacity > (std::uint64_t{1} << 32)) {
      throw Error(ErrorCode::ARG_RANGE,
                  "a ring's capacity must be 1 to 2^32 elements, got " + std::to_string(capacity));
    }
    return std::bit_ceil(static_cast<std::uint64_t>(capacity));
  }

  static T* allocate(std::uint64_t count) {
    const std::uint64_t most = (std::uint64_t{1} << 46) / sizeof(T);
    void* memory = count > most ? nullptr
                                : ::operator new(static_cast<std::size_t>(count) * sizeof(T),
                                                 std::align_val_t{kAlignment}, std::nothrow);
    if (memory == nullptr) {
      throw Error(ErrorCode::OUT_OF_MEMORY,
                  "could not allocate a ring of " + std::to_string(count) + " elements");
    }
    return static_cast<T*>(memory);
  }

  static void copy(T* to, const T* from, std::size_t count) noexcept {
    if (count != 0) std::memcpy(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(T));
  }

  T* slot(std::uint64_t index) const noexcept { return slots_ + (index & mask_); }
  std::size_t to_wrap(std::uint64_t index) const noexcept {
    return static_cast<std::size_t>(mask_ + 1 - (index & mask_));
  }
  bool is_shut() const noexcept { return signs_.closed.load(std::memory_order_relaxed) != 0; }

  // Free slots as far as `wanted` needs to know: the consumer's line is read only when the copy has too few.
  std::uint64_t room(std::uint64_t tail, std::uint64_t wanted) noexcept {
    std::uint64_t free = mask_ + 1 - (tail - producer_.head_copy);
    if (free < wanted) {
      producer_.head_copy = consumer_.head.load(std::memory_order_acquire);
      free = mask_ + 1 - (tail - producer_.head_copy);
    }
    return free;
  }
  std::uint64_t available(std::uint64_t head, std::uint64_t wanted) noexcept {
    std::uint64_t there = consumer_.tail_copy - head;
    if (there < wanted) {
      consumer_.tail_copy = producer_.tail.load(std::memory_order_acquire);
      there = consumer_.tail_copy - head;
    }
    return there;
  }

  void publish_tail(std::uint64_t tail) noexcept {
    detail::publish(producer_.tail, tail);
    signs_.consumer.wake();
  }
  void publish_head(std::uint64_t head) noexcept {
    detail::publish(consumer_.head, head);
    signs_.producer.wake();
  }

  void shut(std::uint32_t sign) noexcept {
    signs_.closed.fetch_or(sign, std::memory_order_seq_cst);
    signs_.consumer.wake();
    signs_.producer.wake();
  }

  // False: shut.
  bool wait_for_room() noexcept {
    const std::uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    const auto is_ready = [&] {
      return signs_.closed.load(std::memory_order_seq_cst) != 0 ||
             tail - consumer_.head.load(std::memory_order_seq_cst) <= mask_;
    };
    while (!is_ready()) {
      if (detail::spin_briefly(is_ready)) break;
      signs_.producer.sleep(is_ready, std::nullopt);
    }
    return signs_.closed.load(std::memory_order_acquire) == 0;
  }

  // kItem: there may be one. kEnd: closed and drained, or cancelled.
  PopStatus wait_for_items(const std::optional<Clock::time_point>& deadline) noexcept {
    const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    const auto is_ready = [&] {
      return signs_.closed.load(std::memory_order_seq_cst) != 0 ||
             producer_.tail.load(std::memory_order_seq_cst) != head;
    };
    while (!is_ready()) {
      if (detail::spin_briefly(is_ready)) break;
      if (deadline && Clock::now() >= *deadline) return PopStatus::kTimeout;
      signs_.consumer.sleep(is_ready, deadline);
    }
    const std::uint32_t closed = signs_.closed.load(std::memory_order_acquire);
    if ((closed & kCancelled) != 0) return PopStatus::kEnd;
    // The index is read after the sign: what was pushed before close() is seen.
    if (producer_.tail.load(std::memory_order_acquire) != head) return PopStatus::kItem;
    return closed != 0 ? PopStatus::kEnd : PopStatus::kItem;
  }

  const std::uint64_t mask_;
  T* const slots_;

  struct alignas(detail::kLine) ProducerLine {
    std::atomic<std::uint64_t> tail{0};
    std::uint64_t head_copy = 0;
  } producer_;
  struct alignas(detail::kLine) ConsumerLine {
    std::atomic<std::uint64_t> head{0};
    std::uint64_t tail_copy = 0;
  } consumer_;
  struct alignas(detail::kLine) Signs {
    std::atomic<std::uint32_t> closed{0};
    detail::ParkSpot consumer;
    detail::ParkSpot producer;
  } signs_;
};

}  // namespace flowstate::stream
