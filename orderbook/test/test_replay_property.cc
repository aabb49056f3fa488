// The replay against features counted from scratch, over random streams with ties, several instruments, groups, snapshots,
// clears and events that no book takes; and the law that later events change nothing. ORDERBOOK_PROPERTY_RUNS sets how many.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"
#include "support/columns_memory.h"
#include "support/naive_features.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

struct Row {
  TimestampNs time_ns = 0;
  InstrumentId instrument = 0;
  NaiveRow features;
  double mid = 0, microprice = 0;
  std::int64_t spread = 0;
  std::vector<double> imbalance;
};

std::vector<Event> random_events(std::mt19937_64& random, std::size_t count) {
  std::vector<Event> events;
  TimestampNs time_ns = 100;
  for (std::size_t i = 0; i < count; ++i) {
    if (random() % 3 == 0) time_ns += static_cast<TimestampNs>(random() % 4);
    Event e;
    e.time_ns = time_ns;
    e.sequence = 1000 + i;
    e.instrument = random() % 4 == 0 ? 40 : 7;
    const std::uint64_t roll = random() % 100;
    e.kind = roll < 45   ? EventKind::kAdd
             : roll < 55 ? EventKind::kReduce
             : roll < 65 ? EventKind::kDelete
             : roll < 75 ? EventKind::kExecute
             : roll < 82 ? EventKind::kReplace
             : roll < 90 ? EventKind::kModify
             : roll < 95 ? EventKind::kTrade
             : roll < 97 ? EventKind::kStatus
             : roll < 98 ? EventKind::kLevel
                         : EventKind::kClear;
    e.order_id = 1 + random() % 40;
    e.new_order_id = 1 + random() % 60;
    e.side = random() % 2 == 0 ? Side::kBuy : Side::kSell;
    e.price = {(e.side == Side::kBuy ? -4 : 2) +
               static_cast<std::int64_t>(random() % 8)};  // crosses now and then
    e.quantity = random() % 7;
    e.flags = random() % 3 != 0 ? kEventEndOfGroup : std::uint8_t{0};
    if (random() % 20 == 0) e.flags |= kEventSnapshot;
    const bool enters =
        e.kind == EventKind::kAdd || e.kind == EventKind::kReplace || e.kind == EventKind::kModify;
    if (!enters && random() % 3 == 0) e.flags |= kEventNoSide;
    if (!enters && random() % 3 == 0) e.flags |= kEventNoPrice;
    events.push_back(e);
  }
  return events;
}

Row row_at(const FeatureColumns& c, std::size_t r, std::uint32_t levels) {
  Row row;
  row.time_ns = c.time_ns[r];
  row.instrument = c.instrument[r];
  NaiveRow& f = row.features;
  f.seen = c.seen[r] != 0;
  f.sequence = c.sequence[r];
  f.event_time_ns = c.event_time_ns[r];
  for (std::uint32_t k = 0; k < levels; ++k) {
    const std::size_t at = k * c.capacity + r;
    const NaiveLevel bid{c.bid_price[at], c.bid_size[at], c.bid_orders[at]};
    const NaiveLevel ask{c.ask_price[at], c.ask_size[at], c.ask_orders[at]};
    if (k < c.bid_levels[r]) f.bids.push_back(bid);
    if (k < c.ask_levels[r]) f.asks.push_back(ask);
    if (k >= c.bid_levels[r]) CHECK((bid.price == 0 && bid.quantity == 0 && bid.orders == 0));
    f.order_flow.push_back(c.order_flow[at]);
    row.imbalance.push_back(c.imbalance[at]);
  }
  f.trades = c.trade_count[r];
  f.volume = c.trade_volume[r];
  f.has_trade = c.last_trade_valid[r] != 0;
  f.last_price = c.last_trade_price[r];
  f.last_size = c.last_trade_size[r];
  f.last_side = c.last_trade_side[r];
  if (c.queue_valid[r] != 0) f.queue = {c.orders_ahead[r], c.quantity_ahead[r]};
  row.mid = c.mid[r];
  row.spread = c.spread[r];
  row.microprice = c.microprice[r];
  return row;
}

struct Plan {
  ReplayOptions options;
  std::vector<TimestampNs> times;
  std::vector<InstrumentId> instruments;
};

