// The rules of matching: price-time priority, order types, self-trade prevention, stops. Every command is checked in
// full before it changes anything.
#pragma once

#include <optional>

#include "orderbook/detail/compiler.h"
#include "orderbook/detail/store.h"

namespace orderbook::detail {

template <class S>
class Matcher {
 public:
  explicit Matcher(S& store) noexcept : s_(store) {}

  // The plain limit order, of which books mostly consist, is inlined into the caller up to the point where it trades.
  // What is not inlined takes the order by value: the caller's then stays in registers, field by field.
  ORDERBOOK_ALWAYS_INLINE Result<Execution> add(BookNumber book, const Order& order) {
    return is_plain(order) ? add_plain(book, order) : add_any(book, order);
  }

  Result<Quantity> cancel(std::optional<BookNumber> book, OrderId id) {
    auto* record = s_.ids.find(id);
    if (record == nullptr) return refuse(book.value_or(0), id, Reject::kUnknownId);
    const Level& level = s_.levels[s_.queue.level_of(*record)];
    const BookNumber its_book = level.book();
    if (book.has_value() && *book != its_book) return refuse(*book, id, Reject::kUnknownId);
    return cancel(its_book, id, record, CancelReason::kRequested);
  }

  // `quantity` is the new open quantity, hidden part included.
  Result<Execution> modify(std::optional<BookNumber> book, OrderId id, Price price, Quantity quantity,
                           TimestampNs time_ns) {
    auto* record = s_.ids.find(id);
    if (record == nullptr) return refuse(book.value_or(0), id, Reject::kUnknownId);
    const Level& level = s_.levels[s_.queue.level_of(*record)];
    const BookNumber its_book = level.book();
    if (book.has_value() && *book != its_book) return refuse(*book, id, Reject::kUnknownId);
    if (level.is_stop()) return refuse(its_book, id, Reject::kPendingStop);
    const Side side = level.side();
    const Quantity open = s_.open(*record);
    if (quantity != 0 && quantity <= open && price == price_of(side, level.key)) {
      if (quantity < open) cut(id, record, open - quantity);
      return Execution{0, quantity, 0, 0, OrderState::kResting};
    }
    Order order = terms_of(record->node, side, price, quantity);
    order.time_ns = time_ns;
    if (const Reject why = check_terms(its_book, order, price, open); why != Reject::kNone) {
      return refuse(its_book, id, why);
    }
    const LevelKey key = key_of(side, price);
    if (!s_.crosses(its_book, side, key)) {
      s_.relocate(record, key, entry_of(order, quantity));
      return Execution{0, quantity, 0, 0, OrderState::kResting};
    }
    return reenter(its_book, order, price, id, record);
  }

  Result<Execution> replace(std::optional<BookNumber> book, OrderId id, OrderId new_id, Price price,
                            Quantity quantity, TimestampNs time_ns) {
    auto* record = s_.ids.find(id);
    if (record == nullptr) return refuse(book.value_or(0), id, Reject::kUnknownId);
    const Level& level = s_.levels[s_.queue.level_of(*record)];
    const BookNumber its_book = level.book();
    if (book.has_value() && *book != its_book) return refuse(*book, id, Reject::kUnknownId);
    if (level.is_stop()) return refuse(its_book, id, Reject::kPendingStop);
    Order order = terms_of(record->node, level.side(), price, quantity);
    order.id = new_id;
    order.time_ns = time_ns;
    if (!s_.ids.admits(new_id)) return refuse(its_book, new_id, Reject::kBadId);
    if (new_id != id && s_.ids.find(new_id) != nullptr) return refuse(its_book, new_id, Reject::kDuplicateId);
    if (const Reject why = check_terms(its_book, order, price, s_.open(*record)); why != Reject::kNone) {
      return refuse(its_book, new_id, why);
    }
    s_.make_room(new_id);
    record = s_.ids.find(id);
    ++s_.books[its_book].accepted_orders;
    return reenter(its_book, order, price, id, record);
  }

