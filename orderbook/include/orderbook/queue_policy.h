// What a level keeps of its orders: a FIFO of them (fifo_queue.h) or only their sum (level_only.h).
//
// A queue hands out a Record per live order, a trivial value that the id index stores: zero bytes mean "no order".
// The level it is told about is the one the record belongs to; the queue keeps Level::quantity, orders, head and tail
// true, and nothing else of the level.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "orderbook/level.h"
#include "orderbook/order.h"

namespace orderbook {

// An order as it enters a queue.
struct Entry {
  OrderId id = 0;
  TimestampNs time_ns = 0;
  Quantity quantity = 0;  // shown
  Quantity reserve = 0;   // hidden
  Quantity display = 0;   // size of a fresh slice; 0: no iceberg
  OwnerId owner = 0;
  std::uint32_t flags = 0;  // EntryFlags
};

// The behaviour an order keeps for a later modify or replace.
struct EntryFlags {
  static constexpr std::uint32_t kSelfTradeMask = 7;
  static constexpr std::uint32_t kPostOnlyShift = 3;

  [[nodiscard]] static constexpr std::uint32_t of(const Order& order) noexcept {
    return static_cast<std::uint32_t>(order.self_trade) | static_cast<std::uint32_t>(order.post_only)
                                                              << kPostOnlyShift;
  }
  [[nodiscard]] static constexpr SelfTrade self_trade(std::uint32_t flags) noexcept {
    return static_cast<SelfTrade>(flags & kSelfTradeMask);
  }
  [[nodiscard]] static constexpr PostOnly post_only(std::uint32_t flags) noexcept {
    return static_cast<PostOnly>(flags >> kPostOnlyShift & 3);
  }
};

template <class Q>
concept QueuePolicy =
    std::constructible_from<Q, std::size_t /* expected orders */, std::size_t /* max orders */> &&
    std::is_trivially_copyable_v<typename Q::Record> &&
    requires(Q& q, const Q& k, Level& level, LevelId id, const Entry& entry, typename Q::Record& record,
             Quantity quantity) {
      { Q::kKeepsOrders } -> std::convertible_to<bool>;      // orders can be walked and matched
      { Q::kMaxQuantity } -> std::convertible_to<Quantity>;  // of one order
      { k.has_room() } noexcept -> std::same_as<bool>;       // surely below max orders, without asking anyone
      { record.present() } noexcept -> std::same_as<bool>;
      { q.make_room() } -> std::same_as<void>;  // for one more order; may throw std::bad_alloc
      { q.add(id, level, entry) } noexcept -> std::same_as<typename Q::Record>;  // at the end
      { k.level_of(record) } noexcept -> std::same_as<LevelId>;
      { k.shown(record) } noexcept -> std::same_as<Quantity>;
      { q.reduce(record, level, quantity) } noexcept -> std::same_as<void>;  // by less than it shows
      { q.remove(record, level) } noexcept -> std::same_as<void>;
      { k.bytes() } noexcept -> std::same_as<std::size_t>;
      { k.prefetch(record) } noexcept -> std::same_as<void>;             // hints: the order,
      { k.prefetch_neighbours(record) } noexcept -> std::same_as<void>;  // what removing it will touch
      { q.prefault() } noexcept -> std::same_as<void>;
    };

}  // namespace orderbook
