// LOBSTER order book files: a row of `ask price,ask size,bid price,bid size` for each level. Row i is the book after message
// i, so row 0 seeds a book for the messages from 1 on, which begin in a book whose orders nobody told.
//
// Such messages name orders that never entered in the file, so a book by order id refuses them. A book by place
// (PlacesBook) takes them: every LOBSTER message tells side, price and size. What it cannot know is the market beyond the
// file's levels: a level that comes into sight from behind the last one, and what happened to a level while it was out of
// sight. So from row 0 the levels are exact until a level comes from behind, and from then on those nearer than it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "orderbook/event.h"
#include "orderbook/feed/detail/exact_divider.h"
#include "orderbook/feed/detail/fields.h"
#include "orderbook/feed/detail/number.h"
#include "orderbook/views.h"

namespace orderbook {

struct LobsterBookRow {
  std::vector<DepthLevel> asks;  // best first, only those that exist
  std::vector<DepthLevel> bids;
};

// Nullopt when the line is no row, or a price is no multiple of `tick` (in units of 0.0001). Levels that LOBSTER fills up with
// dummies (size 0) do not exist. At most 1000 levels.
[[nodiscard]] inline std::optional<LobsterBookRow> parse_lobster_book_row(std::string_view line,
                                                                          std::int64_t tick = 1) {
  constexpr std::size_t kMostFields = 4000;
  std::vector<std::string_view> fields(kMostFields);
  const std::size_t count = feed_detail::split_fields(feed_detail::without_carriage_return(line), fields);
  if (count % 4 != 0 || count > kMostFields || tick <= 0) return std::nullopt;
  const feed_detail::ExactDivider divider(tick);
  LobsterBookRow row;
  for (std::size_t i = 0; i < count; i += 2) {
    std::int64_t price = 0;
    DepthLevel level;
    if (feed_detail::parse_signed(fields[i], price) != feed_detail::ParseStatus::kOk ||
        feed_detail::parse_unsigned(fields[i + 1], level.quantity) != feed_detail::ParseStatus::kOk) {
      return std::nullopt;
    }
    if (level.quantity == 0) continue;
    if (!divider.divide(price, level.price.ticks)) return std::nullopt;
    (i % 4 == 0 ? row.asks : row.bids).push_back(level);
  }
  return row;
}

// A clear and a kLevel for every level, as one snapshot, for a book that takes levels by price.
[[nodiscard]] inline std::vector<Event> lobster_seed_events(const LobsterBookRow& row, TimestampNs time_ns,
                                                            InstrumentId instrument = 0) {
  std::vector<Event> events;
  Event event;
  event.time_ns = time_ns;
  event.instrument = instrument;
  event.kind = EventKind::kClear;
  event.flags = kEventSnapshot | kEventNoSide | kEventNoPrice;
  events.push_back(event);
  event.kind = EventKind::kLevel;
  event.flags = kEventSnapshot;
  for (const Side side : {Side::kBuy, Side::kSell}) {
    for (const DepthLevel& level : side == Side::kBuy ? row.bids : row.asks) {
      event.side = side;
      event.price = level.price;
      event.quantity = level.quantity;
      events.push_back(event);
    }
  }
  events.back().flags |= kEventEndOfGroup;
  return events;
}

}  // namespace orderbook
