// The replay on any events, samples and options: the rows with order flow kept from change to change are those of books that
// are read anew, and no row of a level is out of order.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"

using namespace orderbook;

namespace {

struct Bytes {
  const std::uint8_t* data;
  std::size_t size;
  std::uint8_t take() { return size == 0 ? 0 : (--size, *data++); }
};

struct Table {
  explicit Table(std::uint32_t levels)
      : bid(256 * levels), ask(256 * levels), bids(256), asks(256), trades(256), flow(256 * levels) {
    columns.capacity = 256;
    columns.bid_price = bid, columns.ask_price = ask, columns.bid_levels = bids, columns.ask_levels = asks;
    columns.trade_count = trades;
  }
  std::vector<std::int64_t> bid, ask;
  std::vector<std::uint8_t> bids, asks;
  std::vector<std::uint32_t> trades;
  std::vector<std::int64_t> flow;
  FeatureColumns columns;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes in{data, size};
  ReplayOptions options;
  options.mode = static_cast<SampleMode>(in.take() % 3);
  options.levels = 1 + in.take() % 4;
  options.every = 1 + in.take() % 4;
  options.whole_groups = in.take() % 2 == 0;
  options.on_book_error = in.take() % 4 == 0 ? OnBookError::kError : OnBookError::kCount;
  options.on_time_order = in.take() % 4 == 0 ? OnTimeOrder::kError : OnTimeOrder::kArrival;
  options.max_group_events = 20;
  std::vector<TimestampNs> times;
  for (int i = in.take() % 16; i > 0; --i) times.push_back(in.take());
  std::sort(times.begin(), times.end());
  const std::vector<InstrumentId> instruments(times.size(), 0);
  std::vector<Event> events;
  TimestampNs time_ns = 0;
  while (in.size > 0 && events.size() < 250) {
    Event e;
    const std::uint8_t head = in.take();
    e.kind = static_cast<EventKind>(head % 10);
    e.instrument = head / 10 % 8 == 0 ? 1 : 0;
    time_ns += static_cast<std::int8_t>(in.take()) / 16;
    e.time_ns = time_ns;
    const std::uint8_t what = in.take();
    e.side = what % 2 == 0 ? Side::kBuy : Side::kSell;
    e.flags = what / 2 % 16;
    e.order_id = in.take() % 16;
    e.new_order_id = in.take() % 16;
    e.price = {in.take() % 8 - 4};
    e.quantity = in.take() % 5;
    events.push_back(e);
  }
  const auto run = [&](bool order_flow, Table& table) {
    options.order_flow = order_flow;
    if (order_flow) table.columns.order_flow = table.flow;
    Replay<FullBook> replay(options);
    replay.track(0, 3);
    if (options.mode == SampleMode::kAtTimes && !replay.set_samples(times, instruments, true)) std::abort();
    (void)replay.run(events, table.columns);
    (void)replay.finish(table.columns);
    if (options.mode == SampleMode::kAtTimes && replay.error() == nullptr &&
        table.columns.rows != times.size())
      std::abort();
    const FullBook* book = replay.book(0);
    if (book != nullptr && !book->core().check_invariants().empty()) std::abort();
  };
  Table kept(options.levels);
  Table read(options.levels);
  run(true, kept);
  run(false, read);
  if (kept.columns.rows != read.columns.rows || kept.bid != read.bid || kept.ask != read.ask ||
      kept.bids != read.bids || kept.asks != read.asks || kept.trades != read.trades) {
    std::abort();
  }
  for (std::size_t r = 0; r < kept.columns.rows; ++r) {
    for (std::size_t k = 1; k < kept.bids[r]; ++k) {
      if (kept.bid[(k - 1) * 256 + r] <= kept.bid[k * 256 + r]) std::abort();
    }
  }
  return 0;
}