  // Resting orders and pending stops of the book that `owner` and `side` select. Returns how many.
  std::uint64_t mass_cancel(BookNumber book, std::optional<OwnerId> owner, std::optional<Side> side) {
    std::uint64_t cancelled = 0;
    for (const Side at : {Side::kBuy, Side::kSell}) {
      if (side.has_value() && *side != at) continue;
      cancelled += sweep(book, s_.ladders, S::ladder(book, at), owner);
      cancelled += sweep(book, s_.stops, S::ladder(book, at), owner);
    }
    return cancelled;
  }

  ORDERBOOK_NOINLINE Reject refuse(BookNumber book, OrderId id, Reject why) {
    if (book < s_.books.size()) ++s_.books[book].rejects;
    s_.listener.on_reject(OrderRejected{id, book, why});
    return why;
  }

 private:
  [[nodiscard]] static bool is_plain(const Order& order) noexcept {
    const auto word = [](auto field) { return static_cast<Quantity>(field); };
    return (word(order.type) | word(order.time_in_force) | word(order.post_only) | order.display) == 0;
  }

  ORDERBOOK_ALWAYS_INLINE Result<Execution> add_plain(BookNumber book, const Order& order) {
    if (const Reject why = check_common(book, order); why != Reject::kNone) [[unlikely]] {
      return refuse(book, order.id, why);
    }
    s_.make_room(order.id);
    ++s_.books[book].accepted_orders;
    const LevelKey key = key_of(order.side, order.price);
    if (s_.crosses(book, order.side, key)) return cross(book, order);
    s_.rest(book, order.side, key, entry_of(order, order.quantity));
    return Execution{0, order.quantity, 0, 0, OrderState::kResting};
  }

  ORDERBOOK_NOINLINE Result<Execution> cross(BookNumber book, const Order order) {
    const Execution done = enter(book, order, order.price);
    if (s_.books[book].has_new_trade) run_stops(book);
    return done;
  }

  ORDERBOOK_NOINLINE Result<Execution> add_any(BookNumber book, const Order order) {
    Price price = order.price;
    if (const Reject why = check(book, order, price); why != Reject::kNone) [[unlikely]] {
      return refuse(book, order.id, why);
    }
    s_.make_room(order.id);
    ++s_.books[book].accepted_orders;
    if (is_stop(order)) return add_stop(book, order);
    const Execution done = enter(book, order, price);
    if (s_.books[book].has_new_trade) run_stops(book);
    return done;
  }

  // ---- checks -------------------------------------------------------------------------------------------------------

  [[nodiscard]] bool is_price(Price price) const noexcept { return s_.is_price(price); }

  // What every order must meet, in the documented order but for check_kind, which a plain order passes.
  [[nodiscard]] ORDERBOOK_ALWAYS_INLINE Reject check_common(BookNumber book,
                                                            const Order& order) const noexcept {
    if (order.quantity == 0) return Reject::kZeroQuantity;
    if (order.quantity > S::kMaxQuantity) return Reject::kQuantityTooLarge;
    if constexpr (S::kWide) {
      if (order.quantity > ~s_.books[book].open_quantity) return Reject::kQuantityTooLarge;
    }
    if (!is_plain(order)) {
      if (const Reject why = check_kind(order); why != Reject::kNone) return why;
    }
    if (!is_market(order) && !is_price(order.price)) return Reject::kBadPrice;
    if (!s_.ids.admits(order.id)) return Reject::kBadId;
    if (s_.ids.find(order.id) != nullptr) return Reject::kDuplicateId;
    return s_.is_full() && can_rest(order) ? Reject::kFull : Reject::kNone;
  }

  // `price` becomes the price at which the order enters: a sliding post-only order's differs from what was asked.
  [[nodiscard]] Reject check(BookNumber book, const Order& order, Price& price) const noexcept {
    if (const Reject why = check_common(book, order); why != Reject::kNone) return why;
    if (is_stop(order)) return Reject::kNone;
    if (order.post_only != PostOnly::kOff) return check_passive(book, order, price);
    if (order.time_in_force == TimeInForce::kFillOrKill &&
        !is_fillable(book, order, limit_key(order, price))) {
      return Reject::kUnfillable;
    }
    return Reject::kNone;
  }

