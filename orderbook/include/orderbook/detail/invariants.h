// What must hold between any two commands, tested from the outside in. Returns the first violation as text.
#pragma once

#include <limits>
#include <string>

#include "orderbook/detail/query.h"

namespace orderbook::detail {

// The levels of one ladder, the orders on them, and the index entries of those.
template <class S, class Container>
[[nodiscard]] std::string check_ladder(const S& s, const Container& levels, BookNumber book, Side side,
                                       bool is_stop, std::uint64_t& orders, Quantity& open) {
  const LadderIndex at = S::ladder(book, side);
  const std::string where =
      std::string(is_stop ? "stops" : "levels") + (side == Side::kBuy ? " (buy): " : " (sell): ");
  if (std::string why = levels.check(at); !why.empty()) return where + why;
  std::size_t count = 0;
  LevelKey previous = 0;
  for (LevelId id = levels.best(at); id != 0; id = levels.next_worse(at, s.levels[id].key)) {
    const Level& level = s.levels[id];
    if (level.place != S::place(book, side, is_stop)) return where + "a level of another place";
    if (count != 0 && level.key >= previous) return where + "not from best to worst";
    if (levels.peek(at, level.key) != id) return where + "a level is not found by its price";
    if (level.quantity == 0) return where + "an empty level";
    if (++count > levels.size(at)) return where + "more levels than counted";
    previous = level.key;
    if constexpr (S::kKeepsOrders) {
      Quantity sum = 0;
      OrderCount on_level = 0;
      NodeId before = 0;
      for (NodeId node = level.head; node != 0; node = s.queue.node(node).next) {
        const auto& entry = s.queue.node(node);
        const auto& details = s.queue.details(node);
        if (++on_level > level.orders) return where + "more orders than counted";
        if (entry.prev != before) return where + "a broken link";
        if (s.queue.level_of({node}) != id) return where + "an order points at another level";
        if (entry.quantity == 0) return where + "an order without quantity";
        if (!is_stop && details.display == 0 && details.reserve != 0)
          return where + "a reserve without a display";
        const auto* record = const_cast<S&>(s).ids.find(details.id);
        if (record == nullptr || record->node != node) return where + "an order is not found by its id";
        if (entry.quantity > std::numeric_limits<Quantity>::max() - sum) return where + "a sum overflows";
        sum += entry.quantity;
        open += entry.quantity + (is_stop ? 0 : Quantity{details.reserve});
        before = node;
      }
      if (level.tail != before) return where + "the tail is another order";
      if (on_level != level.orders) return where + "count of orders";
      if (sum != level.quantity) return where + "a level's quantity is not the sum of its orders";
      orders += on_level;
    } else {
      orders += level.orders;
    }
  }
  return count == levels.size(at) ? std::string() : where + "fewer levels than counted";
}

template <class S>
[[nodiscard]] std::string check_book(const S& s, BookNumber book) {
  const BookState& state = s.books[book];
  std::uint64_t active = 0;
  std::uint64_t pending = 0;
  Quantity open = 0;
  for (const Side side : {Side::kBuy, Side::kSell}) {
    if (std::string why = check_ladder(s, s.ladders, book, side, false, active, open); !why.empty())
      return why;
    if constexpr (S::kKeepsOrders) {
      if (std::string why = check_ladder(s, s.stops, book, side, true, pending, open); !why.empty())
        return why;
    }
  }
  if (active != state.active_orders && S::kHasIds) return "stats: active orders";
  if (pending != state.pending_stops) return "stats: pending stops";
  if constexpr (S::kWide && S::kKeepsOrders) {
    if (open != state.open_quantity) return "open quantity is not the sum over orders";
  }
  if (state.triggered_head != 0 || state.triggered_tail != 0 || state.has_new_trade)
    return "stops wait for activation";
  if (state.has_last_trade && s.stops.size(S::ladder(book, Side::kBuy)) != 0 &&
      s.stops.best_key(S::ladder(book, Side::kBuy)) >= S::stop_key(Side::kBuy, state.last_trade)) {
    return "a buy stop at or below the last match waits";
  }
  if (state.has_last_trade && s.stops.size(S::ladder(book, Side::kSell)) != 0 &&
      s.stops.best_key(S::ladder(book, Side::kSell)) >= S::stop_key(Side::kSell, state.last_trade)) {
    return "a sell stop at or above the last match waits";
  }
  if (!state.was_crossed && s.ladders.best(S::ladder(book, Side::kBuy)) != 0 &&
      s.crosses(book, Side::kBuy, s.ladders.best_key(S::ladder(book, Side::kBuy)))) {
    return "the book is crossed";
  }
  if constexpr (!S::kKeepsOrders) {
    // Records by level: their sums must be the levels'. O(index) and quadratic in nothing.
    Quantity of_records = 0;
    Quantity of_levels = 0;
    std::uint64_t records = 0;
    bool is_placed = true;
    s.ids.for_each([&](OrderId, const typename S::Record& record) {
      const Level& level = s.levels[s.queue.level_of(record)];
      if (level.book() != book) return;
      ++records;
      of_records += s.queue.shown(record);
      is_placed = is_placed && s.ladders.peek(S::ladder(level), level.key) == s.queue.level_of(record);
    });
    for (const Side side : {Side::kBuy, Side::kSell}) {
      Query(s).for_each_level(book, side, [&](const DepthLevel& level) {
        if (level.orders != 0) of_levels += level.quantity;
      });
    }
    if (!is_placed) return "an order points at a level that is not there";
    if (S::kHasIds && (records != active || of_records != of_levels))
      return "levels are not the sums of their orders";
  }
  return {};
}

template <class S>
[[nodiscard]] std::string check_arena(const S& s) {
  std::uint64_t live = 0;
  for (BookNumber book = 0; book < s.books.size(); ++book) {
    if (std::string why = check_book(s, book); !why.empty())
      return "book " + std::to_string(book) + ": " + why;
    live += s.books[book].active_orders + s.books[book].pending_stops;
  }
  return S::kHasIds && live != s.ids.size() ? "id index: count of orders" : std::string();
}

}  // namespace orderbook::detail
