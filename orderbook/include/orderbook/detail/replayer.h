// What each event of a feed does to a book that does not match: the venue has matched already. Every event is checked
// in full before it changes anything.
#pragma once

#include <span>
#include <vector>

#include "orderbook/detail/compiler.h"
#include "orderbook/detail/lookahead.h"
#include "orderbook/detail/store.h"
#include "orderbook/event.h"

namespace orderbook::detail {

template <class S>
class Replayer {
 public:
  explicit Replayer(S& store) noexcept : s_(store) {}

  Reject apply(BookNumber book, const Event& event) {
    const Reject why = dispatch(book, event);
    if (why != Reject::kNone) [[unlikely]]
      refuse(book, event, why);
    return why;
  }

  // One after another, book_of(event) says where. Returns how many were refused. Fetches ahead: lookahead.h.
  template <class BookOf>
  std::size_t apply_all(std::span<const Event> events, BookOf&& book_of) {
    std::size_t refused = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
      fetch_ahead(s_, i, events.size(), [&](std::size_t at) { return events[at].order_id; });
      const Event& event = events[i];
      const BookNumber book = book_of(event);
      const Reject why = book < s_.books.size() ? apply(book, event) : refuse(book, event, Reject::kBadBook);
      refused += why != Reject::kNone;
    }
    return refused;
  }

