// One event type for every feed: what a reader of ITCH, LOBSTER, DBN, Binance diffs or a table makes of its messages,
// and what a replay applies to a book. Flat, trivially copyable, 64 bytes at most, so that batches of them stream.
#pragma once

#include <cstdint>
#include <type_traits>

#include "orderbook/types.h"

namespace orderbook {

enum class EventKind : std::uint8_t {
  kAdd = 0,      // `order_id` rests at the end of its queue: side, price, quantity
  kReduce = 1,   // `order_id` loses `quantity` and keeps its place; it leaves at zero
  kDelete = 2,   // `order_id` leaves
  kExecute = 3,  // `order_id` is filled by `quantity` at `price` and leaves at zero: a trade
  kReplace =
      4,  // `order_id` leaves, `new_order_id` enters at the end of its queue: price, quantity; the side stays
  kModify = 5,  // `order_id` now has `price` and `quantity`; it keeps its place where only the quantity fell
  kTrade = 6,   // a trade without an effect on the visible book: hidden, crossed, or told apart from the fill
  kLevel = 7,   // level feeds: `price` now shows `quantity`, none at zero
  kClear = 8,   // both sides are emptied
  kStatus = 9,  // halts, auctions, heartbeats: no effect on the book
};

inline constexpr std::uint8_t kEventEndOfGroup =
    1;                                             // the last event of what the venue published as one change
inline constexpr std::uint8_t kEventSnapshot = 2;  // part of a snapshot, not of the live sequence
inline constexpr std::uint8_t kEventNoSide = 4;    // `side` is unknown (trades of some venues)
// `price` is not told: that of the resting order, where there is one.
inline constexpr std::uint8_t kEventNoPrice = 8;

struct Event {
  TimestampNs time_ns = 0;
  Sequence sequence = 0;  // the venue's, or the message's position where it has none
  OrderId order_id = 0;
  OrderId new_order_id = 0;  // kReplace only
  Price price;
  Quantity quantity = 0;
  InstrumentId instrument = 0;
  EventKind kind = EventKind::kStatus;
  Side side = Side::kBuy;  // of the resting order; of a kTrade the side that was resting, where it is known
  std::uint8_t flags = 0;
};

static_assert(std::is_trivially_copyable_v<Event> && sizeof(Event) <= 64);

}  // namespace orderbook
