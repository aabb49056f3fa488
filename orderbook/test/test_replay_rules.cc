// The replay's rules, one by one, with numbers worked out by hand.
#include <catch2/catch.hpp>
#include <vector>

#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"
#include "support/columns_memory.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

Event event(EventKind kind, TimestampNs time_ns, OrderId id, Side side = Side::kBuy, std::int64_t price = 0,
            Quantity quantity = 0, std::uint8_t flags = kEventEndOfGroup) {
  Event e;
  e.kind = kind, e.time_ns = time_ns, e.order_id = id, e.side = side, e.price = {price},
  e.quantity = quantity, e.flags = flags;
  e.sequence = static_cast<Sequence>(time_ns) * 10 + id;
  return e;
}
Event add(TimestampNs time_ns, OrderId id, Side side, std::int64_t price, Quantity quantity) {
  return event(EventKind::kAdd, time_ns, id, side, price, quantity);
}

ReplayOptions at_times(std::uint32_t levels = 2) {
  ReplayOptions options;
  options.levels = levels;
  return options;
}
ReplayOptions every_event(std::uint32_t levels = 2) {
  ReplayOptions options = at_times(levels);
  options.mode = SampleMode::kEveryEvent;
  return options;
}

// All rows at once.
FeatureColumns& run(Replay<FullBook>& replay, ColumnsMemory& memory, const std::vector<Event>& events) {
  (void)replay.run(events, memory.columns);
  (void)replay.finish(memory.columns);
  return memory.columns;
}

}  // namespace

TEST_CASE("a sample at t sees the events with time <= t, ties included, and none later") {
  Replay<FullBook> replay(at_times());
  ColumnsMemory memory(8, 2);
  const std::vector<TimestampNs> times = {4, 5, 5, 6, 9};
  REQUIRE(replay.set_samples(times, {}, true));
  const auto& c =
      run(replay, memory,
          {add(5, 1, Side::kBuy, 10, 1), add(5, 2, Side::kBuy, 11, 2), add(7, 3, Side::kBuy, 12, 3)});
  REQUIRE(replay.error() == nullptr);
  REQUIRE(c.rows == 5);
  CHECK((c.seen[0] == 0 && c.bid_levels[0] == 0 && c.bid_price[0] == 0));
  CHECK((c.seen[1] == 1 && c.bid_price[1] == 11 && c.sequence[1] == 52 && c.event_time_ns[1] == 5));
  CHECK((c.bid_price[2] == 11 && c.bid_price[3] == 11 && c.bid_price[4] == 12));
  CHECK((c.order_flow[1] == 3 && c.order_flow[2] == 3));  // samples at one time show the same interval
  CHECK(c.order_flow[3] == 0);
  CHECK((c.time_ns[4] == 9 && c.event_time_ns[4] == 7));
  CHECK(replay.done());
}

TEST_CASE("levels that are missing are counted out, not zero") {
  Replay<FullBook> replay(every_event(3));
  ColumnsMemory memory(4, 3);
  const auto& c =
      run(replay, memory,
          {add(1, 1, Side::kBuy, 10, 4), add(2, 2, Side::kSell, 13, 12), add(3, 3, Side::kSell, 12, 4)});
  CHECK((c.bid_levels[0] == 1 && c.ask_levels[0] == 0 && c.bid_levels[2] == 1 && c.ask_levels[2] == 2));
  std::vector<std::uint8_t> bitmap(1);
  const auto asks = c.ask_levels.first(3);
  const auto bids = c.bid_levels.first(3);
  CHECK((pack_level_validity(asks, 0, bitmap) == 1 && bitmap[0] == 0b110));
  CHECK((pack_level_validity(asks, 1, bitmap) == 2 && bitmap[0] == 0b100));
  CHECK((pack_level_validity(asks, 2, bitmap) == 3 && bitmap[0] == 0));
  CHECK((pack_touch_validity(bids, asks, true, bitmap) == 1 && bitmap[0] == 0b110));
  CHECK((pack_touch_validity(bids, asks, false, bitmap) == 0 && bitmap[0] == 0b111));
  CHECK((pack_validity(c.last_trade_valid.first(3), bitmap) == 3 && bitmap[0] == 0));
  CHECK((c.mid[1] == 11.5 && c.spread[1] == 3 && c.mid[2] == 11 && c.spread[2] == 2));
  CHECK(c.microprice[1] == (10.0 * 12 + 13.0 * 4) / 16);
  CHECK((c.imbalance[0] == 1 && c.imbalance[1] == -0.5 && c.imbalance[2] == 0));
  CHECK(c.imbalance[4 + 2] == (4.0 - 16.0) / 20.0);  // levels 0 and 1
  std::vector<double> prices(3);
  to_doubles(c.mid.first(3), PriceScale{25, 100}, prices);
  CHECK(prices[1] == 2.875);
}

