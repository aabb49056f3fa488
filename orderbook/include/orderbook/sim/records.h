// What a simulated market tells, and who hears it.
#pragma once

#include <concepts>

#include "orderbook/event.h"
#include "orderbook/listener.h"
#include "orderbook/views.h"

namespace orderbook::sim {

// A match. `taker_side` is the side that came in.
struct TradeRecord {
  TimestampNs time_ns = 0;
  Sequence sequence = 0;  // of its kExecute event
  OrderId maker_id = 0;
  OrderId taker_id = 0;
  Price price;
  Quantity quantity = 0;
  InstrumentId instrument = 0;
  Side taker_side = Side::kBuy;
};

// The best prices after a command that changed them or their sizes. A side may be empty: Bbo::has_bid.
struct QuoteRecord {
  TimestampNs time_ns = 0;
  Sequence sequence = 0;  // of the last event before it
  InstrumentId instrument = 0;
  Bbo bbo;
};

// For every command: its events, each trade right after its event, then at most one quote. Times never descend.
template <class S>
concept MarketSink =
    requires(S& sink, const Event& event, const TradeRecord& trade, const QuoteRecord& quote) {
      sink.on_event(event);
      sink.on_trade(trade);
      sink.on_quote(quote);
    };

}  // namespace orderbook::sim
