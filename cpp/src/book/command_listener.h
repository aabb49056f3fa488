// Keeps what a batch of commands causes, until the batch's results take it.
#pragma once

#include <cstdint>
#include <vector>

#include "flowstate/book/matching_book.h"
#include "orderbook/level_delta.h"
#include "orderbook/listener.h"

namespace flowstate::book {

class CommandListener : public orderbook::NullListener {
 public:
  void on_trade(const orderbook::Trade& trade) { fills.push_back({trade, row}); }
  void on_cancel(const orderbook::OrderCancelled& cancelled) {
    // What the caller asked for is in the row's own result.
    if (cancelled.reason == orderbook::CancelReason::kRequested ||
        cancelled.reason == orderbook::CancelReason::kReplaced) {
      return;
    }
    removals.push_back({cancelled, row});
  }
  void on_trigger(const orderbook::StopTriggered& triggered) { triggers.push_back({triggered.id, row}); }
  void on_level_change(const orderbook::LevelChange& change) {
    if (records_deltas) deltas.on_level_change(change);
  }

  void begin() noexcept {
    row = 0;
    fills.clear();
    removals.clear();
    triggers.clear();
  }

  std::uint32_t row = 0;
  std::vector<CommandFill> fills;
  std::vector<CommandRemoval> removals;
  std::vector<CommandTrigger> triggers;
  bool records_deltas = false;
  orderbook::DeltaRecorder deltas;
};

static_assert(orderbook::EventListener<CommandListener>);

}  // namespace flowstate::book
