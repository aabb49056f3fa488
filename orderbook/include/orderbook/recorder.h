// Listeners that keep what they hear.
#pragma once

#include <vector>

#include "orderbook/listener.h"

namespace orderbook {

// Trades, in order, until they are cleared. Allocates when the vector grows: reserve it.
struct TradeRecorder : NullListener {
  std::vector<Trade> trades;
  void on_trade(const Trade& trade) { trades.push_back(trade); }
};

// Passes everything to a listener that lives elsewhere and may be shared by books.
template <EventListener L>
class ListenerRef {
 public:
  explicit ListenerRef(L& listener) noexcept : listener_(&listener) {}
  void on_accept(const OrderView& view) { listener_->on_accept(view); }
  void on_trade(const Trade& trade) { listener_->on_trade(trade); }
  void on_cancel(const OrderCancelled& cancelled) { listener_->on_cancel(cancelled); }
  void on_reduce(const OrderReduced& reduced) { listener_->on_reduce(reduced); }
  void on_level_change(const LevelChange& change) { listener_->on_level_change(change); }
  void on_trigger(const StopTriggered& triggered) { listener_->on_trigger(triggered); }
  void on_reject(const OrderRejected& rejected) { listener_->on_reject(rejected); }

 private:
  L* listener_;
};

static_assert(EventListener<TradeRecorder> && EventListener<ListenerRef<TradeRecorder>>);

}  // namespace orderbook
