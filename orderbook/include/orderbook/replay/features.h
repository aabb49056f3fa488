// Features of the visible levels of a book, as functions: what the columns of columns.h hold.
#pragma once

#include <cstdint>
#include <limits>

#include "orderbook/views.h"

namespace orderbook {

// (bid + ask) / 2 in ticks; exact below 2^52 ticks.
[[nodiscard]] constexpr double mid_price(Price bid, Price ask) noexcept {
  return (static_cast<double>(bid.ticks) + static_cast<double>(ask.ticks)) * 0.5;
}

// Ask minus bid in ticks, held at the ends of int64.
[[nodiscard]] constexpr std::int64_t spread_ticks(Price bid, Price ask) noexcept {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  if (bid.ticks < 0 ? ask.ticks > kMax + bid.ticks : ask.ticks < kMin + bid.ticks) {
    return bid.ticks < 0 ? kMax : kMin;
  }
  return ask.ticks - bid.ticks;
}

// The mean of the two prices, each weighted by the size of the other side. One side has a size.
[[nodiscard]] constexpr double micro_price(const DepthLevel& bid, const DepthLevel& ask) noexcept {
  const auto bid_size = static_cast<double>(bid.quantity);
  const auto ask_size = static_cast<double>(ask.quantity);
  return (static_cast<double>(bid.price.ticks) * ask_size + static_cast<double>(ask.price.ticks) * bid_size) /
         (bid_size + ask_size);
}

// (B - A) / (B + A) of two cumulated sizes that are not both zero.
[[nodiscard]] constexpr double size_imbalance(double bid_size, double ask_size) noexcept {
  return (bid_size - ask_size) / (bid_size + ask_size);
}

}  // namespace orderbook
