// Binance depth streams: lines of `<local ns> <json>` (a raw capture) or of `<json>` alone, wrapped in
// {"stream":…,"data":…} or not. Combined streams may carry many symbols: instruments count from 0 in order of appearance.
//
//   REST depth snapshot {"lastUpdateId",bids,asks}: kClear and kLevel, flagged kEventSnapshot, the last one ending the group
//   depthUpdate (b, a)         kLevel, one group an update; sequence = u. An update without levels makes no event
//   trade, aggTrade            kTrade; the side is the resting order's (m: the buyer rests); sequence = t or a
//   bookTicker                 no event (it would be a second truth beside the book): given to `on_ticker` where set
//   anything else              skipped and counted as unknown
//
// Continuity, per symbol, as the venue states it: with L the snapshot's lastUpdateId, updates with u <= L are stale; the
// first one used has U <= L + 1; later ones have U <= u' + 1, or pu = u' where there is a pu (futures), with u' the u before.
// Updates before the snapshot wait for it (at most `max_waiting_events`, the oldest go first) and then take its time,
// because nobody had the book earlier. A hole is a gap: kError stops; kReport counts it and goes on with a book that may be
// wrong, or with `clear_on_gap` empties the book (kClear) and waits for the next snapshot. A snapshot older than the book
// is stale.
//
// Time is the local receive time, else the event time E in ms; a plain snapshot line, which has none, takes the time of the
// line before (the first one: `start_ns`). Prices and sizes are decimal strings and become integers exactly: prices in units
// of 10^-price_decimals, sizes in 10^-quantity_decimals. A line is parsed whole before it makes an event.
// A snapshot names no symbol: it is about the only one seen so far, or yet to be seen; with several it is an error.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orderbook/feed/detail/binance_message.h"
#include "orderbook/feed/detail/line_reader.h"

namespace orderbook {

struct BinanceTicker {
  TimestampNs time_ns = 0;
  InstrumentId instrument = 0;
  std::uint64_t update_id = 0;
  Price bid;
  Price ask;
  Quantity bid_quantity = 0;
  Quantity ask_quantity = 0;
};

struct BinanceOptions {
  std::int64_t tick = 1;  // in units of 10^-price_decimals; BTCUSDT's cent is 1'000'000
  unsigned price_decimals = 8;
  unsigned quantity_decimals = 8;
  OnGap on_gap = OnGap::kReport;
  bool clear_on_gap = false;
  TimestampNs start_ns = 0;
  std::function<void(const BinanceTicker&)> on_ticker;  // called by next(), in the order of the lines
  std::size_t max_line_bytes = std::size_t{16} << 20;
  std::size_t max_waiting_events = std::size_t{1} << 20;
  std::size_t max_symbols = 4096;
};

class BinanceReader : public LineReaderBase {
 public:
  explicit BinanceReader(BinanceOptions options = {})
      : LineReaderBase(options.tick, options.on_gap, options.max_line_bytes), options_(std::move(options)) {
    if (options_.price_decimals > 18 || options_.quantity_decimals > 18) {
      fail_header(FeedErrorCode::kBadOption, "at most 18 decimals");
    }
    time_ns_ = options_.start_ns;
  }

  [[nodiscard]] PriceScale price_scale() const noexcept {
    std::int64_t units = 1;
    for (unsigned i = 0; i < std::min(options_.price_decimals, 18u); ++i) units *= 10;
    return {tick_.divisor(), units};
  }
  // In order of their instrument numbers. Empty names: only a snapshot so far.
  [[nodiscard]] std::string_view symbol(InstrumentId id) const noexcept {
    return id < symbols_.size() ? std::string_view(symbols_[id].name) : std::string_view{};
  }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    std::size_t made = 0;
    for (;;) {
      const std::size_t count = std::min(out.size() - made, ready_.size() - taken_);
      std::copy_n(ready_.begin() + static_cast<std::ptrdiff_t>(taken_), count,
                  out.begin() + static_cast<std::ptrdiff_t>(made));
      taken_ += count;
      made += count;
      if (made == out.size()) break;
      ready_.clear();
      taken_ = 0;
      const auto line = next_line();
      if (!line) break;
      if (line->empty()) {
        ++stats_.skipped;
      } else if (!read_line(*line)) {
        ready_.clear();
        break;
      }
      consumed_line();
    }
    stats_.events += made;
    return made;
  }

 private:
  struct Update {
    std::uint64_t first_id = 0;
    std::uint64_t last_id = 0;
    std::optional<std::uint64_t> previous_id;
    std::vector<Event> events;
  };
  struct Symbol {
    std::string name;
    bool is_synced = false;
    bool has_update = false;  // since the snapshot
    std::uint64_t last_id = 0;
    std::deque<Update> waiting;
    std::size_t waiting_events = 0;
  };

