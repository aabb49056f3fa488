// The columns of one batch while it fills, and what is done to them before they are handed out.
#pragma once

#include <cstdint>
#include <vector>

#include "flowstate/book/feed_replay.h"
#include "orderbook/replay/columns.h"

namespace flowstate::book {

class BatchColumns {
 public:
  explicit BatchColumns(const FeedConfig& config);

  // Fresh memory for the next rows, unless there is some.
  void open();
  orderbook::FeatureColumns& columns() noexcept { return columns_; }
  bool is_full() const noexcept { return columns_.rows == columns_.capacity; }
  // The rows so far, in the units that the caller wants.
  FeedBatch take(orderbook::PriceScale scale);

 private:
  void pack();
  void convert(orderbook::PriceScale scale);

  std::size_t capacity_;
  std::size_t bitmap_bytes_;
  std::size_t levels_;
  std::uint32_t quantity_decimals_;
  bool prices_in_ticks_, sizes_as_floats_, wants_levels_, wants_orders_, wants_touch_, wants_imbalance_,
      wants_order_flow_, wants_trades_, wants_queue_;
  bool is_open_ = false;
  FeedBatch batch_;
  orderbook::FeatureColumns columns_;
  std::vector<std::uint8_t> seen_, bid_levels_, ask_levels_, last_trade_valid_, side_known_, queue_valid_;
};

}  // namespace flowstate::book
