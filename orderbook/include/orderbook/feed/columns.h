// Events out of typed columns: the Arrow form of the table in csv.h, read elsewhere and handed over as spans.
//
// `time_ns` and `kind` are needed; the other columns may be empty spans, which mean 0 (`sequence`: the row's number in
// the whole source, from 1; `flags`: a group of its own). Sides are 0 buy, 1 sell, 2 not known. Prices are ticks already.
// The columns are the caller's and must live until the batch is used up; nothing is copied but into the events.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "orderbook/event.h"
#include "orderbook/feed/detail/event_check.h"
#include "orderbook/feed/error.h"

namespace orderbook {

struct EventColumns {
  std::span<const std::int64_t> time_ns;
  std::span<const std::uint8_t> kind;
  std::span<const std::uint8_t> side;
  std::span<const std::int64_t> price;
  std::span<const std::uint64_t> quantity;
  std::span<const std::uint64_t> order_id;
  std::span<const std::uint64_t> new_order_id;
  std::span<const std::uint64_t> sequence;
  std::span<const std::uint32_t> instrument;
  std::span<const std::uint8_t> flags;
};

// Not a byte reader: feed(columns) takes the place of feed(bytes), and errors name rows.
class ColumnSource {
 public:
  // The former batch must be used up, else kBadOption.
  void feed(const EventColumns& columns) {
    if (error_) return;
    if (row_ != columns_.time_ns.size())
      return fail(FeedErrorCode::kBadOption, "the batch before is not used up");
    const std::size_t rows = columns.time_ns.size();
    const auto fits = [rows](const auto& column) { return column.empty() || column.size() == rows; };
    if (columns.kind.size() != rows || !fits(columns.side) || !fits(columns.price) ||
        !fits(columns.quantity) || !fits(columns.order_id) || !fits(columns.new_order_id) ||
        !fits(columns.sequence) || !fits(columns.instrument) || !fits(columns.flags)) {
      return fail(FeedErrorCode::kBadLength,
                  "columns must have " + std::to_string(rows) + " rows, as time_ns has");
    }
    columns_ = columns;
    row_ = 0;
  }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    const std::size_t count = std::min(out.size(), columns_.time_ns.size() - row_);
    std::size_t made = 0;
    for (; made < count && !error_; ++made) {
      if (!read(row_, out[made])) break;
      ++row_;
      ++stats_.messages;
    }
    stats_.events += made;
    return made;
  }

  [[nodiscard]] const FeedError* error() const noexcept { return error_ ? &*error_ : nullptr; }
  [[nodiscard]] const FeedStats& stats() const noexcept { return stats_; }

 private:
  bool read(std::size_t row, Event& event) {
    const auto at = [row](const auto& column, auto fallback) {
      return column.empty() ? fallback : column[row];
    };
    event = Event{};
    event.time_ns = columns_.time_ns[row];
    event.sequence = at(columns_.sequence, stats_.messages + 1);
    event.order_id = at(columns_.order_id, OrderId{0});
    event.new_order_id = at(columns_.new_order_id, OrderId{0});
    event.price = {at(columns_.price, std::int64_t{0})};
    event.quantity = at(columns_.quantity, Quantity{0});
    event.instrument = at(columns_.instrument, InstrumentId{0});
    event.flags = at(columns_.flags, kEventEndOfGroup);
    if (columns_.price.empty()) event.flags |= kEventNoPrice;
    if (columns_.kind[row] >= feed_detail::kEventKinds) {
      fail(FeedErrorCode::kBadField, "kind must be 0 to 9, found " + std::to_string(columns_.kind[row]));
      return false;
    }
    event.kind = static_cast<EventKind>(columns_.kind[row]);
    const std::uint8_t side = at(columns_.side, std::uint8_t{2});
    if (side > 2) {
      fail(FeedErrorCode::kBadField, "side must be 0, 1 or 2, found " + std::to_string(side));
      return false;
    }
    if (side == 2) event.flags |= kEventNoSide;
    event.side = side == 1 ? Side::kSell : Side::kBuy;
    if (const auto problem = feed_detail::event_problem(event)) {
      fail(FeedErrorCode::kBadField, std::string(*problem));
      return false;
    }
    stats_.time_regressions += stats_.messages != 0 && event.time_ns < last_time_ns_ ? 1 : 0;
    last_time_ns_ = event.time_ns;
    return true;
  }

  void fail(FeedErrorCode code, std::string text) {
    error_ = FeedError{code, 0, stats_.messages + 1, std::move(text)};
  }

  EventColumns columns_;
  std::size_t row_ = 0;
  std::optional<FeedError> error_;
  FeedStats stats_;
  TimestampNs last_time_ns_ = 0;
};

}  // namespace orderbook