TEST_CASE("order flow: the formula, case by case") {
  Replay<FullBook> replay(every_event());
  ColumnsMemory memory(16, 2);
  const auto& c = run(replay, memory,
                      {
                          add(1, 1, Side::kBuy, 10, 5),                        // appears: +5
                          add(2, 2, Side::kBuy, 10, 2),                        // same price, grows: +2
                          add(3, 3, Side::kBuy, 11, 4),                        // better: +4; level 1: +7
                          event(EventKind::kReduce, 4, 3, Side::kBuy, 11, 1),  // same price, falls: -1
                          event(EventKind::kDelete, 5, 3),  // worse: -3; level 1 vanishes: -7
                          add(6, 4, Side::kSell, 20, 9),    // asks count the other way: -9
                          event(EventKind::kExecute, 7, 4, Side::kSell, 20, 9),  // +9
                          event(EventKind::kTrade, 8, 0, Side::kSell, 15, 100),  // no change of the book
                      });
  REQUIRE(c.rows == 8);
  CHECK(std::vector<std::int64_t>(c.order_flow.begin(), c.order_flow.begin() + 8) ==
        std::vector<std::int64_t>{5, 2, 4, -1, -3, -9, 9, 0});
  CHECK((c.order_flow[16 + 2] == 7 && c.order_flow[16 + 3] == 0 && c.order_flow[16 + 4] == -7));
}

TEST_CASE("snapshots and clears are no order flow") {
  Replay<FullBook> replay(every_event());
  ColumnsMemory memory(8, 2);
  Event first = add(1, 1, Side::kBuy, 10, 5);
  first.flags = kEventSnapshot;
  const auto& c =
      run(replay, memory,
          {first, add(2, 2, Side::kBuy, 10, 3), event(EventKind::kClear, 3, 0), add(4, 3, Side::kBuy, 9, 2)});
  CHECK((c.order_flow[0] == 0 && c.order_flow[1] == 3 && c.order_flow[2] == 0 && c.order_flow[3] == 2));
}

TEST_CASE("trades since the last sample: price and side of the order where the feed does not tell") {
  Replay<FullBook> replay(at_times());
  ColumnsMemory memory(8, 2);
  const std::vector<TimestampNs> times = {2, 4, 9};
  REQUIRE(replay.set_samples(times, {}, true));
  const auto untold = static_cast<std::uint8_t>(kEventEndOfGroup | kEventNoSide | kEventNoPrice);
  const auto& c =
      run(replay, memory,
          {add(1, 1, Side::kSell, 20, 9), event(EventKind::kExecute, 3, 1, Side::kBuy, 0, 4, untold),
           event(EventKind::kExecute, 3, 1, Side::kBuy, 21, 1, kEventEndOfGroup | kEventNoSide),
           event(EventKind::kTrade, 5, 0, Side::kBuy, 19, 7, kEventEndOfGroup | kEventNoSide)});
  CHECK((c.trade_count[0] == 0 && c.last_trade_valid[0] == 0 && c.trade_volume[0] == 0));
  CHECK((c.trade_count[1] == 2 && c.trade_volume[1] == 5 && c.last_trade_price[1] == 21 &&
         c.last_trade_side[1] == 1));
  CHECK((c.trade_count[2] == 1 && c.last_trade_price[2] == 19 && c.last_trade_size[2] == 7 &&
         c.last_trade_side[2] == 2));
}

TEST_CASE("queue position: what is ahead of the tracked order, null when it does not rest") {
  Replay<FullBook> replay(every_event());
  replay.track(0, 3);
  ColumnsMemory memory(8, 2);
  const auto& c = run(replay, memory,
                      {add(1, 1, Side::kBuy, 10, 5), add(2, 2, Side::kBuy, 10, 2),
                       add(3, 3, Side::kBuy, 10, 1), event(EventKind::kReduce, 4, 1, Side::kBuy, 10, 3),
                       event(EventKind::kDelete, 5, 2), event(EventKind::kDelete, 6, 3)});
  CHECK(
      (c.queue_valid[1] == 0 && c.queue_valid[2] == 1 && c.orders_ahead[2] == 2 && c.quantity_ahead[2] == 7));
  CHECK((c.quantity_ahead[3] == 4 && c.orders_ahead[4] == 1 && c.queue_valid[5] == 0));
}

