// Memory for all columns, filled with rubbish so that a slot that is not written is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "orderbook/replay/columns.h"

namespace orderbook::test {

class ColumnsMemory {
 public:
  ColumnsMemory(std::size_t capacity, std::uint32_t levels) {
    columns.capacity = capacity;
    const auto give = [&](auto& column, std::size_t count) {
      using Value = typename std::remove_reference_t<decltype(column)>::element_type;
      auto& memory = memory_.emplace_back((count * sizeof(Value) + 7) / 8, 0xABABABABABABABABull);
      column = {reinterpret_cast<Value*>(memory.data()), count};
    };
    auto& c = columns;
    give(c.time_ns, capacity), give(c.instrument, capacity), give(c.seen, capacity),
        give(c.sequence, capacity);
    give(c.event_time_ns, capacity), give(c.bid_levels, capacity), give(c.ask_levels, capacity);
    give(c.mid, capacity), give(c.spread, capacity), give(c.microprice, capacity),
        give(c.trade_count, capacity);
    give(c.trade_volume, capacity), give(c.last_trade_valid, capacity), give(c.last_trade_price, capacity);
    give(c.last_trade_size, capacity), give(c.last_trade_side, capacity), give(c.queue_valid, capacity);
    give(c.orders_ahead, capacity), give(c.quantity_ahead, capacity);
    const std::size_t deep = capacity * levels;
    give(c.bid_price, deep), give(c.ask_price, deep), give(c.bid_size, deep), give(c.ask_size, deep);
    give(c.bid_orders, deep), give(c.ask_orders, deep), give(c.imbalance, deep), give(c.order_flow, deep);
  }

  FeatureColumns columns;

 private:
  std::vector<std::vector<std::uint64_t>> memory_;
};

}  // namespace orderbook::test
