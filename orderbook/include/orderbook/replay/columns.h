// The columns that a replay fills, in memory of the caller, laid out as Arrow wants values; validity comes from the byte
// columns and the level counts, packed by the helpers below. A missing value is a zero slot and never counts as valid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "orderbook/feed/reader.h"
#include "orderbook/types.h"

namespace orderbook {

// Every span is either empty (not wanted) or holds `capacity` values; those marked [levels] hold levels * capacity, level
// by level: level k (from 0) of row r is at [k * capacity + r], so that each level is a column of its own.
// Rows are written from `rows` on, which run() advances; the caller takes them and sets it back to 0.
struct FeatureColumns {
  std::size_t capacity = 0;
  std::size_t rows = 0;

  std::span<TimestampNs> time_ns;  // the sample's; with kEveryEvent and kEveryNth the event's
  std::span<InstrumentId> instrument;
  std::span<std::uint8_t> seen;          // 1: some event of the instrument had been applied
  std::span<Sequence> sequence;          // of the last of them; valid where seen
  std::span<TimestampNs> event_time_ns;  // of the last of them; valid where seen

  std::span<std::uint8_t> bid_levels;  // how many of the levels exist: level k is valid where k < bid_levels
  std::span<std::uint8_t> ask_levels;
  std::span<std::int64_t> bid_price;    // [levels] ticks
  std::span<std::int64_t> ask_price;    // [levels] ticks
  std::span<Quantity> bid_size;         // [levels]
  std::span<Quantity> ask_size;         // [levels]
  std::span<std::uint32_t> bid_orders;  // [levels] 0 where a level feed does not tell
  std::span<std::uint32_t> ask_orders;  // [levels]

  // Of the best levels; valid where both sides have one.
  std::span<double> mid;           // (bid + ask) / 2, ticks
  std::span<std::int64_t> spread;  // ask - bid, ticks; negative when crossed; held at the ends of int64
  std::span<double> microprice;    // (bid * ask size + ask * bid size) / (bid size + ask size), ticks

  // [levels] (B - A) / (B + A), with B and A the sizes of levels 0..k of the two sides, missing levels counting nothing;
  // from -1 to 1; valid where either side has a level.
  std::span<double> imbalance;

  // [levels] Order flow imbalance of level k, summed over the events since the instrument's former sample (since the
  // start, for its first); see order_flow.h. Valid where seen.
  std::span<std::int64_t> order_flow;

  // Trades of the instrument since its former sample. Samples at the same time are one: they show the same.
  std::span<std::uint32_t> trade_count;
  std::span<Quantity> trade_volume;          // held at the end of uint64
  std::span<std::uint8_t> last_trade_valid;  // 1: the three columns below are valid
  std::span<std::int64_t> last_trade_price;  // ticks
  std::span<Quantity> last_trade_size;
  std::span<std::uint8_t> last_trade_side;  // of the resting order: 0 buy, 1 sell, 2 not known

  // Of the order given to Replay::track for the row's instrument.
  std::span<std::uint8_t> queue_valid;  // 1: it rests
  std::span<std::uint32_t> orders_ahead;
  std::span<Quantity> quantity_ahead;
};

// Bitmaps as Arrow has them (bit r % 8 of byte r / 8, 1 = valid), of ceil(rows / 8) bytes, the last one's rest zero.
// Return the number of nulls.
[[nodiscard]] inline std::size_t pack_validity(std::span<const std::uint8_t> valid,
                                               std::span<std::uint8_t> bitmap) noexcept {
  std::size_t nulls = 0;
  for (std::size_t first = 0, byte = 0; first < valid.size() && byte < bitmap.size(); first += 8, ++byte) {
    const std::size_t count = std::min<std::size_t>(8, valid.size() - first);
    unsigned bits = 0;
    for (std::size_t i = 0; i < count; ++i) bits |= (valid[first + i] != 0 ? 1u : 0u) << i;
    bitmap[byte] = static_cast<std::uint8_t>(bits);
    for (std::size_t i = 0; i < count; ++i) nulls += valid[first + i] == 0 ? 1 : 0;
  }
  return nulls;
}

// Of level `level` (from 0), out of bid_levels or ask_levels.
[[nodiscard]] inline std::size_t pack_level_validity(std::span<const std::uint8_t> levels,
                                                     std::uint32_t level,
                                                     std::span<std::uint8_t> bitmap) noexcept {
  std::size_t nulls = 0;
  for (std::size_t first = 0, byte = 0; first < levels.size() && byte < bitmap.size(); first += 8, ++byte) {
    const std::size_t count = std::min<std::size_t>(8, levels.size() - first);
    unsigned bits = 0;
    for (std::size_t i = 0; i < count; ++i) bits |= (levels[first + i] > level ? 1u : 0u) << i;
    bitmap[byte] = static_cast<std::uint8_t>(bits);
    for (std::size_t i = 0; i < count; ++i) nulls += levels[first + i] > level ? 0 : 1;
  }
  return nulls;
}

// Of mid, spread and microprice (`needs_both`), or of imbalance.
[[nodiscard]] inline std::size_t pack_touch_validity(std::span<const std::uint8_t> bid_levels,
                                                     std::span<const std::uint8_t> ask_levels,
                                                     bool needs_both,
                                                     std::span<std::uint8_t> bitmap) noexcept {
  std::size_t nulls = 0;
  for (std::size_t first = 0, byte = 0; first < bid_levels.size() && byte < bitmap.size();
       first += 8, ++byte) {
    const std::size_t count = std::min<std::size_t>(8, bid_levels.size() - first);
    unsigned bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const bool bid = bid_levels[first + i] != 0;
      const bool ask = ask_levels[first + i] != 0;
      const bool valid = needs_both ? bid && ask : bid || ask;
      bits |= (valid ? 1u : 0u) << i;
      nulls += valid ? 0 : 1;
    }
    bitmap[byte] = static_cast<std::uint8_t>(bits);
  }
  return nulls;
}

// Ticks to prices, at the boundary; zero slots of missing values become 0.0 and stay invalid.
inline void to_doubles(std::span<const std::int64_t> ticks, PriceScale scale,
                       std::span<double> out) noexcept {
  for (std::size_t i = 0; i < ticks.size() && i < out.size(); ++i) out[i] = scale.to_double(Price{ticks[i]});
}
inline void to_doubles(std::span<const double> ticks, PriceScale scale, std::span<double> out) noexcept {
  for (std::size_t i = 0; i < ticks.size() && i < out.size(); ++i) out[i] = scale.to_double(ticks[i]);
}

}  // namespace orderbook
