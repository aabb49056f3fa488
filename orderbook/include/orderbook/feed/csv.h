// A plain table of order events as CSV. The first line names the columns, in any order:
//
//   time_ns       int64, required
//   kind          required: add reduce delete execute replace modify trade level clear status, or the number 0 to 9
//   side          buy, sell, b, s, bid, ask, 0, 1; empty: not known
//   price         in ticks, or with `price_decimals` a decimal that is so many units of 10^-decimals; empty: not told
//   quantity      uint64, or a decimal with `quantity_decimals`
//   order_id, new_order_id, sequence   uint64     instrument  uint32
//   flags         bits of Event::flags; where the column is missing every event is a group of its own
// Absent columns and empty fields are 0, the sequence the row's number from 1. An event that needs a side or a price (add,
// level; replace, modify: price) and has none is an error. Unknown columns are errors: a misspelt name would be a silent
// zero. No quotes. The Arrow form of the same table goes through columns.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "orderbook/feed/detail/event_check.h"
#include "orderbook/feed/detail/line_reader.h"

namespace orderbook {

struct CsvOptions {
  std::int64_t tick = 1;  // in units of 10^-price_decimals
  unsigned price_decimals = 0;
  unsigned quantity_decimals = 0;
  bool dense_sequences = false;  // each sequence is its predecessor's of the same file, or the next one
  OnGap on_gap = OnGap::kReport;
  std::size_t max_line_bytes = 4096;
};

class CsvReader : public LineReaderBase {
 public:
  static constexpr unsigned kMaxDecimals = 18;

  explicit CsvReader(CsvOptions options = {})
      : LineReaderBase(options.tick, options.on_gap, options.max_line_bytes), options_(options) {
    if (options.price_decimals > kMaxDecimals || options.quantity_decimals > kMaxDecimals) {
      fail_header(FeedErrorCode::kBadOption, "at most 18 decimals");
    }
  }

