// Are the caller's columns as long as they must be? Asked once a batch, so that rows are written without asking.
#pragma once

#include <cstddef>
#include <cstdint>

#include "orderbook/replay/columns.h"

namespace orderbook::replay_detail {

[[nodiscard]] inline bool columns_fit(const FeatureColumns& c, std::uint32_t levels) noexcept {
  if (c.rows > c.capacity) return false;
  const auto fits = [&](const auto&... columns) {
    return ((columns.empty() || columns.size() >= c.capacity) && ...);
  };
  const auto fits_levels = [&](const auto&... columns) {
    return ((columns.empty() || columns.size() / levels >= c.capacity) && ...);
  };
  return fits(c.time_ns, c.instrument, c.seen, c.sequence, c.event_time_ns, c.bid_levels, c.ask_levels, c.mid,
              c.spread, c.microprice, c.trade_count, c.trade_volume, c.last_trade_valid, c.last_trade_price,
              c.last_trade_size, c.last_trade_side, c.queue_valid, c.orders_ahead, c.quantity_ahead) &&
         fits_levels(c.bid_price, c.ask_price, c.bid_size, c.ask_size, c.bid_orders, c.ask_orders,
                     c.imbalance, c.order_flow);
}

}  // namespace orderbook::replay_detail
