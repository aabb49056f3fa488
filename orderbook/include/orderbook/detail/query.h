// Reading a book. Nothing here allocates or changes anything.
#pragma once

#include <optional>
#include <span>

#include "orderbook/detail/store.h"

namespace orderbook::detail {

template <class S>
class Query {
 public:
  explicit Query(const S& store) noexcept : s_(store) {}

  [[nodiscard]] Bbo bbo(BookNumber book) const noexcept {
    Bbo bbo;
    // Level 0 is never handed out and stays empty, so an empty side needs no branch.
    const Level& bid = s_.levels[s_.ladders.best(S::ladder(book, Side::kBuy))];
    const Level& ask = s_.levels[s_.ladders.best(S::ladder(book, Side::kSell))];
    bbo.bid_price = price_of(Side::kBuy, bid.key);  // level 0 has key 0
    bbo.bid_quantity = bid.quantity;
    bbo.bid_orders = bid.orders;
    bbo.ask_price = ask.quantity != 0 ? price_of(Side::kSell, ask.key) : Price{};
    bbo.ask_quantity = ask.quantity;
    bbo.ask_orders = ask.orders;
    return bbo;
  }

  std::size_t depth(BookNumber book, Side side, std::span<DepthLevel> out) const noexcept {
    std::size_t count = 0;
    if (out.empty()) return 0;
    s_.ladders.walk(S::ladder(book, side), [&](LevelId id) {
      const Level& level = s_.levels[id];
      out[count] = DepthLevel{price_of(side, level.key), level.quantity, level.orders};
      return ++count != out.size();
    });
    return count;
  }

  template <class F>
  void for_each_level(BookNumber book, Side side, F&& visit) const {
    s_.ladders.walk(S::ladder(book, side), [&](LevelId id) {
      const Level& level = s_.levels[id];
      visit(DepthLevel{price_of(side, level.key), level.quantity, level.orders});
      return true;
    });
  }

  template <class F>
  void for_each_order(BookNumber book, Side side, F&& visit) const {
    walk(s_.ladders, S::ladder(book, side), visit);
  }

  template <class F>
  void for_each_stop(BookNumber book, Side side, F&& visit) const {
    walk(s_.stops, S::ladder(book, side), visit);
  }

  [[nodiscard]] std::optional<DepthLevel> level(BookNumber book, Side side, Price price) const noexcept {
    const LevelId id = s_.ladders.peek(S::ladder(book, side), key_of(side, price));
    if (id == 0) return std::nullopt;
    return DepthLevel{price, s_.levels[id].quantity, s_.levels[id].orders};
  }

  [[nodiscard]] std::optional<OrderView> find(OrderId id) const noexcept {
    const auto* record = record_of(id);
    if (record == nullptr) return std::nullopt;
    if constexpr (S::kKeepsOrders) {
      return s_.view_of(record->node);
    } else {
      const Level& level = s_.levels[s_.queue.level_of(*record)];
      OrderView view;
      view.id = id;
      view.price = price_of(level.side(), level.key);
      view.quantity = s_.queue.shown(*record);
      view.book = level.book();
      view.side = level.side();
      return view;
    }
  }

  [[nodiscard]] std::optional<QueuePosition> queue_position(OrderId id) const noexcept {
    const auto* record = record_of(id);
    if (record == nullptr || s_.levels[s_.queue.level_of(*record)].is_stop()) return std::nullopt;
    QueuePosition position;
    for (NodeId node = s_.queue.node(record->node).prev; node != 0; node = s_.queue.node(node).prev) {
      ++position.orders_ahead;
      position.quantity_ahead += s_.queue.node(node).quantity;
    }
    return position;
  }

  [[nodiscard]] BookStats stats(BookNumber book) const noexcept {
    const BookState& state = s_.books[book];
    BookStats stats;
    stats.accepted_orders = state.accepted_orders;
    stats.trades = state.trades;
    stats.traded_quantity = state.traded_quantity;
    stats.cancels = state.cancels;
    stats.rejects = state.rejects;
    stats.triggered_stops = state.triggered_stops;
    stats.crossed_events = state.crossed_events;
    stats.active_orders = state.active_orders;
    stats.pending_stops = state.pending_stops;
    stats.bid_levels = s_.ladders.size(S::ladder(book, Side::kBuy));
    stats.ask_levels = s_.ladders.size(S::ladder(book, Side::kSell));
    return stats;
  }

 private:
  // Index look-ups give out pointers to change; here nothing does.
  [[nodiscard]] const typename S::Record* record_of(OrderId id) const noexcept {
    return const_cast<S&>(s_).ids.find(id);
  }

  template <class Container, class F>
  void walk(const Container& levels, LadderIndex at, F& visit) const {
    for (LevelId id = levels.best(at); id != 0; id = levels.next_worse(at, s_.levels[id].key)) {
      for (NodeId node = s_.levels[id].head; node != 0; node = s_.queue.node(node).next)
        visit(s_.view_of(node));
    }
  }

  const S& s_;
};

}  // namespace orderbook::detail
