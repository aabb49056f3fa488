// What a book shows of itself: level 1, 2 and 3, queue positions, statistics.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "orderbook/order.h"
#include "orderbook/reject.h"
#include "orderbook/types.h"

namespace orderbook {

// Level 1. A side without orders has quantity 0, and its price means nothing then.
struct Bbo {
  Price bid_price;
  Price ask_price;
  Quantity bid_quantity = 0;
  Quantity ask_quantity = 0;
  OrderCount bid_orders = 0;
  OrderCount ask_orders = 0;

  [[nodiscard]] constexpr bool has_bid() const noexcept { return bid_quantity != 0; }
  [[nodiscard]] constexpr bool has_ask() const noexcept { return ask_quantity != 0; }
  // Ask minus bid in ticks, negative when crossed; empty without both sides, or when it does not fit an int64.
  [[nodiscard]] constexpr std::optional<std::int64_t> spread() const noexcept {
    if (!has_bid() || !has_ask()) return std::nullopt;
    const auto wide = static_cast<std::int64_t>(static_cast<std::uint64_t>(ask_price.ticks) -
                                                static_cast<std::uint64_t>(bid_price.ticks));
    if ((wide >= 0) != (ask_price >= bid_price)) return std::nullopt;
    return wide;
  }
  friend constexpr bool operator==(const Bbo&, const Bbo&) = default;
};

// Level 2: one price. `orders` is 0 where a level feed does not tell.
struct DepthLevel {
  Price price;
  Quantity quantity = 0;
  OrderCount orders = 0;

  friend constexpr bool operator==(const DepthLevel&, const DepthLevel&) = default;
};

// Level 3: one order.
struct OrderView {
  OrderId id = 0;
  Price price;            // the stop price while it is a pending stop
  Quantity quantity = 0;  // shown
  Quantity reserve = 0;   // hidden behind it
  Quantity display = 0;   // size of a fresh slice; 0: not an iceberg
  TimestampNs time_ns = 0;
  BookNumber book = 0;
  OwnerId owner = 0;
  Side side = Side::kBuy;
  bool pending_stop = false;

  [[nodiscard]] constexpr Quantity open() const noexcept { return quantity + reserve; }
};

struct QueuePosition {
  OrderCount orders_ahead = 0;
  Quantity quantity_ahead = 0;  // shown quantity only: what is hidden ahead trades after this order's slice
};

// Counters of one book since it was made (or restored); all of them stay true after fills, rejects and clears.
struct BookStats {
  std::uint64_t accepted_orders = 0;  // add_order, replace and replayed adds
  std::uint64_t trades = 0;
  Quantity traded_quantity = 0;  // wraps at 2^64
  std::uint64_t cancels = 0;     // whole orders removed other than by trades
  std::uint64_t rejects = 0;
  std::uint64_t triggered_stops = 0;
  std::uint64_t crossed_events = 0;  // replayed events that put a price at or beyond the opposite best
  std::uint64_t active_orders = 0;   // resting now
  std::uint64_t pending_stops = 0;   // waiting now
  std::uint64_t bid_levels = 0;      // now
  std::uint64_t ask_levels = 0;      // now
};

}  // namespace orderbook
