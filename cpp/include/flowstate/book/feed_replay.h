// A feed into rows of features: bytes or columns in, batches of columns out, one format and one book behind one
// interface. What the rows mean is orderbook/include/orderbook/replay. One thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "flowstate/memory/buffer.h"
#include "orderbook/feed/columns.h"
#include "orderbook/feed/error.h"
#include "orderbook/feed/reader.h"
#include "orderbook/replay/options.h"

namespace flowstate::book {

enum class FeedFormat : std::uint8_t {
  kItch = 0,
  kLobster = 1,
  kDbn = 2,
  kBinance = 3,
  kCsv = 4,
  kColumns = 5
};

enum class FeedBook : std::uint8_t {
  kLevels = 0,  // prices and sizes of orders and levels: no queue positions
  kOrders = 1,  // orders in their queues
  kPlaces = 2,  // prices and sizes by side and price, whatever the ids: LOBSTER from a book row
};

struct FeedConfig {
  FeedFormat format = FeedFormat::kCsv;
  FeedBook book = FeedBook::kLevels;
  std::int64_t tick = 1;  // in the format's own price units
  std::int64_t midnight_ns = 0;
  std::vector<std::string> symbols;  // ITCH
  orderbook::OnGap on_gap = orderbook::OnGap::kError;
  bool clear_on_gap = false;     // Binance
  bool dense_sequences = false;  // DBN and tables: a hole in the sequence is a gap
  std::uint32_t price_decimals = 0;
  std::uint32_t quantity_decimals = 0;
  std::string seed_row;  // LOBSTER: the order book file's first row; it takes the place of the first message

  orderbook::ReplayOptions replay;
  std::vector<std::int64_t> sample_times;                        // kAtTimes
  std::vector<std::uint32_t> sample_instruments;                 // as many, or none
  std::vector<std::pair<std::uint32_t, std::uint64_t>> tracked;  // instrument, order

  std::size_t batch_rows = 16'384;
  bool prices_in_ticks = false;  // else float64 in the venue's currency
  bool sizes_as_floats = false;  // whole coins; else units of 10^-quantity_decimals in uint64
  bool wants_levels = true;
  bool wants_orders = false;
  bool wants_touch = true;
  bool wants_imbalance = true;
  bool wants_trades = true;
};

// Columns by group; level k of a group begins at k * capacity values. Bitmaps of levels begin at k * bitmap_bytes.
// Empty where not wanted.
struct FeedBatch {
  std::size_t rows = 0;
  std::size_t capacity = 0;
  std::size_t bitmap_bytes = 0;
  Buffer time, instrument, sequence, event_time;
  Buffer bid_price, ask_price, bid_size, ask_size, bid_orders, ask_orders;
  Buffer mid, spread, microprice, imbalance, order_flow;
  Buffer trade_count, trade_volume, last_trade_price, last_trade_size, last_trade_side;
  Buffer orders_ahead, quantity_ahead;
  Buffer seen_valid, bid_valid, ask_valid, both_valid, either_valid, trade_valid, side_valid, queue_valid;
  std::size_t seen_nulls = 0, both_nulls = 0, either_nulls = 0, trade_nulls = 0, side_nulls = 0,
              queue_nulls = 0;
  std::vector<std::size_t> bid_nulls, ask_nulls;  // by level
};

struct FeedReplayStats {
  orderbook::FeedStats feed;
  orderbook::ReplayStats replay;
  std::array<std::uint64_t, 10>
      events_by_kind{};  // by orderbook::EventKind, those of other instruments included
  std::vector<std::pair<std::uint32_t, std::uint64_t>> events_by_instrument;  // ascending
  std::uint64_t gaps = 0;
  std::vector<orderbook::SequenceGap> first_gaps;
};

// Throws Error: ABORTED by `cancelled`, CORRUPT, SEQUENCE_GAP, BOOK_EVENT, UNSORTED, ARG_RANGE; each names the place.
class FeedReplay {
 public:
  virtual ~FeedReplay() = default;

  // Input to use up; it is copied. Only after run() has said that it needs some.
  virtual void feed(std::span<const std::byte> bytes) = 0;
  virtual void feed(const orderbook::EventColumns& columns) = 0;
  virtual void finish_input() = 0;

  // Works until a batch is full, or more input is needed, or all is done. Returns rows: 0 means more input is needed, or
  // the end where done() says so.
  virtual FeedBatch run(const std::atomic<bool>& cancelled) = 0;
  virtual bool done() const noexcept = 0;

  virtual FeedReplayStats stats() const = 0;
  // By instrument number; empty where the feed names none.
  virtual std::vector<std::string> symbols() const = 0;
  virtual orderbook::PriceScale price_scale() const = 0;
};

// Throws Error ARG_RANGE, CORRUPT (the seed row).
std::unique_ptr<FeedReplay> make_feed_replay(FeedConfig config);

}  // namespace flowstate::book
