// Orders of a level in time priority: a doubly linked list by 32-bit index in one array.
//
// What adding, cancelling and matching touch is 16 bytes an order (24 with 64-bit quantities); id, owner, time and the
// hidden part lie in a parallel array that only fills and queries read. Freed nodes form a stack, so that the next order
// gets the node that is still in the cache. add, reduce, remove and front are O(1).
#pragma once

#include <algorithm>
#include <limits>

#include "orderbook/detail/compiler.h"
#include "orderbook/queue_policy.h"

namespace orderbook {

using NodeId = std::uint32_t;  // 0: none

// QuantityType: unsigned 32 or 64 bit, the most that one order may hold.
template <std::unsigned_integral QuantityType = std::uint32_t>
class FifoQueue {
 public:
  static constexpr bool kKeepsOrders = true;
  static constexpr Quantity kMaxQuantity = std::numeric_limits<QuantityType>::max();

  struct Record {
    NodeId node = 0;
    [[nodiscard]] bool present() const noexcept { return node != 0; }
  };

  struct Node {
    NodeId next;  // links free nodes too
    NodeId prev;
    LevelId level;          // and kHides
    QuantityType quantity;  // shown
  };

  // In Node::level: this order may have a reserve. Without it nobody needs to read the details to cancel it.
  static constexpr LevelId kHides = LevelId{1} << 31;

  struct Details {
    OrderId id;
    TimestampNs time_ns;
    QuantityType reserve;  // of a pending stop: where its terms are
    QuantityType display;
    OwnerId owner;
    std::uint32_t flags;
  };

  FifoQueue(std::size_t expected_orders, std::size_t max_orders)
      : nodes_(expected_orders + 1),
        details_(expected_orders + 1),
        max_nodes_(std::min<std::size_t>(max_orders, std::numeric_limits<NodeId>::max() - 1) + 1) {}

  [[nodiscard]] bool has_room() const noexcept { return free_ != 0 || used_ != nodes_.size(); }
  void make_room() {
    if (!has_room()) [[unlikely]]
      grow();
  }

  [[nodiscard]] ORDERBOOK_ALWAYS_INLINE Record add(LevelId level_id, Level& level,
                                                   const Entry& entry) noexcept {
    NodeId id = free_;
    if (id != 0) {
      free_ = nodes_[id].next;
    } else {
      id = static_cast<NodeId>(used_++);
    }
    details_[id] = Details{entry.id,
                           entry.time_ns,
                           static_cast<QuantityType>(entry.reserve),
                           static_cast<QuantityType>(entry.display),
                           entry.owner,
                           entry.flags};
    nodes_[id].level = entry.display == 0 ? level_id : level_id | kHides;
    nodes_[id].quantity = static_cast<QuantityType>(entry.quantity);
    append(id, level);
    level.quantity += entry.quantity;
    ++level.orders;
    return Record{id};
  }

  [[nodiscard]] LevelId level_of(Record record) const noexcept {
    return detail::lone(nodes_[record.node].level) & ~kHides;
  }
  [[nodiscard]] Quantity reserve(Record record) const noexcept {
    return (nodes_[record.node].level & kHides) != 0 ? Quantity{details_[record.node].reserve} : Quantity{0};
  }
  [[nodiscard]] Quantity shown(Record record) const noexcept { return nodes_[record.node].quantity; }

  void reduce(Record record, Level& level, Quantity quantity) noexcept {
    nodes_[record.node].quantity -= static_cast<QuantityType>(quantity);
    level.quantity -= quantity;
  }

  ORDERBOOK_ALWAYS_INLINE void remove(Record record, Level& level) noexcept {
    const NodeId id = record.node;
    level.quantity -= nodes_[id].quantity;
    --level.orders;
    unlink(id, level);
    nodes_[id].next = free_;
    free_ = id;
  }

  // The front order's slice is used up: the next one enters at the end of the queue. Its reserve is not zero.
  void refresh_front(Level& level) noexcept {
    const NodeId id = level.head;
    Details& details = details_[id];
    const QuantityType slice = details.display < details.reserve ? details.display : details.reserve;
    details.reserve -= slice;
    level.quantity += slice;
    nodes_[id].quantity = slice;
    if (level.tail == id) return;
    unlink(id, level);
    append(id, level);
  }

  [[nodiscard]] Node& node(NodeId id) noexcept { return nodes_[id]; }
  [[nodiscard]] const Node& node(NodeId id) const noexcept { return nodes_[id]; }
  [[nodiscard]] Details& details(NodeId id) noexcept { return details_[id]; }
  [[nodiscard]] const Details& details(NodeId id) const noexcept { return details_[id]; }

  void prefetch(Record record) const noexcept { detail::prefetch(&nodes_[record.node]); }
  void prefetch_neighbours(Record record) const noexcept {
    detail::prefetch(&nodes_[nodes_[record.node].prev]);
    detail::prefetch(&nodes_[nodes_[record.node].next]);
  }

  void prefault() noexcept {
    nodes_.prefault();
    details_.prefault();
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return nodes_.bytes() + details_.bytes(); }

 private:
  ORDERBOOK_NOINLINE void grow() {
    const std::size_t size = std::min(nodes_.size() * 2, max_nodes_);
    details_.grow(size);
    nodes_.grow(size);
  }

  void append(NodeId id, Level& level) noexcept {
    nodes_[id].next = 0;
    nodes_[id].prev = level.tail;
    NodeId* from = level.tail != 0 ? &nodes_[level.tail].next : &level.head;
    *from = id;
    level.tail = id;
  }

  // Where in its queue an order stands is not predictable, so no branch asks.
  void unlink(NodeId id, Level& level) noexcept {
    const NodeId next = detail::lone(nodes_[id].next);
    const NodeId prev = detail::lone(nodes_[id].prev);
    *detail::choose(prev != 0, &nodes_[prev].next, &level.head) = next;
    *detail::choose(next != 0, &nodes_[next].prev, &level.tail) = prev;
  }

  detail::ZeroedArray<Node> nodes_;
  detail::ZeroedArray<Details> details_;
  std::size_t max_nodes_;
  std::size_t used_ = 1;
  NodeId free_ = 0;
};

static_assert(sizeof(FifoQueue<std::uint32_t>::Node) == 16 &&
              sizeof(FifoQueue<std::uint32_t>::Details) == 32);
static_assert(QueuePolicy<FifoQueue<std::uint32_t>> && QueuePolicy<FifoQueue<std::uint64_t>>);

}  // namespace orderbook
