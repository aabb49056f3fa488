// What every reader is: bytes in, in any pieces; events out, in batches.
//
//   reader.feed(chunk);                              // the chunk must live until next() has returned 0
//   while (n = reader.next(events)) consume(events.first(n));
//   reader.finish();                                 // no more input; next() once more tells of a cut message
//   while (n = reader.next(events)) consume(events.first(n));
//   if (reader.error()) ...
//
// Laws, tested for each: any split of the input into chunks, and any size of the batches, gives the same events, the
// same statistics and the same error; memory is bounded by the longest message that the options allow; hostile bytes
// give an error with its place. A reader is used by one thread at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "orderbook/event.h"
#include "orderbook/feed/error.h"

namespace orderbook {

// How ticks become prices: price = ticks * tick / units_per_one, in the venue's currency.
struct PriceScale {
  std::int64_t tick = 1;           // units in one tick
  std::int64_t units_per_one = 1;  // units in 1.0

  [[nodiscard]] double to_double(double ticks) const noexcept {
    return ticks * static_cast<double>(tick) / static_cast<double>(units_per_one);
  }
  // The double nearest to the price wherever ticks * tick is below 2^53.
  [[nodiscard]] double to_double(Price price) const noexcept {
    return to_double(static_cast<double>(price.ticks));
  }
};

template <typename R>
concept EventReader =
    requires(R reader, const R constant, std::span<const std::byte> bytes, std::span<Event> events) {
      { reader.feed(bytes) } -> std::same_as<void>;
      { reader.finish() } -> std::same_as<void>;
      { reader.next(events) } -> std::same_as<std::size_t>;
      { constant.error() } -> std::same_as<const FeedError*>;
      { constant.stats() } -> std::same_as<const FeedStats&>;
      { constant.gaps() } -> std::same_as<const GapLog&>;
      { constant.price_scale() } -> std::same_as<PriceScale>;
    };

}  // namespace orderbook