  bool read_line(std::string_view line) {
    feed_detail::BinanceMessage& message = message_;
    message.clear();
    std::string_view json = line;
    std::optional<TimestampNs> local_ns;
    if (!json.starts_with('{')) {
      const std::size_t blank = json.find(' ');
      const std::string_view stamp = json.substr(0, blank);
      std::int64_t value = 0;
      if (!check(feed_detail::parse_signed(stamp, value), "local time", stamp)) return false;
      local_ns = value;
      json = blank == std::string_view::npos ? std::string_view{} : json.substr(blank + 1);
    }
    const std::string_view problem = feed_detail::parse_binance_message(json, message);
    if (!problem.empty()) {
      fail(FeedErrorCode::kBadSyntax, std::string(problem));
      return false;
    }
    return read_time(local_ns) && read_message(message);
  }

  bool read_time(std::optional<TimestampNs> local_ns) {
    TimestampNs time_ns = time_ns_;
    if (local_ns) {
      time_ns = *local_ns;
    } else if (message_.event_ms) {
      constexpr std::uint64_t kMostMs = 9'223'372'036'854;
      if (*message_.event_ms > kMostMs) {
        fail(FeedErrorCode::kOverflow, "E is outside int64 nanoseconds");
        return false;
      }
      time_ns = static_cast<TimestampNs>(*message_.event_ms) * 1'000'000;
    }
    if (local_ns || message_.event_ms) note_time(time_ns);
    time_ns_ = time_ns;
    return true;
  }

  bool read_message(const feed_detail::BinanceMessage& m) {
    using Kind = feed_detail::BinanceMessage::Kind;
    switch (m.kind()) {
      case Kind::kDepthUpdate:
        return read_update(m);
      case Kind::kSnapshot:
        return read_snapshot(m);
      case Kind::kTrade:
        return read_trade(m);
      case Kind::kBookTicker:
        return read_ticker(m);
      case Kind::kOther:
        ++stats_.unknown;
        return true;
      case Kind::kIncomplete:
        fail(FeedErrorCode::kBadField, "a message lacks fields of its type");
        return false;
    }
    return true;
  }

  // Null, with the error set, when there are too many.
  Symbol* find_symbol(std::string_view name, InstrumentId& id) {
    for (id = 0; id < symbols_.size(); ++id) {
      if (symbols_[id].name == name) return &symbols_[id];
    }
    if (symbols_.size() == 1 && symbols_[0].name.empty()) {  // known by its snapshot only
      id = 0;
      symbols_[0].name = name;
      return &symbols_[0];
    }
    if (symbols_.size() >= options_.max_symbols) {
      fail(FeedErrorCode::kTooLong, "more than max_symbols symbols");
      return nullptr;
    }
    symbols_.emplace_back().name = name;
    return &symbols_.back();
  }

  Event level_event(InstrumentId id, std::uint64_t sequence, Side side) const noexcept {
    Event event;
    event.time_ns = time_ns_;
    event.sequence = sequence;
    event.instrument = id;
    event.kind = EventKind::kLevel;
    event.side = side;
    return event;
  }

  bool read_levels(std::span<const feed_detail::TextLevel> levels, Event event, std::vector<Event>& events) {
    for (const feed_detail::TextLevel& level : levels) {
      if (!read_price(level.price, event.price) || !read_quantity(level.quantity, event.quantity))
        return false;
      events.push_back(event);
    }
    return true;
  }

  bool read_price(std::string_view text, Price& price) {
    std::int64_t units = 0;
    return check(
               feed_detail::parse_decimal(text, options_.price_decimals, feed_detail::Surplus::kExact, units),
               "price", text) &&
           to_ticks(units, price);
  }
  bool read_quantity(std::string_view text, Quantity& quantity) {
    return check(feed_detail::parse_unsigned_decimal(text, options_.quantity_decimals,
                                                     feed_detail::Surplus::kExact, quantity),
                 "quantity", text);
  }

  bool read_update(const feed_detail::BinanceMessage& m) {
    InstrumentId id = 0;
    if (m.first_id > m.last_id) return bad_field("U", "at most u", std::to_string(m.first_id));
    Update update{m.first_id, m.last_id, m.previous_id, {}};
    Symbol* symbol = find_symbol(m.symbol, id);
    if (symbol == nullptr || !read_levels(m.bids, level_event(id, m.last_id, Side::kBuy), update.events) ||
        !read_levels(m.asks, level_event(id, m.last_id, Side::kSell), update.events)) {
      return false;
    }
    if (!update.events.empty()) update.events.back().flags |= kEventEndOfGroup;
    if (symbol->is_synced) return use(*symbol, id, update);
    keep_waiting(*symbol, std::move(update));
    return true;
  }

