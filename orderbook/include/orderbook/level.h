// A price level, and the order of levels that both sides share.
//
// Prices are mirrored into keys so that "better" is "greater" on both sides: one code path, no branch on the side.
// ~x is -x-1, so it never overflows and every int64 is a price on either side.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "orderbook/detail/zeroed_array.h"
#include "orderbook/options.h"
#include "orderbook/order.h"
#include "orderbook/types.h"

namespace orderbook {

using LevelKey = std::int64_t;
using LevelId = std::uint32_t;    // 0: none
using LadderIndex = std::size_t;  // a (book, side) pair of a level container

// By arithmetic: the side of the next event is not predictable, and a branch on it costs more than all of this.
[[nodiscard]] constexpr LevelKey key_of(Side side, Price price) noexcept {
  return price.ticks ^ -static_cast<std::int64_t>(side);
}
[[nodiscard]] constexpr Price price_of(Side side, LevelKey key) noexcept {
  return Price{key ^ -static_cast<std::int64_t>(side)};
}
static_assert(static_cast<int>(Side::kBuy) == 0 && static_cast<int>(Side::kSell) == 1);

// 32 bytes, two to a cache line. Ids are stable for the life of a level, wherever its container keeps it.
struct Level {
  Quantity quantity = 0;  // shown
  LevelKey key = 0;
  std::uint32_t head = 0;  // first and last order of a FIFO queue; `head` links free levels
  std::uint32_t tail = 0;
  OrderCount orders = 0;
  std::uint32_t place = 0;  // book << 2 | ladder: 0 bids, 1 asks, 2 buy stops, 3 sell stops

  [[nodiscard]] Side side() const noexcept { return static_cast<Side>(place & 1); }
  [[nodiscard]] bool is_stop() const noexcept { return (place & 2) != 0; }
  [[nodiscard]] BookNumber book() const noexcept { return place >> 2; }
};
static_assert(sizeof(Level) == 32);

// Finds levels by key and knows which is best (greatest). It keeps ids, never levels. `Ladders` below hold one
// sequence of keys per LadderIndex. find may reorganise; it never changes what is found.
template <class C>
concept LevelContainer = std::constructible_from<C, const BookOptions&, std::size_t /* ladders */> &&
                         requires(C& c, const C& k, LadderIndex ladder, LevelKey key, LevelId id) {
                           { c.find(ladder, key) } -> std::same_as<LevelId>;  // 0: there is none
                           { k.peek(ladder, key) } -> std::same_as<LevelId>;  // the same, and touches nothing
                           {
                             c.insert(ladder, key, id)
                             } -> std::same_as<void>;  // key is not there; may throw std::bad_alloc
                           { c.erase(ladder, key) } noexcept -> std::same_as<void>;    // key is there
                           { k.best(ladder) } noexcept -> std::same_as<LevelId>;       // 0: empty
                           { k.best_key(ladder) } noexcept -> std::same_as<LevelKey>;  // only when not empty
                           {
                             k.next_worse(ladder, key)
                             } -> std::same_as<LevelId>;  // of a key that is there; 0: that was the last
                           k.walk(ladder, [](LevelId) { return true; });  // from the best, until told to stop
                           { k.size(ladder) } noexcept -> std::same_as<std::size_t>;
                           { k.check(ladder) } -> std::same_as<std::string>;  // empty, or the first violation
                           { k.bytes() } noexcept -> std::same_as<std::size_t>;
                         };

namespace detail {

// Levels by id, in one array, freed ones in a stack: the level that was freed last is still in the cache.
class LevelPool {
 public:
  explicit LevelPool(std::size_t levels) : levels_(levels + 1) {}

  [[nodiscard]] Level& operator[](LevelId id) noexcept { return levels_[id]; }
  [[nodiscard]] const Level& operator[](LevelId id) const noexcept { return levels_[id]; }

  void make_room() {
    if (free_ == 0 && used_ == levels_.size()) levels_.grow(levels_.size() * 2);
  }

  // make_room first.
  [[nodiscard]] LevelId take(LevelKey key, std::uint32_t place) noexcept {
    LevelId id = free_;
    if (id != 0) {
      free_ = levels_[id].head;
    } else {
      id = static_cast<LevelId>(used_++);
    }
    levels_[id] = Level{0, key, 0, 0, 0, place};
    return id;
  }

  void give_back(LevelId id) noexcept {
    levels_[id].head = free_;
    free_ = id;
  }

  void prefetch(LevelId id) const noexcept { detail::prefetch(&levels_[id]); }
  void prefault() noexcept { levels_.prefault(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return levels_.bytes(); }

 private:
  ZeroedArray<Level> levels_;
  std::size_t used_ = 1;
  LevelId free_ = 0;
};

}  // namespace detail
}  // namespace orderbook