  [[nodiscard]] static bool is_stop(const Order& order) noexcept {
    return order.type == OrderType::kStop || order.type == OrderType::kStopLimit;
  }
  [[nodiscard]] static bool is_market(const Order& order) noexcept {
    return order.type == OrderType::kMarket || order.type == OrderType::kStop;
  }
  [[nodiscard]] static bool can_rest(const Order& order) noexcept {
    return order.type != OrderType::kMarket &&
           (is_stop(order) || order.time_in_force == TimeInForce::kGoodTillCancel);
  }
  [[nodiscard]] static LevelKey limit_key(const Order& order, Price price) noexcept {
    return is_market(order) ? std::numeric_limits<LevelKey>::max() : key_of(order.side, price);
  }

  [[nodiscard]] Reject check_kind(const Order& order) const noexcept {
    const bool is_immediate = is_market(order) || order.time_in_force != TimeInForce::kGoodTillCancel;
    if (order.post_only != PostOnly::kOff && (is_immediate || is_stop(order))) return Reject::kBadOrder;
    if (order.display != 0) {
      if (is_immediate) return Reject::kBadOrder;
      if (order.display > order.quantity) return Reject::kBadDisplay;
      if (has_too_many_slices(order)) return Reject::kBadDisplay;
    }
    if (is_stop(order) && !is_price(order.stop_price)) return Reject::kBadPrice;
    return Reject::kNone;
  }

  [[nodiscard]] static bool has_too_many_slices(const Order& order) noexcept {
    return (order.quantity - 1) / order.display >= kMaxIcebergSlices;
  }

  [[nodiscard]] Reject check_passive(BookNumber book, const Order& order, Price& price) const noexcept {
    if (!s_.crosses(book, order.side, key_of(order.side, price))) return Reject::kNone;
    if (order.post_only == PostOnly::kReject) return Reject::kWouldCross;
    const LevelKey best =
        ~s_.ladders.best_key(S::ladder(book, opposite(order.side)));  // as a key of this side
    if (best == std::numeric_limits<LevelKey>::min()) return Reject::kBadPrice;
    price = price_of(order.side, best - 1);
    return is_price(price) ? Reject::kNone : Reject::kBadPrice;
  }

  // Of a modify or replace of an order that has `open` now.
  [[nodiscard]] Reject check_terms(BookNumber book, const Order& order, Price& price,
                                   Quantity open) const noexcept {
    if (order.quantity == 0) return Reject::kZeroQuantity;
    if (order.quantity > S::kMaxQuantity) return Reject::kQuantityTooLarge;
    if constexpr (S::kWide) {
      if (order.quantity > ~(s_.books[book].open_quantity - open)) return Reject::kQuantityTooLarge;
    }
    if (order.display != 0 && has_too_many_slices(order)) return Reject::kBadDisplay;
    if (!is_price(price)) return Reject::kBadPrice;
    return order.post_only == PostOnly::kOff ? Reject::kNone : check_passive(book, order, price);
  }

  // Whether all of it would trade, as self-trade prevention allows. O(levels), O(orders) with icebergs or prevention.
  [[nodiscard]] bool is_fillable(BookNumber book, const Order& order, LevelKey limit) const noexcept {
    const LadderIndex other = S::ladder(book, opposite(order.side));
    const bool guards = order.self_trade != SelfTrade::kAllow && order.owner != 0;
    Quantity missing = order.quantity;
    for (LevelId id = s_.ladders.best(other); id != 0;) {
      const Level& level = s_.levels[id];
      if (limit < ~level.key) return false;
      if (!guards && level.quantity >= missing) return true;
      for (NodeId node = level.head; node != 0; node = s_.queue.node(node).next) {
        const auto& details = s_.queue.details(node);
        if (guards && details.owner == order.owner) {
          if (order.self_trade == SelfTrade::kCancelOldest) continue;
          return false;
        }
        const Quantity open = Quantity{s_.queue.node(node).quantity} + details.reserve;
        if (open >= missing) return true;
        missing -= open;
      }
      id = s_.ladders.next_worse(other, level.key);
    }
    return false;
  }