// Runs with small columns, small batches of events and of samples.
template <class Book>
std::vector<Row> run(const Plan& plan, const std::vector<Event>& events, std::mt19937_64& random) {
  Replay<Book> replay(plan.options);
  replay.track(7, 3);
  replay.track(40, 5);
  ColumnsMemory memory(1 + random() % 5, plan.options.levels);
  FeatureColumns& columns = memory.columns;
  std::vector<Row> rows;
  const auto take = [&] {
    for (std::size_t r = 0; r < columns.rows; ++r) rows.push_back(row_at(columns, r, plan.options.levels));
    columns.rows = 0;
  };
  const bool at_times = plan.options.mode == SampleMode::kAtTimes;
  std::size_t given = 0;
  const auto give_samples = [&] {
    if (!at_times || replay.samples_left() != 0 || given == plan.times.size()) return false;
    const std::size_t count = std::min<std::size_t>(1 + random() % 9, plan.times.size() - given);
    REQUIRE(replay.set_samples(std::span(plan.times).subspan(given, count),
                               std::span(plan.instruments).subspan(given, count),
                               given + count == plan.times.size()));
    given += count;
    return true;
  };
  give_samples();
  std::size_t at = 0;
  while (at < events.size() && !replay.done()) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 20, events.size() - at);
    const std::size_t used = replay.run(std::span(events).subspan(at, count), columns);
    REQUIRE(replay.error() == nullptr);
    at += used;
    if (columns.rows == columns.capacity)
      take();
    else if (used < count && !replay.done())
      REQUIRE(give_samples());
  }
  do {
    while (!replay.finish(columns)) take();
  } while (give_samples());
  take();
  return rows;
}

void check_row(const Row& got, const NaiveRow& expected, bool with_orders) {
  const NaiveRow& f = got.features;
  CHECK(f.seen == expected.seen);
  CHECK(f.sequence == expected.sequence);
  CHECK(f.event_time_ns == expected.event_time_ns);
  const auto same = [](const std::vector<NaiveLevel>& a, const std::vector<NaiveLevel>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const NaiveLevel& x, const NaiveLevel& y) {
      return x.price == y.price && x.quantity == y.quantity && x.orders == y.orders;
    });
  };
  CHECK(same(f.bids, expected.bids));
  CHECK(same(f.asks, expected.asks));
  CHECK(f.order_flow == expected.order_flow);
  CHECK(f.trades == expected.trades);
  CHECK(f.volume == expected.volume);
  CHECK(f.has_trade == expected.has_trade);
  CHECK(f.last_price == expected.last_price);
  CHECK(f.last_size == expected.last_size);
  CHECK(f.last_side == expected.last_side);
  if (with_orders) CHECK(f.queue == expected.queue);
  double bid_sum = 0, ask_sum = 0;
  for (std::size_t k = 0; k < got.imbalance.size(); ++k) {
    if (k < expected.bids.size()) bid_sum += static_cast<double>(expected.bids[k].quantity);
    if (k < expected.asks.size()) ask_sum += static_cast<double>(expected.asks[k].quantity);
    CHECK(got.imbalance[k] == (bid_sum + ask_sum == 0 ? 0 : (bid_sum - ask_sum) / (bid_sum + ask_sum)));
  }
  if (expected.bids.empty() || expected.asks.empty()) {
    CHECK((got.mid == 0 && got.spread == 0 && got.microprice == 0));
    return;
  }
  const NaiveLevel bid = expected.bids[0], ask = expected.asks[0];
  CHECK(got.mid == static_cast<double>(bid.price + ask.price) / 2);
  CHECK(got.spread == ask.price - bid.price);
  const double weight = static_cast<double>(ask.quantity + bid.quantity);
  CHECK(got.microprice == Approx((static_cast<double>(bid.price) * static_cast<double>(ask.quantity) +
                                  static_cast<double>(ask.price) * static_cast<double>(bid.quantity)) /
                                 weight)
                              .margin(1e-12));
}

Plan random_plan(std::mt19937_64& random, const std::vector<Event>& events) {
  Plan plan;
  plan.options.levels = static_cast<std::uint32_t>(1 + random() % 6);
  plan.options.on_book_error = OnBookError::kCount;
  plan.options.whole_groups = random() % 2 == 0;
  plan.options.mode = static_cast<SampleMode>(random() % 3);
  plan.options.every = 1 + random() % 7;
  if (plan.options.mode == SampleMode::kAtTimes) {
    const TimestampNs last = events.back().time_ns;
    for (std::size_t i = 0; i < 60; ++i)
      plan.times.push_back(95 + static_cast<TimestampNs>(random() % static_cast<std::uint64_t>(last - 85)));
    std::sort(plan.times.begin(), plan.times.end());
    for (std::size_t i = 0; i < plan.times.size(); ++i)
      plan.instruments.push_back(random() % 4 == 0 ? 40 : random() % 9 == 0 ? 1 : 7);
  }
  return plan;
}