  [[nodiscard]] PriceScale price_scale() const noexcept {
    std::int64_t units = 1;
    for (unsigned i = 0; i < options_.price_decimals && i < kMaxDecimals; ++i) units *= 10;
    return {tick_.divisor(), units};
  }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    std::size_t made = 0;
    while (made < out.size()) {
      const auto line = next_line();
      if (!line) break;
      if (line->empty()) {
        ++stats_.skipped;
      } else if (column_count_ == 0) {
        if (!parse_header(*line)) break;
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
  enum Column : std::uint8_t {
    kTime,
    kKind,
    kSide,
    kPrice,
    kQuantity,
    kOrderId,
    kNewOrderId,
    kSequence,
    kInstrument,
    kFlags,
    kColumns
  };
  static constexpr std::array<std::string_view, kColumns> kNames = {
      "time_ns",  "kind",         "side",     "price",      "quantity",
      "order_id", "new_order_id", "sequence", "instrument", "flags"};

  bool parse_header(std::string_view line) {
    std::array<std::string_view, kColumns> names;
    const std::size_t count = feed_detail::split_fields(line, names);
    if (count > kColumns) return bad_field("header", "at most 10 known columns", line);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t column = 0;
      while (column < kColumns && kNames[column] != names[i]) ++column;
      if (column == kColumns) return bad_field("column", "a known name", names[i]);
      if (place_[column] != kAbsent) return bad_field("column", "named once", names[i]);
      place_[column] = static_cast<std::uint8_t>(i);
    }
    if (place_[kTime] == kAbsent || place_[kKind] == kAbsent) {
      return bad_field("header", "with time_ns and kind", line);
    }
    column_count_ = count;
    return true;
  }

  [[nodiscard]] std::string_view field(Column column) const noexcept {
    return place_[column] == kAbsent ? std::string_view{} : fields_[place_[column]];
  }

  template <typename T>
  bool read_unsigned(Column column, T& out) {
    const std::string_view text = field(column);
    if (text.empty()) return true;
    std::uint64_t value = 0;
    auto status = feed_detail::parse_unsigned(text, value);
    if (status == feed_detail::ParseStatus::kOk && value > std::numeric_limits<T>::max()) {
      status = feed_detail::ParseStatus::kOverflow;
    }
    if (!check(status, kNames[column], text)) return false;
    out = static_cast<T>(value);
    return true;
  }

  bool parse(std::string_view line, Event& event) {
    using feed_detail::Surplus;
    const std::size_t count = feed_detail::split_fields(line, fields_);
    if (count != column_count_) {
      fail(FeedErrorCode::kBadSyntax, "the header has " + std::to_string(column_count_) +
                                          " columns, this line " + std::to_string(count));
      return false;
    }
    event = Event{};
    event.sequence = stats_.messages + 1 - stats_.skipped;
    event.flags = place_[kFlags] == kAbsent ? kEventEndOfGroup : std::uint8_t{0};
    if (!check(feed_detail::parse_signed(field(kTime), event.time_ns), "time_ns", field(kTime)) ||
        !read_kind(event) || !read_unsigned(kOrderId, event.order_id) ||
        !read_unsigned(kNewOrderId, event.new_order_id) || !read_unsigned(kSequence, event.sequence) ||
        !read_unsigned(kInstrument, event.instrument) || !read_unsigned(kFlags, event.flags) ||
        !read_side(event) || !read_price(event)) {
      return false;
    }
    const std::string_view quantity = field(kQuantity);
    if (!quantity.empty() && !check(feed_detail::parse_unsigned_decimal(quantity, options_.quantity_decimals,
                                                                        Surplus::kExact, event.quantity),
                                    "quantity", quantity)) {
      return false;
    }
    if (const auto problem = feed_detail::event_problem(event)) {
      fail(FeedErrorCode::kBadField, std::string(*problem));
      return false;
    }
    note_time(event.time_ns);
    return note_sequence(event.sequence);
  }

  bool read_kind(Event& event) {
    const std::string_view text = field(kKind);
    const auto kind = feed_detail::parse_event_kind(text);
    if (!kind) return bad_field("kind", "a kind's name or 0 to 9", text);
    event.kind = *kind;
    return true;
  }

  bool read_side(Event& event) {
    const std::string_view text = field(kSide);
    if (text.empty()) {
      event.flags |= kEventNoSide;
    } else if (text == "buy" || text == "b" || text == "B" || text == "bid" || text == "0") {
      event.side = Side::kBuy;
    } else if (text == "sell" || text == "s" || text == "S" || text == "ask" || text == "1") {
      event.side = Side::kSell;
    } else {
      return bad_field("side", "buy, sell or empty", text);
    }
    return true;
  }

  bool read_price(Event& event) {
    const std::string_view text = field(kPrice);
    if (text.empty()) {
      event.flags |= kEventNoPrice;
      return true;
    }
    std::int64_t units = 0;
    return check(
               feed_detail::parse_decimal(text, options_.price_decimals, feed_detail::Surplus::kExact, units),
               "price", text) &&
           to_ticks(units, event.price);
  }

  bool note_sequence(std::uint64_t sequence) {
    if (!options_.dense_sequences) return true;
    const bool goes_on = !has_sequence_ || sequence == last_sequence_ || sequence == last_sequence_ + 1 ||
                         note_gap(last_sequence_ + 1, sequence);
    has_sequence_ = true;
    last_sequence_ = sequence;
    return goes_on;
  }

  static constexpr std::uint8_t kAbsent = 0xFF;

  CsvOptions options_;
  std::array<std::uint8_t, kColumns> place_ = [] {
    std::array<std::uint8_t, kColumns> places{};
    places.fill(kAbsent);
    return places;
  }();
  std::array<std::string_view, kColumns> fields_;
  std::size_t column_count_ = 0;
  bool has_sequence_ = false;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace orderbook