  // ---- entering -----------------------------------------------------------------------------------------------------

  [[nodiscard]] static Entry entry_of(const Order& order, Quantity open) noexcept {
    const Quantity shown = order.display == 0 ? open : std::min(order.display, open);
    return Entry{order.id,    order.time_ns,        shown, open - shown, order.display,
                 order.owner, EntryFlags::of(order)};
  }

  // Checked, not a stop, room made.
  Execution enter(BookNumber book, const Order& order, Price price) {
    const LevelKey limit = limit_key(order, price);
    Execution done;
    Quantity left = order.quantity;
    if (s_.crosses(book, order.side, limit)) left = match(book, order, limit, done);
    if (left != 0) {
      if (order.type == OrderType::kLimit && order.time_in_force == TimeInForce::kGoodTillCancel) {
        done.resting = left;
        s_.rest(book, order.side, limit, entry_of(order, left));
        return done;
      }
      done.cancelled += left;
      s_.listener.on_cancel(OrderCancelled{order.id, left, book, CancelReason::kRemainder});
    }
    done.state = done.filled == order.quantity ? OrderState::kFilled : OrderState::kCancelled;
    if (done.state == OrderState::kCancelled) ++s_.books[book].cancels;
    return done;
  }

  // Trades with the opposite side while prices allow; returns what neither traded nor was cancelled.
  Quantity match(BookNumber book, const Order& order, LevelKey limit, Execution& done) {
    const Side other_side = opposite(order.side);
    const LadderIndex other = S::ladder(book, other_side);
    const bool guards = order.self_trade != SelfTrade::kAllow && order.owner != 0;
    BookState& state = s_.books[book];
    Quantity left = order.quantity;
    for (LevelId id = s_.ladders.best(other); id != 0 && left != 0; id = s_.ladders.best(other)) {
      Level& level = s_.levels[id];
      if (limit < ~level.key) break;
      const Price price = price_of(other_side, level.key);
      const std::uint32_t trades = done.trades;
      const Quantity quantity = level.quantity;
      const OrderCount orders = level.orders;
      do {
        const NodeId maker = level.head;
        if (guards && s_.queue.details(maker).owner == order.owner) {
          left = prevent(book, order, level, maker, left, done);
          continue;
        }
        const Quantity traded = std::min<Quantity>(left, s_.queue.node(maker).quantity);
        left -= traded;
        done.filled += traded;
        ++done.trades;
        s_.listener.on_trade(Trade{s_.queue.details(maker).id, order.id, price, traded, order.time_ns, book,
                                   order.side, true});
        take(state, level, maker, traded);
      } while (left != 0 && level.quantity != 0);
      if (done.trades != trades) note_trade(state, price);
      if (level.quantity != quantity || level.orders != orders) s_.publish(level);
      if (level.quantity == 0) s_.drop(id, level);
    }
    state.trades += done.trades;
    state.traded_quantity += done.filled;
    return left;
  }

  // The front order of the level loses `quantity` of what it shows; used up, it shows its next slice or is gone.
  // Returns whether it is gone.
  bool take(BookState& state, Level& level, NodeId maker, Quantity quantity) {
    auto& node = s_.queue.node(maker);
    if constexpr (S::kWide) state.open_quantity -= quantity;
    if (quantity < node.quantity) {
      s_.queue.reduce({maker}, level, quantity);
      return false;
    }
    const auto& details = s_.queue.details(maker);
    if (details.reserve != 0) {
      s_.queue.reduce({maker}, level, quantity);
      s_.queue.refresh_front(level);
      return false;
    }
    const OrderId id = details.id;
    s_.queue.remove({maker}, level);
    s_.ids.erase(id, s_.ids.find(id));
    --state.active_orders;
    return true;
  }