  void keep_waiting(Symbol& symbol, Update update) {
    constexpr std::size_t kUpdateCost = 1;  // so that empty updates are bounded too
    symbol.waiting_events += update.events.size() + kUpdateCost;
    symbol.waiting.push_back(std::move(update));
    while (symbol.waiting_events > options_.max_waiting_events) {
      symbol.waiting_events -= symbol.waiting.front().events.size() + kUpdateCost;
      symbol.waiting.pop_front();
      ++stats_.stale;
    }
  }

  // An update of a symbol whose book is known.
  bool use(Symbol& symbol, InstrumentId id, Update& update) {
    if (update.last_id <= symbol.last_id) {
      ++stats_.stale;
      return true;
    }
    const bool follows = update.first_id <= symbol.last_id + 1 ||
                         (update.previous_id && (symbol.has_update ? *update.previous_id == symbol.last_id
                                                                   : *update.previous_id <= symbol.last_id));
    if (!follows) {
      if (!note_gap(symbol.last_id + 1, update.first_id)) return false;
      if (options_.clear_on_gap) {
        symbol.is_synced = false;
        Event event = level_event(id, update.first_id, Side::kBuy);
        event.kind = EventKind::kClear;
        event.flags = kEventEndOfGroup | kEventNoSide | kEventNoPrice;
        ready_.push_back(event);
        keep_waiting(symbol, std::move(update));
        return true;
      }
    }
    symbol.has_update = true;
    symbol.last_id = update.last_id;
    ready_.insert(ready_.end(), update.events.begin(), update.events.end());
    return true;
  }

  bool read_snapshot(const feed_detail::BinanceMessage& m) {
    InstrumentId id = 0;
    Symbol* symbol = nullptr;
    if (!m.symbol.empty() || symbols_.empty()) {
      symbol = find_symbol(m.symbol, id);
      if (symbol == nullptr) return false;
    } else if (symbols_.size() == 1) {
      symbol = &symbols_[0];
    } else {
      fail(FeedErrorCode::kBadField, "a snapshot names no symbol, and the stream has several");
      return false;
    }
    if (symbol->is_synced && m.last_update_id < symbol->last_id) {
      ++stats_.stale;
      return true;
    }
    Event event = level_event(id, m.last_update_id, Side::kBuy);
    event.kind = EventKind::kClear;
    event.flags = kEventSnapshot | kEventNoSide | kEventNoPrice;
    ready_.push_back(event);
    Event level = level_event(id, m.last_update_id, Side::kBuy);
    level.flags = kEventSnapshot;
    if (!read_levels(m.bids, level, ready_)) return false;
    level.side = Side::kSell;
    if (!read_levels(m.asks, level, ready_)) return false;
    ready_.back().flags |= kEventEndOfGroup;
    symbol->is_synced = true;
    symbol->has_update = false;
    symbol->last_id = m.last_update_id;
    std::deque<Update> waiting;
    waiting.swap(symbol->waiting);
    symbol->waiting_events = 0;
    for (Update& update : waiting) {
      for (Event& waited : update.events) waited.time_ns = time_ns_;
      if (!symbol->is_synced) {  // a gap among them, with clear_on_gap: the rest waits again
        keep_waiting(*symbol, std::move(update));
      } else if (!use(*symbol, id, update)) {
        return false;
      }
    }
    return true;
  }

  bool read_trade(const feed_detail::BinanceMessage& m) {
    InstrumentId id = 0;
    if (find_symbol(m.symbol, id) == nullptr) return false;
    Event event = level_event(id, m.trade_id, m.buyer_is_maker ? Side::kBuy : Side::kSell);
    event.kind = EventKind::kTrade;
    event.flags = kEventEndOfGroup;
    if (!read_price(m.price, event.price) || !read_quantity(m.quantity, event.quantity)) return false;
    ready_.push_back(event);
    return true;
  }

  bool read_ticker(const feed_detail::BinanceMessage& m) {
    BinanceTicker ticker;
    if (find_symbol(m.symbol, ticker.instrument) == nullptr) return false;
    ticker.time_ns = time_ns_;
    ticker.update_id = m.last_id;
    if (!read_price(m.bid, ticker.bid) || !read_price(m.ask, ticker.ask) ||
        !read_quantity(m.bid_quantity, ticker.bid_quantity) ||
        !read_quantity(m.ask_quantity, ticker.ask_quantity)) {
      return false;
    }
    ++stats_.skipped;
    if (options_.on_ticker) options_.on_ticker(ticker);
    return true;
  }

  BinanceOptions options_;
  feed_detail::BinanceMessage message_;
  std::vector<Symbol> symbols_;
  std::vector<Event> ready_;  // of the line at hand
  std::size_t taken_ = 0;     // of them
  TimestampNs time_ns_ = 0;
};

}  // namespace orderbook
