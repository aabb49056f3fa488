// Features from scratch: for each row all events that it may see are replayed into std::maps, and everything is counted
// again from the definitions. Quadratic, and shares nothing with the product but Event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "orderbook/event.h"

namespace orderbook::test {

struct NaiveOrder {
  Side side = Side::kBuy;
  std::int64_t price = 0;
  Quantity quantity = 0;
};

struct NaiveLevel {
  std::int64_t price = 0;
  Quantity quantity = 0;
  std::uint32_t orders = 0;
};

class NaiveFeatureBook {
 public:
  std::map<OrderId, NaiveOrder> orders;
  std::map<std::pair<Side, std::int64_t>, std::list<OrderId>> queues;

  bool apply(const Event& e) {
    const auto at = orders.find(e.order_id);
    const bool is_there = at != orders.end();
    switch (e.kind) {
      case EventKind::kAdd:
        if (is_there || e.quantity == 0 || e.quantity > 0xFFFF'FFFF) return false;
        enter(e.order_id, {e.side, e.price.ticks, e.quantity});
        return true;
      case EventKind::kReduce:
      case EventKind::kExecute:
        if (!is_there || e.quantity == 0 || e.quantity > at->second.quantity) return false;
        at->second.quantity -= e.quantity;
        if (at->second.quantity == 0) leave(e.order_id);
        return true;
      case EventKind::kDelete:
        if (!is_there) return false;
        leave(e.order_id);
        return true;
      case EventKind::kReplace: {
        if (!is_there || e.quantity == 0) return false;
        if (e.new_order_id != e.order_id && orders.contains(e.new_order_id)) return false;
        const Side side = at->second.side;
        leave(e.order_id);
        enter(e.new_order_id, {side, e.price.ticks, e.quantity});
        return true;
      }
      case EventKind::kModify: {
        if (!is_there || e.quantity == 0) return false;
        const NaiveOrder old = at->second;
        if (old.price == e.price.ticks && e.quantity <= old.quantity) {
          at->second.quantity = e.quantity;
        } else {
          leave(e.order_id);
          enter(e.order_id, {old.side, e.price.ticks, e.quantity});
        }
        return true;
      }
      case EventKind::kClear:
        orders.clear();
        queues.clear();
        return true;
      case EventKind::kLevel:
        return false;
      default:
        return true;
    }
  }

  [[nodiscard]] std::vector<NaiveLevel> depth(Side side, std::size_t most) const {
    std::vector<NaiveLevel> levels;
    for (const auto& [key, queue] : queues) {
      if (key.first != side || queue.empty()) continue;
      NaiveLevel level{key.second, 0, 0};
      for (const OrderId id : queue) level.quantity += orders.at(id).quantity, ++level.orders;
      levels.push_back(level);
    }
    if (side == Side::kBuy) std::reverse(levels.begin(), levels.end());
    levels.resize(std::min(levels.size(), most));
    return levels;
  }

 private:
  void enter(OrderId id, const NaiveOrder& order) {
    orders[id] = order;
    queues[{order.side, order.price}].push_back(id);
  }
  void leave(OrderId id) {
    const NaiveOrder order = orders.at(id);
    queues[{order.side, order.price}].remove(id);
    orders.erase(id);
  }
};

// Events that become visible together, and when.
struct NaiveUnit {
  TimestampNs time_ns = 0;
  bool makes_row = true;
  std::vector<Event> events;
};

// The stream of one instrument as units: each event alone, or whole groups.
inline std::vector<NaiveUnit> naive_units(const std::vector<Event>& events, InstrumentId instrument,
                                          bool whole_groups) {
  std::vector<NaiveUnit> units;
  std::vector<Event> open;
  for (const Event& e : events) {
    if (e.instrument != instrument) continue;
    const bool is_end = (e.flags & kEventEndOfGroup) != 0;
    if (!whole_groups || ((e.flags & kEventSnapshot) != 0 && open.empty())) {
      units.push_back({e.time_ns, !whole_groups || is_end, {e}});
      continue;
    }
    open.push_back(e);
    if (!is_end) continue;
    units.push_back({e.time_ns, true, open});
    open.clear();
  }
  return units;
}

struct NaiveRow {
  bool seen = false;
  Sequence sequence = 0;
  TimestampNs event_time_ns = 0;
  std::vector<NaiveLevel> bids, asks;
  std::vector<std::int64_t> order_flow;
  std::uint32_t trades = 0;
  Quantity volume = 0;
  bool has_trade = false;
  std::int64_t last_price = 0;
  Quantity last_size = 0;
  int last_side = 0;
  std::optional<std::pair<std::uint32_t, Quantity>> queue;
};

// Cont et al.'s e for one side's level, with a missing level at a price beyond all others.
inline std::int64_t naive_flow(Side side, const std::vector<NaiveLevel>& before,
                               const std::vector<NaiveLevel>& after, std::size_t m) {
  constexpr std::int64_t kFar = 1'000'000'000;
  const auto price = [&](const auto& levels) {
    const std::int64_t p = m < levels.size() ? levels[m].price : side == Side::kBuy ? -kFar : kFar;
    return side == Side::kBuy ? p : -p;
  };
  const auto size = [&](const auto& levels) {
    return m < levels.size() ? static_cast<std::int64_t>(levels[m].quantity) : 0;
  };
  std::int64_t e = 0;
  if (price(after) >= price(before)) e += size(after);
  if (price(after) <= price(before)) e -= size(before);
  return side == Side::kBuy ? e : -e;
}

// The row after the first `visible` units, with `since` of them before the interval of order flow and trades.
inline NaiveRow naive_row(const std::vector<NaiveUnit>& units, std::size_t since, std::size_t visible,
                          std::size_t levels, OrderId tracked) {
  NaiveRow row;
  row.order_flow.resize(levels);
  NaiveFeatureBook book;
  for (std::size_t u = 0; u < visible; ++u) {
    const bool counts = u >= since;
    const auto bids = book.depth(Side::kBuy, levels);
    const auto asks = book.depth(Side::kSell, levels);
    bool is_flow = true;
    for (const Event& e : units[u].events) {
      const auto resting = book.orders.find(e.order_id);
      const bool is_fill = e.kind == EventKind::kExecute && resting != book.orders.end();
      const NaiveOrder order = is_fill ? resting->second : NaiveOrder{};
      if (!book.apply(e)) continue;
      row.seen = true;
      row.sequence = e.sequence;
      row.event_time_ns = units[u].time_ns;
      if (e.kind == EventKind::kClear || (e.flags & kEventSnapshot) != 0) is_flow = false;
      if (!counts || (e.kind != EventKind::kExecute && e.kind != EventKind::kTrade)) continue;
      ++row.trades;
      row.volume += e.quantity;
      row.has_trade = is_fill || (e.flags & kEventNoPrice) == 0;
      row.last_price = !row.has_trade ? 0 : (e.flags & kEventNoPrice) != 0 ? order.price : e.price.ticks;
      row.last_size = row.has_trade ? e.quantity : 0;
      const int told = (e.flags & kEventNoSide) != 0 ? 2 : static_cast<int>(e.side);
      row.last_side = !row.has_trade ? 0 : is_fill ? static_cast<int>(order.side) : told;
    }
    if (!counts || !is_flow) continue;
    for (std::size_t m = 0; m < levels; ++m) {
      row.order_flow[m] += naive_flow(Side::kBuy, bids, book.depth(Side::kBuy, levels), m) +
                           naive_flow(Side::kSell, asks, book.depth(Side::kSell, levels), m);
    }
  }
  row.bids = book.depth(Side::kBuy, levels);
  row.asks = book.depth(Side::kSell, levels);
  if (const auto order = book.orders.find(tracked); order != book.orders.end()) {
    row.queue = {0, 0};
    for (const OrderId id : book.queues.at({order->second.side, order->second.price})) {
      if (id == tracked) break;
      ++row.queue->first;
      row.queue->second += book.orders.at(id).quantity;
    }
  }
  return row;
}

}  // namespace orderbook::test
