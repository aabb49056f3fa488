// Order flow imbalance, multi-level.
//
// For a change from book n-1 to book n, with P and q the price and size of the m-th best level (Cont, Kukanov and Stoikov,
// "The price impact of order book events", 2014, eq. 4-6 for m = 1; Xu, Gould and Howison, "Multi-level order-flow
// imbalance in a limit order book", 2019, eq. 5-7 for the others):
//
//   e(m) =  [Pb_n >= Pb_n-1] qb_n - [Pb_n <= Pb_n-1] qb_n-1
//         - [Pa_n <= Pa_n-1] qa_n + [Pa_n >= Pa_n-1] qa_n-1
//
// and OFI(m) is the sum of e(m) over the changes. A level that does not exist has no size and a price worse than any, so
// that a level that appears counts with its whole size, and one that vanishes with minus its whole size. What a snapshot or
// a clear does is no order flow: those events only set the book from which the next change counts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "orderbook/views.h"

namespace orderbook {

// The bid's half of e(m); the ask's is minus the same, with prices compared the other way.
[[nodiscard]] constexpr std::int64_t order_flow_of_level(Side side, const DepthLevel* before,
                                                         const DepthLevel* after) noexcept {
  const auto size = [](const DepthLevel* level) {
    constexpr auto kMax = static_cast<Quantity>(std::numeric_limits<std::int64_t>::max());
    return level == nullptr ? std::int64_t{0} : static_cast<std::int64_t>(std::min(level->quantity, kMax));
  };
  bool is_at_least = true;  // after's price at least as good as before's
  bool is_at_most = true;
  if (before != nullptr && after != nullptr) {
    const bool is_higher = after->price > before->price;
    const bool is_lower = after->price < before->price;
    is_at_least = side == Side::kBuy ? !is_lower : !is_higher;
    is_at_most = side == Side::kBuy ? !is_higher : !is_lower;
  }
  const std::int64_t flow = (is_at_least ? size(after) : 0) - (is_at_most ? size(before) : 0);
  return side == Side::kBuy ? flow : -flow;
}

namespace replay_detail {

[[nodiscard]] constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  if (b >= 0) return a > kMax - b ? kMax : a + b;
  return a < kMin - b ? kMin : a + b;
}

// Adds e(m) for m in [begin, end) to `sums`.
inline void add_order_flow(Side side, std::span<const DepthLevel> before, std::span<const DepthLevel> after,
                           std::size_t begin, std::size_t end, std::span<std::int64_t> sums) noexcept {
  for (std::size_t m = begin; m < end && m < sums.size(); ++m) {
    const DepthLevel* old_level = m < before.size() ? &before[m] : nullptr;
    const DepthLevel* new_level = m < after.size() ? &after[m] : nullptr;
    sums[m] = saturating_add(sums[m], order_flow_of_level(side, old_level, new_level));
  }
}

}  // namespace replay_detail
}  // namespace orderbook
