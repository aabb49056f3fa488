// What a kStatus event of a reader says: `price.ticks` holds a FeedStatus, `quantity` the venue's own code (a character
// or a number), so that no feed needs an event of its own for what does not touch the book.
#pragma once

#include <cstdint>

#include "orderbook/event.h"

namespace orderbook {

enum class FeedStatus : std::int64_t {
  kHalted = -1,
  kQuoting = 0,  // quotes only, no trades yet
  kTrading = 1,
  kPaused = 2,
  kShortSaleRestriction = 3,  // quantity: '0' none, '1' intraday drop, '2' remains
  kSystem = 4,                // quantity: the market's own phase code
};

inline void set_status(Event& event, FeedStatus status, char venue_code) noexcept {
  event.kind = EventKind::kStatus;
  event.price = {static_cast<std::int64_t>(status)};
  event.quantity = static_cast<unsigned char>(venue_code);
  event.flags |= kEventNoSide | kEventNoPrice;
}

[[nodiscard]] inline FeedStatus feed_status(const Event& event) noexcept {
  return static_cast<FeedStatus>(event.price.ticks);
}

}  // namespace orderbook
