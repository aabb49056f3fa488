#include "book/batch_columns.h"

#include <bit>
#include <span>
#include <utility>

namespace flowstate::book {

namespace {

template <typename T>
std::span<T> make_column(Buffer& buffer, std::size_t values, bool wanted) {
  if (!wanted) return {};
  buffer = Buffer(values * sizeof(T));
  return {buffer.as<T>(), values};
}

// Each value becomes a double in its own eight bytes. Rows beyond `rows` are not read: nobody wrote them.
template <typename T, typename Convert>
void to_doubles_in_place(Buffer& buffer, std::size_t levels, std::size_t capacity, std::size_t rows,
                         Convert convert) {
  if (buffer.empty()) return;
  auto* words = buffer.as<std::uint64_t>();
  for (std::size_t k = 0; k < levels; ++k) {
    for (std::size_t i = k * capacity; i < k * capacity + rows; ++i) {
      words[i] = std::bit_cast<std::uint64_t>(convert(std::bit_cast<T>(words[i])));
    }
  }
}

}  // namespace

BatchColumns::BatchColumns(const FeedConfig& config)
    : capacity_(config.batch_rows),
      bitmap_bytes_((config.batch_rows + 7) / 8),
      levels_(config.replay.levels),
      quantity_decimals_(config.quantity_decimals),
      prices_in_ticks_(config.prices_in_ticks),
      sizes_as_floats_(config.sizes_as_floats),
      wants_levels_(config.wants_levels),
      wants_orders_(config.wants_orders),
      wants_touch_(config.wants_touch),
      wants_imbalance_(config.wants_imbalance),
      wants_order_flow_(config.replay.order_flow),
      wants_trades_(config.wants_trades),
      wants_queue_(!config.tracked.empty()),
      seen_(capacity_),
      bid_levels_(capacity_),
      ask_levels_(capacity_),
      last_trade_valid_(capacity_),
      side_known_(capacity_),
      queue_valid_(capacity_) {}

void BatchColumns::open() {
  if (is_open_) return;
  is_open_ = true;
  batch_ = FeedBatch{};
  batch_.capacity = capacity_;
  batch_.bitmap_bytes = bitmap_bytes_;
  columns_ = orderbook::FeatureColumns{};
  orderbook::FeatureColumns& c = columns_;
  FeedBatch& b = batch_;
  const std::size_t n = capacity_;
  const std::size_t many = n * levels_;
  c.capacity = n;
  c.time_ns = make_column<std::int64_t>(b.time, n, true);
  c.instrument = make_column<std::uint32_t>(b.instrument, n, true);
  c.sequence = make_column<std::uint64_t>(b.sequence, n, true);
  c.event_time_ns = make_column<std::int64_t>(b.event_time, n, true);
  c.seen = seen_;
  c.bid_levels = bid_levels_;
  c.ask_levels = ask_levels_;
  c.bid_price = make_column<std::int64_t>(b.bid_price, many, wants_levels_);
  c.ask_price = make_column<std::int64_t>(b.ask_price, many, wants_levels_);
  c.bid_size = make_column<std::uint64_t>(b.bid_size, many, wants_levels_);
  c.ask_size = make_column<std::uint64_t>(b.ask_size, many, wants_levels_);
  c.bid_orders = make_column<std::uint32_t>(b.bid_orders, many, wants_orders_);
  c.ask_orders = make_column<std::uint32_t>(b.ask_orders, many, wants_orders_);
  c.mid = make_column<double>(b.mid, n, wants_touch_);
  c.spread = make_column<std::int64_t>(b.spread, n, wants_touch_);
  c.microprice = make_column<double>(b.microprice, n, wants_touch_);
  c.imbalance = make_column<double>(b.imbalance, many, wants_imbalance_);
  c.order_flow = make_column<std::int64_t>(b.order_flow, many, wants_order_flow_);
  c.trade_count = make_column<std::uint32_t>(b.trade_count, n, wants_trades_);
  c.trade_volume = make_column<std::uint64_t>(b.trade_volume, n, wants_trades_);
  if (wants_trades_) c.last_trade_valid = last_trade_valid_;
  c.last_trade_price = make_column<std::int64_t>(b.last_trade_price, n, wants_trades_);
  c.last_trade_size = make_column<std::uint64_t>(b.last_trade_size, n, wants_trades_);
  c.last_trade_side = make_column<std::uint8_t>(b.last_trade_side, n, wants_trades_);
  if (wants_queue_) c.queue_valid = queue_valid_;
  c.orders_ahead = make_column<std::uint32_t>(b.orders_ahead, n, wants_queue_);
  c.quantity_ahead = make_column<std::uint64_t>(b.quantity_ahead, n, wants_queue_);
}

void BatchColumns::pack() {
  const std::size_t rows = columns_.rows;
  const auto first = [rows](const std::vector<std::uint8_t>& flags) {
    return std::span<const std::uint8_t>(flags).first(rows);
  };
  const auto bitmap = [this](Buffer& buffer, std::size_t count) {
    buffer = Buffer(bitmap_bytes_ * count);
    return std::span<std::uint8_t>(buffer.data(), buffer.size());
  };
  const auto bids = first(bid_levels_);
  const auto asks = first(ask_levels_);
  batch_.seen_nulls = orderbook::pack_validity(first(seen_), bitmap(batch_.seen_valid, 1));
  batch_.both_nulls = orderbook::pack_touch_validity(bids, asks, true, bitmap(batch_.both_valid, 1));
  batch_.either_nulls = orderbook::pack_touch_validity(bids, asks, false, bitmap(batch_.either_valid, 1));
  const auto bid_bits = bitmap(batch_.bid_valid, levels_);
  const auto ask_bits = bitmap(batch_.ask_valid, levels_);
  for (std::uint32_t k = 0; k < levels_; ++k) {
    const auto at = [&](std::span<std::uint8_t> bits) {
      return bits.subspan(k * bitmap_bytes_, bitmap_bytes_);
    };
    batch_.bid_nulls.push_back(orderbook::pack_level_validity(bids, k, at(bid_bits)));
    batch_.ask_nulls.push_back(orderbook::pack_level_validity(asks, k, at(ask_bits)));
  }
  if (wants_trades_) {
    const auto* side = batch_.last_trade_side.as<std::uint8_t>();
    for (std::size_t row = 0; row < rows; ++row) {
      side_known_[row] = last_trade_valid_[row] != 0 && side[row] != 2 ? 1 : 0;
    }
    batch_.trade_nulls = orderbook::pack_validity(first(last_trade_valid_), bitmap(batch_.trade_valid, 1));
    batch_.side_nulls = orderbook::pack_validity(first(side_known_), bitmap(batch_.side_valid, 1));
  }
  if (wants_queue_) {
    batch_.queue_nulls = orderbook::pack_validity(first(queue_valid_), bitmap(batch_.queue_valid, 1));
  }
}

void BatchColumns::convert(orderbook::PriceScale scale) {
  const std::size_t rows = columns_.rows;
  if (!prices_in_ticks_) {
    const auto price = [scale](std::int64_t ticks) { return scale.to_double(orderbook::Price{ticks}); };
    const auto real = [scale](double ticks) { return scale.to_double(ticks); };
    to_doubles_in_place<std::int64_t>(batch_.bid_price, levels_, capacity_, rows, price);
    to_doubles_in_place<std::int64_t>(batch_.ask_price, levels_, capacity_, rows, price);
    to_doubles_in_place<std::int64_t>(batch_.spread, 1, capacity_, rows, price);
    to_doubles_in_place<std::int64_t>(batch_.last_trade_price, 1, capacity_, rows, price);
    to_doubles_in_place<double>(batch_.mid, 1, capacity_, rows, real);
    to_doubles_in_place<double>(batch_.microprice, 1, capacity_, rows, real);
  }
  if (sizes_as_floats_) {
    double units = 1;
    for (std::uint32_t i = 0; i < quantity_decimals_; ++i) units *= 10;
    const auto size = [units](std::uint64_t quantity) { return static_cast<double>(quantity) / units; };
    const auto flow = [units](std::int64_t quantity) { return static_cast<double>(quantity) / units; };
    to_doubles_in_place<std::uint64_t>(batch_.bid_size, levels_, capacity_, rows, size);
    to_doubles_in_place<std::uint64_t>(batch_.ask_size, levels_, capacity_, rows, size);
    to_doubles_in_place<std::uint64_t>(batch_.trade_volume, 1, capacity_, rows, size);
    to_doubles_in_place<std::uint64_t>(batch_.last_trade_size, 1, capacity_, rows, size);
    to_doubles_in_place<std::uint64_t>(batch_.quantity_ahead, 1, capacity_, rows, size);
    to_doubles_in_place<std::int64_t>(batch_.order_flow, levels_, capacity_, rows, flow);
  }
}

FeedBatch BatchColumns::take(orderbook::PriceScale scale) {
  open();
  batch_.rows = columns_.rows;
  pack();
  convert(scale);
  is_open_ = false;
  columns_ = orderbook::FeatureColumns{};
  return std::exchange(batch_, FeedBatch{});
}

}  // namespace flowstate::book
