// The fields of Binance's market messages, out of JSON in whatever order they stand. Texts point into the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "orderbook/feed/detail/json.h"
#include "orderbook/feed/detail/number.h"

namespace orderbook::feed_detail {

struct TextLevel {
  std::string_view price;
  std::string_view quantity;
};

struct BinanceMessage {
  enum class Kind : std::uint8_t { kDepthUpdate, kSnapshot, kTrade, kBookTicker, kOther, kIncomplete };

  std::string_view event;
  std::string_view symbol;
  std::optional<std::uint64_t> event_ms;
  std::uint64_t first_id = 0;
  std::uint64_t last_id = 0;
  std::optional<std::uint64_t> previous_id;
  std::uint64_t last_update_id = 0;
  std::uint64_t trade_id = 0;
  std::string_view price, quantity, bid, bid_quantity, ask, ask_quantity;
  bool buyer_is_maker = false;
  bool has_first_id = false, has_last_id = false, has_last_update_id = false, has_trade_id = false;
  bool has_maker = false, has_bids = false, has_asks = false;
  std::vector<TextLevel> bids;
  std::vector<TextLevel> asks;

  void clear() {
    std::vector<TextLevel> kept_bids = std::move(bids);
    std::vector<TextLevel> kept_asks = std::move(asks);
    *this = BinanceMessage{};
    bids = std::move(kept_bids);
    asks = std::move(kept_asks);
    bids.clear();
    asks.clear();
  }

  [[nodiscard]] Kind kind() const noexcept {
    const auto complete = [](bool is_complete, Kind kind) { return is_complete ? kind : Kind::kIncomplete; };
    if (event == "depthUpdate") {
      return complete(!symbol.empty() && has_first_id && has_last_id && has_bids && has_asks,
                      Kind::kDepthUpdate);
    }
    if (event == "trade" || event == "aggTrade") {
      return complete(!symbol.empty() && has_trade_id && has_maker && !price.empty() && !quantity.empty(),
                      Kind::kTrade);
    }
    const bool has_ticker = !symbol.empty() && has_last_id && !bid.empty() && !ask.empty() &&
                            !bid_quantity.empty() && !ask_quantity.empty();
    if (event == "bookTicker") return complete(has_ticker, Kind::kBookTicker);
    if (!event.empty()) return Kind::kOther;
    if (has_last_update_id) return complete(has_bids && has_asks, Kind::kSnapshot);
    return has_ticker ? Kind::kBookTicker : Kind::kOther;
  }
};

inline void take_unsigned(JsonCursor& in, std::uint64_t& out) noexcept {
  if (parse_unsigned(in.take_number(), out) != ParseStatus::kOk) in.spoil();
}

inline void take_plain_string(JsonCursor& in, std::string_view& out) noexcept {
  out = in.take_string();
  if (in.last_has_escape()) in.spoil();
}

inline void take_levels(JsonCursor& in, std::vector<TextLevel>& levels) {
  levels.clear();
  in.take_array([&] {
    TextLevel level;
    in.expect('[');
    take_plain_string(in, level.price);
    in.expect(',');
    take_plain_string(in, level.quantity);
    in.expect(']');
    levels.push_back(level);
  });
}

// "b" and "a" are levels of an update and prices of a ticker.
inline void take_side(JsonCursor& in, std::vector<TextLevel>& levels, bool& has_levels,
                      std::string_view& price) {
  if (in.look() == '[') {
    take_levels(in, levels);
    has_levels = true;
  } else if (in.look() == '"') {
    take_plain_string(in, price);
  } else {
    in.skip_value();
  }
}

inline void take_binance_fields(JsonCursor& in, BinanceMessage& m, int depth);

// Single letters mean other things in other messages: a field of an unexpected type is passed over, and a message that
// needed it is incomplete.
inline void take_binance_field(JsonCursor& in, BinanceMessage& m, std::string_view key, int depth) {
  const char first = in.look();
  const bool is_number = first >= '0' && first <= '9';
  const bool is_text = first == '"';
  const auto take_id = [&](std::uint64_t& id, bool& has) {
    take_unsigned(in, id);
    has = true;
  };
  if (key == "data" && first == '{' && depth == 0) {
    take_binance_fields(in, m, depth + 1);
  } else if (key == "e" && is_text) {
    take_plain_string(in, m.event);
  } else if ((key == "s" || key == "symbol") && is_text) {
    take_plain_string(in, m.symbol);
  } else if (key == "E" && is_number) {
    std::uint64_t value = 0;
    take_unsigned(in, value);
    m.event_ms = value;
  } else if (key == "U" && is_number) {
    take_id(m.first_id, m.has_first_id);
  } else if (key == "u" && is_number) {
    take_id(m.last_id, m.has_last_id);
  } else if (key == "pu" && is_number) {
    std::uint64_t value = 0;
    take_unsigned(in, value);
    m.previous_id = value;
  } else if (key == "lastUpdateId" && is_number) {
    take_id(m.last_update_id, m.has_last_update_id);
  } else if ((key == "t" || (key == "a" && m.event == "aggTrade")) && is_number) {
    take_id(m.trade_id, m.has_trade_id);
  } else if (key == "p" && is_text) {
    take_plain_string(in, m.price);
  } else if (key == "q" && is_text) {
    take_plain_string(in, m.quantity);
  } else if (key == "m" && (first == 't' || first == 'f')) {
    m.buyer_is_maker = in.take_bool();
    m.has_maker = true;
  } else if (key == "b") {
    take_side(in, m.bids, m.has_bids, m.bid);
  } else if (key == "a") {
    take_side(in, m.asks, m.has_asks, m.ask);
  } else if (key == "bids" && first == '[') {
    take_levels(in, m.bids);
    m.has_bids = true;
  } else if (key == "asks" && first == '[') {
    take_levels(in, m.asks);
    m.has_asks = true;
  } else if (key == "B" && is_text) {
    take_plain_string(in, m.bid_quantity);
  } else if (key == "A" && is_text) {
    take_plain_string(in, m.ask_quantity);
  } else {
    in.skip_value();
  }
}

inline void take_binance_fields(JsonCursor& in, BinanceMessage& m, int depth) {
  in.take_object([&](std::string_view key) { take_binance_field(in, m, key, depth); });
}

// Empty, or what is wrong.
[[nodiscard]] inline std::string_view parse_binance_message(std::string_view json, BinanceMessage& m) {
  JsonCursor in(json);
  if (in.look() != '{') return "expected a JSON object";
  take_binance_fields(in, m, 0);
  if (in.is_bad()) return "the line is no valid JSON of the venue's messages";
  if (!in.is_at_end()) return "text follows the JSON object";
  return {};
}

}  // namespace orderbook::feed_detail
