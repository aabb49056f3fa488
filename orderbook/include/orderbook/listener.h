// What a book tells while it works. A listener is a template parameter: its calls are inlined, and the empty default
// costs nothing. A listener must not call the book that is calling it.
#pragma once

#include <concepts>
#include <cstdint>

#include "orderbook/order.h"
#include "orderbook/reject.h"
#include "orderbook/types.h"
#include "orderbook/views.h"

namespace orderbook {

struct Trade {
  OrderId maker_id = 0;
  OrderId taker_id = 0;  // 0 in a replay: feeds do not tell
  Price price;           // the maker's
  Quantity quantity = 0;
  TimestampNs time_ns = 0;  // of the command or event
  BookNumber book = 0;
  Side taker_side = Side::kBuy;
  bool has_taker_side = true;  // a feed may not tell
};

struct LevelChange {
  Price price;
  Quantity quantity = 0;  // now shown; 0: the level is gone
  OrderCount orders = 0;
  BookNumber book = 0;
  Side side = Side::kBuy;
};

enum class CancelReason : std::uint8_t {
  kRequested = 0,  // cancel_order, mass_cancel, clear, a replayed delete
  kRemainder = 1,  // what a market or IOC order could not trade
  kSelfTrade = 2,
  kReplaced = 3,    // replace, or a modify that lost its place: the order enters again
  kUnfillable = 4,  // a triggered fill-or-kill stop that could not trade in full
};

struct OrderCancelled {
  OrderId id = 0;
  Quantity quantity = 0;  // open until then, hidden part included
  BookNumber book = 0;
  CancelReason reason = CancelReason::kRequested;
};

struct OrderReduced {
  OrderId id = 0;
  Quantity removed = 0;    // without a trade
  Quantity remaining = 0;  // open now, hidden part included
  BookNumber book = 0;
};

struct OrderRejected {
  OrderId id = 0;
  BookNumber book = 0;
  Reject reason = Reject::kNone;
};

struct StopTriggered {
  OrderId id = 0;
  BookNumber book = 0;
};

template <class L>
concept EventListener =
    requires(L& listener, const OrderView& view, const Trade& trade, const OrderCancelled& cancelled,
             const OrderReduced& reduced, const LevelChange& change, const StopTriggered& triggered,
             const OrderRejected& rejected) {
      listener.on_accept(view);  // it rests now, or waits as a stop; also after a modify that lost its place
      listener.on_trade(trade);  // in the order they happen
      listener.on_cancel(cancelled);     // it is gone, other than by trades
      listener.on_reduce(reduced);       // smaller, and where it was
      listener.on_level_change(change);  // after each change of a price's shown quantity or order count
      listener.on_trigger(triggered);    // a stop becomes an order
      listener.on_reject(rejected);
    };

// Hears everything and does nothing: derive from it and hide what you need.
struct NullListener {
  void on_accept(const OrderView&) noexcept {}
  void on_trade(const Trade&) noexcept {}
  void on_cancel(const OrderCancelled&) noexcept {}
  void on_reduce(const OrderReduced&) noexcept {}
  void on_level_change(const LevelChange&) noexcept {}
  void on_trigger(const StopTriggered&) noexcept {}
  void on_reject(const OrderRejected&) noexcept {}
};

static_assert(EventListener<NullListener>);

}  // namespace orderbook