  // The incoming order meets one of its owner's. Returns what is left of it.
  Quantity prevent(BookNumber book, const Order& order, Level& level, NodeId maker, Quantity left,
                   Execution& done) {
    BookState& state = s_.books[book];
    const OrderId maker_id = s_.queue.details(maker).id;
    const Quantity shown = s_.queue.node(maker).quantity;
    const Quantity open = shown + s_.queue.details(maker).reserve;
    if (order.self_trade == SelfTrade::kDecrement) {
      const Quantity lost = std::min(left, shown);
      left -= lost;
      done.cancelled += lost;
      if (take(state, level, maker, lost)) {
        ++state.cancels;
        s_.listener.on_cancel(OrderCancelled{maker_id, lost, book, CancelReason::kSelfTrade});
      } else {
        s_.listener.on_reduce(OrderReduced{maker_id, lost, open - lost, book});
      }
      if (left == 0) {
        s_.listener.on_cancel(OrderCancelled{order.id, lost, book, CancelReason::kSelfTrade});
      } else {
        s_.listener.on_reduce(OrderReduced{order.id, lost, left, book});
      }
      return left;
    }
    if (order.self_trade != SelfTrade::kCancelNewest) {
      if constexpr (S::kWide) state.open_quantity -= open;
      s_.queue.remove({maker}, level);
      s_.ids.erase(maker_id, s_.ids.find(maker_id));
      --state.active_orders;
      ++state.cancels;
      s_.listener.on_cancel(OrderCancelled{maker_id, open, book, CancelReason::kSelfTrade});
    }
    if (order.self_trade == SelfTrade::kCancelOldest) return left;
    done.cancelled += left;
    s_.listener.on_cancel(OrderCancelled{order.id, left, book, CancelReason::kSelfTrade});
    return 0;
  }

  // ---- leaving and changing -----------------------------------------------------------------------------------------

  Quantity cancel(BookNumber book, OrderId id, typename S::Record* record, CancelReason reason) {
    const Quantity open = s_.open(*record);
    if (s_.levels[s_.queue.level_of(*record)].is_stop()) [[unlikely]] {
      s_.unpark(id, record);
    } else {
      s_.remove(id, record);
    }
    ++s_.books[book].cancels;
    s_.listener.on_cancel(OrderCancelled{id, open, book, reason});
    return open;
  }

  // Open quantity falls by `quantity`, less than all of it: the hidden part first, and the place is kept.
  void cut(OrderId id, typename S::Record* record, Quantity quantity) {
    auto& details = s_.queue.details(record->node);
    const Quantity hidden = std::min<Quantity>(quantity, details.reserve);
    using Narrow = std::remove_reference_t<decltype(details.reserve)>;
    details.reserve -= static_cast<Narrow>(hidden);
    if constexpr (S::kWide) s_.books[s_.levels[s_.queue.level_of(*record)].book()].open_quantity -= hidden;
    const BookNumber book = s_.levels[s_.queue.level_of(*record)].book();
    s_.listener.on_reduce(OrderReduced{id, quantity, s_.open(*record) - (quantity - hidden), book});
    if (hidden < quantity) s_.reduce(id, record, quantity - hidden, false);
  }

  // A resting order's terms as those of an order that enters.
  [[nodiscard]] Order terms_of(NodeId node, Side side, Price price, Quantity quantity) const noexcept {
    const auto& details = s_.queue.details(node);
    Order order = limit_order(details.id, side, price, quantity);
    order.display = details.display;
    order.owner = details.owner;
    order.self_trade = EntryFlags::self_trade(details.flags);
    order.post_only = EntryFlags::post_only(details.flags);
    return order;
  }

  Execution reenter(BookNumber book, const Order& order, Price price, OrderId id,
                    typename S::Record* record) {
    const Quantity open = s_.open(*record);
    s_.remove(id, record);
    s_.listener.on_cancel(OrderCancelled{id, open, book, CancelReason::kReplaced});
    const Execution done = enter(book, order, price);
    if (s_.books[book].has_new_trade) run_stops(book);
    return done;
  }

