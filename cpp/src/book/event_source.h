// Where a replay's events come from: a reader of bytes, or columns, behind one interface. A call makes a batch of events,
// so that the format costs nothing per event.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowstate/book/feed_replay.h"
#include "orderbook/event.h"

namespace flowstate::book {

class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual void feed(std::span<const std::byte> bytes) = 0;
  virtual void feed(const orderbook::EventColumns& columns) = 0;
  virtual void finish() = 0;
  virtual std::size_t next(std::span<orderbook::Event> out) = 0;
  virtual const orderbook::FeedError* error() const noexcept = 0;
  virtual orderbook::FeedStats stats() const = 0;
  virtual const orderbook::GapLog* gaps() const noexcept = 0;
  virtual orderbook::PriceScale price_scale() const = 0;
  virtual std::vector<std::string> symbols() const { return {}; }
};

// `config` is read for the format's options only. Throws Error CORRUPT for a seed row that is none.
std::unique_ptr<EventSource> make_event_source(const FeedConfig& config);

}  // namespace flowstate::book