TEST_CASE("whole groups: half of a change is never shown") {
  const std::vector<Event> events = {
      add(1, 1, Side::kBuy, 10, 5), event(EventKind::kDelete, 2, 1, Side::kBuy, 0, 0, 0),
      add(4, 2, Side::kBuy, 11, 3), event(EventKind::kDelete, 6, 2, Side::kBuy, 0, 0, 0)};
  ReplayOptions options = at_times();
  options.whole_groups = true;
  Replay<FullBook> replay(options);
  ColumnsMemory memory(8, 2);
  const std::vector<TimestampNs> times = {1, 3, 4, 9};
  REQUIRE(replay.set_samples(times, {}, true));
  const auto& c = run(replay, memory, events);
  CHECK((c.bid_price[0] == 10 && c.bid_price[1] == 10 && c.bid_price[2] == 11 && c.bid_price[3] == 11));
  CHECK((c.event_time_ns[2] == 4 && c.order_flow[2] == 3));  // better by one change, not -5 and then +3
  CHECK(replay.stats().open_group_events == 1);
  ReplayOptions by_event = every_event();
  by_event.whole_groups = true;
  Replay<FullBook> rows(by_event);
  ColumnsMemory more(8, 2);
  CHECK(run(rows, more, events).rows == 2);
  by_event.max_group_events = 1;
  Replay<FullBook> narrow(by_event);
  ColumnsMemory none(8, 2);
  const std::vector<Event> open(3, event(EventKind::kStatus, 1, 0, Side::kBuy, 0, 0, 0));
  (void)run(narrow, none, open);
  REQUIRE(narrow.error() != nullptr);
  CHECK(narrow.error()->code == ReplayErrorCode::kGroupTooLong);
}

TEST_CASE("every n-th event counts over the whole stream") {
  ReplayOptions options = every_event();
  options.mode = SampleMode::kEveryNth;
  options.every = 3;
  Replay<FullBook> replay(options);
  ColumnsMemory memory(8, 2);
  std::vector<Event> events;
  for (int i = 1; i <= 8; ++i) events.push_back(add(i, static_cast<OrderId>(i), Side::kBuy, i, 1));
  events[5].instrument = 9;
  const auto& c = run(replay, memory, events);
  REQUIRE(c.rows == 2);
  CHECK((c.time_ns[0] == 3 && c.instrument[0] == 0 && c.time_ns[1] == 6 && c.instrument[1] == 9 &&
         c.bid_levels[1] == 1));
}

TEST_CASE("what a book refuses ends the replay or is counted") {
  const std::vector<Event> events = {
      add(1, 1, Side::kBuy, 10, 5), event(EventKind::kExecute, 2, 77, Side::kBuy, 10, 1),
      event(EventKind::kExecute, 3, 1, Side::kBuy, 10, 6), add(4, 2, Side::kBuy, 11, 1)};
  Replay<FullBook> strict(every_event());
  ColumnsMemory memory(8, 2);
  CHECK(strict.run(events, memory.columns) == 1);
  REQUIRE(strict.error() != nullptr);
  CHECK((strict.error()->code == ReplayErrorCode::kBook && strict.error()->reject == Reject::kUnknownId));
  CHECK((strict.error()->event == 2 && strict.error()->sequence == 97));
  CHECK(strict.run(events, memory.columns) == 0);
  ReplayOptions options = every_event();
  options.on_book_error = OnBookError::kCount;
  Replay<FullBook> lenient(options);
  ColumnsMemory more(8, 2);
  const auto& c = run(lenient, more, events);
  CHECK((c.rows == 4 && c.trade_count[1] == 0 && c.trade_count[2] == 0));
  CHECK(lenient.stats().rejected == 2);
  CHECK(lenient.stats().rejected_by[static_cast<std::size_t>(Reject::kOverExecution)] == 1);
}

TEST_CASE("events before their predecessor's time end the replay or are known at arrival") {
  const std::vector<Event> events = {add(5, 1, Side::kBuy, 10, 5), add(3, 2, Side::kBuy, 11, 5)};
  Replay<FullBook> strict(every_event());
  ColumnsMemory memory(8, 2);
  CHECK(strict.run(events, memory.columns) == 1);
  CHECK(strict.error()->code == ReplayErrorCode::kTimeOrder);
  ReplayOptions options = at_times();
  options.on_time_order = OnTimeOrder::kArrival;
  Replay<FullBook> replay(options);
  ColumnsMemory more(8, 2);
  const std::vector<TimestampNs> times = {4, 5};
  REQUIRE(replay.set_samples(times, {}, true));
  const auto& c = run(replay, more, events);
  CHECK((c.seen[0] == 0 && c.bid_price[1] == 11 && replay.stats().late_events == 1));
}

