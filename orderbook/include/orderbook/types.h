// The vocabulary of the book: sides, integer prices, ids, quantities, times.
//
// A price is a whole number of ticks and a type of its own, so that a price never stands where a quantity belongs.
// There is no sentinel price: what may be absent is std::optional, or a count of zero beside it.
#pragma once

#include <compare>
#include <cstdint>

namespace orderbook {

enum class Side : std::uint8_t { kBuy = 0, kSell = 1 };

[[nodiscard]] constexpr Side opposite(Side side) noexcept {
  return side == Side::kBuy ? Side::kSell : Side::kBuy;
}

// A price in ticks. Any int64 is a price, negative ones too (spreads, power).
struct Price {
  std::int64_t ticks = 0;

  friend constexpr auto operator<=>(Price, Price) = default;
};

using OrderId = std::uint64_t;
using Quantity = std::uint64_t;
using TimestampNs = std::int64_t;  // since the epoch, or since midnight where a feed knows no date
using Sequence = std::uint64_t;
using InstrumentId = std::uint32_t;

}  // namespace orderbook