  template <class Container>
  std::uint64_t sweep(BookNumber book, const Container& levels, LadderIndex at,
                      std::optional<OwnerId> owner) {
    std::uint64_t cancelled = 0;
    for (LevelId id = levels.best(at); id != 0;) {
      const LevelId next = levels.next_worse(at, s_.levels[id].key);
      for (NodeId node = s_.levels[id].head; node != 0;) {
        const NodeId behind = s_.queue.node(node).next;
        const auto& details = s_.queue.details(node);
        if (!owner.has_value() || details.owner == *owner) {
          const OrderId order = details.id;
          cancel(book, order, s_.ids.find(order), CancelReason::kRequested);
          ++cancelled;
        }
        node = behind;
      }
      id = next;
    }
    return cancelled;
  }

  // ---- stops --------------------------------------------------------------------------------------------------------

  static void note_trade(BookState& state, Price price) noexcept {
    state.trade_low = state.has_new_trade ? std::min(state.trade_low, price) : price;
    state.trade_high = state.has_new_trade ? std::max(state.trade_high, price) : price;
    state.last_trade = price;
    state.has_last_trade = true;
    state.has_new_trade = true;
  }

  Execution add_stop(BookNumber book, const Order& order) {
    const BookState& state = s_.books[book];
    const bool is_reached =
        state.has_last_trade && (order.side == Side::kBuy ? order.stop_price <= state.last_trade
                                                          : order.stop_price >= state.last_trade);
    if (is_reached) {
      const Execution done = activate(book, order);
      run_stops(book);
      return done;
    }
    s_.park(book, order);
    return Execution{0, order.quantity, 0, 0, OrderState::kPending};
  }

  Execution activate(BookNumber book, Order order) {
    ++s_.books[book].triggered_stops;
    s_.listener.on_trigger(StopTriggered{order.id, book});
    order.type = order.type == OrderType::kStop ? OrderType::kMarket : OrderType::kLimit;
    if (order.time_in_force == TimeInForce::kFillOrKill &&
        !is_fillable(book, order, limit_key(order, order.price))) {
      ++s_.books[book].cancels;
      s_.listener.on_cancel(OrderCancelled{order.id, order.quantity, book, CancelReason::kUnfillable});
      return Execution{0, 0, order.quantity, 0, OrderState::kCancelled};
    }
    return enter(book, order, order.price);
  }

  // Stops whose price the new trades reached leave their ladders for the activation queue: buy stops from the lowest,
  // then sell stops from the highest, first come first within a price. What they trade elects more, behind them.
  void run_stops(BookNumber book) {
    BookState& state = s_.books[book];
    for (;;) {
      if (state.has_new_trade) {
        state.has_new_trade = false;
        if (state.pending_stops != 0) {
          elect(state, S::ladder(book, Side::kBuy), key_of(Side::kSell, state.trade_high));
          elect(state, S::ladder(book, Side::kSell), key_of(Side::kBuy, state.trade_low));
        }
      }
      const NodeId node = state.triggered_head;
      if (node == 0) return;
      state.triggered_head = s_.queue.node(node).next;
      if (state.triggered_head == 0) state.triggered_tail = 0;
      const Order order = s_.release(book, node);
      activate(book, order);
    }
  }

  // Keys of at least `reached`: see Store::stop_key.
  void elect(BookState& state, LadderIndex at, LevelKey reached) {
    for (LevelId id = s_.stops.best(at); id != 0 && s_.stops.best_key(at) >= reached;
         id = s_.stops.best(at)) {
      Level& level = s_.levels[id];
      if (state.triggered_tail != 0) {
        s_.queue.node(state.triggered_tail).next = level.head;
      } else {
        state.triggered_head = level.head;
      }
      state.triggered_tail = level.tail;
      s_.stops.erase(at, level.key);
      s_.levels.give_back(id);
    }
  }

  S& s_;
};

}  // namespace orderbook::detail
