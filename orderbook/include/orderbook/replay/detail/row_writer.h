// One row of the columns from what an instrument is at this moment.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "orderbook/replay/columns.h"
#include "orderbook/replay/detail/instrument.h"
#include "orderbook/replay/features.h"

namespace orderbook::replay_detail {

template <typename T>
void put(std::span<T> column, std::size_t row, T value) noexcept {
  if (!column.empty()) column[row] = value;
}

inline void put_side(std::span<const DepthLevel> side, std::uint32_t levels, std::size_t capacity,
                     std::size_t row, std::span<std::int64_t> price, std::span<Quantity> size,
                     std::span<std::uint32_t> orders) noexcept {
  for (std::size_t k = 0; k < levels; ++k) {
    const DepthLevel level = k < side.size() ? side[k] : DepthLevel{};
    const std::size_t at = k * capacity + row;
    if (!price.empty()) price[at] = level.price.ticks;
    if (!size.empty()) size[at] = level.quantity;
    if (!orders.empty()) orders[at] = level.orders;
  }
}

// Cumulated sizes are sums of doubles in level order: the same on every machine.
inline void put_imbalance(std::span<const DepthLevel> bids, std::span<const DepthLevel> asks,
                          std::uint32_t levels, std::size_t capacity, std::size_t row,
                          std::span<double> imbalance) noexcept {
  if (imbalance.empty()) return;
  double bid_size = 0;
  double ask_size = 0;
  for (std::size_t k = 0; k < levels; ++k) {
    if (k < bids.size()) bid_size += static_cast<double>(bids[k].quantity);
    if (k < asks.size()) ask_size += static_cast<double>(asks[k].quantity);
    imbalance[k * capacity + row] = bids.empty() && asks.empty() ? 0.0 : size_imbalance(bid_size, ask_size);
  }
}

inline void put_interval(const Interval& interval, std::uint32_t levels, FeatureColumns& c,
                         std::size_t row) noexcept {
  if (!c.order_flow.empty()) {
    for (std::size_t k = 0; k < levels; ++k) {
      c.order_flow[k * c.capacity + row] = k < interval.order_flow.size() ? interval.order_flow[k] : 0;
    }
  }
  put(c.trade_count, row, interval.trades);
  put(c.trade_volume, row, interval.volume);
  put<std::uint8_t>(c.last_trade_valid, row, interval.has_trade ? 1 : 0);
  put<std::int64_t>(c.last_trade_price, row, interval.has_trade ? interval.last_price.ticks : 0);
  put<Quantity>(c.last_trade_size, row, interval.has_trade ? interval.last_size : 0);
  put<std::uint8_t>(c.last_trade_side, row, interval.has_trade ? interval.last_side : std::uint8_t{0});
}

// `instrument` may be null: none of its events has come.
template <FeatureBook Book>
void write_row(Instrument<Book>* instrument, InstrumentId id, TimestampNs time_ns, bool is_same_if_equal,
               std::uint32_t levels, FeatureColumns& c) {
  static const Interval kNothing{};
  const std::size_t row = c.rows++;
  if (instrument != nullptr) instrument->settle();
  const auto bids = instrument != nullptr ? instrument->bids() : std::span<const DepthLevel>{};
  const auto asks = instrument != nullptr ? instrument->asks() : std::span<const DepthLevel>{};
  const bool is_seen = instrument != nullptr && instrument->seen();
  put(c.time_ns, row, time_ns);
  put(c.instrument, row, id);
  put<std::uint8_t>(c.seen, row, is_seen ? 1 : 0);
  put<Sequence>(c.sequence, row, is_seen ? instrument->sequence() : 0);
  put<TimestampNs>(c.event_time_ns, row, is_seen ? instrument->event_time_ns() : 0);
  put(c.bid_levels, row, static_cast<std::uint8_t>(bids.size()));
  put(c.ask_levels, row, static_cast<std::uint8_t>(asks.size()));
  put_side(bids, levels, c.capacity, row, c.bid_price, c.bid_size, c.bid_orders);
  put_side(asks, levels, c.capacity, row, c.ask_price, c.ask_size, c.ask_orders);
  const bool has_both = !bids.empty() && !asks.empty();
  put(c.mid, row, has_both ? mid_price(bids[0].price, asks[0].price) : 0.0);
  put<std::int64_t>(c.spread, row, has_both ? spread_ticks(bids[0].price, asks[0].price) : 0);
  put(c.microprice, row, has_both ? micro_price(bids[0], asks[0]) : 0.0);
  put_imbalance(bids, asks, levels, c.capacity, row, c.imbalance);
  put_interval(instrument != nullptr ? instrument->take_interval(time_ns, is_same_if_equal) : kNothing,
               levels, c, row);
  if (!c.queue_valid.empty() || !c.orders_ahead.empty() || !c.quantity_ahead.empty()) {
    std::optional<QueuePosition> position;
    if (instrument != nullptr && instrument->tracked) {
      position = instrument->book().queue_position(*instrument->tracked);
    }
    put<std::uint8_t>(c.queue_valid, row, position ? 1 : 0);
    put<std::uint32_t>(c.orders_ahead, row, position ? position->orders_ahead : 0);
    put<Quantity>(c.quantity_ahead, row, position ? position->quantity_ahead : 0);
  }
}

}  // namespace orderbook::replay_detail