std::vector<std::pair<Row, NaiveRow>> with_oracle(const Plan& plan, const std::vector<Event>& events,
                                                  const std::vector<Row>& rows) {
  std::vector<std::pair<Row, NaiveRow>> pairs;
  const std::size_t levels = plan.options.levels;
  const auto tracked = [](InstrumentId id) { return OrderId{id == 7 ? 3u : id == 40 ? 5u : 0u}; };
  if (plan.options.mode == SampleMode::kAtTimes) {
    REQUIRE(rows.size() == plan.times.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const InstrumentId id = plan.instruments[i];
      CHECK((rows[i].time_ns == plan.times[i] && rows[i].instrument == id));
      const auto units = naive_units(events, id, plan.options.whole_groups);
      const auto seen_at = [&](TimestampNs t) {
        return static_cast<std::size_t>(
            std::count_if(units.begin(), units.end(), [&](const NaiveUnit& u) { return u.time_ns <= t; }));
      };
      std::size_t since = 0;  // the instrument's former sample at an earlier time
      for (std::size_t j = 0; j < i; ++j) {
        if (plan.instruments[j] == id && plan.times[j] < plan.times[i]) since = seen_at(plan.times[j]);
      }
      pairs.emplace_back(rows[i], naive_row(units, since, seen_at(plan.times[i]), levels, tracked(id)));
    }
    return pairs;
  }
  // A row after each unit, or each n-th over all instruments, in the order of the units' last events.
  std::map<InstrumentId, std::vector<NaiveUnit>> units;
  std::map<InstrumentId, std::size_t> done, since;
  for (const InstrumentId id : {7u, 40u}) units[id] = naive_units(events, id, plan.options.whole_groups);
  std::size_t count = 0, next = 0;
  for (const Event& e : events) {
    const InstrumentId id = e.instrument;
    if (done[id] == units[id].size() || units[id][done[id]].events.back().sequence != e.sequence) continue;
    const NaiveUnit& unit = units[id][done[id]++];
    if (!unit.makes_row) continue;
    ++count;
    if (plan.options.mode == SampleMode::kEveryNth && count % plan.options.every != 0) continue;
    REQUIRE(next < rows.size());
    CHECK((rows[next].time_ns == unit.time_ns && rows[next].instrument == id));
    pairs.emplace_back(rows[next++], naive_row(units[id], since[id], done[id], levels, tracked(id)));
    since[id] = done[id];
  }
  CHECK(next == rows.size());
  return pairs;
}

std::size_t runs() {
  const char* text = std::getenv("ORDERBOOK_PROPERTY_RUNS");
  return text == nullptr ? 60 : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("every column of every row is what a recount from scratch gives") {
  for (std::size_t seed = 1; seed <= runs(); ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const std::vector<Event> events = random_events(random, 150 + random() % 250);
    const Plan plan = random_plan(random, events);
    for (const auto& [got, expected] : with_oracle(plan, events, run<FullBook>(plan, events, random))) {
      check_row(got, expected, true);
    }
    for (const auto& [got, expected] : with_oracle(plan, events, run<LevelsBook>(plan, events, random))) {
      // A book without queues takes kLevel where no order is: not in this comparison.
      if (std::none_of(events.begin(), events.end(),
                       [](const Event& e) { return e.kind == EventKind::kLevel; })) {
        check_row(got, expected, false);
        CHECK(!got.features.queue);
      }
    }
  }
}

TEST_CASE("without order flow the other columns are the same") {
  for (std::size_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const std::vector<Event> events = random_events(random, 300);
    Plan plan = random_plan(random, events);
    const std::vector<Row> with = run<FullBook>(plan, events, random);
    plan.options.order_flow = false;
    Replay<FullBook> replay(plan.options);
    replay.track(7, 3);
    replay.track(40, 5);
    ColumnsMemory memory(1000, plan.options.levels);
    memory.columns.order_flow = {};
    if (plan.options.mode == SampleMode::kAtTimes)
      REQUIRE(replay.set_samples(plan.times, plan.instruments, true));
    (void)replay.run(events, memory.columns);
    REQUIRE(replay.finish(memory.columns));
    REQUIRE(replay.error() == nullptr);
    REQUIRE(memory.columns.rows == with.size());
    std::vector<std::int64_t> zeros(1000 * plan.options.levels);
    memory.columns.order_flow = zeros;
    for (std::size_t r = 0; r < with.size(); ++r) {
      Row without = row_at(memory.columns, r, plan.options.levels);
      without.features.order_flow = with[r].features.order_flow;
      check_row(without, with[r].features, true);
    }
  }
}

TEST_CASE("no look-ahead: events after t change no row at or before t") {
  for (std::size_t seed = 1; seed <= runs(); ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed + 5000);
    const std::vector<Event> events = random_events(random, 300);
    const Plan plan = random_plan(random, events);
    const TimestampNs t = events[random() % events.size()].time_ns;
    std::vector<Event> changed;
    for (const Event& e : events) {
      if (e.time_ns <= t) changed.push_back(e);
    }
    for (Event e : random_events(random, 200)) {  // another future
      e.time_ns += t - 99;
      changed.push_back(e);
    }
    std::mt19937_64 first(seed), second(seed + 1);
    const std::vector<Row> a = run<FullBook>(plan, events, first);
    const std::vector<Row> b = run<FullBook>(plan, changed, second);
    std::size_t compared = 0;
    for (std::size_t i = 0; i < a.size() && a[i].time_ns <= t; ++i) {
      REQUIRE(i < b.size());
      REQUIRE(a[i].time_ns == b[i].time_ns);
      check_row(b[i], a[i].features, true);
      ++compared;
    }
    CHECK((compared == b.size() || b[compared].time_ns > t));
  }
}