  // Every order and level of the book leaves. O(orders) with a FIFO, O(id index) without.
  void clear(BookNumber book) {
    BookState& state = s_.books[book];
    if constexpr (!S::kKeepsOrders) {
      std::vector<OrderId> gone;
      s_.ids.for_each([&](OrderId id, const typename S::Record& record) {
        if (s_.levels[s_.queue.level_of(record)].book() == book) gone.push_back(id);
      });
      for (const OrderId id : gone) s_.ids.erase(id, s_.ids.find(id));
      state.cancels += gone.size();
      state.active_orders = 0;
      state.open_quantity = 0;
    }
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const LadderIndex at = S::ladder(book, side);
      for (LevelId id = s_.ladders.best(at); id != 0; id = s_.ladders.best(at)) {
        Level& level = s_.levels[id];
        if constexpr (S::kKeepsOrders) {
          while (level.orders > 1) remove_front(level);
          remove_front(level);
        } else {
          level.quantity = 0;
          level.orders = 0;
          s_.publish_or_drop(id, level);
        }
      }
      if constexpr (S::kKeepsOrders) {
        for (LevelId id = s_.stops.best(at); id != 0; id = s_.stops.best(at)) {
          const OrderId order = s_.queue.details(s_.levels[id].head).id;
          auto* record = s_.ids.find(order);
          const Quantity open = s_.open(*record);
          s_.unpark(order, record);
          ++state.cancels;
          s_.listener.on_cancel(OrderCancelled{order, open, book, CancelReason::kRequested});
        }
      }
    }
  }

  ORDERBOOK_NOINLINE Reject refuse(BookNumber book, const Event& event, Reject why) {
    if (book < s_.books.size()) ++s_.books[book].rejects;
    s_.listener.on_reject(OrderRejected{event.order_id, book, why});
    return why;
  }

 private:
  void remove_front(Level& level) {
    const OrderId order = s_.queue.details(level.head).id;
    erase(order, s_.ids.find(order), level.book(), CancelReason::kRequested);
  }

  Reject dispatch(BookNumber book, const Event& event) {
    switch (event.kind) {
      case EventKind::kAdd:
        return S::kHasIds ? add(book, event) : add_at_price(book, event);
      case EventKind::kReduce:
      case EventKind::kExecute:
        return S::kHasIds ? take(book, event) : take_at_price(book, event);
      case EventKind::kDelete:
        return S::kHasIds ? remove(book, event) : take_at_price(book, event);
      case EventKind::kReplace:
        return S::kHasIds ? replace(book, event) : Reject::kWrongKind;
      case EventKind::kModify:
        return S::kHasIds ? modify(book, event) : Reject::kWrongKind;
      case EventKind::kTrade:
        trade(book, event, opposite(event.side), (event.flags & kEventNoSide) == 0);
        return Reject::kNone;
      case EventKind::kLevel:
        return set_level(book, event);
      case EventKind::kClear:
        clear(book);
        return Reject::kNone;
      case EventKind::kStatus:
        return Reject::kNone;
    }
    return Reject::kWrongKind;
  }

  // ---- checks -------------------------------------------------------------------------------------------------------

  [[nodiscard]] bool is_price(Price price) const noexcept { return s_.is_price(price); }

  // Whether `quantity` at `price` may be placed, in place of an order that shows `freed`.
  [[nodiscard]] Reject check_place(BookNumber book, Side side, Price price, Quantity quantity,
                                   Quantity freed) {
    if (quantity == 0) return Reject::kZeroQuantity;
    if (quantity > S::kMaxQuantity) return Reject::kQuantityTooLarge;
    if constexpr (S::kWide) {
      if (quantity > ~(s_.books[book].open_quantity - freed)) return Reject::kQuantityTooLarge;
    }
    if (!is_price(price)) return Reject::kBadPrice;
    const LevelKey key = key_of(side, price);
    if constexpr (!S::kKeepsOrders) {
      const LevelId id = s_.ladders.find(S::ladder(book, side), key);
      if (id != 0 && s_.levels[id].orders == 0) return Reject::kMixedLevel;
    }
    return s_.options.reject_crossed && s_.crosses(book, side, key) ? Reject::kCrossed : Reject::kNone;
  }

  void note_crossing(BookNumber book, Side side, LevelKey key) noexcept {
    if (!s_.crosses(book, side, key)) [[likely]]
      return;
    ++s_.books[book].crossed_events;
    s_.books[book].was_crossed = true;
  }

  // The record of a resting order of this book, or why there is none.
  [[nodiscard]] Reject locate(BookNumber book, OrderId id, typename S::Record*& record) noexcept {
    record = s_.ids.find(id);
    if (record == nullptr) return Reject::kUnknownId;
    const Level& level = s_.levels[s_.queue.level_of(*record)];
    if (level.book() != book) return Reject::kUnknownId;
    return level.is_stop() ? Reject::kPendingStop : Reject::kNone;
  }

  // ---- by id --------------------------------------------------------------------------------------------------------

  [[nodiscard]] static Entry entry_of(OrderId id, const Event& event) noexcept {
    return Entry{id, event.time_ns, event.quantity, 0, 0, 0, 0};
  }

  Reject add(BookNumber book, const Event& event) {
    if ((event.flags & kEventNoSide) != 0) return Reject::kNoSide;
    if (!s_.ids.admits(event.order_id)) return Reject::kBadId;
    if (s_.ids.find(event.order_id) != nullptr) return Reject::kDuplicateId;
    if (const Reject why = check_place(book, event.side, event.price, event.quantity, 0);
        why != Reject::kNone)
      return why;
    if (s_.is_full()) return Reject::kFull;
    s_.make_room(event.order_id);
    const LevelKey key = key_of(event.side, event.price);
    note_crossing(book, event.side, key);
    ++s_.books[book].accepted_orders;
    s_.rest(book, event.side, key, entry_of(event.order_id, event));
    return Reject::kNone;
  }

  // kReduce and kExecute. They speak of the shown quantity; an order whose shown quantity is used up leaves.
  Reject take(BookNumber book, const Event& event) {
    typename S::Record* record;
    if (const Reject why = locate(book, event.order_id, record); why != Reject::kNone) return why;
    const Quantity shown = s_.queue.shown(*record);
    if (event.quantity == 0) return Reject::kZeroQuantity;
    if (event.quantity > shown) return Reject::kOverExecution;
    const bool is_trade = event.kind == EventKind::kExecute;
    if (is_trade) trade(book, event, opposite(s_.levels[s_.queue.level_of(*record)].side()), true);
    if (event.quantity < shown) {
      s_.reduce(event.order_id, record, event.quantity, !is_trade);
    } else if (is_trade) {
      s_.remove(event.order_id, record);
    } else {
      erase(event.order_id, record, book, CancelReason::kRequested);
    }
    return Reject::kNone;
  }

  Reject remove(BookNumber book, const Event& event) {
    typename S::Record* record;
    if (const Reject why = locate(book, event.order_id, record); why != Reject::kNone) return why;
    erase(event.order_id, record, book, CancelReason::kRequested);
    return Reject::kNone;
  }

  void erase(OrderId id, typename S::Record* record, BookNumber book, CancelReason reason) {
    const Quantity open = s_.open(*record);
    s_.remove(id, record);
    ++s_.books[book].cancels;
    s_.listener.on_cancel(OrderCancelled{id, open, book, reason});
  }

  Reject replace(BookNumber book, const Event& event) {
    typename S::Record* record;
    if (const Reject why = locate(book, event.order_id, record); why != Reject::kNone) return why;
    const OrderId new_id = event.new_order_id;
    if (!s_.ids.admits(new_id)) return Reject::kBadId;
    if (new_id != event.order_id && s_.ids.find(new_id) != nullptr) return Reject::kDuplicateId;
    const Side side = s_.levels[s_.queue.level_of(*record)].side();
    const Quantity open = s_.open(*record);
    if (const Reject why = check_place(book, side, event.price, event.quantity, open); why != Reject::kNone)
      return why;
    s_.make_room(new_id);
    record = s_.ids.find(event.order_id);
    const LevelKey key = key_of(side, event.price);
    note_crossing(book, side, key);
    ++s_.books[book].accepted_orders;
    s_.remove(event.order_id, record);
    s_.listener.on_cancel(OrderCancelled{event.order_id, open, book, CancelReason::kReplaced});
    s_.rest(book, side, key, entry_of(new_id, event));
    return Reject::kNone;
  }

  Reject modify(BookNumber book, const Event& event) {
    typename S::Record* record;
    if (const Reject why = locate(book, event.order_id, record); why != Reject::kNone) return why;
    const Level& level = s_.levels[s_.queue.level_of(*record)];
    const Side side = level.side();
    const LevelKey key = key_of(side, event.price);
    const Quantity shown = s_.queue.shown(*record);
    if (key == level.key && event.quantity <= shown && event.quantity != 0) {
      if (event.quantity < shown) s_.reduce(event.order_id, record, shown - event.quantity);
      return Reject::kNone;
    }
    if (const Reject why = check_place(book, side, event.price, event.quantity, s_.open(*record));
        why != Reject::kNone) {
      return why;
    }
    note_crossing(book, side, key);
    Entry entry = entry_of(event.order_id, event);
    if constexpr (S::kKeepsOrders) {
      entry.owner = s_.queue.details(record->node).owner;
      entry.flags = s_.queue.details(record->node).flags;
    }
    s_.relocate(record, key, entry);
    return Reject::kNone;
  }

  void trade(BookNumber book, const Event& event, Side taker_side, bool has_taker_side) {
    BookState& state = s_.books[book];
    ++state.trades;
    state.traded_quantity += event.quantity;
    s_.listener.on_trade(Trade{event.order_id, 0, event.price, event.quantity, event.time_ns, book,
                               taker_side, has_taker_side});
  }

  // ---- by price -----------------------------------------------------------------------------------------------------

  Reject set_level(BookNumber book, const Event& event) {
    if constexpr (S::kKeepsOrders) return Reject::kWrongKind;
    if ((event.flags & kEventNoSide) != 0) return Reject::kNoSide;
    if (!is_price(event.price)) return Reject::kBadPrice;
    const LevelKey key = key_of(event.side, event.price);
    LevelId id = s_.ladders.find(S::ladder(book, event.side), key);
    if (id != 0 && s_.levels[id].orders != 0) return Reject::kMixedLevel;
    if (event.quantity == 0) {
      if (id == 0) return Reject::kNone;  // feeds remove levels that were never shown
    } else {
      if (s_.options.reject_crossed && s_.crosses(book, event.side, key)) return Reject::kCrossed;
      note_crossing(book, event.side, key);
      if (id == 0) id = s_.open_level(book, event.side, key);
    }
    s_.levels[id].quantity = event.quantity;
    s_.publish_or_drop(id, s_.levels[id]);
    return Reject::kNone;
  }

  Reject add_at_price(BookNumber book, const Event& event) {
    if ((event.flags & kEventNoSide) != 0) return Reject::kNoSide;
    if (event.quantity == 0) return Reject::kZeroQuantity;
    if (!is_price(event.price)) return Reject::kBadPrice;
    const LevelKey key = key_of(event.side, event.price);
    LevelId id = s_.ladders.find(S::ladder(book, event.side), key);
    if (id != 0 && event.quantity > ~s_.levels[id].quantity) return Reject::kQuantityTooLarge;
    if (s_.options.reject_crossed && s_.crosses(book, event.side, key)) return Reject::kCrossed;
    note_crossing(book, event.side, key);
    if (id == 0) id = s_.open_level(book, event.side, key);
    ++s_.books[book].accepted_orders;
    s_.levels[id].quantity += event.quantity;
    s_.publish(s_.levels[id]);
    return Reject::kNone;
  }

  Reject take_at_price(BookNumber book, const Event& event) {
    if ((event.flags & kEventNoSide) != 0) return Reject::kNoSide;
    if (event.quantity == 0) return Reject::kZeroQuantity;
    const LevelId id = s_.ladders.find(S::ladder(book, event.side), key_of(event.side, event.price));
    if (id == 0 || s_.levels[id].quantity < event.quantity) return Reject::kNegativeLevel;
    if (event.kind == EventKind::kExecute) {
      trade(book, event, opposite(event.side), true);
    } else if (event.kind == EventKind::kDelete) {
      ++s_.books[book].cancels;
    }
    s_.levels[id].quantity -= event.quantity;
    s_.publish_or_drop(id, s_.levels[id]);
    return Reject::kNone;
  }

  S& s_;
};

}  // namespace orderbook::detail