TEST_CASE("samples: ascending, of one instrument where none is named, and in as many sets as one likes") {
  const std::vector<TimestampNs> times = {4, 3};
  const auto code_of = [](const Replay<FullBook>& replay) {
    REQUIRE(replay.error() != nullptr);
    return replay.error()->code;
  };
  Replay<FullBook> descending(at_times());
  CHECK(!descending.set_samples(times, {}, true));
  CHECK(code_of(descending) == ReplayErrorCode::kSampleOrder);
  Replay<FullBook> two(at_times());
  ColumnsMemory memory(8, 2);
  REQUIRE(two.set_samples(std::span(times).first(1), {}, true));
  std::vector<Event> events = {add(1, 1, Side::kBuy, 10, 5), add(2, 2, Side::kBuy, 10, 5)};
  events[1].instrument = 3;
  (void)run(two, memory, events);
  CHECK(code_of(two) == ReplayErrorCode::kInstruments);
  ReplayOptions only = at_times();
  only.instruments = {3};
  Replay<FullBook> filtered(only);
  REQUIRE(filtered.set_samples(std::span(times).first(1), {}, true));
  const auto& c = run(filtered, memory, events);
  CHECK((filtered.error() == nullptr && c.instrument[0] == 3 && filtered.stats().filtered == 1));
  Replay<FullBook> wrong_mode(every_event());
  CHECK(!wrong_mode.set_samples(times, {}, true));
  Replay<FullBook> waits(at_times());
  ColumnsMemory more(8, 2);
  REQUIRE(waits.set_samples(std::span(times).last(1), {}, false));
  const std::vector<Event> later = {add(1, 1, Side::kBuy, 10, 5), add(6, 2, Side::kBuy, 11, 5)};
  CHECK(waits.run(later, more.columns) == 1);  // the event at 6 waits for samples that may come before it
  const std::vector<TimestampNs> next = {5, 7};
  REQUIRE(waits.set_samples(next, {}, true));
  CHECK(waits.run(std::span(later).subspan(1), more.columns) == 1);
  CHECK(waits.finish(more.columns));
  CHECK((more.columns.rows == 3 && more.columns.bid_price[1] == 10 && more.columns.bid_price[2] == 11));
}

TEST_CASE("options and columns that contradict each other are refused before anything is done") {
  const auto refused = [](ReplayOptions options, auto change) {
    Replay<FullBook> replay(options);
    ColumnsMemory memory(4, 2);
    change(memory.columns);
    const std::vector<Event> events = {add(1, 1, Side::kBuy, 10, 5)};
    return replay.run(events, memory.columns) == 0 && replay.error() != nullptr &&
           replay.error()->code == ReplayErrorCode::kBadOption && replay.book(0) == nullptr;
  };
  const auto nothing = [](FeatureColumns&) {};
  CHECK(refused(every_event(0), nothing));
  CHECK(refused(every_event(65), nothing));
  CHECK(refused(every_event(3), nothing));  // the memory is for two levels
  CHECK(refused(every_event(), [](FeatureColumns& c) { c.mid = c.mid.first(3); }));
  CHECK(refused(every_event(), [](FeatureColumns& c) { c.rows = 5; }));
  ReplayOptions no_flow = every_event();
  no_flow.order_flow = false;
  CHECK(refused(no_flow, nothing));
  ReplayOptions never = every_event();
  never.mode = SampleMode::kEveryNth;
  never.every = 0;
  CHECK(refused(never, nothing));
}

TEST_CASE("features at the ends of their types") {
  CHECK(spread_ticks({INT64_MIN}, {INT64_MAX}) == INT64_MAX);
  CHECK(spread_ticks({INT64_MAX}, {INT64_MIN}) == INT64_MIN);
  CHECK(spread_ticks({-5}, {7}) == 12);
  CHECK(mid_price({INT64_MAX}, {INT64_MAX}) == 9223372036854775808.0);
  const DepthLevel huge{{1}, ~Quantity{0}, 1};
  CHECK(order_flow_of_level(Side::kBuy, nullptr, &huge) == INT64_MAX);
  CHECK(order_flow_of_level(Side::kSell, nullptr, &huge) == -INT64_MAX);
  CHECK(order_flow_of_level(Side::kBuy, nullptr, nullptr) == 0);
}
