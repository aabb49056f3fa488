// LOBSTER message files: `seconds,type,order id,size,price,direction`, one message a line, no header.
//
// Seconds become nanoseconds after midnight without floating point; digits past the ninth are noise of whoever wrote the
// file and round to the nearest. `midnight_ns` makes it an epoch time. Prices are in units of 0.0001. `sequence` is the
// line's number, from 1. A seventh column (market participant) may be there and is not read.
//
//   1  kAdd     2  kReduce    3  kDelete    4  kExecute    5  kTrade of a hidden order, side the resting one's
//   6  kTrade of a cross, no side           7  kStatus (feed_status): price -1 halted, 0 quoting, 1 trading
// Side, price and size are there for all of 1 to 4, so that an order whose entry precedes the file can be told by its
// place: see lobster_book.h. Every message is a group of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "orderbook/feed/detail/line_reader.h"
#include "orderbook/feed/status.h"

namespace orderbook {

struct LobsterOptions {
  std::int64_t tick = 1;  // in units of 0.0001; 100 is a cent, which hidden executions at midpoints are not
  TimestampNs midnight_ns = 0;
  InstrumentId instrument = 0;  // the file names none
  std::size_t max_line_bytes = 4096;
};

class LobsterReader : public LineReaderBase {
 public:
  explicit LobsterReader(LobsterOptions options = {})
      : LineReaderBase(options.tick, OnGap::kReport, options.max_line_bytes), options_(options) {}

  [[nodiscard]] PriceScale price_scale() const noexcept { return {tick_.divisor(), 10'000}; }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    std::size_t made = 0;
    while (made < out.size()) {
      const auto line = next_line();
      if (!line) break;
      if (line->empty()) {
        ++stats_.skipped;
      } else if (parse(*line, out[made])) {
        ++made;
      } else {
        break;
      }
      consumed_line();
    }
    stats_.events += made;
    return made;
  }

 private:
  bool parse(std::string_view line, Event& event) {
    using feed_detail::Surplus;
    std::array<std::string_view, 7> fields;
    const std::size_t count = feed_detail::split_fields(line, fields);
    if (count != 6 && count != 7) {
      fail(FeedErrorCode::kBadSyntax, "a message has 6 columns, found " + std::to_string(count));
      return false;
    }
    event = Event{};
    std::int64_t since_midnight = 0;
    std::int64_t price = 0;
    if (!check(feed_detail::parse_decimal(fields[0], 9, Surplus::kRound, since_midnight), "time",
               fields[0]) ||
        !check(feed_detail::parse_unsigned(fields[2], event.order_id), "order id", fields[2]) ||
        !check(feed_detail::parse_unsigned(fields[3], event.quantity), "size", fields[3]) ||
        !check(feed_detail::parse_signed(fields[4], price), "price", fields[4])) {
      return false;
    }
    if (!feed_detail::checked_add(options_.midnight_ns, since_midnight, event.time_ns)) {
      fail(FeedErrorCode::kOverflow, "time since midnight and midnight_ns exceed int64");
      return false;
    }
    if (fields[5] != "1" && fields[5] != "-1") return bad_field("direction", "1 or -1", fields[5]);
    event.sequence = stats_.messages + 1;
    event.instrument = options_.instrument;
    event.side = fields[5] == "1" ? Side::kBuy : Side::kSell;
    event.flags = kEventEndOfGroup;
    if (!set_type(fields[1], price, event)) return false;
    note_time(event.time_ns);
    return true;
  }

  bool set_type(std::string_view type, std::int64_t price, Event& event) {
    if (type.size() != 1) return bad_field("type", "1 to 7", type);
    switch (type[0]) {
      case '1':
        event.kind = EventKind::kAdd;
        break;
      case '2':
        event.kind = EventKind::kReduce;
        break;
      case '3':
        event.kind = EventKind::kDelete;
        break;
      case '4':
        event.kind = EventKind::kExecute;
        break;
      case '5':
        event.kind = EventKind::kTrade;
        break;
      case '6':
        event.kind = EventKind::kTrade;
        event.flags |= kEventNoSide;
        break;
      case '7':
        if (price < -1 || price > 1) return bad_field("price of a halt", "-1, 0 or 1", std::to_string(price));
        set_status(event, static_cast<FeedStatus>(price), '7');
        return true;
      default:
        return bad_field("type", "1 to 7", type);
    }
    if (event.quantity == 0) return bad_field("size", "positive", "0");
    return to_ticks(price, event.price);
  }

  LobsterOptions options_;
};

}  // namespace orderbook
